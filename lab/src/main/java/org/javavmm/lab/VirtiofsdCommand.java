// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The arguments of virtiofsd, which serves the host's root to the lab. */
final class VirtiofsdCommand {
  /** What virtiofsd would set by itself, if it may. */
  private static final long FILES = 1_000_000;

  private VirtiofsdCommand() {}

  static List<String> of(Tools tools, Path socket) throws LabException {
    boolean root = isRoot();
    List<String> command = new ArrayList<>();
    if (!root) {
      // The sandbox needs the right to chroot, and a place for a record below /run: both exist in
      // namespaces of the user's own.
      command.add(tools.get("unshare").toString());
      command.addAll(
          List.of(
              "--map-root-user",
              "--mount",
              "/bin/sh",
              "-c",
              "mount -t tmpfs run /run && exec \"$@\"",
              "sh"));
    }
    // After unshare, which would undo it.
    command.add(tools.get("setpriv").toString());
    command.addAll(List.of("--pdeathsig", "KILL", "--"));
    command.add(tools.get("virtiofsd").toString());
    command.addAll(
        List.of(
            "-f",
            "--socket-path=" + socket,
            "--rlimit-nofile=" + fileLimit(),
            "-o",
            "source=/",
            "-o",
            "sandbox=chroot",
            // Pages stay cached when a file is opened again, or each JVM would read its libraries
            // anew. What the host changes is noticed by the file's time, which is asked for again
            // after a second.
            "-o",
            "cache=always",
            "-o",
            "timeout=1",
            "-o",
            "log_level=warn"));
    return command;
  }

  static String remedy() {
    return isRoot()
        ? ""
        : " (without root, user namespaces are needed: sysctl kernel.unprivileged_userns_clone=1)";
  }

  static boolean isRoot() {
    return status("Uid:", 2).equals("0");
  }

  /** The most that may be set without a privilege. */
  private static long fileLimit() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
        if (line.startsWith("Max open files")) {
          String hard = line.substring("Max open files".length()).strip().split(" +", -1)[1];
          return hard.equals("unlimited") ? FILES : Math.min(FILES, Long.parseLong(hard));
        }
      }
    } catch (IOException | NumberFormatException | IndexOutOfBoundsException e) {
      return 0; // Leaves the limit as it is.
    }
    return 0;
  }

  private static String status(String key, int column) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith(key)) {
          return line.split("\\s+", -1)[column];
        }
      }
    } catch (IOException | IndexOutOfBoundsException e) {
      return "";
    }
    return "";
  }
}
