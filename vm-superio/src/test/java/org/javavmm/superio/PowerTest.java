// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.device.Bus;
import org.junit.jupiter.api.Test;

class PowerTest {
  private final List<Boolean> levels = new ArrayList<>();
  private int offs;
  private final AcpiPm1 pm1 = new AcpiPm1(levels::add, () -> offs++);
  private final Bus bus = Bus.pio();

  PowerTest() {
    pm1.addTo(bus, 0x600, 0x604);
  }

  /** As Linux does: enable, then in the interrupt handler clear what is set. */
  @Test
  void powerButton() {
    pm1.pressPowerButton();
    assertEquals(0x0100, bus.read(0x600, 2));
    assertEquals(List.of(), levels, "not enabled");
    bus.write(0x600, 2, 0xffff);
    assertEquals(0, bus.read(0x600, 2));
    bus.write(0x602, 2, 0x0120);
    assertEquals(0x0120, bus.read(0x602, 2));
    pm1.pressPowerButton();
    pm1.pressPowerButton();
    assertEquals(List.of(true), levels);
    bus.write(0x600, 2, 0x0200);
    assertEquals(List.of(true), levels, "another's bit");
    bus.write(0x600, 2, 0x0100);
    assertEquals(List.of(true, false), levels);
    pm1.pressSleepButton();
    assertEquals(List.of(true, false), levels);
    bus.write(0x603, 1, 0x02);
    assertEquals(0x0220_0200L, bus.read(0x600, 4), "bytes of their own");
    assertEquals(List.of(true, false, true), levels);
    bus.write(0x604, 2, 0);
    assertEquals(List.of(true, false, true, false), levels, "SCI_EN");
    assertEquals("PM1a sts=0200 en=0220 cnt=0000", pm1.toString());
  }

  @Test
  void sleep() {
    assertEquals(1, bus.read(0x604, 2));
    for (int type = 0; type < 8; type++) {
      bus.write(0x604, 2, type << 10 | 1);
      assertEquals(type << 10 | 1, bus.read(0x604, 2));
      assertEquals(0, offs, "SLP_EN is what does it");
    }
    for (int type = 0; type < 8; type++) {
      bus.write(0x604, 2, type << 10 | 1 << 13 | 1);
      assertEquals(type < 5 ? 0 : 1, offs, "S5 only");
    }
    assertEquals(0x1c01, bus.read(0x604, 2), "SLP_EN reads as 0");
    bus.write(0x605, 1, 5 << 2 | 1 << 5);
    assertEquals(2, offs);
    bus.write(0x604, 2, 0xffff);
    assertEquals(0x1c03, bus.read(0x604, 2), "GBL_RLS reads as 0");
  }

  @Test
  void unknownStatus() {
    assertEquals(
        "bits=0x701 exceeds 0x700",
        assertThrows(IllegalArgumentException.class, () -> pm1.raise(0x701)).getMessage());
    pm1.raise(AcpiPm1.RTC);
    assertEquals(0x0400, bus.read(0x600, 2));
  }

  /** Against a model of bytes. */
  @Property(tries = 500)
  void registersLikeBytes(@ForAll @Size(max = 60) List<@IntRange(max = 0xfffff) Integer> steps) {
    int[] model = {0, 0, 0, 0, 1, 0};
    int expectedOffs = 0;
    boolean[] level = new boolean[1];
    int[] seenOffs = new int[1];
    AcpiPm1 device = new AcpiPm1(l -> level[0] = l, () -> seenOffs[0]++);
    Bus pio = Bus.pio();
    device.addTo(pio, 0x600, 0x604);
    for (int step : steps) {
      int offset = step & 7;
      int value = (step >> 4) & 0xff;
      if (offset == 6) {
        int bits = (step >> 4) & 0x700;
        device.raise(bits);
        model[1] |= bits >> 8;
      } else if (offset < 6) {
        pio.write(0x600 + offset, 1, value);
        switch (offset) {
          case 0, 1 -> model[offset] &= ~value;
          case 2 -> model[2] = value & 0x21;
          case 3 -> model[3] = value & 0x07;
          case 4 -> model[4] = value & 0x03;
          default -> {
            model[5] = value & 0x1c;
            expectedOffs += (value & 0x3c) == 0x34 ? 1 : 0;
          }
        }
      }
      for (int i = 0; i < 6; i++) {
        assertEquals(model[i], pio.read(0x600 + i, 1), "byte " + i);
      }
      boolean sci = (model[4] & 1) != 0 && ((model[0] & model[2]) | (model[1] & model[3])) != 0;
      assertEquals(sci, level[0]);
    }
    assertEquals(expectedOffs, seenOffs[0]);
  }

  @Test
  void button() {
    int[] edges = new int[1];
    PowerButton button = new PowerButton(() -> edges[0]++);
    button.press();
    button.press();
    assertEquals(2, edges[0]);
    assertEquals(2, button.presses());
  }

  @Property
  void pmTimerIsExact(
      @ForAll @LongRange(min = Long.MIN_VALUE / 2, max = Long.MAX_VALUE / 2) long start,
      @ForAll @LongRange(max = Long.MAX_VALUE / 2) long elapsed) {
    long[] now = {start};
    AcpiPmTimer narrow = new AcpiPmTimer(24, () -> now[0]);
    AcpiPmTimer wide = new AcpiPmTimer(32, () -> now[0]);
    Bus pio = Bus.pio();
    pio.add("PM timer", 0x608, AcpiPmTimer.SIZE, narrow);
    pio.write(0x608, 4, 0x1234);
    assertEquals(0, narrow.value());
    now[0] = start + elapsed;
    long ticks =
        BigInteger.valueOf(elapsed)
            .multiply(BigInteger.valueOf(3_579_545))
            .divide(BigInteger.valueOf(1_000_000_000))
            .longValue();
    assertEquals(ticks & 0xff_ffff, pio.read(0x608, 4));
    assertEquals((ticks >> 8) & 0xff, pio.read(0x609, 1));
    assertEquals(ticks & 0xffff_ffffL, wide.value());
  }

  @Test
  void pmTimerWidth() {
    assertEquals(
        "bits=16 is not 24 or 32",
        assertThrows(IllegalArgumentException.class, () -> new AcpiPmTimer(16)).getMessage());
    AcpiPmTimer real = new AcpiPmTimer(32);
    long first = real.value();
    while (real.value() == first) {
      Thread.onSpinWait();
    }
  }

  @Test
  void accessesAllocateNothing() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    AcpiPm1 quiet = new AcpiPm1(level -> {}, () -> {});
    AcpiPmTimer timer = new AcpiPmTimer(24);
    PowerButton button = new PowerButton(() -> {});
    PvPanic panic = new PvPanic(7, events -> {});
    DebugPort debug = new DebugPort(SerialSink.discard());
    quiet.events().write(2, 2, 0x100);
    long least = Long.MAX_VALUE;
    for (int window = 0; window < 200 && least > 0; window++) {
      long before = allocated.get();
      for (int i = 0; i < 1000; i++) {
        quiet.pressPowerButton();
        var _ = quiet.events().read(0, 4);
        quiet.events().write(0, 2, 0x100);
        quiet.control().write(0, 2, quiet.control().read(0, 2) | 0x3400);
        var _ = timer.read(0, 4);
        button.press();
        panic.write(0, 1, panic.read(0, 1));
        debug.write(0, 1, debug.read(0, 1));
      }
      least = Math.min(least, allocated.get() - before);
    }
    assertTrue(least < 8_000, least + " bytes");
  }
}
