// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.javavmm.sys.OwnedFd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the end of a VM waits for, with files in place of the kernel's descriptors. */
class VmCloseTest {
  @TempDir private Path folder;

  private OwnedFd open(String name) throws Exception {
    return OwnedFd.openReadWrite(Files.writeString(folder.resolve(name), "").toString());
  }

  /**
   * A device, statistics or private memory keep the VM in the kernel until a call has left them.
   */
  @Test
  void aCallInsideADeviceHoldsTheCloseUp() throws Exception {
    Vm vm = new Vm(open("vm"), 4096);
    OwnedFd device = vm.own(open("device"));
    var _ = device.acquire();
    Thread closer = Thread.ofPlatform().start(vm::close);
    // Closed or about to wait, whichever is sooner.
    while (closer.isAlive()
        && !(device.isClosed() && closer.getState() == Thread.State.TIMED_WAITING)) {
      Thread.onSpinWait();
    }
    assertTrue(closer.isAlive(), "closed though a call is inside");
    assertFalse(vm.isClosed());
    assertEquals(1, Descriptors.to(folder.resolve("device").toString()));
    device.release();
    closer.join();
    assertTrue(vm.isClosed());
    assertEquals(0, Descriptors.to(folder.toString()));
    vm.close();
  }

  @Test
  void nothingIsOwnedPastTheClose() throws Exception {
    Vm vm = new Vm(open("vm"), 4096);
    vm.close();
    OwnedFd late = open("late");
    assertEquals(
        "VM is closed", assertThrows(IllegalStateException.class, () -> vm.own(late)).getMessage());
    assertTrue(late.isClosed());
    assertEquals(0, Descriptors.to(folder.toString()));
  }
}
