// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Encoded AML. Nothing in AML depends on where it stands but its length, which its container
 * writes; so every node is encoded when it is made, and errors surface there.
 */
abstract sealed class AmlCode {
  /** The longest that four PkgLength bytes can say. */
  static final int MAX_PKG_LENGTH = 0xfff_ffff;

  private final byte[] bytes;

  private AmlCode(ByteSink bytes) {
    this.bytes = bytes.toByteArray();
  }

  /** A term that is no operation; {@code declares} are the paths that it adds to its scope. */
  static final class Term extends AmlCode implements AmlTerm {
    private final List<AmlPath> declares;

    Term(ByteSink bytes, List<AmlPath> declares) {
      super(bytes);
      this.declares = declares;
    }
  }

  static final class Data extends AmlCode implements AmlData {
    Data(ByteSink bytes) {
      super(bytes);
    }
  }

  static final class Target extends AmlCode implements AmlTarget {
    Target(ByteSink bytes) {
      super(bytes);
    }
  }

  static final class Operation extends AmlCode implements AmlOperation {
    Operation(ByteSink bytes) {
      super(bytes);
    }
  }

  public final byte[] toBytes() {
    return bytes.clone();
  }

  @Override
  public final boolean equals(Object other) {
    return other instanceof AmlCode code
        && code.getClass() == getClass()
        && Arrays.equals(code.bytes, bytes);
  }

  @Override
  public final int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public final String toString() {
    return "AML " + HexFormat.ofDelimiter(" ").formatHex(bytes);
  }

  /**
   * The bytes of terms one after the other.
   *
   * @throws IllegalArgumentException if two of them declare one name: the guest would drop the
   *     second one, and on some systems the whole table
   */
  static byte[] termList(String where, List<? extends AmlTerm> terms) {
    ByteSink out = new ByteSink();
    Set<AmlPath> declared = new HashSet<>();
    for (AmlTerm term : terms) {
      if (term instanceof Term declaring) {
        for (AmlPath path : declaring.declares) {
          if (!declared.add(path)) {
            throw new IllegalArgumentException("%s declares %s twice".formatted(where, path));
          }
        }
      }
      out.bytes(term.toBytes());
    }
    return out.toByteArray();
  }

  /** Appends PkgLength and {@code content}; the length counts its own bytes. */
  static ByteSink pkg(ByteSink out, ByteSink content) {
    int size = content.size();
    int width = 1;
    while (width <= 4 && size + width > maxPkgLength(width)) {
      width++;
    }
    return pkgLength(out, (long) size + width, width).bytes(content.toByteArray());
  }

  /** Appends a length that does not count itself: the widths of a Field's units. */
  static ByteSink plainPkgLength(ByteSink out, long length) {
    int width = 1;
    while (width <= 4 && length > maxPkgLength(width)) {
      width++;
    }
    return pkgLength(out, length, width);
  }

  /** One byte holds 6 bits; of more bytes the first holds 4 bits, and bits 7:6 count the others. */
  private static long maxPkgLength(int width) {
    return width == 1 ? 0x3f : (1L << (8 * width - 4)) - 1;
  }

  private static ByteSink pkgLength(ByteSink out, long length, int width) {
    Check.range("package length", length, 0, MAX_PKG_LENGTH);
    if (width == 1) {
      return out.u8((int) length);
    }
    out.u8((width - 1) << 6 | (int) (length & 0xf));
    for (int i = 1; i < width; i++) {
      out.u8((int) (length >>> (8 * i - 4)) & 0xff);
    }
    return out;
  }
}
