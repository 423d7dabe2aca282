// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;

/** A run that loads the classes of a monitor's start, for the start-up archive. */
final class WarmUp {
  private WarmUp() {}

  /** Runs hello as it is typed, but never in the lab. Without KVM the archive is only smaller. */
  static int run(PrintStream err) throws UsageException {
    Options options = Options.parse(new String[] {"hello"});
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false);
    if (HelloCommand.useLab(options, err)) {
      return 0;
    }
    try {
      HelloVmm.run(nowhere);
    } catch (IOException e) {
      err.println("vmm: the start-up archive lacks the monitor: " + e.getMessage());
    }
    return 0;
  }
}
