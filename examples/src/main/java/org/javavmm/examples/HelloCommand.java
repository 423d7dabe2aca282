// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;

/** {@code vmm hello}: chooses the KVM for {@link HelloVmm}. */
final class HelloCommand {
  private HelloCommand() {}

  static Syntax syntax() {
    return Options.command("hello", "Runs a guest of a few bytes that prints a greeting.")
        .add(Options.kvmOption());
  }

  static int run(Options options, PrintStream out, PrintStream err)
      throws IOException, InterruptedException {
    if (useLab(options, err)) {
      return LabRun.ofThisProcess(options.verbose()).run();
    }
    HelloVmm.run(out);
    return 0;
  }

  static boolean useLab(Options options, PrintStream err) throws UsageException {
    return switch (options.kvm()) {
      case LAB -> true;
      case HOST -> false;
      // This guest needs no more than any KVM has.
      case AUTO -> !hostHasKvm(err);
    };
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
