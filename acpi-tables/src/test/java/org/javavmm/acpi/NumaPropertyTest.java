// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** MADT, SRAT and SLIT as a guest reads them: entry after entry by type and length. */
class NumaPropertyTest {
  /** What a guest makes of an SRAT. */
  record Affinity(Map<Long, Long> domainOfApicId, List<Memory> memory) {}

  record Memory(long gpa, long length, long domain, int flags) {}

  private static Affinity read(byte[] table) {
    ByteBuffer srat = TableReader.little(table);
    Affinity affinity = new Affinity(new TreeMap<>(), new ArrayList<>());
    int at = 48;
    while (at < table.length) {
      int type = srat.get(at);
      int length = srat.get(at + 1);
      switch (type) {
        case 0 -> {
          assertEquals(16, length);
          assertEquals(1, srat.getInt(at + 4), "enabled");
          long domain = srat.get(at + 2) & 0xffL;
          for (int i = 0; i < 3; i++) {
            domain |= (srat.get(at + 9 + i) & 0xffL) << (8 * (i + 1));
          }
          affinity.domainOfApicId.put(srat.get(at + 3) & 0xffL, domain);
        }
        case 1 -> {
          assertEquals(40, length);
          affinity.memory.add(
              new Memory(
                  srat.getLong(at + 8),
                  srat.getLong(at + 16),
                  Integer.toUnsignedLong(srat.getInt(at + 2)),
                  srat.getInt(at + 28)));
        }
        case 2 -> {
          assertEquals(24, length);
          assertEquals(1, srat.getInt(at + 12), "enabled");
          long id = Integer.toUnsignedLong(srat.getInt(at + 8));
          affinity.domainOfApicId.put(id, Integer.toUnsignedLong(srat.getInt(at + 4)));
        }
        default -> throw new AssertionError("type " + type);
      }
      at += length;
    }
    assertEquals(table.length, at);
    return affinity;
  }

  @Provide
  Arbitrary<Map<Long, Long>> processors() {
    Arbitrary<Long> ids =
        Arbitraries.oneOf(
            Arbitraries.longs().between(0, 0xffff_fffeL), Arbitraries.longs().between(240, 270));
    return Arbitraries.maps(ids, Arbitraries.longs().between(0, 0xffff_ffffL)).ofMaxSize(20);
  }

  @Provide
  Arbitrary<Memory> ranges() {
    return Combinators.combine(
            Arbitraries.longs(),
            Arbitraries.longs().between(1, Long.MAX_VALUE),
            Arbitraries.longs().between(0, 0xffff_ffffL),
            Arbitraries.integers().between(0, 3))
        .as((gpa, length, domain, flags) -> new Memory(gpa, length, domain, flags << 1 | 1));
  }

  /** Memory near each other, so that ranges often overlap. */
  @Provide
  Arbitrary<Memory> smallRanges() {
    return Combinators.combine(
            Arbitraries.longs().between(-20, 20), Arbitraries.longs().between(1, 8))
        .as((gpa, length) -> new Memory(gpa, length, 0, 1));
  }

  private static void add(Srat.Builder srat, Memory memory) {
    List<Srat.MemoryFlag> flags = new ArrayList<>();
    if ((memory.flags & 2) != 0) {
      flags.add(Srat.MemoryFlag.HOT_PLUGGABLE);
    }
    if ((memory.flags & 4) != 0) {
      flags.add(Srat.MemoryFlag.NON_VOLATILE);
    }
    srat.memory(memory.gpa, memory.length, memory.domain, flags.toArray(new Srat.MemoryFlag[0]));
  }

  @Property
  void sratIsWhatWasGiven(
      @ForAll("processors") Map<Long, Long> processors, @ForAll("ranges") Memory memory) {
    Srat.Builder srat = Srat.builder();
    processors.forEach(srat::processor);
    List<Memory> given = List.of();
    if (Long.compareUnsigned(memory.gpa + memory.length - 1, memory.gpa) >= 0) {
      add(srat, memory);
      given = List.of(memory);
    } else {
      assertThrows(IllegalArgumentException.class, () -> add(srat, memory));
    }
    Affinity read = read(srat.build().toBytes());
    assertEquals(new TreeMap<>(processors), read.domainOfApicId);
    assertEquals(given, read.memory);
  }

  /** Against a byte-wise model: a range is accepted if none of its bytes was taken before. */
  @Property
  void memoryNeverOverlaps(@ForAll @Size(max = 12) List<@From("smallRanges") Memory> ranges) {
    Srat.Builder srat = Srat.builder();
    List<Long> taken = new ArrayList<>();
    List<Memory> accepted = new ArrayList<>();
    for (Memory range : ranges) {
      List<Long> bytes = new ArrayList<>();
      for (long i = 0; i < range.length; i++) {
        bytes.add(range.gpa + i);
      }
      boolean wraps = range.gpa < 0 && bytes.contains(0L);
      if (wraps || bytes.stream().anyMatch(taken::contains)) {
        assertThrows(IllegalArgumentException.class, () -> add(srat, range));
      } else {
        add(srat, range);
        taken.addAll(bytes);
        accepted.add(range);
      }
    }
    assertEquals(accepted, read(srat.build().toBytes()).memory);
  }

  @Property
  void slitIsTheMatrix(@ForAll @IntRange(min = 1, max = 12) int count, @ForAll long seed) {
    java.util.Random random = new java.util.Random(seed);
    int[][] distances = new int[count][count];
    boolean valid = true;
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < count; j++) {
        boolean wrong = random.nextInt(200) == 0;
        int distance = i == j ? 10 : 11 + random.nextInt(245);
        if (wrong) {
          distance = i == j ? 11 + random.nextInt(245) : random.nextInt(11);
        }
        distances[i][j] = distance;
        valid &= !wrong;
      }
    }
    if (!valid) {
      assertThrows(IllegalArgumentException.class, () -> Slit.of(distances));
      return;
    }
    byte[] table = Slit.of(distances).toBytes();
    assertEquals(44 + count * count, table.length);
    assertEquals(count, TableReader.little(table).getLong(36));
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < count; j++) {
        assertEquals(distances[i][j], table[44 + i * count + j] & 0xff);
      }
    }
  }

  @Property(tries = 50)
  void madtNumbersProcessorsAsTheSratAndTheDevices(
      @ForAll @IntRange(min = 1, max = 600) int count) {
    byte[] table = Madt.builder().processors(count).localApicNmi(1).build().toBytes();
    ByteBuffer madt = TableReader.little(table);
    int at = 44;
    int processors = 0;
    int nmis = 0;
    while (at < table.length) {
      switch (madt.get(at)) {
        case 0 -> {
          assertEquals(processors, madt.get(at + 2) & 0xff, "uid");
          assertEquals(processors, madt.get(at + 3) & 0xff, "APIC id");
          assertEquals(1, madt.getInt(at + 4), "enabled");
          processors++;
        }
        case 9 -> {
          assertEquals(processors, madt.getInt(at + 4), "x2APIC id");
          assertEquals(1, madt.getInt(at + 8), "enabled");
          assertEquals(processors, madt.getInt(at + 12), "uid");
          processors++;
        }
        case 4, 10 -> nmis++;
        default -> throw new AssertionError("type " + madt.get(at));
      }
      at += madt.get(at + 1);
    }
    assertEquals(count, processors);
    assertEquals(count > 255 ? 2 : 1, nmis);
  }
}
