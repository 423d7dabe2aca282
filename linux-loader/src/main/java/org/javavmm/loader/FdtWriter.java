// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** Flattens a tree. */
final class FdtWriter {
  private final ByteArrayOutputStream structure = new ByteArrayOutputStream();
  private final ByteArrayOutputStream strings = new ByteArrayOutputStream();

  /** Where in the strings a name begins; the end of a longer one serves as well. */
  private final Map<String, Integer> offsets = new HashMap<>();

  byte[] write(Fdt tree) {
    node(tree.root());
    u32(FdtLayout.END);
    int reservationsSize = (tree.reservations().size() + 1) * FdtLayout.RESERVE_ENTRY_SIZE;
    long structAt = FdtLayout.HEADER_SIZE + (long) reservationsSize;
    long total = structAt + structure.size() + strings.size();
    if (total > FdtLayout.MAX_SIZE) {
      throw new IllegalStateException(
          "device tree of " + total + " bytes: must be at most " + FdtLayout.MAX_SIZE);
    }
    ByteBuffer out = ByteBuffer.allocate((int) total);
    out.putInt(FdtLayout.MAGIC_OFFSET, FdtLayout.MAGIC);
    out.putInt(FdtLayout.TOTALSIZE_OFFSET, (int) total);
    out.putInt(FdtLayout.OFF_DT_STRUCT_OFFSET, (int) structAt);
    out.putInt(FdtLayout.OFF_DT_STRINGS_OFFSET, (int) structAt + structure.size());
    out.putInt(FdtLayout.OFF_MEM_RSVMAP_OFFSET, FdtLayout.HEADER_SIZE);
    out.putInt(FdtLayout.VERSION_OFFSET, FdtLayout.VERSION);
    out.putInt(FdtLayout.LAST_COMP_VERSION_OFFSET, FdtLayout.LAST_COMP_VERSION);
    out.putInt(FdtLayout.BOOT_CPUID_PHYS_OFFSET, tree.bootCpu());
    out.putInt(FdtLayout.SIZE_DT_STRINGS_OFFSET, strings.size());
    out.putInt(FdtLayout.SIZE_DT_STRUCT_OFFSET, structure.size());
    out.position(FdtLayout.HEADER_SIZE);
    for (FdtProperty.Reg reservation : tree.reservations()) {
      out.putLong(reservation.address()).putLong(reservation.size());
    }
    out.putLong(0).putLong(0);
    out.put(structure.toByteArray()).put(strings.toByteArray());
    return out.array();
  }

  private void node(FdtNode node) {
    u32(FdtLayout.BEGIN_NODE);
    structure.writeBytes(node.name().getBytes(StandardCharsets.US_ASCII));
    structure.write(0);
    align();
    for (FdtProperty property : node.properties()) {
      u32(FdtLayout.PROP);
      u32(property.size());
      u32(string(property.name()));
      structure.writeBytes(property.value());
      align();
    }
    node.children().forEach(this::node);
    u32(FdtLayout.END_NODE);
  }

  private int string(String name) {
    Integer known = offsets.get(name);
    if (known != null) {
      return known;
    }
    int at = strings.size();
    for (int i = 0; i < name.length(); i++) {
      offsets.putIfAbsent(name.substring(i), at + i);
    }
    strings.writeBytes(name.getBytes(StandardCharsets.US_ASCII));
    strings.write(0);
    return at;
  }

  private void u32(int value) {
    structure.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(value).array());
  }

  private void align() {
    while (structure.size() % Integer.BYTES != 0) {
      structure.write(0);
    }
  }
}
