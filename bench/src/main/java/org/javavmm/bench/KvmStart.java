// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.IOException;
import java.util.Locale;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.Errno;
import org.javavmm.vmkvm.KvmMemory;

/**
 * A process of {@code bench/compare kvm}: from {@code main} to the first exit, and how it splits.
 * Prints a line for each step, or why it cannot.
 */
public final class KvmStart {
  private static final String[] NAMES = {
    "open", "createVm", "mapMemory", "createVcpu", "setRegisters", "firstRun",
  };

  private KvmStart() {}

  /**
   * Runs a guest up to its first exit.
   *
   * @param args none
   * @throws IOException if the guest cannot be run
   */
  public static void main(String[] args) throws IOException {
    long[] at = new long[NAMES.length + 1];
    at[0] = System.nanoTime();
    Kvm kvm;
    try {
      kvm = Kvm.open();
    } catch (KvmException e) {
      System.out.println("start.* n/a " + e.call() + ": " + Errno.name(e.errno()));
      return;
    }
    at[1] = System.nanoTime();
    Vm vm = kvm.createVm();
    at[2] = System.nanoTime();
    GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, SmallGuest.MEMORY).build();
    KvmMemory slots = KvmMemory.attach(vm, memory);
    memory.write(SmallGuest.CODE, SmallGuest.PORT_WRITE, 0, SmallGuest.PORT_WRITE.length);
    at[3] = System.nanoTime();
    Vcpu vcpu = vm.createVcpu(0);
    at[4] = System.nanoTime();
    SmallGuest.setRegisters(vcpu);
    at[5] = System.nanoTime();
    ExitReason reason = vcpu.run();
    at[6] = System.nanoTime();
    if (reason != ExitReason.IO || vcpu.exit().ioPort() != SmallGuest.PORT) {
      throw new IOException("the guest stopped: " + vcpu.exit());
    }
    for (int i = 0; i < NAMES.length; i++) {
      print(NAMES[i], at[i + 1] - at[i]);
    }
    print("total", at[NAMES.length] - at[0]);
    vcpu.close();
    vm.close();
    slots.close();
    memory.close();
    kvm.close();
  }

  private static void print(String step, long nanos) {
    System.out.println(String.format(Locale.ROOT, "start.%s %d", step, nanos));
  }
}
