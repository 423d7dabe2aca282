// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.Serial;
import java.util.List;

/**
 * The lab, or a Debian package for it, could not be provided.
 *
 * <p>The message is one line for the user of a command, without a prefix; it says what to do where
 * something can be done. When the lab's machine had printed something before it failed, {@link
 * #console()} holds the end of that.
 */
public final class LabException extends IOException {
  @Serial private static final long serialVersionUID = 1L;

  private final String message;
  private final transient List<String> console;

  /**
   * An error without console output.
   *
   * @param message one line
   */
  public LabException(String message) {
    super(message);
    this.message = message;
    this.console = List.of();
  }

  LabException(String message, Throwable cause) {
    super(message, cause);
    this.message = message;
    this.console = List.of();
  }

  LabException(String message, List<String> console) {
    super(message);
    this.message = message;
    this.console = List.copyOf(console);
  }

  /** {@return what went wrong, in one line} */
  @Override
  public String getMessage() {
    return message;
  }

  /** {@return the last lines that the lab's kernel and its programs printed, oldest first} */
  public List<String> console() {
    return console == null ? List.of() : console;
  }
}
