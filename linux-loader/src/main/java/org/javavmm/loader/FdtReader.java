// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.javavmm.loader.LoaderException.Reason;
import org.jspecify.annotations.Nullable;

/** Reads a flattened tree, of which nothing is trusted, in one pass without recursion. */
final class FdtReader {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final String subject;
  private final MemorySegment data;
  private byte[] bytes = new byte[0];
  private ByteBuffer buffer = ByteBuffer.wrap(bytes);

  // The blocks, checked to lie within the tree.
  private int stringsAt;
  private int stringsEnd;

  /** Where in the structure the reader is, and where that ends. */
  private int at;

  private int end;

  private final Map<Integer, FdtNode> phandles = new HashMap<>();

  FdtReader(String subject, MemorySegment data) {
    this.subject = subject;
    this.data = data;
  }

  Fdt read() throws LoaderException {
    copy();
    int version = buffer.getInt(FdtLayout.VERSION_OFFSET);
    if (Integer.compareUnsigned(version, FdtLayout.VERSION) < 0) {
      throw error(Reason.HEADER, "version", unsigned(version), "must be at least 17");
    }
    int compatible = buffer.getInt(FdtLayout.LAST_COMP_VERSION_OFFSET);
    if (Integer.compareUnsigned(compatible, FdtLayout.VERSION) > 0) {
      throw error(Reason.HEADER, "last_comp_version", unsigned(compatible), "must be at most 17");
    }
    at = block("off_dt_struct", FdtLayout.OFF_DT_STRUCT_OFFSET, Integer.BYTES);
    end = at + size("size_dt_struct", FdtLayout.SIZE_DT_STRUCT_OFFSET, at);
    stringsAt = block("off_dt_strings", FdtLayout.OFF_DT_STRINGS_OFFSET, 1);
    stringsEnd = stringsAt + size("size_dt_strings", FdtLayout.SIZE_DT_STRINGS_OFFSET, stringsAt);
    List<FdtProperty.Reg> reservations =
        reservations(block("off_mem_rsvmap", FdtLayout.OFF_MEM_RSVMAP_OFFSET, Long.BYTES));
    FdtNode root = structure();
    return Fdt.read(
        root, reservations, buffer.getInt(FdtLayout.BOOT_CPUID_PHYS_OFFSET), Map.copyOf(phandles));
  }

  private void copy() throws LoaderException {
    if (data.byteSize() < FdtLayout.HEADER_SIZE) {
      throw error(Reason.TRUNCATED, "size", data.byteSize() + " bytes", "must be at least 40");
    }
    int magic = data.get(INT, FdtLayout.MAGIC_OFFSET);
    if (magic != FdtLayout.MAGIC) {
      throw error(Reason.FORMAT, "magic", hex(magic), "must be 0xd00dfeed");
    }
    int total = data.get(INT, FdtLayout.TOTALSIZE_OFFSET);
    if (Integer.compareUnsigned(total, FdtLayout.HEADER_SIZE) < 0
        || Integer.compareUnsigned(total, FdtLayout.MAX_SIZE) > 0) {
      throw error(
          Reason.HEADER,
          "totalsize",
          unsigned(total),
          "must be between 40 and " + FdtLayout.MAX_SIZE);
    }
    if (total > data.byteSize()) {
      throw error(
          Reason.TRUNCATED, "totalsize", unsigned(total), "must be at most " + data.byteSize());
    }
    bytes = data.asSlice(0, total).toArray(ValueLayout.JAVA_BYTE);
    buffer = ByteBuffer.wrap(bytes);
  }

  /** An offset of a block: behind the header, aligned, within the tree. */
  private int block(String field, int offset, int alignment) throws LoaderException {
    int value = buffer.getInt(offset);
    if (Integer.compareUnsigned(value, FdtLayout.HEADER_SIZE) < 0
        || Integer.compareUnsigned(value, bytes.length) > 0) {
      throw error(Reason.HEADER, field, unsigned(value), "must be between 40 and " + bytes.length);
    }
    if (value % alignment != 0) {
      throw error(Reason.HEADER, field, unsigned(value), "must be a multiple of " + alignment);
    }
    return value;
  }

  private int size(String field, int offset, int begin) throws LoaderException {
    int value = buffer.getInt(offset);
    if (Integer.compareUnsigned(value, bytes.length - begin) > 0) {
      throw error(
          Reason.HEADER, field, unsigned(value), "must be at most " + (bytes.length - begin));
    }
    return value;
  }

  private List<FdtProperty.Reg> reservations(int begin) throws LoaderException {
    List<FdtProperty.Reg> found = new ArrayList<>();
    for (int entry = begin; ; entry += FdtLayout.RESERVE_ENTRY_SIZE) {
      if (bytes.length - entry < FdtLayout.RESERVE_ENTRY_SIZE) {
        throw error(
            Reason.FORMAT,
            "memory reservation block",
            "cut off at byte " + bytes.length,
            "must end with an entry of zeros");
      }
      long gpa = buffer.getLong(entry);
      long size = buffer.getLong(entry + Long.BYTES);
      if (gpa == 0 && size == 0) {
        return found;
      }
      if (!Fdt.isRange(gpa, size)) {
        throw error(
            Reason.FORMAT,
            "reservation at byte " + entry,
            String.format("0x%x of 0x%x", gpa, size),
            "must not be empty, nor end above 2^64");
      }
      found.add(new FdtProperty.Reg(gpa, size));
    }
  }

  private FdtNode structure() throws LoaderException {
    Deque<FdtNode.Builder> open = new ArrayDeque<>();
    @Nullable FdtNode root = null;
    while (true) {
      int tokenAt = at;
      int token = u32("token");
      switch (token) {
        case FdtLayout.NOP -> {
          // Means nothing.
        }
        case FdtLayout.BEGIN_NODE -> {
          if (root != null) {
            throw structureError(tokenAt, "a second root", "must be FDT_END");
          }
          if (open.size() == FdtLayout.MAX_DEPTH) {
            throw structureError(
                tokenAt,
                "a node " + (open.size() + 1) + " deep",
                "must be at most " + FdtLayout.MAX_DEPTH);
          }
          open.push(FdtNode.read(nodeName(open.isEmpty())));
        }
        case FdtLayout.PROP -> {
          FdtNode.Builder node = open.peek();
          if (node == null || node.hasChildren()) {
            throw structureError(
                tokenAt, "a property", "must stand in a node, before its children");
          }
          FdtProperty property = property();
          if (!node.put(property)) {
            throw structureError(
                tokenAt, "a second property " + property.name(), "must be the only one");
          }
        }
        case FdtLayout.END_NODE -> {
          FdtNode.Builder builder = open.poll();
          if (builder == null) {
            throw structureError(tokenAt, "FDT_END_NODE", "must end a node");
          }
          FdtNode node = builder.build();
          phandle(tokenAt, node);
          FdtNode.Builder parent = open.peek();
          if (parent == null) {
            root = node;
          } else if (!parent.put(node)) {
            throw structureError(tokenAt, "a second node " + node.name(), "must be the only one");
          }
        }
        case FdtLayout.END -> {
          if (root == null) {
            throw structureError(tokenAt, "FDT_END", "must stand behind the root");
          }
          if (at != end) {
            throw structureError(
                tokenAt, "FDT_END", "must be the last, and " + (end - at) + " bytes follow");
          }
          return root;
        }
        default -> throw structureError(tokenAt, hex(token), "must be a token: 1, 2, 3, 4 or 9");
      }
    }
  }

  private void phandle(int tokenAt, FdtNode node) throws LoaderException {
    byte[] value = node.property(Fdt.PHANDLE).map(FdtProperty::value).orElse(null);
    if (value == null) {
      return;
    }
    if (!Fdt.isPhandle(value)) {
      throw structureError(
          tokenAt, "the end of a node with a wrong phandle", "must be 4 bytes, not 0 or -1");
    }
    int phandle = ByteBuffer.wrap(value).getInt();
    if (phandles.putIfAbsent(phandle, node) != null) {
      throw structureError(
          tokenAt, "the end of a second node with phandle " + hex(phandle), "must be of one node");
    }
  }

  private int u32(String what) throws LoaderException {
    if (end - at < Integer.BYTES) {
      throw structureError(at, "cut off within " + what, "must end with FDT_END");
    }
    int value = buffer.getInt(at);
    at += Integer.BYTES;
    return value;
  }

  private String nodeName(boolean root) throws LoaderException {
    int begin = at;
    String name = name(at, end, "node name");
    at = align(begin + name.length() + 1);
    if (root ? !name.isEmpty() : !FdtLayout.isNodeName(name)) {
      throw structureError(
          begin,
          "node name '" + name + "'",
          root ? "must be empty for the root" : "must be of 0-9a-zA-Z,._+- and a unit address");
    }
    return name;
  }

  private FdtProperty property() throws LoaderException {
    int length = u32("a property");
    int nameAt = u32("a property");
    if (length < 0 || length > end - at) {
      throw structureError(
          at, "a property of " + unsigned(length) + " bytes", "must be at most " + (end - at));
    }
    if (Integer.compareUnsigned(nameAt, stringsEnd - stringsAt) >= 0) {
      throw structureError(
          at,
          "a property with nameoff " + unsigned(nameAt),
          "must be less than " + (stringsEnd - stringsAt));
    }
    String name = name(stringsAt + nameAt, stringsEnd, "property name");
    if (!FdtLayout.isPropertyName(name)) {
      throw structureError(at, "property name '" + name + "'", "must be of 0-9a-zA-Z,._+?#-");
    }
    byte[] value = Arrays.copyOfRange(bytes, at, at + length);
    at = align(at + length);
    return new FdtProperty(name, value);
  }

  private String name(int begin, int limit, String what) throws LoaderException {
    int last = Math.min(limit, begin + FdtLayout.MAX_NAME + 1);
    for (int i = begin; i < last; i++) {
      if (bytes[i] == 0) {
        return new String(bytes, begin, i - begin, StandardCharsets.ISO_8859_1);
      }
    }
    throw error(
        Reason.FORMAT,
        what + " at byte " + begin,
        "without an end",
        "must end within its block and have at most " + FdtLayout.MAX_NAME + " characters");
  }

  /** Past padding; where that is missing, the next token is. */
  private int align(int offset) {
    return Math.min(end, (offset + Integer.BYTES - 1) & -Integer.BYTES);
  }

  private LoaderException structureError(int offset, String value, String limit) {
    return error(Reason.FORMAT, "structure block at byte " + offset, value, limit);
  }

  private LoaderException error(Reason reason, String field, String value, String limit) {
    return LoaderException.of(reason, subject, field, value, limit);
  }

  private static String unsigned(int value) {
    return Integer.toUnsignedString(value);
  }

  private static String hex(int value) {
    return String.format("0x%x", value);
  }
}
