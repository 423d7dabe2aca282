// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds an MP table in the first MiB of a guest's memory as a guest does, and reads it into lines
 * of text. Written from the specification; shares no code with the writer.
 */
final class MpTableReader {
  private final byte[] memory;
  private final List<String> lines = new ArrayList<>();

  private MpTableReader(byte[] memory) {
    this.memory = memory;
  }

  /** The lines of the table that a guest finds; none if it finds none. */
  static List<String> find(byte[] memory) {
    MpTableReader reader = new MpTableReader(memory);
    int pointer = reader.scan(0x9fc00, 0xa0000);
    if (pointer < 0) {
      pointer = reader.scan(0xf0000, 0x100000);
    }
    if (pointer >= 0) {
      reader.read(pointer);
    }
    return reader.lines;
  }

  private int scan(int from, int to) {
    for (int at = from; at < to; at += 16) {
      if (text(at, 4).equals("_MP_") && u8(at + 8) == 1 && sum(at, 16) == 0) {
        return at;
      }
    }
    return -1;
  }

  private int u8(int at) {
    return memory[at] & 0xff;
  }

  private int u16(int at) {
    return u8(at) | u8(at + 1) << 8;
  }

  private int u32(int at) {
    return u16(at) | u16(at + 2) << 16;
  }

  private String text(int at, int length) {
    return new String(memory, at, length, StandardCharsets.US_ASCII);
  }

  private int sum(int at, int length) {
    int sum = 0;
    for (int i = at; i < at + length; i++) {
      sum += u8(i);
    }
    return sum & 0xff;
  }

  private void read(int pointer) {
    assertEquals(4, u8(pointer + 9), "revision of the pointer");
    assertEquals(0, u8(pointer + 11), "feature byte 1: a table is there");
    assertEquals(0, u8(pointer + 12), "feature byte 2: no IMCR");
    int table = u32(pointer + 4);
    assertEquals("PCMP", text(table, 4));
    int length = u16(table + 4);
    assertEquals(0, sum(table, length), "checksum of the table");
    assertEquals(4, u8(table + 6), "revision of the table");
    assertEquals(0, u32(table + 28), "OEM table");
    assertEquals(0, u16(table + 32), "size of the OEM table");
    assertEquals(0, u32(table + 40), "extended table");
    lines.add(
        "%s/%s local APICs at 0x%x"
            .formatted(text(table + 8, 8), text(table + 16, 12), u32(table + 36)));
    int at = table + 44;
    int lastType = 0;
    for (int i = 0; i < u16(table + 34); i++) {
      int type = u8(at);
      assertTrue(type >= lastType, "entries are ordered by type");
      lastType = type;
      switch (type) {
        case 0 -> {
          lines.add(
              "processor %d version 0x%x flags %d signature 0x%x features 0x%x"
                  .formatted(u8(at + 1), u8(at + 2), u8(at + 3), u32(at + 4), u32(at + 8)));
          assertEquals(0, u32(at + 12));
          assertEquals(0, u32(at + 16));
          at += 20;
        }
        case 1 -> {
          lines.add("bus %d %s".formatted(u8(at + 1), text(at + 2, 6)));
          at += 8;
        }
        case 2 -> {
          lines.add(
              "I/O APIC %d version 0x%x flags %d at 0x%x"
                  .formatted(u8(at + 1), u8(at + 2), u8(at + 3), u32(at + 4)));
          at += 8;
        }
        case 3, 4 -> {
          lines.add(
              "%s type %d flags 0x%x bus %d irq %d to %d pin %d"
                  .formatted(
                      type == 3 ? "interrupt" : "local interrupt",
                      u8(at + 1),
                      u16(at + 2),
                      u8(at + 4),
                      u8(at + 5),
                      u8(at + 6),
                      u8(at + 7)));
          at += 8;
        }
        default -> throw new AssertionError("type " + type);
      }
    }
    assertEquals(length, at - table, "length of the table");
  }
}
