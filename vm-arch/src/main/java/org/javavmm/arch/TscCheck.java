// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;

/**
 * Finds and mends a vCPU whose time stamp counter stands still.
 *
 * <p>KVM remembers the host's TSC frequency when its module is loaded. Where the host corrects its
 * own measure of it later, as Linux does within its first seconds, and the processor neither scales
 * nor promises a constant TSC (a host that is a virtual machine itself, often), KVM finds its
 * default out of tolerance, reports "user requested TSC rate below hardware speed" in the host's
 * log and goes on with a scale of 0. The guest's {@code RDTSC} works, but KVM takes its TSC for
 * constant: the TSC deadline timer never ends, and the guest waits for its first tick. Asking for
 * the host's frequency sets a scale that works.
 *
 * <p>Thread-safe; it allocates.
 */
public final class TscCheck {
  private static final int MSR_IA32_TSC = 0x10;

  /** {@code KVM_SET_TSC_KHZ} with the host's frequency, as the host knows it now. */
  private static final int HOST_KHZ = 0;

  private TscCheck() {}

  /** A vCPU's counter. */
  interface Counter {
    long read() throws KvmException;

    void useHostRate() throws KvmException;
  }

  /**
   * Makes sure that the time stamp counter of a vCPU runs. {@link BootState#reset} does it.
   *
   * <p>A frequency that was set before and that KVM could not give is replaced by the host's; one
   * that KVM gives is left alone.
   *
   * @param vcpu the vCPU
   * @return whether the counter stood still and runs now; false if there was nothing to mend
   * @throws KvmException if KVM refuses
   * @throws IllegalStateException if the counter stands still with the host's frequency, too
   */
  public static boolean ensureRuns(Vcpu vcpu) throws KvmException {
    return ensureRuns(
        new Counter() {
          @Override
          public long read() throws KvmException {
            return vcpu.getMsrs(MSR_IA32_TSC).entries().getFirst().data();
          }

          @Override
          public void useHostRate() throws KvmException {
            vcpu.setTscKhz(HOST_KHZ);
          }

          @Override
          public String toString() {
            return "vCPU " + vcpu.id();
          }
        });
  }

  static boolean ensureRuns(Counter counter) throws KvmException {
    if (runs(counter)) {
      return false;
    }
    counter.useHostRate();
    if (!runs(counter)) {
      throw new IllegalStateException(
          counter + ": the time stamp counter stands still, even at the host's frequency");
    }
    return true;
  }

  /** Between two system calls a counter counts hundreds; that of no known host stands. */
  private static boolean runs(Counter counter) throws KvmException {
    long first = counter.read();
    return counter.read() != first;
  }
}
