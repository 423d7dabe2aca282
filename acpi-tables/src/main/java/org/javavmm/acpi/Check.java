// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** Argument checks whose messages carry the value and the limit. */
final class Check {
  private Check() {}

  /** Returns {@code value} if it lies in {@code min..max}, both inclusive and signed. */
  static long range(String what, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          "%s %s (%d) is outside %s..%s".formatted(what, hex(value), value, hex(min), hex(max)));
    }
    return value;
  }

  static int range(String what, int value, int min, int max) {
    return (int) range(what, (long) value, min, max);
  }

  /** Printable ASCII of at most {@code max} characters, at least one. */
  static String printable(String what, String text, int max) {
    if (text.isEmpty() || text.length() > max) {
      throw new IllegalArgumentException(
          "%s \"%s\" has %d characters, not 1..%d".formatted(what, text, text.length(), max));
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x20 || c > 0x7e) {
        throw new IllegalArgumentException(
            "%s: character %d (0x%x) is not printable ASCII".formatted(what, i, (int) c));
      }
    }
    return text;
  }

  static String hex(long value) {
    return (value < 0 && value >= Integer.MIN_VALUE)
        ? Long.toString(value)
        : "0x" + Long.toHexString(value);
  }
}
