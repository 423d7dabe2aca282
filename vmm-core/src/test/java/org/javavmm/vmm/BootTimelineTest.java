// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.vmm.BootTimeline.Mark;
import org.junit.jupiter.api.Test;

class BootTimelineTest {
  private final AtomicLong now = new AtomicLong(-500);
  private final BootTimeline timeline = new BootTimeline(now::get, -1_500_000);

  private void mark(Mark mark, long at) {
    now.set(at - 1_500_000);
    timeline.mark(mark);
  }

  @Test
  void theFirstOfSeveralCounts() {
    mark(Mark.JVM, 40_000_000);
    mark(Mark.JVM, 50_000_000);
    assertEquals(Optional.of(Duration.ofMillis(40)), timeline.at(Mark.JVM));
    assertEquals(Optional.empty(), timeline.at(Mark.INIT));
  }

  @Test
  void aTableForPeople() {
    mark(Mark.JVM, 40_000_000);
    mark(Mark.INPUTS, 90_460_000);
    mark(Mark.MACHINE, 100_000_000);
    mark(Mark.LOADED, 140_000_000);
    mark(Mark.FIRST_INSTRUCTION, 141_000_000);
    mark(Mark.CONSOLE, 1_841_000_000);
    assertEquals(
        """
                                        at ms    took ms
        JVM started                      40.0       40.0
        inputs read and checked          90.5       50.5
        VM built                        100.0        9.5
        kernel loaded                   140.0       40.0
        first instruction               141.0        1.0
        kernel's first exit          not seen
        console's first byte           1841.0     1700.0
        init                         not seen
        """,
        timeline.toText());
  }

  @Test
  void anObjectForPrograms() {
    mark(Mark.JVM, 40_000_000);
    mark(Mark.FIRST_INSTRUCTION, 141_234_567);
    assertEquals(
        "{\"unit\":\"ms\",\"jvm\":40.000,\"inputs\":null,\"machine\":null,\"loaded\":null,"
            + "\"first-instruction\":141.235,\"kernel\":null,\"console\":null,\"init\":null}",
        timeline.toJson());
  }

  @Test
  void theAgeOfAProcess() {
    // A program's name may have blanks and brackets.
    String stat = "7 (a ) b) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 250 1 2 3";
    assertEquals(1_510_000_000L, BootTimeline.processAge(stat, "4.01 7.30\n"));
    assertEquals(0, BootTimeline.processAge(stat, "2.49 7.30\n"), "clocks of different grain");
    assertEquals(
        "stat has 2 fields, not 20 or more",
        assertThrows(
                IllegalArgumentException.class, () -> BootTimeline.processAge("7 (a) S 1", "4.01"))
            .getMessage());
  }

  @Test
  void theProcessBeganBeforeNow() {
    BootTimeline real = BootTimeline.ofProcess();
    real.mark(Mark.JVM);
    Duration age = real.at(Mark.JVM).orElseThrow();
    assertTrue(age.compareTo(Duration.ofMillis(20)) > 0, age::toString);
    assertTrue(age.compareTo(Duration.ofDays(1)) < 0, age::toString);
  }
}
