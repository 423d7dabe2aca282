// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A node of a device tree: properties and child nodes, in their order. Immutable. */
public final class FdtNode {
  private final String name;
  private final Map<String, FdtProperty> properties;
  private final Map<String, FdtNode> children;

  private FdtNode(Builder builder) {
    name = builder.name;
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(builder.properties));
    children = Collections.unmodifiableMap(new LinkedHashMap<>(builder.children));
  }

  /** {@return a builder for a root node, whose name is empty} */
  public static Builder root() {
    return new Builder("");
  }

  /**
   * {@return a builder for a node}
   *
   * @param name the name and, where the node has a {@code reg}, {@code @} and the unit address
   *     (Devicetree Specification v0.4 §2.2.1)
   * @throws IllegalArgumentException if the name, without the unit address, does not have 1 to 31
   *     characters, does not start with a letter, or has a character other than letters, digits and
   *     {@code ,._+-}
   */
  public static Builder node(String name) {
    String head = name.split("@", 2)[0];
    boolean letter = !head.isEmpty() && Character.isLetter(head.charAt(0));
    if (head.length() > 31
        || !letter
        || !FdtLayout.isNodeName(name)
        || name.length() > FdtLayout.MAX_NAME) {
      throw new IllegalArgumentException(
          "node name '"
              + name
              + "': must be a letter, up to 30 of 0-9a-zA-Z,._+-, and may have a unit address");
    }
    return new Builder(name);
  }

  /** A builder for what was read: its names were checked by other rules. */
  static Builder read(String name) {
    return new Builder(name);
  }

  /** Collects a node's properties and children. Not thread-safe. */
  public static final class Builder {
    private final String name;
    private final Map<String, FdtProperty> properties = new LinkedHashMap<>();
    private final Map<String, FdtNode> children = new LinkedHashMap<>();

    private Builder(String name) {
      this.name = name;
    }

    String name() {
      return name;
    }

    boolean hasChildren() {
      return !children.isEmpty();
    }

    /** Adds what was read; false if there is one of that name. */
    boolean put(FdtProperty property) {
      return properties.putIfAbsent(property.name(), property) == null;
    }

    boolean put(FdtNode child) {
      return children.putIfAbsent(child.name, child) == null;
    }

    /**
     * Adds a property of any bytes.
     *
     * @param property its name
     * @param value its value; may be empty
     * @return this builder
     * @throws IllegalArgumentException if the name does not have 1 to 31 characters, or has one
     *     other than letters, digits and {@code ,._+?#-}; if the node has a property of that name;
     *     if a {@code phandle} is not one u32, neither 0 nor 0xffffffff
     */
    public Builder bytes(String property, byte[] value) {
      if (property.length() > 31 || !FdtLayout.isPropertyName(property)) {
        throw new IllegalArgumentException(
            "property name '" + property + "': must be 1 to 31 of 0-9a-zA-Z,._+?#-");
      }
      if (property.equals(Fdt.PHANDLE) && !Fdt.isPhandle(value)) {
        throw new IllegalArgumentException("phandle: must be 4 bytes, neither 0 nor 0xffffffff");
      }
      if (!put(new FdtProperty(property, value.clone()))) {
        throw new IllegalArgumentException("node '" + name + "' has a property " + property);
      }
      return this;
    }

    /**
     * Adds a property without a value, which is true because it is there.
     *
     * @param property its name, as for {@link #bytes}
     * @return this builder
     * @throws IllegalArgumentException as for {@link #bytes}
     */
    public Builder flag(String property) {
      return bytes(property, new byte[0]);
    }

    /**
     * Adds a u32.
     *
     * @param property its name, as for {@link #bytes}
     * @param value its value
     * @return this builder
     * @throws IllegalArgumentException as for {@link #bytes}
     */
    public Builder u32(String property, int value) {
      return cells(property, value);
    }

    /**
     * Adds a u64, which is two cells, the high one first.
     *
     * @param property its name, as for {@link #bytes}
     * @param value its value
     * @return this builder
     * @throws IllegalArgumentException as for {@link #bytes}
     */
    public Builder u64(String property, long value) {
      return bytes(property, ByteBuffer.allocate(Long.BYTES).putLong(value).array());
    }

    /**
     * Adds cells of 32 bits, such as interrupt specifiers and phandles.
     *
     * @param property its name, as for {@link #bytes}
     * @param values the cells
     * @return this builder
     * @throws IllegalArgumentException as for {@link #bytes}
     */
    public Builder cells(String property, int... values) {
      ByteBuffer buffer = ByteBuffer.allocate(values.length * Integer.BYTES);
      buffer.asIntBuffer().put(values);
      return bytes(property, buffer.array());
    }

    /**
     * Adds a string or a list of strings.
     *
     * @param property its name, as for {@link #bytes}
     * @param values the strings, at least one, of ASCII without zero
     * @return this builder
     * @throws IllegalArgumentException if there is no string, or one has another character; as for
     *     {@link #bytes}
     */
    public Builder strings(String property, String... values) {
      if (values.length == 0) {
        throw new IllegalArgumentException(property + ": must have at least one string");
      }
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (String value : values) {
        if (!value.chars().allMatch(c -> c > 0 && c < 0x80)) {
          throw new IllegalArgumentException(property + ": must be ASCII without zero");
        }
        bytes.writeBytes(value.getBytes(StandardCharsets.US_ASCII));
        bytes.write(0);
      }
      return bytes(property, bytes.toByteArray());
    }

    /**
     * Adds {@code reg}.
     *
     * @param addressCells the parent's {@code #address-cells}, 0 to 2
     * @param sizeCells the parent's {@code #size-cells}, 0 to 2
     * @param regs addresses and sizes; what has no cell must be 0
     * @return this builder
     * @throws IllegalArgumentException if the numbers of cells are not in their range, or both 0;
     *     if a value does not fit its cells; if the node has a {@code reg}
     */
    public Builder reg(int addressCells, int sizeCells, FdtProperty.Reg... regs) {
      FdtProperty.checkCells(addressCells, sizeCells);
      ByteBuffer buffer =
          ByteBuffer.allocate(regs.length * (addressCells + sizeCells) * Integer.BYTES);
      for (FdtProperty.Reg reg : regs) {
        put(buffer, "address", reg.address(), addressCells);
        put(buffer, "size", reg.size(), sizeCells);
      }
      return bytes("reg", buffer.array());
    }

    private static void put(ByteBuffer buffer, String what, long value, int cells) {
      if (cells < 2 && value >>> (32 * cells) != 0) {
        throw new IllegalArgumentException(
            what + String.format(" 0x%x: must fit %d cells of 32 bits", value, cells));
      }
      if (cells == 1) {
        buffer.putInt((int) value);
      } else if (cells == 2) {
        buffer.putLong(value);
      }
    }

    /**
     * Adds the number by which other nodes refer to this one.
     *
     * @param phandle a number that no other node of the tree has, neither 0 nor 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if it is one of these; if the node has a phandle
     */
    public Builder phandle(int phandle) {
      return u32(Fdt.PHANDLE, phandle);
    }

    /**
     * Adds a child.
     *
     * @param child the node
     * @return this builder
     * @throws IllegalArgumentException if it is a root, or the node has a child of that name
     */
    public Builder child(FdtNode child) {
      if (child.name.isEmpty()) {
        throw new IllegalArgumentException("a root cannot be a child");
      }
      if (!put(child)) {
        throw new IllegalArgumentException("node '" + name + "' has a child " + child.name);
      }
      return this;
    }

    /** {@return the node} */
    public FdtNode build() {
      return new FdtNode(this);
    }
  }

  /** {@return the node's name with its unit address; empty for the root} */
  public String name() {
    return name;
  }

  /** {@return the properties, in their order} */
  public Collection<FdtProperty> properties() {
    return properties.values();
  }

  /**
   * {@return a property, or empty if there is none}
   *
   * @param property its name
   */
  public Optional<FdtProperty> property(String property) {
    return Optional.ofNullable(properties.get(property));
  }

  /** {@return the children, in their order} */
  public List<FdtNode> children() {
    return new ArrayList<>(children.values());
  }

  /**
   * {@return a child, or empty if there is none}
   *
   * @param child its whole name, with its unit address
   */
  public Optional<FdtNode> child(String child) {
    return Optional.ofNullable(children.get(child));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FdtNode node
        && name.equals(node.name)
        && List.copyOf(properties.values()).equals(List.copyOf(node.properties.values()))
        && children().equals(node.children());
  }

  @Override
  public int hashCode() {
    return 31 * name.hashCode() + properties.hashCode();
  }

  /** {@return the name and how many properties and children there are} */
  @Override
  public String toString() {
    return "'"
        + name
        + "' ("
        + properties.size()
        + " properties, "
        + children.size()
        + " children)";
  }
}
