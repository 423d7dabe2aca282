// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.List;

/**
 * A name in the namespace, written as in ASL: {@code \_SB.PCI0}, {@code ^^FOO}, {@code COM1}
 * (NameString, ACPI §20.2.2).
 *
 * <p>{@code \} is the root, each {@code ^} a step to the parent. A segment has one to four of the
 * characters A to Z, 0 to 9 and underscore, does not begin with a digit, and is padded with
 * underscores: {@code _S5} and {@code _S5_} are one name.
 */
public final class AmlPath implements AmlTarget, AmlElement {
  private static final int MAX_SEGMENTS = 255;
  private static final int DUAL_NAME_PREFIX = 0x2e;
  private static final int MULTI_NAME_PREFIX = 0x2f;

  private final String prefix;
  private final List<String> segments;

  private AmlPath(String prefix, List<String> segments) {
    this.prefix = prefix;
    this.segments = segments;
  }

  /**
   * {@return the path that {@code text} writes}
   *
   * @param text the path
   * @throws IllegalArgumentException if it is empty, has a malformed segment or more than 255
   */
  public static AmlPath of(String text) {
    int start = 0;
    if (text.startsWith("\\")) {
      start = 1;
    } else {
      while (start < text.length() && text.charAt(start) == '^') {
        start++;
      }
    }
    String prefix = text.substring(0, start);
    if (start == text.length()) {
      if (start == 0) {
        throw new IllegalArgumentException("path is empty");
      }
      return new AmlPath(prefix, List.of());
    }
    List<String> segments = new ArrayList<>();
    for (int from = start; from <= text.length(); ) {
      int dot = text.indexOf('.', from);
      int to = dot < 0 ? text.length() : dot;
      segments.add(segment(text, text.substring(from, to)));
      from = to + 1;
    }
    if (segments.size() > MAX_SEGMENTS) {
      throw new IllegalArgumentException(
          "path has %d segments, not 1..%d".formatted(segments.size(), MAX_SEGMENTS));
    }
    return new AmlPath(prefix, List.copyOf(segments));
  }

  /** Checks one segment and pads it. */
  private static String segment(String path, String segment) {
    boolean good = !segment.isEmpty() && segment.length() <= 4;
    for (int i = 0; good && i < segment.length(); i++) {
      char c = segment.charAt(i);
      good = (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
    }
    if (!good) {
      throw new IllegalArgumentException(
          "segment \"%s\" of path \"%s\" is not [A-Z_][A-Z0-9_]{0,3}".formatted(segment, path));
    }
    return segment + "_".repeat(4 - segment.length());
  }

  /** {@return whether this is one segment without a prefix} */
  boolean isSegment() {
    return prefix.isEmpty() && segments.size() == 1;
  }

  /** {@return whether a segment follows the prefix} */
  boolean hasName() {
    return !segments.isEmpty();
  }

  @Override
  public byte[] toBytes() {
    ByteSink out = new ByteSink();
    for (int i = 0; i < prefix.length(); i++) {
      out.u8(prefix.charAt(i)); // the prefixes' codes are their characters: 0x5c and 0x5e
    }
    switch (segments.size()) {
      case 0 -> out.u8(0); // NullName
      case 1 -> {}
      case 2 -> out.u8(DUAL_NAME_PREFIX);
      default -> out.u8(MULTI_NAME_PREFIX).u8(segments.size());
    }
    for (String segment : segments) {
      out.ascii("segment", segment, 4);
    }
    return out.toByteArray();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof AmlPath path
        && path.prefix.equals(prefix)
        && path.segments.equals(segments);
  }

  @Override
  public int hashCode() {
    return 31 * prefix.hashCode() + segments.hashCode();
  }

  /** {@return the path as ASL writes it, every segment with its four characters} */
  @Override
  public String toString() {
    return prefix + String.join(".", segments);
  }
}
