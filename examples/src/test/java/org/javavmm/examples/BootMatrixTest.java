// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The judgement of a boot, and the page. */
class BootMatrixTest {
  private static final BootMatrix.Cell CELL = BootMatrix.cells().getFirst();

  private static final String GOOD =
      """
      release 6.1.0-56-cloud-amd64
      cpus 2
      memory 480000
      node 0-1 524288
      acpi /sys/firmware/acpi/tables
      """;

  private static String problem(String status, String out, String err) {
    return BootMatrix.judge(CELL, status, out, err).problem();
  }

  @Test
  void everyKernelHasEveryEntryAndNoTwoCellsAreTheSame() {
    List<BootMatrix.Cell> cells = BootMatrix.cells();
    assertEquals(
        cells.size(), cells.stream().map(BootMatrix.Cell::id).collect(Collectors.toSet()).size());
    for (String kernel : BootMatrix.KERNELS) {
      for (String entry : BootMatrix.ENTRIES) {
        assertTrue(
            cells.stream().anyMatch(c -> c.row().equals(kernel) && c.column().equals(entry)),
            kernel + " " + entry);
      }
    }
    assertEquals(16 + 2 * 6 + 4, cells.size());
  }

  @Test
  void whatABootMustBe() {
    assertEquals("", problem("0", GOOD, ""));
    assertEquals("status 1: no memory", problem("1", GOOD, "vmm: x\nno memory\n"));
    assertEquals("it did not say its release", problem("0", "", ""));
    assertEquals("processors: [1], not 2", problem("0", GOOD.replace("cpus 2", "cpus 1"), ""));
    assertEquals("memory: [48] KiB, not 409600", problem("0", GOOD.replace("480000", "48"), ""));
    assertEquals(
        "NUMA nodes: [0, 1], not [0-1]",
        problem("0", GOOD.replace("node 0-1 524288", "node 0 262144\nnode 1 262144"), ""));
    assertEquals(
        "ACPI tables: []", problem("0", GOOD.replace("/sys/firmware/acpi/tables", ""), ""));
    assertEquals(
        "the kernel complains: [ 1.0] ACPI BIOS Error (bug): x",
        problem("0", GOOD + "complaint [ 1.0] ACPI BIOS Error (bug): x\n", ""));
  }

  @Test
  void ofATraceTheFirstTwoLines() {
    String out =
        GOOD
            + "warning [    0.1] before\n"
            + "warning [    0.2] ------------[ cut here ]------------\n"
            + "warning [    0.2] what\n"
            + "warning [    0.2] where\n"
            + "warning [    0.2] RAX: 0\n"
            + "warning [    0.2] ---[ end trace 0 ]---\n"
            + "warning [    0.3] after\n";
    assertEquals(
        List.of("before", "what", "where", "after"),
        BootMatrix.judge(CELL, "0", out, "").warnings());
  }

  @Test
  void thePage() {
    BootMatrix.Result good = BootMatrix.judge(CELL, "0", GOOD + "warning [    0.12] a `b`\n", "");
    BootMatrix.Result bad = BootMatrix.judge(BootMatrix.cells().get(1), "143", "", "");
    String page = BootMatrix.page(List.of(good, bad), "2026-01-02");
    assertTrue(page.contains("| 6.1-cloud | ok | fail | n/a | n/a |\n"), page);
    assertTrue(page.contains("| 6.1-rt | n/a | n/a | n/a | n/a |\n"), page);
    assertTrue(page.contains("- 6.1-cloud: `6.1.0-56-cloud-amd64`\n"), page);
    assertTrue(page.contains("- `a 'b'` (6.1-cloud, bzImage)\n"), page);
    assertTrue(
        page.contains("- **6.1-cloud, bzImage, decompressed on the host**: status 143: \n"), page);
  }
}
