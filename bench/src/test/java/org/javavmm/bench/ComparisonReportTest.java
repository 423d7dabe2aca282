// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonReportTest {
  private static String row(String section, String operation, String... lines) {
    String tables = new ComparisonReport(List.of(lines)).tables();
    String table = tables.substring(tables.indexOf("### " + section));
    return table
        .lines()
        .filter(line -> line.startsWith("| " + operation + " |"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void medianAndLeastOfTheRoundsWithRatios() {
    assertEquals(
        "| read 8 bytes | 4.0 (2.0) | 5.0 (5.0) | 2.0 (1.0) | 0.80 (0.40) | 2.00 (2.00) | +2.0"
            + " | 0.0 | ≤ Rust: met |",
        row(
            "Scalars by",
            "read 8 bytes",
            "java scalar.read8 9 0",
            "java scalar.read8 2 0",
            "java scalar.read8 4 0",
            "rust scalar.read8 5",
            "c scalar.read8 1",
            "c scalar.read8 3"));
  }

  @Test
  void whatWasNotMeasuredIsNotAvailable() {
    assertEquals(
        "| read 8 bytes | 9.0 (9.0) | n/a | n/a | n/a | n/a | n/a | 0.0 | ≤ Rust: n/a |",
        row("Scalars by", "read 8 bytes", "java scalar.read8 9 0"));
    assertEquals(
        "| write 4 KiB | n/a | 7.0 (7.0) | n/a | n/a | n/a | n/a | n/a | ≤ Rust: n/a |",
        row("With dirty", "write 4 KiB", "rust dirty.write/4096 7"));
  }

  @Test
  void eachKindOfGoalCanBeMissed() {
    assertTrue(
        row("Scalars by", "read 8 bytes", "java scalar.read8 5.1 0", "rust scalar.read8 5")
            .endsWith("≤ Rust: **missed** |"));
    assertTrue(
        row("Scalars of", "read 8 bytes", "java view.read8 2.6 0", "c view.read8 1")
            .endsWith("≤ C + 1.5 ns: **missed** |"));
    assertTrue(
        row("Event", "a round, 9 of 200 ready", "java events.ready/9 14 0", "c events.ready/9 10")
            .endsWith("≤ 1.3 × C: **missed** |"));
    assertTrue(
        row("256", "find the region, one after the other", "java regions.find/sequence 8.1 0")
            .endsWith("≤ 8.0 ns: **missed** |"));
  }

  @Test
  void aGoalIsMetOnlyIfMedianAndLeastMeetIt() {
    String[] slowLeast = {
      "java scalar.read8 3 0",
      "java scalar.read8 3 0",
      "java scalar.read8 3 0",
      "rust scalar.read8 2",
      "rust scalar.read8 4",
      "rust scalar.read8 4"
    };
    assertTrue(
        row("Scalars by", "read 8 bytes", slowLeast).endsWith("≤ Rust: **missed** by the least |"));
    String[] slowMedian = {
      "java scalar.read8 1 0",
      "java scalar.read8 5 0",
      "java scalar.read8 5 0",
      "rust scalar.read8 2",
      "rust scalar.read8 4",
      "rust scalar.read8 4"
    };
    assertTrue(
        row("Scalars by", "read 8 bytes", slowMedian)
            .endsWith("≤ Rust: **missed** by the median |"));
  }

  @Test
  void anUnknownLineIsAnError() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new ComparisonReport(List.of("java scalar.raed8 5 0")));
    assertThrows(
        IllegalArgumentException.class, () -> new ComparisonReport(List.of("go scalar.read8 5")));
    assertThrows(
        IllegalArgumentException.class, () -> new ComparisonReport(List.of("java scalar.read8")));
  }

  @Test
  void onlyTheGeneratedPartOfAPageChanges() {
    assertEquals(
        "a\n<!-- bench/compare: begin -->\nnew\n<!-- bench/compare: end -->\nb",
        ComparisonReport.replace(
            "a\n<!-- bench/compare: begin -->\nold\n<!-- bench/compare: end -->\nb", "new\n"));
    assertThrows(IllegalArgumentException.class, () -> ComparisonReport.replace("a", "new"));
  }
}
