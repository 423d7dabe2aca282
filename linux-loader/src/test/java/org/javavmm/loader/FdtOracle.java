// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;

/** A second reader of flattened trees: slow, recursive, and it gives text. */
final class FdtOracle {
  private static final class Bad extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final ByteBuffer all;
  private final ByteBuffer structure;
  private final ByteBuffer strings;
  private final Set<Integer> phandles = new HashSet<>();
  private final StringBuilder text = new StringBuilder();

  private FdtOracle(byte[] file) {
    ByteBuffer header = ByteBuffer.wrap(file);
    require(file.length >= 40 && header.getInt(0) == 0xd00dfeed);
    int total = header.getInt(4);
    require(total >= 40 && total <= 16 << 20 && total <= file.length);
    require(Integer.toUnsignedLong(header.getInt(20)) >= 17);
    require(Integer.toUnsignedLong(header.getInt(24)) <= 17);
    all = ByteBuffer.wrap(Arrays.copyOf(file, total));
    structure = block(header.getInt(8), header.getInt(36));
    strings = block(header.getInt(12), header.getInt(32));
    int map = header.getInt(16);
    require(header.getInt(8) % 4 == 0 && map % 8 == 0 && map >= 40);
    ByteBuffer reservations = block(map, total - map);
    while (true) {
      long gpa = reservations.getLong();
      long size = reservations.getLong();
      if (gpa == 0 && size == 0) {
        break;
      }
      require(size != 0);
      require(Long.compareUnsigned(size - 1, -1 - gpa) <= 0);
      text.append("reserve ").append(gpa).append(' ').append(size).append('\n');
    }
    text.append("cpu ").append(header.getInt(28)).append('\n');
  }

  /** The tree as text, or empty if it is no good one. */
  static Optional<String> read(byte[] file) {
    try {
      FdtOracle oracle = new FdtOracle(file);
      require(oracle.token() == 1);
      oracle.node(1);
      require(oracle.token() == 9);
      require(!oracle.structure.hasRemaining());
      return Optional.of(oracle.text.toString());
    } catch (Bad | BufferUnderflowException e) {
      return Optional.empty();
    }
  }

  /** The same text of a tree that was read. */
  static String text(Fdt tree) {
    StringBuilder text = new StringBuilder();
    for (FdtProperty.Reg reg : tree.reservations()) {
      text.append("reserve ").append(reg.address()).append(' ').append(reg.size()).append('\n');
    }
    text.append("cpu ").append(tree.bootCpu()).append('\n');
    text(tree.root(), text);
    return text.toString();
  }

  private static void text(FdtNode node, StringBuilder text) {
    text.append("node ").append(node.name()).append('\n');
    for (FdtProperty property : node.properties()) {
      text.append(property.name()).append('=');
      text.append(HexFormat.of().formatHex(property.bytes())).append('\n');
    }
    node.children().forEach(child -> text(child, text));
    text.append("end\n");
  }

  private static void require(boolean good) {
    if (!good) {
      throw new Bad();
    }
  }

  private ByteBuffer block(int offset, int size) {
    require(offset >= 40 && size >= 0 && (long) offset + size <= all.capacity());
    return all.slice(offset, size);
  }

  private int token() {
    int token;
    do {
      token = structure.getInt();
    } while (token == 4);
    return token;
  }

  private static String string(ByteBuffer from) {
    StringBuilder name = new StringBuilder();
    for (byte b = from.get(); b != 0; b = from.get()) {
      name.append(new String(new byte[] {b}, StandardCharsets.ISO_8859_1));
      require(name.length() <= 255);
    }
    return name.toString();
  }

  private void pad() {
    while (structure.hasRemaining() && structure.position() % 4 != 0) {
      structure.get();
    }
  }

  private String node(int depth) {
    require(depth <= 64);
    String name = string(structure);
    pad();
    require(name.matches(depth == 1 ? "" : "[0-9a-zA-Z,._+-]+(@[0-9a-zA-Z,._+-]+)?"));
    text.append("node ").append(name).append('\n');
    Set<String> properties = new HashSet<>();
    Set<String> children = new HashSet<>();
    while (true) {
      int token = token();
      if (token == 2) {
        text.append("end\n");
        return name;
      } else if (token == 1) {
        require(children.add(node(depth + 1)));
      } else {
        require(token == 3 && children.isEmpty());
        int length = structure.getInt();
        int at = structure.getInt();
        require(at >= 0 && at < strings.capacity());
        String property = string(strings.slice(at, strings.capacity() - at));
        require(property.matches("[0-9a-zA-Z,._+?#-]+") && properties.add(property));
        require(length >= 0 && length <= structure.remaining());
        byte[] value = new byte[length];
        structure.get(value);
        pad();
        if (property.equals("phandle")) {
          require(length == 4);
          int phandle = ByteBuffer.wrap(value).getInt();
          require(phandle != 0 && phandle != -1 && phandles.add(phandle));
        }
        text.append(property).append('=').append(HexFormat.of().formatHex(value)).append('\n');
      }
    }
  }
}
