// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.Arrays;

/**
 * The system locality information table, signature SLIT, revision 1 (ACPI §5.2.17): how far the
 * proximity domains of an {@link Srat} are from each other. Row and column are the domains'
 * numbers, so those must count from 0.
 */
public final class Slit {
  /** The distance of a domain from itself. */
  public static final int LOCAL = 10;

  /** The distance that says that one domain cannot reach the other. */
  public static final int UNREACHABLE = 255;

  /** How many domains a table may have here; Linux's limit, and far more than anyone has. */
  public static final int MAX_DOMAINS = 1024;

  private static final int REVISION = 1;

  private Slit() {}

  /**
   * {@return the table of a matrix; it need not be symmetric}
   *
   * @param distances the distance from domain i (row) to domain j (column): 10 if i is j, else 11
   *     to 254, or 255 for unreachable; 1 to 1024 rows of as many columns
   * @throws IllegalArgumentException if the number of rows is out of range, a row has another
   *     number of columns, or a distance is out of range
   */
  public static Sdt of(int[][] distances) {
    int count = Check.range("number of domains", distances.length, 1, MAX_DOMAINS);
    Sdt.Builder table = Sdt.builder("SLIT", REVISION).u64(count);
    for (int from = 0; from < count; from++) {
      int[] row = distances[from];
      if (row.length != count) {
        throw new IllegalArgumentException(
            "row %d has %d distances, not %d".formatted(from, row.length, count));
      }
      for (int to = 0; to < count; to++) {
        boolean local = from == to;
        table.u8(
            Check.range(
                "distance from domain %d to %d".formatted(from, to),
                row[to],
                local ? LOCAL : LOCAL + 1,
                local ? LOCAL : UNREACHABLE));
      }
    }
    return table.build();
  }

  /**
   * {@return the table of domains that are all equally far from each other}
   *
   * @param count how many domains, 1 to 1024
   * @param distance from each to any other, 11 to 254, or 255 for unreachable; 20 is common
   * @throws IllegalArgumentException if a value is out of range
   */
  public static Sdt uniform(int count, int distance) {
    Check.range("number of domains", count, 1, MAX_DOMAINS);
    Check.range("distance", distance, LOCAL + 1, UNREACHABLE);
    int[][] distances = new int[count][count];
    for (int domain = 0; domain < count; domain++) {
      Arrays.fill(distances[domain], distance);
      distances[domain][domain] = LOCAL;
    }
    return of(distances);
  }
}
