// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The probe on the KVM that is there, whatever it is. */
@NeedsKvm
class KvmProbeKvmTest {
  private static final List<String> ALL =
      List.of("int3", "popcnt", "cmpxchg16b", "SSE in ring 0", "syscall from ring 3");

  @Test
  void endsWithASaneResult() {
    KvmProbe.Result result = KvmProbe.run("/dev/kvm");
    System.out.println("KvmProbe: " + result.describe());
    assertInstanceOf(KvmProbe.Probed.class, result);
    assertTrue(ALL.containsAll(result.missing()), result::toString);
    assertEquals(result.missing().isEmpty(), result.runsLinux());
    // The order is fixed, and so is the answer.
    assertEquals(result.missing(), ALL.stream().filter(f -> result.missing().contains(f)).toList());
    assertEquals(result, KvmProbe.run("/dev/kvm"));
  }

  @Test
  void leavesNothingOpen() throws IOException {
    long before = descriptors();
    assertInstanceOf(KvmProbe.Probed.class, KvmProbe.run("/dev/kvm"));
    assertEquals(before, descriptors());
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return Files.readSymbolicLink(fd).toString().contains("kvm");
                } catch (IOException e) {
                  return false; // closed meanwhile
                }
              })
          .count();
    }
  }
}
