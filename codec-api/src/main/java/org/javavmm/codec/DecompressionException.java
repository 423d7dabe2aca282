// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codec;

import java.io.IOException;
import java.io.Serial;

/**
 * Data that cannot be decompressed. The message is one line: the format, a field, its value and its
 * limit.
 */
public final class DecompressionException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  /** What kind of thing is wrong. */
  public enum Kind {
    /** There is no codec for the format. */
    NO_CODEC,
    /** The data is not of the format, is damaged, or uses what the codec does not know. */
    CORRUPT,
    /** The data ends before its end. */
    TRUNCATED,
    /** There is more data than the output has room for. */
    TOO_LARGE
  }

  /** What kind of thing is wrong. */
  private final Kind kind;

  /** The format that was expected. */
  private final CompressionFormat format;

  /** The field, by its name in the format's documentation. */
  private final String field;

  /** The value found. */
  private final String value;

  /** What the value must be. */
  private final String limit;

  private DecompressionException(
      Kind kind, CompressionFormat format, String field, String value, String limit) {
    super(format.label() + ": " + field + " is " + value + ", " + limit);
    this.kind = kind;
    this.format = format;
    this.field = field;
    this.value = value;
    this.limit = limit;
  }

  /**
   * {@return an error for a format that nobody decompresses}
   *
   * @param format the format
   */
  public static DecompressionException noCodec(CompressionFormat format) {
    return new DecompressionException(
        Kind.NO_CODEC, format, "codec", "missing", "add the artifact org.javavmm:codecs");
  }

  /**
   * {@return an error for a field with a wrong value}
   *
   * @param format the format
   * @param field the field, by its name in the format's documentation
   * @param value the value found, readable and short
   * @param limit what the value must be, in words: "must be at most 9"
   */
  public static DecompressionException corrupt(
      CompressionFormat format, String field, String value, String limit) {
    return new DecompressionException(Kind.CORRUPT, format, field, value, limit);
  }

  /**
   * {@return an error for data that ends too early}
   *
   * @param format the format
   * @param field what is incomplete
   * @param at where the data ends, as an offset in bytes
   */
  public static DecompressionException truncated(CompressionFormat format, String field, long at) {
    return new DecompressionException(
        Kind.TRUNCATED, format, field, "cut off at byte " + at, "must be complete");
  }

  /**
   * {@return an error for data that does not fit}
   *
   * @param format the format
   * @param limit the output's size in bytes
   */
  public static DecompressionException tooLarge(CompressionFormat format, long limit) {
    return new DecompressionException(
        Kind.TOO_LARGE,
        format,
        "uncompressed size",
        "more than " + limit + " bytes",
        "must be at most " + limit);
  }

  /** {@return what kind of thing is wrong} */
  public Kind kind() {
    return kind;
  }

  /** {@return the format that was expected} */
  public CompressionFormat format() {
    return format;
  }

  /** {@return the field, by its name in the format's documentation} */
  public String field() {
    return field;
  }

  /** {@return the field's value, readable} */
  public String value() {
    return value;
  }

  /** {@return what the value must be, in words} */
  public String limit() {
    return limit;
  }
}
