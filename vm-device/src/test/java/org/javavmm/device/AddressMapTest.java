// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.device.AddressMap.Space;
import org.javavmm.device.AddressMap.Window;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AddressMapTest {
  private static String misuse(org.junit.jupiter.api.function.Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void printsRangesHolesAndOwners() {
    AddressMap map = new AddressMap();
    Window high = map.window(Space.MMIO, "above 4 GiB", 0x1_0000_0000L, 0x7f_ffff_ffffL);
    Window gsis = map.window(Space.GSI, "IOAPIC", 0, 23);
    Window low = map.window(Space.MMIO, "below 4 GiB", 0xc000_0000L, 0xffff_ffffL);
    Window ports = map.window(Space.PIO, "ports", 0, 0xffff);
    ports.reserve("serial 0", 0x3f8, 8);
    low.reserve("IOAPIC", 0xfec0_0000L, 0x1000);
    low.allocate("disk", 0x1000, 0x1000);
    low.allocate("net", 0x4000, 0x4000);
    high.allocate("memory device", 1L << 30, 1L << 30);
    gsis.reserve("timer", 0, 1);
    gsis.reserve("ACPI", 9, 1);
    gsis.allocate("disk", 1, 1, 5, 23);
    assertEquals(
        """
        port window ports [0x0..0xffff]
             0x0..0x3f7   free
           0x3f8..0x3ff   serial 0
           0x400..0xffff  free
        MMIO window below 4 GiB [0xc0000000..0xffffffff]
          0xc0000000..0xc0000fff  disk
          0xc0001000..0xc0003fff  free
          0xc0004000..0xc0007fff  net
          0xc0008000..0xfebfffff  free
          0xfec00000..0xfec00fff  IOAPIC
          0xfec01000..0xffffffff  free
        MMIO window above 4 GiB [0x100000000..0x7fffffffff]
           0x100000000..0x13fffffff   memory device
           0x140000000..0x7fffffffff  free
        GSI window IOAPIC [0x0..0x17]
           0..0   timer
           1..4   free
           5..5   disk
           6..8   free
           9..9   ACPI
          10..23  free
        """,
        map.toString());
    assertEquals(List.of(ports, low, high, gsis), map.windows());
    assertEquals("disk", low.find(0xc000_0fffL).orElseThrow().owner());
    assertEquals(Optional.empty(), low.find(0xc000_1000L));
    assertEquals("IOAPIC", gsis.name());
    assertEquals(Space.GSI, gsis.space());
    assertEquals(0, gsis.start());
    assertEquals(23, gsis.last());
  }

  @Test
  void errorsNameBoth() {
    AddressMap map = new AddressMap();
    Window ports = map.window(Space.PIO, "ports", 0, 0xffff);
    AddressRange serial = ports.reserve("serial", 0x3f8, 8);
    assertEquals(
        "modem [0x3ff..0x3ff] overlaps serial [0x3f8..0x3ff]",
        misuse(() -> ports.reserve("modem", 0x3ff, 1)));
    assertEquals(
        "modem [0xffff..0x10000] (size=2) is not in port window ports [0x0..0xffff]",
        misuse(() -> ports.reserve("modem", 0xffff, 2)));
    assertEquals(
        "modem [0x10..0xf] (size=0) is not in port window ports [0x0..0xffff]",
        misuse(() -> ports.reserve("modem", 0x10, 0)));
    assertEquals("size=0 of modem is not positive", misuse(() -> ports.allocate("modem", 0, 1)));
    assertEquals(
        "alignment=0x6 of modem is not a power of two",
        misuse(() -> ports.allocate("modem", 1, 6)));
    assertEquals(
        "port window more [0xff..0x1ff] overlaps port window ports [0x0..0xffff]",
        misuse(() -> map.window(Space.PIO, "more", 0xff, 0x1ff)));
    assertEquals(
        "GSI window none [0x1..0x0] ends before it starts",
        misuse(() -> map.window(Space.GSI, "none", 1, 0)));
    map.window(Space.GSI, "same numbers", 0, 0xffff);
    assertEquals(
        "no 0xfc01 in multiples of 0x1 for modem from 0x0 to 0xffff in port window ports"
            + " [0x0..0xffff]; the largest hole has 0xfc00",
        assertThrows(IllegalStateException.class, () -> ports.allocate("modem", 0xfc01, 1))
            .getMessage());
    ports.free(serial);
    assertEquals(
        "serial [0x3f8..0x3ff] is not given in port window ports [0x0..0xffff]",
        misuse(() -> ports.free(serial)));
    assertEquals(0x1_0000, ports.allocate("all", 0x1_0000, 1).size());
    assertEquals(List.of(), ports.holes());
  }

  @Test
  void theWholeAddressSpace() {
    Window all = new AddressMap().window(Space.MMIO, "all", 0, -1);
    assertEquals(0, all.holes().getFirst().size());
    AddressRange half = all.allocate("half", Long.MAX_VALUE, Long.MIN_VALUE);
    assertEquals(0, half.start());
    AddressRange other = all.allocate("other half", Long.MAX_VALUE, Long.MIN_VALUE);
    assertEquals(Long.MIN_VALUE, other.start());
    assertEquals(-1L, all.reserve("top", -1, 1).start());
    assertThrows(IllegalStateException.class, () -> all.allocate("more", 2, 2));
    assertEquals(Long.MAX_VALUE, all.allocate("between", 1, 1).start());
    assertEquals(List.of(), all.holes());
    assertThrows(IllegalArgumentException.class, () -> all.reserve("wrap", -1, 2));
  }

  /** Any sequence against an array with the owner of each address. */
  @Property(tries = 100)
  void agreesWithAnArray(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int length = random.nextInt(1, 200);
    long[] bases = {0, -length, 0x7fff_ffff_ffff_ffc0L, 0xffff_ff80L};
    long base = bases[random.nextInt(bases.length)];
    Window window = new AddressMap().window(Space.MMIO, "w", base, base + length - 1);
    @Nullable String[] model = new String[length];
    List<AddressRange> given = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      String owner = "o" + i;
      int size = random.nextInt(1, 24);
      switch (random.nextInt(3)) {
        case 0 -> {
          long alignment = 1L << random.nextInt(6);
          int min = random.nextInt(length);
          int max = random.nextInt(length);
          int at = lowest(model, base, size, alignment, min, max);
          if (at < 0) {
            assertThrows(
                IllegalStateException.class,
                () -> window.allocate(owner, size, alignment, base + min, base + max));
          } else {
            AddressRange range = window.allocate(owner, size, alignment, base + min, base + max);
            assertEquals(new AddressRange(owner, base + at, base + at + size - 1), range);
            fill(model, at, size, owner);
            given.add(range);
          }
        }
        case 1 -> {
          int at = random.nextInt(length);
          if (fits(model, at, size)) {
            given.add(window.reserve(owner, base + at, size));
            fill(model, at, size, owner);
          } else {
            assertThrows(
                IllegalArgumentException.class, () -> window.reserve(owner, base + at, size));
          }
        }
        default -> {
          if (!given.isEmpty()) {
            AddressRange range = given.remove(random.nextInt(given.size()));
            window.free(range);
            fill(model, (int) (range.start() - base), (int) range.size(), null);
          }
        }
      }
      for (int at = 0; at < length; at++) {
        assertEquals(
            Optional.ofNullable(model[at]), window.find(base + at).map(AddressRange::owner));
      }
      int free = 0;
      for (AddressRange hole : window.holes()) {
        for (long at = hole.start() - base; at <= hole.last() - base; at++) {
          assertTrue(model[(int) at] == null);
          free++;
        }
      }
      assertEquals(free, java.util.Arrays.stream(model).filter(Objects::isNull).count());
    }
  }

  private static boolean fits(@Nullable String[] model, int at, int size) {
    for (int i = at; i < at + size; i++) {
      if (i >= model.length || model[i] != null) {
        return false;
      }
    }
    return true;
  }

  private static int lowest(
      @Nullable String[] model, long base, int size, long alignment, int min, int max) {
    for (int at = min; at + size - 1 <= max; at++) {
      if (Long.remainderUnsigned(base + at, alignment) == 0 && fits(model, at, size)) {
        return at;
      }
    }
    return -1;
  }

  private static void fill(@Nullable String[] model, int at, int size, @Nullable String owner) {
    java.util.Arrays.fill(model, at, at + size, owner);
  }
}
