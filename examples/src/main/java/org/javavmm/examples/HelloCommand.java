// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import picocli.CommandLine.Model.CommandSpec;

/** {@code vmm hello}: chooses the KVM for {@link HelloVmm}. */
final class HelloCommand {
  private HelloCommand() {}

  static CommandSpec spec() {
    return Options.command("hello", "Runs a guest of a few bytes that prints a greeting.")
        .addOption(Options.kvmOption());
  }

  static int run(Options options, PrintStream out, PrintStream err)
      throws IOException, InterruptedException {
    boolean lab =
        switch (options.kvm()) {
          case LAB -> true;
          case HOST -> false;
          // This guest needs no more than any KVM has.
          case AUTO -> !hostHasKvm(err);
        };
    if (lab) {
      return LabRun.ofThisProcess(options.verbose()).run();
    }
    HelloVmm.run(out);
    return 0;
  }

  private static boolean hostHasKvm(PrintStream err) {
    try (Kvm _ = Kvm.open()) {
      return true;
    } catch (KvmException e) {
      err.println("vmm: using the lab: " + e.getMessage());
      return false;
    }
  }
}
