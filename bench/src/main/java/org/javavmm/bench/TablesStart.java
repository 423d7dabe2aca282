// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

/**
 * A process of {@code bench/compare tables}: the first call of one of {@link TablesBenchmark}'s, as
 * a monitor makes it, and the second. Prints the milliseconds of both.
 */
public final class TablesStart {
  private TablesStart() {}

  /**
   * Builds the tables twice.
   *
   * @param args which, {@code acpi}, {@code mpTable} or {@code smbios}, and the number of vCPUs
   */
  public static void main(String[] args) {
    int cpus = Integer.parseInt(args[1]);
    long[] at = new long[3];
    at[0] = System.nanoTime();
    int first = build(args[0], cpus);
    at[1] = System.nanoTime();
    int second = build(args[0], cpus);
    at[2] = System.nanoTime();
    if (first != second) {
      throw new AssertionError("different tables");
    }
    System.out.println((at[1] - at[0]) / 1e6 + " " + (at[2] - at[1]) / 1e6);
  }

  /** Builds the tables and gives their size. */
  private static int build(String what, int cpus) {
    return switch (what) {
      case "acpi" -> TablesBenchmark.acpi(cpus).length();
      case "mpTable" -> TablesBenchmark.mpTable(cpus).length;
      case "smbios" -> TablesBenchmark.smbios(cpus).length;
      default -> throw new IllegalArgumentException(what);
    };
  }
}
