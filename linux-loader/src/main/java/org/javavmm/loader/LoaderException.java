// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.IOException;
import java.io.Serial;

/**
 * A kernel, initrd, command line or memory layout that cannot be booted. The message is one line:
 * what was looked at, the field, its value and its limit.
 */
public final class LoaderException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  /** What kind of thing is wrong. */
  public enum Reason {
    /** A file is missing, not a regular file, not readable, or changed while it was used. */
    FILE,
    /** A file ends before what its header announces. */
    TRUNCATED,
    /** A file is of a format that is not loaded here; the value says which it looks like. */
    FORMAT,
    /** A kernel for another architecture. */
    ARCHITECTURE,
    /** A boot protocol that is too old, or lacks the entry point that is asked for. */
    PROTOCOL,
    /** A header field with a value that makes no sense. */
    HEADER,
    /** The guest's memory is too small, or not where the kernel needs it. */
    MEMORY,
    /** The command line is too long or has a character that it cannot carry. */
    COMMAND_LINE,
    /** The initrd is empty or does not fit. */
    INITRD
  }

  /** What kind of thing is wrong. */
  private final Reason reason;

  /** What was looked at. */
  private final String subject;

  /** The field's name in the format's documentation. */
  private final String field;

  /** The value found. */
  private final String value;

  /** What the value must be. */
  private final String limit;

  LoaderException(Reason reason, String subject, String field, String value, String limit) {
    this.reason = reason;
    this.subject = subject;
    this.field = field;
    this.value = value;
    this.limit = limit;
  }

  /** {@return what kind of thing is wrong} */
  public Reason reason() {
    return reason;
  }

  /** {@return what was looked at: a file's name, mostly} */
  public String subject() {
    return subject;
  }

  /** {@return the field, by its name in the format's documentation} */
  public String field() {
    return field;
  }

  /** {@return the field's value, readable} */
  public String value() {
    return value;
  }

  /** {@return what the value must be, in words: "must be at least 0x206"} */
  public String limit() {
    return limit;
  }

  @Override
  public String getMessage() {
    return oneLine(subject + ": " + field + " is " + value + ", " + limit);
  }

  /** Keeps the message on one line and free of terminal escapes, whatever a file is called. */
  private static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.chars().forEach(c -> line.append(Character.isISOControl(c) ? '?' : (char) c));
    return line.toString();
  }
}
