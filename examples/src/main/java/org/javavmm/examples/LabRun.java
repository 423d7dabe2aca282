// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.lab.Lab;

/**
 * This very command again, inside the lab, where it uses the KVM it finds there. The lab sees the
 * host's files under their own names, so that the arguments mean the same.
 */
final class LabRun {
  /** For the kernel of the lab, the JVM in it and what the monitor itself takes. */
  private static final long OVERHEAD = 1536L << 20;

  private final List<String> command;
  private final boolean verbose;
  private long guestMemory;
  private int guestCpus = 1;

  private LabRun(List<String> command, boolean verbose) {
    this.command = command;
    this.verbose = verbose;
  }

  /** The command line of this process, told to use the KVM where it runs. */
  static LabRun ofThisProcess(boolean verbose) throws IOException {
    // Whole, where ProcessHandle.info() cuts long ones.
    String line = Files.readString(Path.of("/proc/self/cmdline"));
    List<String> command = new ArrayList<>(List.of(line.split("\0", -1)));
    command.removeLast(); // what follows the last NUL
    command.set(0, Path.of("/proc/self/exe").toRealPath().toString());
    command.add(1, "-D" + KvmChoice.PROPERTY + "=host");
    return new LabRun(command, verbose);
  }

  /** Refuses, before anything is fetched, what this host cannot give. */
  static void checkHost(long guestMemory) throws IOException {
    Lab.builder().memory(labMemory(guestMemory)).build().checkHost();
  }

  private static long labMemory(long guestMemory) {
    long mib = 1L << 20;
    return Math.max(Lab.DEFAULT_MEMORY, (guestMemory + OVERHEAD + mib - 1) / mib * mib);
  }

  /** Makes the lab large enough for a guest. */
  LabRun forGuest(long memory, int cpus) {
    guestMemory = memory;
    guestCpus = cpus;
    return this;
  }

  /** Runs the command in the lab and gives its status. */
  int run() throws IOException, InterruptedException {
    HostPackages.requireForLab();
    Lab.Builder lab =
        Lab.builder()
            .memory(labMemory(guestMemory))
            .cpus(Math.max(guestCpus, Math.min(2, Runtime.getRuntime().availableProcessors())))
            .directory(Path.of("").toAbsolutePath());
    if (!verbose) {
      lab.progress(new Progress("lab"));
    }
    return lab.build().run(command);
  }
}
