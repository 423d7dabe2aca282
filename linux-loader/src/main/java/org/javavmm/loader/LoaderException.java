// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.IOException;
import java.io.Serial;

/**
 * A kernel, initrd, command line or memory layout that cannot be booted: one final class for each
 * {@link Reason}, to catch or to switch by. The message is one line: what was looked at, the field,
 * its value and its limit.
 */
public abstract sealed class LoaderException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  /** What kind of thing is wrong. Each kind has a class of its own. */
  public enum Reason {
    /**
     * A file is missing, not a regular file, not readable, or changed while it was used. Thrown as
     * {@link BadFile}.
     */
    FILE,
    /** A file ends before what its header announces. Thrown as {@link Truncated}. */
    TRUNCATED,
    /**
     * A file is of a format that is not loaded here; the value says which it looks like. Thrown as
     * {@link UnknownFormat}.
     */
    FORMAT,
    /** A kernel for another architecture. Thrown as {@link WrongArchitecture}. */
    ARCHITECTURE,
    /**
     * A boot protocol that is too old, or lacks what is asked for: an entry point, a place, data to
     * pass on. Thrown as {@link UnsupportedProtocol}.
     */
    PROTOCOL,
    /** A header field with a value that makes no sense. Thrown as {@link BadHeader}. */
    HEADER,
    /**
     * The guest's memory is too small, or not where the kernel needs it. Thrown as {@link
     * NoMemory}.
     */
    MEMORY,
    /**
     * The command line is too long or has a character that it cannot carry. Thrown as {@link
     * BadCommandLine}.
     */
    COMMAND_LINE,
    /**
     * The initrd is empty or does not fit, or the list of its files has a line that makes no sense.
     * Thrown as {@link BadInitrd}.
     */
    INITRD,
    /**
     * A compressed kernel that cannot be unpacked, or unpacks to something else than a kernel.
     * Thrown as {@link BadPayload}.
     */
    PAYLOAD
  }

  /** A file is missing, not a regular file, not readable, or changed while it was used. */
  public static final class BadFile extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private BadFile(String subject, String field, String value, String limit) {
      super(Reason.FILE, subject, field, value, limit);
    }
  }

  /** A file ends before what its header announces. */
  public static final class Truncated extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private Truncated(String subject, String field, String value, String limit) {
      super(Reason.TRUNCATED, subject, field, value, limit);
    }
  }

  /** A file is of a format that is not loaded here; the value says which it looks like. */
  public static final class UnknownFormat extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private UnknownFormat(String subject, String field, String value, String limit) {
      super(Reason.FORMAT, subject, field, value, limit);
    }
  }

  /** A kernel for another architecture. */
  public static final class WrongArchitecture extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private WrongArchitecture(String subject, String field, String value, String limit) {
      super(Reason.ARCHITECTURE, subject, field, value, limit);
    }
  }

  /**
   * A boot protocol that is too old, or lacks what is asked for: an entry point, a place, data to
   * pass on.
   */
  public static final class UnsupportedProtocol extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private UnsupportedProtocol(String subject, String field, String value, String limit) {
      super(Reason.PROTOCOL, subject, field, value, limit);
    }
  }

  /** A header field with a value that makes no sense. */
  public static final class BadHeader extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private BadHeader(String subject, String field, String value, String limit) {
      super(Reason.HEADER, subject, field, value, limit);
    }
  }

  /** The guest's memory is too small, or not where the kernel needs it. */
  public static final class NoMemory extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private NoMemory(String subject, String field, String value, String limit) {
      super(Reason.MEMORY, subject, field, value, limit);
    }
  }

  /** The command line is too long or has a character that it cannot carry. */
  public static final class BadCommandLine extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private BadCommandLine(String subject, String field, String value, String limit) {
      super(Reason.COMMAND_LINE, subject, field, value, limit);
    }
  }

  /**
   * The initrd is empty or does not fit, or the list of its files has a line that makes no sense.
   */
  public static final class BadInitrd extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private BadInitrd(String subject, String field, String value, String limit) {
      super(Reason.INITRD, subject, field, value, limit);
    }
  }

  /** A compressed kernel that cannot be unpacked, or unpacks to something else than a kernel. */
  public static final class BadPayload extends LoaderException {
    @Serial private static final long serialVersionUID = 1L;

    private BadPayload(String subject, String field, String value, String limit) {
      super(Reason.PAYLOAD, subject, field, value, limit);
    }
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

  private LoaderException(Reason reason, String subject, String field, String value, String limit) {
    this.reason = reason;
    this.subject = subject;
    this.field = field;
    this.value = value;
    this.limit = limit;
  }

  /** {@return an error of the class that belongs to the reason} */
  static LoaderException of(
      Reason reason, String subject, String field, String value, String limit) {
    return switch (reason) {
      case FILE -> new BadFile(subject, field, value, limit);
      case TRUNCATED -> new Truncated(subject, field, value, limit);
      case FORMAT -> new UnknownFormat(subject, field, value, limit);
      case ARCHITECTURE -> new WrongArchitecture(subject, field, value, limit);
      case PROTOCOL -> new UnsupportedProtocol(subject, field, value, limit);
      case HEADER -> new BadHeader(subject, field, value, limit);
      case MEMORY -> new NoMemory(subject, field, value, limit);
      case COMMAND_LINE -> new BadCommandLine(subject, field, value, limit);
      case INITRD -> new BadInitrd(subject, field, value, limit);
      case PAYLOAD -> new BadPayload(subject, field, value, limit);
    };
  }

  /** {@return an error of the class that belongs to the reason, with what caused it} */
  static LoaderException of(
      Reason reason, String subject, String field, String value, String limit, Throwable cause) {
    LoaderException exception = of(reason, subject, field, value, limit);
    exception.initCause(cause);
    return exception;
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
