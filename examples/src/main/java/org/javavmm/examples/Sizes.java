// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

/** Sizes as people write them: {@code 512M}, {@code 4G}, {@code 65536}. */
final class Sizes {
  private static final long PAGE = 4096;

  private Sizes() {}

  /**
   * Parses a size in bytes, with K, M, G or T for powers of 1024.
   *
   * @throws UsageException if it is no size, no multiple of 4096, or out of range
   */
  static long parse(String option, String text, long min, long max) throws UsageException {
    int digits = 0;
    while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
      digits++;
    }
    long unit =
        switch (text.substring(digits)) {
          case "", "B" -> 1L;
          case "K", "k", "KiB" -> 1L << 10;
          case "M", "m", "MiB" -> 1L << 20;
          case "G", "g", "GiB" -> 1L << 30;
          case "T", "t", "TiB" -> 1L << 40;
          default -> 0L;
        };
    if (digits == 0 || unit == 0) {
      throw new UsageException(
          option + " " + text + ": not a size; write a number with K, M, G or T, such as 512M");
    }
    long bytes;
    try {
      bytes = Math.multiplyExact(Long.parseLong(text.substring(0, digits)), unit);
    } catch (NumberFormatException | ArithmeticException e) {
      throw new UsageException(option + " " + text + ": too large, at most " + show(max), e);
    }
    if (bytes < min || bytes > max) {
      throw new UsageException(
          option + " " + text + ": must be from " + show(min) + " to " + show(max));
    }
    if (bytes % PAGE != 0) {
      throw new UsageException(option + " " + text + ": not a multiple of 4096 bytes");
    }
    return bytes;
  }

  /** A size for people. */
  static String show(long bytes) {
    String units = "KMGT";
    long value = bytes;
    int unit = -1;
    while (unit < 3 && value != 0 && value % 1024 == 0) {
      value /= 1024;
      unit++;
    }
    return unit < 0 ? Long.toString(value) : value + units.substring(unit, unit + 1);
  }
}
