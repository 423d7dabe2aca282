// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.util.List;
import org.javavmm.lab.DebianPackages;
import org.javavmm.lab.Lab;

/** {@code vmm lab -- CMD…}: a command in the lab. */
final class LabCommand {
  private LabCommand() {}

  static Syntax syntax() {
    Syntax syntax =
        Options.command(
                "lab",
                "Runs a command in a machine that has a real KVM, on a host that may have none."
                    + " The host's files are there under their own names.")
            .add(Options.value("--memory", "SIZE", "the lab's memory, by default 3G"))
            .add(Options.value("--cpus", "N", "the lab's CPUs, by default 2"))
            .add(Options.value("--kernel", "SERIES", "the lab's kernel, 6.1 (by default) or 6.12"))
            .arguments("CMD", "the command and its arguments, after --");
    return syntax;
  }

  static int run(Options options) throws IOException, InterruptedException {
    List<String> command = options.rest();
    if (command.isEmpty()) {
      throw new UsageException("no command; write vmm lab -- CMD...");
    }
    long memory = options.size("--memory", Lab.DEFAULT_MEMORY, Lab.MIN_MEMORY, 1L << 42);
    if (memory % (1L << 20) != 0) {
      throw new UsageException("--memory: must be a multiple of 1M");
    }
    Lab.Builder lab = Lab.builder().memory(memory);
    lab.cpus(
        options.number(
            "--cpus", Math.min(2, Runtime.getRuntime().availableProcessors()), 1, Lab.MAX_CPUS));
    String kernel = options.get("--kernel").orElse("6.1");
    if (!DebianPackages.kernelSeries().contains(kernel)) {
      throw new UsageException(
          "--kernel "
              + kernel
              + ": must be one of "
              + String.join(", ", DebianPackages.kernelSeries()));
    }
    lab.build().checkHost();
    HostPackages.requireForLab();
    return lab.kernel(kernel).progress(new Progress("lab")).build().run(command);
  }
}
