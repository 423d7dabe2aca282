// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import org.javavmm.device.InterruptLine;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;

/** An edge-triggered interrupt of KVM's controllers, raised through an irqfd. Thread-safe. */
public final class KvmInterruptLine implements InterruptLine, AutoCloseable {
  private final Vm vm;
  private final int gsi;
  private final EventFd event;

  private KvmInterruptLine(Vm vm, int gsi, EventFd event) {
    this.vm = vm;
    this.gsi = gsi;
    this.event = event;
  }

  /**
   * Connects a line.
   *
   * @param vm the VM, which has its interrupt controllers
   * @param gsi the global system interrupt, 0 to 23 for the pins of the IOAPIC
   * @return the line
   * @throws SystemCallException if KVM refuses or the process has no descriptor left
   */
  public static KvmInterruptLine connect(Vm vm, int gsi) throws SystemCallException {
    EventFd event = EventFd.create("interrupt " + gsi);
    try {
      vm.registerIrqfd(event, gsi);
    } catch (KvmException | RuntimeException e) {
      event.close();
      throw e;
    }
    return new KvmInterruptLine(vm, gsi, event);
  }

  /** {@return the global system interrupt} */
  public int gsi() {
    return gsi;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if closed
   */
  @Override
  public void trigger() {
    event.signal();
  }

  /**
   * Disconnects the line. Closing twice is safe, and so is closing after the VM.
   *
   * @throws IllegalStateException if KVM refuses; the line is disconnected nevertheless
   */
  @Override
  public synchronized void close() {
    if (event.fd().isClosed()) {
      return;
    }
    Ending.disconnect(vm, event, gsi, toString());
  }

  @Override
  public String toString() {
    return "interrupt " + gsi;
  }
}
