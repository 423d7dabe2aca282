// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.EventFd;

/** What all connections to a VM have in common when they end. */
final class Ending {
  private Ending() {}

  /** An ioctl that ends something in the VM. */
  interface Ioctl {
    void run() throws KvmException;
  }

  /** Ends something, unless the VM is closed, with which it went. */
  static void end(Vm vm, Ioctl ending) throws KvmException {
    if (!vm.isClosed()) {
      try {
        ending.run();
        return;
      } catch (IllegalStateException e) {
        // Closed by another thread meanwhile.
        if (!vm.isClosed()) {
          throw e;
        }
      }
    }
    // It goes when the last call inside the VM has returned, for which this waits.
    vm.close();
  }

  /**
   * Disconnects and closes an irqfd's eventfd. Should KVM refuse, the connection ends nevertheless:
   * with the eventfd's last descriptor.
   */
  static void disconnect(Vm vm, EventFd event, int gsi, String what) {
    try {
      end(vm, () -> vm.unregisterIrqfd(event, gsi));
    } catch (KvmException e) {
      throw new IllegalStateException(what + " cannot be disconnected", e);
    } finally {
      event.close();
    }
  }
}
