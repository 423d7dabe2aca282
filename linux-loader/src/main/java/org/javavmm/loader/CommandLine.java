// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * A kernel's command line: parameters with blanks between them. A value with blanks stands in
 * double quotes, for which the kernel has no escape; so no value can have a double quote.
 * Immutable.
 *
 * <p>To the kernel, the byte 0xa0 is a blank as well (lib/ctype.c): the last byte of "à" in UTF-8,
 * for one. A value with such a character is put in quotes, too.
 *
 * <p>What follows the parameter {@code --} goes to the init process: {@link Builder#initArgument}
 * keeps it last. Text that may have a {@code --} should be appended last.
 */
public final class CommandLine {
  private static final Pattern KEY = Pattern.compile("[^=\"]+");

  /** What the kernel takes for the end of its own parameters. */
  private static final String SEPARATOR = "--";

  private final String text;

  private CommandLine(String text) {
    this.text = text;
  }

  /**
   * {@return a command line from text as a user types it}
   *
   * @param text any number of parameters
   * @throws LoaderException as {@link Builder#append}
   */
  public static CommandLine of(String text) throws LoaderException {
    return builder().append(text).build();
  }

  /** {@return a builder for a command line without parameters yet} */
  public static Builder builder() {
    return new Builder(Long.MAX_VALUE);
  }

  /**
   * {@return a builder that refuses the parameter that makes the command line too long, by its
   * name}
   *
   * @param limit the longest command line, in bytes of UTF-8 without a final zero, at least 0
   * @throws IllegalArgumentException if the limit is negative
   */
  public static Builder builder(long limit) {
    if (limit < 0) {
      throw new IllegalArgumentException("limit " + limit + ": must be at least 0");
    }
    return new Builder(limit);
  }

  /** Collects parameters. Not thread-safe. */
  public static final class Builder {
    private static final String INIT_SEPARATOR = " -- ";

    private final StringBuilder text = new StringBuilder();
    private final StringBuilder initArguments = new StringBuilder();
    private final long limit;

    private Builder(long limit) {
      this.limit = limit;
    }

    /** Takes a parameter, unless the command line becomes too long. */
    private Builder put(StringBuilder to, String what, String parameter) throws LoaderException {
      int before = to.length();
      if (to == initArguments) {
        checkOneSeparator(text);
      } else if (!initArguments.isEmpty()) {
        checkOneSeparator(parameter);
      }
      to.append(to.isEmpty() ? "" : " ").append(parameter);
      long length = whole().getBytes(StandardCharsets.UTF_8).length;
      if (length > limit) {
        to.setLength(before);
        throw error("length with " + what, length + " bytes", "must be at most " + limit);
      }
      return this;
    }

    private String whole() {
      if (initArguments.isEmpty()) {
        return text.toString();
      }
      String separator = text.isEmpty() ? INIT_SEPARATOR.substring(1) : INIT_SEPARATOR;
      return text + separator + initArguments;
    }

    /**
     * Appends text as a user types it: any number of parameters, quoted already where they need it.
     *
     * @param parameters the text; if blank, nothing is appended
     * @return this builder
     * @throws LoaderException if it has a control character (line ends and tabs are), a half of a
     *     surrogate pair, or an odd number of double quotes; if it does not fit the limit
     */
    public Builder append(String parameters) throws LoaderException {
      checkCharacters(parameters);
      long quotes = parameters.chars().filter(c -> c == '"').count();
      if (quotes % 2 != 0) {
        throw error("number of double quotes", Long.toString(quotes), "must be even");
      }
      String stripped = parameters.strip();
      if (!stripped.isEmpty()) {
        put(text, "'" + stripped + "'", stripped);
      }
      return this;
    }

    /**
     * Appends a parameter without a value.
     *
     * @param key its name: not empty, without blank, equals sign and double quote
     * @return this builder
     * @throws LoaderException if the name is not as said, or has a character that {@link #append}
     *     refuses; if it does not fit the limit
     */
    public Builder add(String key) throws LoaderException {
      checkKey(key);
      return put(text, key, key);
    }

    private static void checkKey(String key) throws LoaderException {
      checkCharacters(key);
      if (!KEY.matcher(key).matches() || hasBlank(key)) {
        throw error(
            "parameter's name",
            "'" + key + "'",
            "must not be empty and have no blank, equals sign or double quote");
      }
    }

    /**
     * Appends a parameter with a value, in quotes if it has a blank.
     *
     * @param key the parameter's name, as in {@link #add(String)}
     * @param value its value, without double quote
     * @return this builder
     * @throws LoaderException if name or value are not as said, or have a character that {@link
     *     #append} refuses; if it does not fit the limit
     */
    public Builder add(String key, String value) throws LoaderException {
      checkCharacters(value);
      if (value.indexOf('"') >= 0) {
        throw error("value of " + key, "'" + value + "'", "must have no double quote");
      }
      checkKey(key);
      boolean quoted = hasBlank(value);
      return put(text, key, key + '=' + (quoted ? '"' + value + '"' : value));
    }

    /**
     * Appends a virtio-mmio device that the kernel cannot find otherwise ({@code
     * virtio_mmio.device=SIZE@BASE:IRQ:ID}, drivers/virtio/virtio_mmio.c). May be called for
     * several devices; the kernel makes them in this order. The kernel needs {@code
     * CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES}.
     *
     * @param size the size of the device's registers in bytes, at least 0x100; written in M or K
     *     where that is exact
     * @param gpa where the registers are
     * @param irq the device's interrupt, 1 to 2^31 - 1
     * @param id the number of the platform device; the kernel counts from 0 if there is none
     * @return this builder
     * @throws IllegalArgumentException if the size is too small, the range ends above 2^64, or the
     *     interrupt or the id is not in its range
     * @throws LoaderException if it does not fit the limit
     */
    public Builder virtioMmioDevice(long size, long gpa, int irq, OptionalInt id)
        throws LoaderException {
      if (size < 0x100 || Long.compareUnsigned(gpa + (size - 1), gpa) < 0) {
        throw new IllegalArgumentException(
            String.format(
                "virtio-mmio device of 0x%x at 0x%x: must have at least 0x100, and end below 2^64",
                size, gpa));
      }
      if (irq < 1 || id.orElse(0) < 0) {
        throw new IllegalArgumentException(
            "irq " + irq + ", id " + id.orElse(0) + ": must be at least 1, and at least 0");
      }
      String written =
          size % (1 << 20) == 0
              ? (size >> 20) + "M"
              : size % (1 << 10) == 0 ? (size >> 10) + "K" : Long.toString(size);
      String value = String.format("%s@0x%x:%d", written, gpa, irq);
      return add("virtio_mmio.device", id.isPresent() ? value + ":" + id.getAsInt() : value);
    }

    /**
     * As {@link #virtioMmioDevice(long, long, int, OptionalInt)}, with an id of the kernel's
     * choice.
     *
     * @param size the size of the device's registers in bytes
     * @param gpa where the registers are
     * @param irq the device's interrupt
     * @return this builder
     * @throws IllegalArgumentException as there
     * @throws LoaderException as there
     */
    public Builder virtioMmioDevice(long size, long gpa, int irq) throws LoaderException {
      return virtioMmioDevice(size, gpa, irq, OptionalInt.empty());
    }

    /**
     * Appends an argument of the init process. These stand last, behind {@code --}, in the order of
     * the calls, whatever is added to the builder afterwards. An argument with a blank is put in
     * quotes, which the kernel takes off.
     *
     * @param argument the argument: not empty, without double quote, and not {@code --}, at which
     *     the kernel ends init's arguments
     * @return this builder
     * @throws LoaderException if the argument is not as said, or has a character that {@link
     *     #append} refuses; if the builder's parameters have a {@code --}, which is refused
     *     afterwards as well; if it does not fit the limit
     */
    public Builder initArgument(String argument) throws LoaderException {
      checkCharacters(argument);
      if (argument.isEmpty() || argument.indexOf('"') >= 0) {
        throw error("init argument", "'" + argument + "'", "must not be empty nor have a quote");
      }
      if (argument.equals(SEPARATOR)) {
        throw error("init argument", SEPARATOR, "must not be: the kernel drops it and all behind");
      }
      boolean quoted = hasBlank(argument);
      return put(
          initArguments, "init argument " + argument, quoted ? '"' + argument + '"' : argument);
    }

    /** A second "--" would end the arguments of the init process; quotes around do not help. */
    private static void checkOneSeparator(CharSequence text) throws LoaderException {
      String bytes = asBytes(text.toString());
      boolean quoted = false;
      int begin = 0;
      for (int i = 0; i <= bytes.length(); i++) {
        char c = i == bytes.length() ? ' ' : bytes.charAt(i);
        if (c == '"') {
          quoted = !quoted;
        } else if (isBlank(c) && !quoted) {
          String parameter = bytes.substring(begin, i);
          if (parameter.equals(SEPARATOR) || parameter.equals('"' + SEPARATOR + '"')) {
            throw error("parameter", "--", "must not stand in text that has init arguments apart");
          }
          begin = i + 1;
        }
      }
    }

    /** The UTF-8 bytes, a character each. */
    private static String asBytes(String text) {
      return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    /** As the kernel's isspace() has it, but for control characters, which are refused. */
    private static boolean isBlank(int c) {
      return c == ' ' || c == 0xa0;
    }

    private static boolean hasBlank(String text) {
      return asBytes(text).chars().anyMatch(Builder::isBlank);
    }

    /** {@return the command line} */
    public CommandLine build() {
      return new CommandLine(whole());
    }

    private static void checkCharacters(String text) throws LoaderException {
      for (int i = 0; i < text.length(); i++) {
        int c = text.codePointAt(i);
        boolean half = c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
        if (Character.isISOControl(c) || half) {
          throw error(
              "character " + (i + 1),
              String.format("U+%04X", c),
              half ? "must not be half of a pair" : "must not be a control character");
        }
        i += Character.charCount(c) - 1;
      }
    }
  }

  private static LoaderException error(String field, String value, String limit) {
    return LoaderException.of(
        LoaderException.Reason.COMMAND_LINE, "command line", field, value, limit);
  }

  /** {@return the length in bytes, without a final zero} */
  public int length() {
    return bytes().length;
  }

  /** The command line in UTF-8, without a final zero. */
  byte[] bytes() {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Checks that the command line is not too long.
   *
   * @param limit the longest that is possible, in bytes without a final zero
   * @throws LoaderException if it is longer
   */
  public void checkLength(long limit) throws LoaderException {
    if (length() > limit) {
      throw error("length", length() + " bytes", "must be at most " + limit);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CommandLine line && text.equals(line.text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  /** {@return the command line as the kernel sees it} */
  @Override
  public String toString() {
    return text;
  }
}
