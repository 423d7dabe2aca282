// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A device tree that is written as a flattened device tree, or was read from one (Devicetree
 * Specification v0.4 §5, version 17). Immutable.
 *
 * {@snippet :
 * FdtNode root =
 *     FdtNode.root()
 *         .u32("#address-cells", 2)
 *         .u32("#size-cells", 2)
 *         .strings("compatible", "linux,dummy-virt")
 *         .child(
 *             FdtNode.node("memory@80000000")
 *                 .strings("device_type", "memory")
 *                 .reg(2, 2, new FdtProperty.Reg(0x8000_0000L, 0x1000_0000L))
 *                 .build())
 *         .build();
 * byte[] dtb = Fdt.builder(root).build().toBytes();
 * }
 */
public final class Fdt {
  static final String PHANDLE = "phandle";

  private final FdtNode root;
  private final List<FdtProperty.Reg> reservations;
  private final int bootCpu;
  private final Map<Integer, FdtNode> phandles;

  private Fdt(
      FdtNode root,
      List<FdtProperty.Reg> reservations,
      int bootCpu,
      Map<Integer, FdtNode> phandles) {
    this.root = root;
    this.reservations = List.copyOf(reservations);
    this.bootCpu = bootCpu;
    this.phandles = phandles;
  }

  /**
   * {@return a builder for a tree}
   *
   * @param root its root
   * @throws IllegalArgumentException if the node has a name, and so is no root
   */
  public static Builder builder(FdtNode root) {
    if (!root.name().isEmpty()) {
      throw new IllegalArgumentException("node '" + root.name() + "' is not a root");
    }
    return new Builder(root);
  }

  /** Collects what belongs to a tree besides its nodes. Not thread-safe. */
  public static final class Builder {
    private final FdtNode root;
    private final List<FdtProperty.Reg> reservations = new ArrayList<>();
    private int bootCpu;

    private Builder(FdtNode root) {
      this.root = root;
    }

    /**
     * Reserves memory that the guest must not use for itself (§5.3).
     *
     * @param gpa where it begins
     * @param size its size in bytes, not 0
     * @return this builder
     * @throws IllegalArgumentException if the size is 0, or the range goes beyond 2^64
     */
    public Builder reserve(long gpa, long size) {
      if (!isRange(gpa, size)) {
        throw new IllegalArgumentException(
            String.format(
                "reservation at 0x%x of 0x%x: must not be empty, nor end above 2^64", gpa, size));
      }
      reservations.add(new FdtProperty.Reg(gpa, size));
      return this;
    }

    /**
     * Sets the boot processor, by the {@code reg} of its node; 0 if not called.
     *
     * @param cpu its number
     * @return this builder
     */
    public Builder bootCpu(int cpu) {
      bootCpu = cpu;
      return this;
    }

    /**
     * {@return the tree}
     *
     * @throws IllegalArgumentException if two nodes have the same phandle, or nodes are nested more
     *     than 64 deep
     */
    public Fdt build() {
      Map<Integer, FdtNode> phandles = new HashMap<>();
      index(root, 1, phandles);
      return new Fdt(root, reservations, bootCpu, phandles);
    }

    private static void index(FdtNode node, int depth, Map<Integer, FdtNode> phandles) {
      if (depth > FdtLayout.MAX_DEPTH) {
        throw new IllegalArgumentException(
            "nodes are nested " + depth + " deep: must be at most " + FdtLayout.MAX_DEPTH);
      }
      node.property(PHANDLE)
          .ifPresent(property -> {
            int phandle = ByteBuffer.wrap(property.value()).getInt();
            if (phandles.putIfAbsent(phandle, node) != null) {
              throw new IllegalArgumentException(
                  String.format("phandle 0x%x: must be that of one node", phandle));
            }
          });
      for (FdtNode child : node.children()) {
        index(child, depth + 1, phandles);
      }
    }
  }

  static boolean isPhandle(byte[] value) {
    if (value.length != Integer.BYTES) {
      return false;
    }
    int phandle = ByteBuffer.wrap(value).getInt();
    return phandle != 0 && phandle != -1;
  }

  static boolean isRange(long gpa, long size) {
    return size != 0 && Long.compareUnsigned(gpa + (size - 1), gpa) >= 0;
  }

  /** Of what was read and checked. */
  static Fdt read(
      FdtNode root,
      List<FdtProperty.Reg> reservations,
      int bootCpu,
      Map<Integer, FdtNode> phandles) {
    return new Fdt(root, reservations, bootCpu, phandles);
  }

  /**
   * Reads a flattened device tree. Versions from 17 on that are compatible with 17 are read. The
   * data is copied once, then checked.
   *
   * @param name what errors call it, such as its file's name
   * @param data the tree, from its header on; may have more bytes behind it
   * @return the tree
   * @throws LoaderException if the data is shorter than it says (TRUNCATED); if it does not start
   *     with the magic number (FORMAT); if a field of the header is wrong (HEADER); if the
   *     structure, a name, a reservation or a phandle is (FORMAT). Checked in this order. Nodes may
   *     be nested 64 deep, names may have 255 characters, and a tree 16 MiB
   */
  public static Fdt parse(String name, MemorySegment data) throws LoaderException {
    return new FdtReader(name, data).read();
  }

  /** {@return the root} */
  public FdtNode root() {
    return root;
  }

  /** {@return the reserved memory, in its order} */
  public List<FdtProperty.Reg> reservations() {
    return reservations;
  }

  /** {@return the boot processor} */
  public int bootCpu() {
    return bootCpu;
  }

  /**
   * {@return a node by its path, or empty if there is none}
   *
   * @param path the names from the root on, such as {@code /cpus/cpu@0}; {@code /} is the root
   */
  public Optional<FdtNode> find(String path) {
    Optional<FdtNode> node = path.startsWith("/") ? Optional.of(root) : Optional.empty();
    for (String name : path.substring(Math.min(1, path.length())).split("/", -1)) {
      if (path.length() > 1) {
        node = node.flatMap(parent -> parent.child(name));
      }
    }
    return node;
  }

  /**
   * {@return a node by its phandle, or empty if there is none}
   *
   * @param phandle the number
   */
  public Optional<FdtNode> byPhandle(int phandle) {
    return Optional.ofNullable(phandles.get(phandle));
  }

  /**
   * {@return the flattened tree: header, reservations, structure, strings} The same tree gives the
   * same bytes. Place it at a multiple of 8.
   *
   * @throws IllegalStateException if it takes more than 16 MiB, which {@link #parse} does not read
   */
  public byte[] toBytes() {
    return new FdtWriter().write(this);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Fdt fdt
        && root.equals(fdt.root)
        && reservations.equals(fdt.reservations)
        && bootCpu == fdt.bootCpu;
  }

  @Override
  public int hashCode() {
    return root.hashCode();
  }
}
