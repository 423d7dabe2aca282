// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;

class HistogramTest {
  @Property
  void percentilesAreNeverTooSmallAndAtMostASixteenthTooLarge(
      @ForAll @Size(min = 1, max = 200) List<@LongRange(max = Long.MAX_VALUE) Long> values,
      @ForAll @IntRange(max = 100) int percent) {
    Histogram h = new Histogram();
    values.forEach(h::record);
    List<Long> sorted = values.stream().sorted().toList();
    int rank = Math.max(1, (int) Math.ceil(values.size() * (double) percent / 100));
    long exact = sorted.get(rank - 1);
    long got = h.percentile(percent);
    assertTrue(got >= exact, () -> got + " < " + exact);
    assertTrue(got - exact <= exact / 16, () -> got + " for " + exact);
    assertEquals(values.size(), h.count());
    assertEquals(values.stream().mapToLong(Long::longValue).sum(), h.sum());
    assertEquals(sorted.getLast(), h.max());
  }

  @Example
  void smallValuesAreExact() {
    for (long v = 0; v < 32; v++) {
      Histogram h = new Histogram();
      h.record(v);
      h.record(1000);
      assertEquals(v, h.percentile(0));
    }
  }

  @Example
  void theEndsOfTheRange() {
    Histogram h = new Histogram();
    assertEquals(0, h.percentile(50));
    assertEquals("0 values, 50 % up to 0, 99 % up to 0, largest 0", h.toString());
    h.record(-5);
    assertEquals(0, h.max());
    h.record(Long.MAX_VALUE);
    assertEquals(Long.MAX_VALUE, h.percentile(100));
    assertEquals(0, h.percentile(0));
    assertEquals(2, h.count());
  }

  @Example
  void aCopyStaysAsItIs() {
    Histogram h = new Histogram();
    h.record(7);
    Histogram copy = h.copy();
    h.record(9);
    assertEquals(1, copy.count());
    assertEquals(7, copy.max());
    assertEquals(7, copy.sum());
  }

  @Example
  void aPercentageOutOfRangeIsRefused() {
    for (double p : new double[] {-0.1, 100.1, Double.NaN}) {
      assertEquals(
          "percent=" + p + " is not in 0..100",
          assertThrows(IllegalArgumentException.class, () -> new Histogram().percentile(p))
              .getMessage());
    }
  }
}
