// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.javavmm.vmm.KvmProbe;

/**
 * Whether a monitor that boots Linux uses the host's KVM or the lab. A small guest finds out what
 * the host's KVM can do; its answer is kept until the host boots again.
 */
final class KvmSelection {
  private static final Path DEVICE = Path.of("/dev/kvm");
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final String SUFFICES = "suffices";

  private KvmSelection() {}

  /** Decides, and says on standard error why where the user left it open. */
  static boolean useLab(KvmChoice choice, Path cache, PrintStream err) {
    return switch (choice) {
      case HOST -> false;
      case LAB -> true;
      case AUTO -> {
        String answer = probe(cache);
        boolean lab = !answer.equals(SUFFICES);
        err.println(
            lab
                ? "vmm: using the lab, a machine with a real KVM inside QEMU: " + answer
                : "vmm: using the host's /dev/kvm: it has all that Linux needs");
        yield lab;
      }
    };
  }

  private static String probe(Path cache) {
    Path file = cache.resolve("kvm-probe");
    String key = key();
    try {
      List<String> lines = Files.readAllLines(file);
      if (lines.size() == 2 && lines.getFirst().equals(key)) {
        return lines.get(1);
      }
    } catch (IOException e) {
      // Not there or not readable: ask the guest.
    }
    KvmProbe.Result result = KvmProbe.run(DEVICE.toString());
    String answer = result.runsLinux() ? SUFFICES : result.describe();
    try {
      Files.createDirectories(cache);
      Path temporary = Files.createTempFile(cache, "kvm-probe", ".tmp");
      Files.writeString(temporary, key + "\n" + answer + "\n");
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      // Without a cache the next start asks again.
    }
    return answer;
  }

  /** What an answer holds for: this boot of the host, and this device and its permissions. */
  private static String key() {
    try {
      String boot = Files.readString(BOOT_ID).strip();
      String device =
          Files.exists(DEVICE)
              ? Files.getLastModifiedTime(DEVICE) + " " + Files.isWritable(DEVICE)
              : "none";
      return boot + " " + device + " " + System.getProperty("user.name");
    } catch (IOException e) {
      return "unknown";
    }
  }
}
