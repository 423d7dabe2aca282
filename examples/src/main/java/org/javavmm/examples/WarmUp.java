// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;

/** A run that loads the classes of a monitor's start, for the start-up archive. */
final class WarmUp {
  private WarmUp() {}

  static int run(PrintStream err) throws InterruptedException {
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false);
    try {
      Options options = Options.parse(HelloCommand.spec(), new String[] {"hello", "--kvm=host"});
      return HelloCommand.run(options, nowhere, err);
    } catch (IOException e) {
      err.println("vmm: the start-up archive lacks the monitor: " + e.getMessage());
      return 0;
    }
  }
}
