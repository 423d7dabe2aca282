// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.List;
import java.util.function.Consumer;
import org.javavmm.device.Bus;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.VcpuExit;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.Errno;

/**
 * Runs one vCPU on the thread that calls {@link #run} and takes its accesses to the buses, until it
 * is asked to stop. In steady state an exit takes no lock and allocates nothing here.
 */
final class VcpuLoop {
  private static final int KVM_SYSTEM_EVENT_SHUTDOWN = 1;
  private static final int KVM_SYSTEM_EVENT_RESET = 2;

  /**
   * What all vCPUs of a machine have in common.
   *
   * @param kvmclockCtrl whether KVM can tell a guest that it was paused
   */
  record Shared(
      Bus pio,
      Bus mmio,
      GuestMemory memory,
      Consumer<StopReason> stop,
      PauseGate gate,
      BootTimeline timeline,
      boolean kvmclockCtrl) {}

  private final Vcpu vcpu;
  private final Bus pio;
  private final Bus mmio;
  private final GuestMemory memory;
  private final Consumer<StopReason> stop;
  private final PauseGate gate;
  private final BootTimeline timeline;
  private final boolean kvmclockCtrl;

  /** Read after a kick; written before it. */
  private volatile boolean stopping;

  VcpuLoop(Vcpu vcpu, Shared shared) {
    this.vcpu = vcpu;
    this.pio = shared.pio;
    this.mmio = shared.mmio;
    this.memory = shared.memory;
    this.stop = shared.stop;
    this.gate = shared.gate;
    this.timeline = shared.timeline;
    this.kvmclockCtrl = shared.kvmclockCtrl;
  }

  Vcpu vcpu() {
    return vcpu;
  }

  /** Makes {@link #run} return soon. Any thread. */
  void stop() {
    stopping = true;
    vcpu.kick();
    gate.wake();
  }

  /** Makes the thread look at the gate soon. Any thread. */
  void pause() {
    vcpu.kick();
  }

  /** Runs the guest. The vCPU is attached to the calling thread already. */
  void run() throws KvmException {
    gate.enter(vcpu.id());
    try {
      loop();
    } catch (KvmException | InternalError e) {
      // What a lost page of guest memory looks like, to KVM and to a device's code.
      String lost = lost();
      if (lost.isEmpty()) {
        throw e;
      }
      stop.accept(failure(e.getMessage() + lost));
    } finally {
      gate.leave(vcpu.id());
    }
  }

  /** The first entry; what is asked or noted once is not asked at every exit. */
  private ExitReason first() throws KvmException {
    if (gate.isClosed()) {
      gate.await(vcpu.id(), () -> stopping);
    }
    if (vcpu.id() != 0) { // the boot processor's APIC id, whatever the topology
      return vcpu.run();
    }
    timeline.mark(BootTimeline.Mark.FIRST_INSTRUCTION);
    ExitReason reason = vcpu.run();
    if (reason == ExitReason.IO || reason == ExitReason.MMIO) {
      timeline.mark(BootTimeline.Mark.KERNEL);
    }
    return reason;
  }

  /**
   * Waits at the gate, if it is closed. The entry that was interrupted has completed the access
   * before it: KVM takes a device's answer before it looks at {@code immediate_exit}.
   */
  private void waitAtGate() throws KvmException {
    if (!gate.isClosed()) {
      return;
    }
    gate.await(vcpu.id(), () -> stopping);
    if (stopping || !kvmclockCtrl) {
      return;
    }
    try {
      // So that the guest's watchdog takes the pause for what it is.
      vcpu.kvmclockCtrl();
    } catch (KvmException e) {
      // The guest has no kvmclock, or not yet.
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
    }
  }

  private String lost() {
    List<String> problems = memory.backingProblems();
    return problems.isEmpty() ? "" : ": " + String.join("; ", problems);
  }

  private void loop() throws KvmException {
    VcpuExit exit = vcpu.exit();
    for (ExitReason reason = first(); ; reason = vcpu.run()) {
      // Not in the switch: its table would be two more cache lines right after the kernel.
      if (reason == ExitReason.IO) {
        portAccess(exit);
        continue;
      }
      if (reason == ExitReason.MMIO) {
        if (memory.allows(exit.mmioAddress(), 1, exit.mmioIsWrite() ? Access.WRITE : Access.READ)) {
          // A KVM that interprets the guest calls a lost page a device's.
          stop.accept(failure("no page behind " + exit + lost()));
          return;
        }
        mmioAccess(exit);
        continue;
      }
      switch (reason) {
        case REENTER -> {}
        case INTERRUPTED -> {
          waitAtGate();
          if (stopping) {
            return;
          }
        }
        case SYSTEM_EVENT -> {
          stop.accept(
              switch (exit.systemEventType()) {
                case KVM_SYSTEM_EVENT_SHUTDOWN -> new StopReason.PowerOff();
                case KVM_SYSTEM_EVENT_RESET -> new StopReason.Reset();
                default -> failure(exit.toString());
              });
          return;
        }
        case SHUTDOWN -> {
          stop.accept(failure("triple fault"));
          return;
        }
        case HLT -> {
          stop.accept(failure("halted for good: there is no interrupt controller to wake it"));
          return;
        }
        default -> {
          stop.accept(failure(exit.toString()));
          return;
        }
      }
    }
  }

  private void portAccess(VcpuExit exit) {
    int port = exit.ioPort();
    int size = exit.ioSize();
    int count = exit.ioCount();
    if (exit.ioIsWrite()) {
      for (int i = 0; i < count; i++) {
        pio.write(port, size, exit.ioData(i));
      }
    } else {
      for (int i = 0; i < count; i++) {
        exit.setIoData(i, pio.read(port, size));
      }
    }
  }

  private void mmioAccess(VcpuExit exit) {
    long gpa = exit.mmioAddress();
    int size = exit.mmioSize();
    if (Integer.bitCount(size) != 1) {
      mmioBytes(exit, gpa, size);
    } else if (exit.mmioIsWrite()) {
      mmio.write(gpa, size, exit.mmioData());
    } else {
      exit.setMmioData(mmio.read(gpa, size));
    }
  }

  /** KVM cuts an access at page boundaries, so that odd widths can come; no device has any. */
  private void mmioBytes(VcpuExit exit, long gpa, int size) {
    long data = exit.mmioData();
    if (exit.mmioIsWrite()) {
      for (int i = 0; i < size; i++) {
        mmio.write(gpa + i, 1, data >>> (8 * i) & 0xff);
      }
      return;
    }
    long answer = 0;
    for (int i = 0; i < size; i++) {
      answer |= (mmio.read(gpa + i, 1) & 0xff) << (8 * i);
    }
    exit.setMmioData(answer);
  }

  private StopReason failure(String what) {
    return new StopReason.GuestFailure(vcpu.id(), what, VcpuState.describe(vcpu, memory));
  }
}
