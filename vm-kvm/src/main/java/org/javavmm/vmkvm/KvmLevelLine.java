// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;

/**
 * A level-triggered interrupt of the controllers in the kernel, raised through an irqfd with
 * resample ({@link Cap#IRQFD_RESAMPLE}). Thread-safe.
 *
 * <p>Asserting the line is one write to an eventfd. KVM lowers the line when the guest ends the
 * interrupt (EOI) and then signals {@link #resampleEvent}; whoever watches that calls {@link
 * #resampled}, which raises the line again if the device still wants it. Without somebody who does,
 * a device that interrupts again before its first interrupt ended is never heard.
 *
 * <p>What a guest sees:
 *
 * <ul>
 *   <li>No interrupt is lost: while the device wants the line, it is up, or about to be.
 *   <li>Taking the line back does not lower it before the guest ends the interrupt. So an interrupt
 *       may be spurious: the device has no reason for it any more. Each call that asserts the line,
 *       and each call of {@link #resampled} that finds it asserted, leads to at most one interrupt;
 *       a guest that masks the line while it serves the device sees one for each that it served.
 *   <li>Between the end of an interrupt and the call of {@link #resampled} the line is low, though
 *       the device wants it.
 *   <li>The line stays high while the guest ignores it, and nothing is signalled anew.
 * </ul>
 *
 * <p>Several lines may share a GSI, if all are of this class: KVM raises the pin when one is
 * asserted, and signals all when the interrupt ends. A {@link SharedLevelLine} in front of one does
 * the same with two descriptors in all. A line must not share its GSI with edge-triggered ones.
 */
public final class KvmLevelLine implements LevelLine, AutoCloseable {
  private final Vm vm;
  private final int gsi;
  private final EventFd event;
  private final EventFd resample;
  private final LevelState state;
  private volatile boolean closed;

  private KvmLevelLine(Vm vm, int gsi, EventFd event, EventFd resample) {
    this.vm = vm;
    this.gsi = gsi;
    this.event = event;
    this.resample = resample;
    this.state =
        new LevelState(
            new LevelState.Wire() {
              @Override
              public void raise() {
                event.signal();
              }

              @Override
              public void takeNotices() {
                var _ = resample.drain();
              }
            });
  }

  /**
   * Connects a line, which is low.
   *
   * @param vm the VM, which has its interrupt controllers
   * @param gsi the global system interrupt, 0 to 23 for the pins of the IOAPIC
   * @return the line
   * @throws IllegalStateException if the VM is closed
   * @throws SystemCallException if the process has no descriptor left, or if KVM refuses: {@code
   *     EINVAL} if the controllers are not in the kernel
   */
  public static KvmLevelLine connect(Vm vm, int gsi) throws SystemCallException {
    EventFd event = EventFd.create("level interrupt " + gsi);
    try {
      EventFd resample = EventFd.create("resample of interrupt " + gsi);
      try {
        vm.registerIrqfd(event, resample, gsi);
      } catch (KvmException | RuntimeException e) {
        resample.close();
        throw e;
      }
      return new KvmLevelLine(vm, gsi, event, resample);
    } catch (SystemCallException | RuntimeException e) {
      event.close();
      throw e;
    }
  }

  /** {@return the global system interrupt} */
  public int gsi() {
    return gsi;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if the line must be raised, but is closed
   */
  @Override
  public void setLevel(boolean asserted) {
    state.setLevel(asserted);
  }

  /** {@return whether the device wants the line, whatever its state in KVM} */
  public boolean isAsserted() {
    return state.wanted();
  }

  /** {@return what KVM signals when an interrupt ended; it belongs to the line} */
  public EventFd resampleEvent() {
    return resample;
  }

  /**
   * To be called when {@link #resampleEvent} was signalled, by one thread or several. A call too
   * many does no harm but for an interrupt that may be spurious. Allocates nothing; does nothing
   * once closed.
   */
  public void resampled() {
    if (closed) {
      return;
    }
    try {
      state.resampled();
    } catch (IllegalStateException e) {
      // Closed meanwhile: a loop's last event may be late.
      if (!closed) {
        throw e;
      }
    }
  }

  /**
   * Disconnects the line, which lowers it unless another shares its GSI. Closing twice is safe, and
   * so is closing after the VM. What watches {@link #resampleEvent} is to stop first.
   *
   * @throws IllegalStateException if KVM refuses; the line is disconnected nevertheless
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      Ending.disconnect(vm, event, gsi, toString());
    } finally {
      resample.close();
    }
  }

  @Override
  public String toString() {
    return "level interrupt " + gsi;
  }
}
