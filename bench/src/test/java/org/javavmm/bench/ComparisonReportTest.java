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
    String page =
        "a\n<!-- bench/compare: begin -->\nold\n<!-- bench/compare: end -->\nb\n"
            + "<!-- bench/compare kvm: begin -->\nold\n<!-- bench/compare kvm: end -->\nc";
    assertEquals(
        "a\n<!-- bench/compare: begin -->\nnew\n<!-- bench/compare: end -->\nb\n"
            + "<!-- bench/compare kvm: begin -->\nold\n<!-- bench/compare kvm: end -->\nc",
        ComparisonReport.replace(page, "bench/compare", "new\n"));
    assertEquals(
        "a\n<!-- bench/compare: begin -->\nold\n<!-- bench/compare: end -->\nb\n"
            + "<!-- bench/compare kvm: begin -->\nnew\n<!-- bench/compare kvm: end -->\nc",
        ComparisonReport.replace(page, "bench/compare kvm", "new\n"));
    assertEquals(
        "the page lacks <!-- bench/compare: begin --> ... <!-- bench/compare: end -->",
        assertThrows(
                IllegalArgumentException.class,
                () -> ComparisonReport.replace("a", "bench/compare", "new"))
            .getMessage());
    assertThrows(
        IllegalArgumentException.class, () -> ComparisonReport.replace(page, "bench", "new"));
  }

  @Test
  void ratiosOfPairsAreTakenRoundByRound() {
    // The medians are equal; in two of three rounds we are slower.
    String row =
        row(
            "Exits",
            "port write, 1 byte",
            "java exit.run/portWrite 1100 0.2",
            "c exit.run/portWrite 1000",
            "java exit.run/portWrite 1200 0.2",
            "c exit.run/portWrite 1100",
            "java exit.run/portWrite 1000 0.2",
            "c exit.run/portWrite 2000");
    assertEquals(
        "| port write, 1 byte | 1,100 (1,000) | 1,100 (1,000) | 1.09 (0.50–1.10) | 3 | 0.0 | 0.2"
            + " | ≤ 1.05 × C: **missed**; 0 B: met |",
        row.replace("+0.0", "0.0"));
  }

  @Test
  void theGoalOfThePairsIsTheirMedian() {
    assertTrue(
        row("Exits", "MMIO read, 1 byte", "java exit.run/mmioRead 105 0", "c exit.run/mmioRead 100")
            .endsWith("≤ 1.05 × C: met; 0 B: met |"));
    assertTrue(
        row("Exits", "MMIO read, 1 byte", "java exit.run/mmioRead 106 0", "c exit.run/mmioRead 100")
            .endsWith("≤ 1.05 × C: **missed**; 0 B: met |"));
  }

  @Test
  void nanosecondsAboveCAndBytes() {
    assertTrue(
        row("An exit", "run, decode, call: port write", "java loop.port 299 1.5", "c loop.port 200")
            .endsWith("≤ C + 100.0 ns: met; 0 B: **missed** |"));
    assertTrue(
        row("An exit", "run, decode, call: MMIO write", "java loop.mmio 302 0", "c loop.mmio 200")
            .endsWith("≤ C + 100.0 ns: **missed**; 0 B: met |"));
    assertTrue(
        row("An exit", "the ioctl alone, answered `ENOTTY`", "java loop.ioctl 302 0")
            .endsWith("| n/a | 0 | n/a | 0.0 | 0 B: met |"));
  }

  @Test
  void stepsHaveSharesOfTheWhole() {
    assertEquals(
        "| open `/dev/kvm` | 3,000 (3,000) | 75 % | 10.0 (10.0) | 10 % | 300.00 (300.00–300.00)"
            + " | 1 |",
        row(
            "From",
            "open `/dev/kvm`",
            "java start.open 3000000",
            "java start.total 4000000",
            "c start.open 10000",
            "c start.total 100000"));
  }

  @Test
  void aGroupThatCannotRunSaysWhy() {
    String[] lines = {"java exit.* n/a no KVM, no module", "c exit.* n/a open(/dev/kvm): none"};
    assertEquals(
        "| port read, 1 byte | n/a: no KVM, no module | n/a: open(/dev/kvm): none | n/a | 0 | n/a"
            + " | n/a | ≤ 1.05 × C: n/a; 0 B: n/a |",
        row("Exits", "port read, 1 byte", lines));
    assertThrows(
        IllegalArgumentException.class,
        () -> new ComparisonReport(List.of("java exit.* 5 because")));
    assertThrows(
        IllegalArgumentException.class,
        () -> new ComparisonReport(List.of("java exits.* n/a because")));
  }
}
