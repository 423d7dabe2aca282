// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.KvmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The machine without a KVM, and its words. */
class VmmTest {
  @Test
  void numberOfVcpus() {
    for (int cpus : new int[] {Integer.MIN_VALUE, -1, 0, 255, Integer.MAX_VALUE}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Vmm.builder().cpus(cpus));
      assertEquals("cpus=" + cpus + " is not in 1..254", e.getMessage());
    }
    var _ = Vmm.builder().cpus(1).cpus(254);
  }

  @Test
  void missingDevice(@TempDir Path folder) {
    String path = folder.resolve("kvm").toString();
    KvmException e =
        assertThrows(KvmException.class, () -> Vmm.builder().kvm(path).build().close());
    assertTrue(e.toString().contains("open(" + path + "): ENOENT"), e::toString);
    assertTrue(e.toString().contains("load the module kvm_intel or kvm_amd"), e::toString);
  }

  @Test
  void anotherDevice() {
    KvmException e =
        assertThrows(KvmException.class, () -> Vmm.builder().kvm("/dev/null").build().close());
    assertTrue(e.toString().contains("this file is not KVM"), e::toString);
  }

  @Test
  void reasonsInWords() {
    assertEquals("the guest powered off", new StopReason.PowerOff().describe());
    assertEquals("the guest asked for a reset", new StopReason.Reset().describe());
    assertEquals("the guest exited with status 3", new StopReason.Exit(3).describe());
    assertEquals("stopped by SIGINT", new StopReason.HostRequest("SIGINT").describe());
    assertEquals("vCPU 2: lost", new StopReason.GuestFailure(2, "lost", "rip").describe());
    assertEquals(
        "vcpu1 failed: java.lang.Error: oh",
        new StopReason.MonitorFailure("vcpu1", new Error("oh")).describe());
  }

  @Test
  void undoClosesInReverse() {
    List<String> closed = new ArrayList<>();
    try (Undo undo = new Undo()) {
      var _ = undo.on((AutoCloseable) () -> closed.add("first"));
      var _ = undo.on((AutoCloseable) () -> closed.add("second"));
    }
    assertEquals(List.of("second", "first"), closed);
    try (Undo undo = new Undo()) {
      var _ = undo.on((AutoCloseable) () -> closed.add("third"));
      undo.keep();
    }
    assertEquals(2, closed.size());
  }
}
