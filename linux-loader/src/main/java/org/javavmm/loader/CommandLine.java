// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * A kernel's command line: parameters with blanks between them. A value with blanks stands in
 * double quotes, for which the kernel has no escape; so no value can have a double quote.
 * Immutable.
 *
 * <p>What follows the parameter {@code --} goes to the init process, so text that may have one
 * should be appended last.
 */
public final class CommandLine {
  private static final Pattern KEY = Pattern.compile("[^ =\"]+");

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
    return new Builder();
  }

  /** Collects parameters. Not thread-safe. */
  public static final class Builder {
    private final StringBuilder text = new StringBuilder();

    private Builder() {}

    /**
     * Appends text as a user types it: any number of parameters, quoted already where they need it.
     *
     * @param parameters the text; if blank, nothing is appended
     * @return this builder
     * @throws LoaderException if it has a control character (line ends and tabs are), a half of a
     *     surrogate pair, or an odd number of double quotes
     */
    public Builder append(String parameters) throws LoaderException {
      checkCharacters(parameters);
      long quotes = parameters.chars().filter(c -> c == '"').count();
      if (quotes % 2 != 0) {
        throw error("number of double quotes", Long.toString(quotes), "must be even");
      }
      String stripped = parameters.strip();
      if (!stripped.isEmpty()) {
        text.append(text.isEmpty() ? "" : " ").append(stripped);
      }
      return this;
    }

    /**
     * Appends a parameter without a value.
     *
     * @param key its name: not empty, without blank, equals sign and double quote
     * @return this builder
     * @throws LoaderException if the name is not as said, or has a character that {@link #append}
     *     refuses
     */
    public Builder add(String key) throws LoaderException {
      checkCharacters(key);
      if (!KEY.matcher(key).matches()) {
        throw error(
            "parameter's name",
            "'" + key + "'",
            "must not be empty and have no blank, equals sign or double quote");
      }
      text.append(text.isEmpty() ? "" : " ").append(key);
      return this;
    }

    /**
     * Appends a parameter with a value, in quotes if it has a blank.
     *
     * @param key the parameter's name, as in {@link #add(String)}
     * @param value its value, without double quote
     * @return this builder
     * @throws LoaderException if name or value are not as said, or have a character that {@link
     *     #append} refuses
     */
    public Builder add(String key, String value) throws LoaderException {
      checkCharacters(value);
      if (value.indexOf('"') >= 0) {
        throw error("value of " + key, "'" + value + "'", "must have no double quote");
      }
      add(key);
      boolean quoted = value.indexOf(' ') >= 0;
      text.append('=').append(quoted ? "\"" + value + "\"" : value);
      return this;
    }

    /** {@return the command line} */
    public CommandLine build() {
      return new CommandLine(text.toString());
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
