// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.MsiVector;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.DirtyBitmap;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.RegionSpec;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.FaultInjection;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;

/** Lets each system call of a VM's life fail in turn: what was made is always given back. */
@NeedsKvm
class FaultWalkTest {
  private static final long LOCAL_APICS = 0xfee0_0000L;

  /** What no call here fails with on its own. */
  private static final int ENOBUFS = 105;

  /** Errors that a closing met, as their causes. */
  private final List<Throwable> heard = new ArrayList<>();

  private void close(AutoCloseable what) throws Exception {
    try {
      what.close();
    } catch (IllegalStateException e) {
      heard.add(e.getCause() == null ? e : e.getCause());
      // Whatever was refused once is done now, or was done nevertheless.
      what.close();
    }
  }

  private void everything(Vm vm, GuestMemory memory) throws Exception {
    vm.createIrqchip();
    KvmMemory slots = KvmMemory.attach(vm, memory);
    try {
      GuestRegion region = memory.regions().getFirst();
      slots.setDirtyLogging(region, true);
      slots.fetchDirty(region, new DirtyBitmap(region.size(), 4096));
      slots.setDirtyLogging(region, false);
      slots.remove(region);
      var _ = slots.add(region);
      interrupts(vm);
      doorbells(vm);
    } finally {
      close(slots);
    }
  }

  private void interrupts(Vm vm) throws Exception {
    GsiRoutes routes = GsiRoutes.forIrqchip(vm);
    KvmMsiController controller = KvmMsiController.of(vm, routes);
    try {
      MsiVector first = controller.allocate("first");
      first.route(LOCAL_APICS, 0x41);
      controller.allocate("second").route(LOCAL_APICS, 0x42);
      first.trigger();
      close(first);
      controller.allocate("third").route(LOCAL_APICS, 0x43);
    } finally {
      close(controller);
      assertEquals(0, controller.vectors());
      assertEquals(List.of(), routes.taken());
    }
    close(KvmInterruptLine.connect(vm, 4));
    close(KvmLevelLine.connect(vm, 5));
  }

  private void doorbells(Vm vm) throws Exception {
    try (EventFd event = EventFd.create("doorbell")) {
      KvmDoorbells doorbells = KvmDoorbells.of(vm);
      try {
        var first = doorbells.connect(event, DoorbellAddress.mmio(0x10_0000, 4));
        var _ = doorbells.connect(event, DoorbellAddress.pio(0x50, 2));
        close(first);
      } finally {
        close(doorbells);
        assertEquals(List.of(), doorbells.connected());
      }
    }
  }

  private static GuestMemory memory() throws SystemCallException {
    return GuestMemory.builder()
        .anonymous("low", 0, 0x4000)
        .region(RegionSpec.anonymous("high", 0x1_0000, 0x4000).dirtyLog())
        .build();
  }

  @Test
  void nothingLeaksWhicheverCallFails() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      int calls = 0;
      int unheard = 0;
      boolean hit = true;
      for (int n = 1; hit; n++) {
        heard.clear();
        long before = Descriptors.to("anon_inode:");
        GuestMemory memory = memory();
        Vm vm = kvm.createVm();
        FaultInjection fault = FaultInjection.failNth(n, ENOBUFS).onThread(Thread.currentThread());
        try (fault) {
          everything(vm, memory);
        } catch (SystemCallException e) {
          heard.add(e);
        } catch (IllegalStateException e) {
          // A write to an eventfd, which has no checked exception.
          assertTrue(String.valueOf(e.getMessage()).contains("ENOBUFS"), e.toString());
          heard.add(e);
        }
        hit = fault.hits() > 0;
        String what = "call " + n + ", " + fault.hitCall();
        if (hit) {
          calls++;
          if (heard.isEmpty()) {
            unheard += fault.hitCall().equals("ioctl") ? 1 : 0;
            assertTrue(
                List.of("close", "ioctl").contains(fault.hitCall()), () -> "unheard: " + what);
          }
          for (Throwable t : heard) {
            String text = String.valueOf(t.getMessage());
            assertTrue(text.contains("ENOBUFS"), what + ": " + text);
            assertTrue(!(t instanceof KvmException) || text.startsWith("KVM_"), text);
          }
        }
        // The leases are gone: the memory can be closed before the VM.
        memory.close();
        vm.close();
        assertEquals(before, Descriptors.to("anon_inode:"), what);
      }
      assertTrue(calls > 40, "only " + calls + " calls");
      // A table that need not be smaller at once is the one thing that is tried again unheard.
      assertEquals(3, unheard);
    }
  }
}
