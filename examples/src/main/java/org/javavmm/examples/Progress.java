// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.function.Consumer;

/** Prints the progress of slow steps on standard error. */
record Progress(String who) implements Consumer<String> {
  @Override
  public void accept(String line) {
    System.err.println(who + ": " + line);
  }
}
