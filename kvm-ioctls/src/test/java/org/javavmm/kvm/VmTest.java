// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.Mapping;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The system and VM objects: slots, interrupts, several vCPUs, closing. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class VmTest {
  private static String refused(org.junit.jupiter.api.function.Executable call) {
    return String.valueOf(assertThrows(KvmException.class, call).getMessage());
  }

  @Test
  void system() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      assertEquals(12, kvm.apiVersion());
      assertTrue(kvm.maxVcpus() >= 1);
      kvm.require(Cap.USER_MEMORY, Cap.IMMEDIATE_EXIT);
      kvm.require();
      assertTrue(kvm.checkExtension(Cap.NR_MEMSLOTS) >= 32);
      assertTrue(kvm.supportedCpuid().find(0, 0).isPresent());
    }
  }

  @Test
  void aVmOutlivesTheSystem() throws Exception {
    Kvm kvm = Kvm.open();
    Vm vm;
    try (kvm) {
      vm = kvm.createVm();
    }
    kvm.close();
    assertThrows(IllegalStateException.class, kvm::createVm);
    try (vm;
        Vcpu vcpu = vm.createVcpu(0)) {
      assertEquals(0, vcpu.getRegs().rax());
    }
  }

  @Test
  void slotMessages() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      long hva = guest.memory.address();
      Vm vm = guest.vm;
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION(slot=3, gpa=0x1000, size=0x800): EINVAL (size is not a"
              + " multiple of the page size)",
          refused(() -> vm.setUserMemoryRegion(3, 0, 0x1000, 0x800, hva)));
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION(slot=3, gpa=0x100800, size=0x1000): EINVAL (address is not a"
              + " multiple of the page size)",
          refused(() -> vm.setUserMemoryRegion(3, 0, 0x10_0800, 0x1000, hva)));
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION(slot=1, gpa=0xf000, size=0x1000): EEXIST (overlaps another"
              + " slot)",
          refused(() -> vm.setUserMemoryRegion(1, 0, 0xf000, 0x1000, hva)));
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION(slot=32768, gpa=0x100000, size=0x1000): EINVAL (a number, flag,"
              + " size or address is refused, or something of the slot cannot be changed)",
          refused(() -> vm.setUserMemoryRegion(32768, 0, 0x10_0000, 0x1000, hva)));
      vm.setUserMemoryRegion(1, 0, Guest.SIZE, 0x1000, hva);
      vm.setUserMemoryRegion(1, 0, Guest.SIZE, 0, 0);
    }
  }

  @Test
  void otherMessages() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt");
        EventFd event = EventFd.create("test")) {
      Vm vm = guest.vm;
      assertEquals(
          "KVM_CREATE_IRQCHIP(): EEXIST (the VM has its interrupt controllers)",
          refused(vm::createIrqchip));
      assertEquals(
          "KVM_CREATE_VCPU(id=0): EEXIST (a vCPU has the number)", refused(() -> vm.createVcpu(0)));
      assertEquals(
          "KVM_CREATE_VCPU(id=1000000): EINVAL (the number is not below KVM_CAP_MAX_VCPU_ID, or there"
              + " are as many vCPUs as fit)",
          refused(() -> vm.createVcpu(1_000_000)));
      vm.createPit2(true);
      assertEquals(
          "KVM_CREATE_PIT2(flags=0): EEXIST (the VM has its timer)",
          refused(() -> vm.createPit2(false)));
      assertEquals(
          Errno.EINVAL,
          assertThrows(KvmException.class, () -> vm.setIdentityMapAddress(0x1000)).errno());
      vm.registerIrqfd(event, 5);
      assertEquals(
          "KVM_IRQFD(" + event.fd() + ", gsi=5, flags=0): EBUSY (busy)",
          refused(() -> vm.registerIrqfd(event, 5)));
      vm.unregisterIrqfd(event, 5);
      vm.registerIrqfd(event, 6);
    }
  }

  @Test
  void timerOfOld() throws Exception {
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      guest.vm.createPit();
      assertEquals(0, guest.vm.getPit2().flags());
      assertEquals("KVM_CREATE_PIT(): EEXIST (the VM has its timer)", refused(guest.vm::createPit));
    }
  }

  @Test
  void timerNeedsTheControllers() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      try {
        // As kvm_amd of 6.1 takes it.
        guest.vm.createPit2(false);
      } catch (KvmException e) {
        assertEquals(
            "KVM_CREATE_PIT2(flags=0): ENOENT (create the interrupt controllers first)",
            e.getMessage());
      }
      try {
        guest.vm.createPit();
      } catch (KvmException e) {
        assertEquals("KVM_CREATE_PIT()", e.call());
      }
      assertTrue(
          refused(() -> guest.vm.setIrqLine(4, true))
              .startsWith("KVM_IRQ_LINE(gsi=4, level=true): ENXIO"));
    }
  }

  /** Sets up the first PIC with vectors from 0x20, takes IRQ 4 alone, and waits. */
  private static final String INTERRUPTS =
      """
      fa                ; cli
      c7 06 90 00 00 11 ; mov word [0x90], 0x1100  (vector 0x24, offset)
      c7 06 92 00 00 00 ; mov word [0x92], 0       (segment)
      b0 11             ; mov al, 0x11
      e6 20             ; out 0x20, al
      b0 20             ; mov al, 0x20
      e6 21             ; out 0x21, al
      b0 04             ; mov al, 0x04
      e6 21             ; out 0x21, al
      b0 01             ; mov al, 0x01
      e6 21             ; out 0x21, al
      b0 ef             ; mov al, 0xef
      e6 21             ; out 0x21, al
      31 c9             ; xor cx, cx
      fb                ; sti
      e6 10             ; out 0x10, al
      f4                ; hlt
      eb fd             ; jmp the hlt
      """;

  /** At 0x1100: counts, tells the count, ends the interrupt. */
  private static final String HANDLER =
      """
      41                ; inc cx
      88 c8             ; mov al, cl
      e6 11             ; out 0x11, al
      b0 20             ; mov al, 0x20
      e6 20             ; out 0x20, al
      cf                ; iret
      """;

  @Test
  void irqfdDeliversEdges() throws Exception {
    try (Guest guest = Guest.withIrqchip(INTERRUPTS);
        EventFd event = EventFd.create("test")) {
      guest.load(0x1100, Code.of(HANDLER));
      guest.vm.registerIrqfd(event, 4);
      guest.expectOut(0x10, 1, 0xef);
      for (int i = 1; i <= 100; i++) {
        event.signal();
        guest.expectOut(0x11, 1, i);
      }
      guest.vm.unregisterIrqfd(event, 4);
      event.signal();
      // Nobody takes the signal away any more.
      assertEquals(1, event.drain());
    }
  }

  @Test
  void irqLineDeliversEdges() throws Exception {
    try (Guest guest = Guest.withIrqchip(INTERRUPTS)) {
      guest.load(0x1100, Code.of(HANDLER));
      guest.expectOut(0x10, 1, 0xef);
      for (int i = 1; i <= 100; i++) {
        guest.vm.setIrqLine(4, true);
        guest.vm.setIrqLine(4, false);
        guest.expectOut(0x11, 1, i);
      }
    }
  }

  /** Sends INIT and a start-up interrupt for address 0x2000 to APIC 1, through the local APIC. */
  private static final String START_SECOND =
      """
      bb f0 00 e0 fe    ; mov ebx, 0xfee000f0
      c7 03 ff 01 00 00 ; mov dword [rbx], 0x1ff: an APIC that is off sends nothing
      bb 00 03 e0 fe          ; mov ebx, 0xfee00300
      c7 43 10 00 00 00 01    ; mov dword [rbx+0x10], 0x01000000
      c7 03 00 45 00 00       ; mov dword [rbx], 0x4500
      c7 03 02 46 00 00       ; mov dword [rbx], 0x4602
      e6 12                   ; out 0x12, al
      f4                      ; hlt
      """;

  @Test
  void applicationProcessorReenters() throws Exception {
    try (Guest guest = Guest.withIrqchip(START_SECOND)) {
      guest.longMode();
      guest.load(0x2000, Code.of("b0 77 ; mov al, 0x77\n e6 13 ; out 0x13, al\n f4 ; hlt"));
      Vcpu second = guest.vm.createVcpu(1);
      AtomicInteger reenters = new AtomicInteger();
      AtomicReference<@Nullable Object> seen = new AtomicReference<>();
      Thread thread =
          Thread.ofPlatform()
              .name("second")
              .start(() -> {
                try {
                  ExitReason reason;
                  while ((reason = second.run()) == ExitReason.REENTER) {
                    reenters.incrementAndGet();
                  }
                  seen.set(reason == ExitReason.IO ? second.exit().toString() : reason);
                } catch (Exception e) {
                  seen.set(e);
                } finally {
                  second.detach();
                }
              });
      guest.expectOut(0x12, 1, 0);
      thread.join(3000);
      if (thread.isAlive()) {
        second.kick();
        thread.join();
        // Waiting for its start-up, it could be fetched like any other.
        assertEquals(ExitReason.INTERRUPTED, seen.get());
        assumeTrue(
            second.getMpState() != 1,
            "capability sipi: this KVM does not start application processors");
      }
      assertEquals("IO out port=0x13 size=1 count=1", seen.get());
      assertTrue(reenters.get() >= 1, "no re-entry after the start-up interrupt");
    }
  }

  @Test
  void closingWithAnAttachedThreadIsRefused() throws Exception {
    try (Guest guest = Guest.realMode("eb fe ; jmp itself")) {
      Vcpu second = guest.vm.createVcpu(1);
      CountDownLatch attached = new CountDownLatch(1);
      AtomicReference<@Nullable Object> seen = new AtomicReference<>();
      Thread thread =
          Thread.ofPlatform()
              .name("runner")
              .start(() -> {
                try {
                  guest.vcpu.attach();
                  attached.countDown();
                  seen.set(guest.run());
                } catch (Exception e) {
                  seen.set(e);
                } finally {
                  guest.vcpu.detach();
                }
              });
      attached.await();
      IllegalStateException run = assertThrows(IllegalStateException.class, guest.vcpu::run);
      assertEquals("vCPU 0 is run by thread runner; detach it first", run.getMessage());
      IllegalStateException close = assertThrows(IllegalStateException.class, guest.vcpu::close);
      assertEquals("vCPU 0 is run by thread runner; end that first", close.getMessage());
      assertThrows(IllegalStateException.class, guest.vm::close);
      // The VM is open as before: slots can be changed, another vCPU used or closed.
      assertFalse(guest.vm.isClosed());
      second.close();
      guest.vm.createVcpu(2).close();
      guest.vcpu.kick();
      thread.join();
      assertEquals(ExitReason.INTERRUPTED, seen.get());
      guest.vm.close();
      assertTrue(guest.vm.isClosed());
      guest.vm.close();
      assertThrows(IllegalStateException.class, () -> guest.vm.createVcpu(3));
    }
  }

  @Test
  void aThreadThatEndedDoesNotHoldTheVcpu() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      Thread.ofPlatform().start(guest.vcpu::attach).join();
      guest.vcpu.kick();
      assertEquals(ExitReason.INTERRUPTED, guest.vcpu.run());
      guest.expectHlt();
    }
  }

  @Test
  void closingLeavesNothing() throws Exception {
    // Loaded and warmed up.
    try (Guest guest = Guest.withIrqchip("f4 ; hlt")) {
      assertEquals(0, guest.vcpu.getMpState());
    }
    long before = Descriptors.to("anon_inode:kvm");
    long devices = Descriptors.to("/dev/kvm");
    for (int i = 0; i < 20; i++) {
      try (Guest guest = Guest.realMode("f4 ; hlt")) {
        Vcpu second = guest.vm.createVcpu(1);
        assertEquals(before + 3, Descriptors.to("anon_inode:kvm"));
        switch (i % 3) {
          case 0 -> second.close();
          case 1 -> guest.vm.close();
          default -> guest.vcpu.close();
        }
      }
      assertEquals(before, Descriptors.to("anon_inode:kvm"));
      assertEquals(devices, Descriptors.to("/dev/kvm"));
    }
  }

  @Test
  void closingWhileVcpusAreCreatedLeavesNothing() throws Exception {
    long before = Descriptors.to("anon_inode:kvm");
    for (int round = 0; round < 50; round++) {
      try (Kvm kvm = Kvm.open();
          Vm vm = kvm.createVm()) {
        CountDownLatch started = new CountDownLatch(1);
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Thread creator =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    for (int id = 0; id < 200; id++) {
                      Vcpu _ = vm.createVcpu(id);
                      started.countDown();
                    }
                  } catch (IllegalStateException e) {
                    // The VM was closed.
                  } catch (Throwable t) {
                    failure.set(t);
                  } finally {
                    started.countDown();
                  }
                });
        started.await();
        vm.close();
        // Whatever was created, nothing of the VM is left once close has returned.
        assertEquals(before, Descriptors.to("anon_inode:kvm"));
        creator.join();
        assertEquals(null, failure.get());
        assertEquals(before, Descriptors.to("anon_inode:kvm"));
      }
    }
  }

  @Test
  void memoryMayGoOnceTheVmIsClosed() throws Exception {
    Guest guest = Guest.realMode("f4 ; hlt");
    Mapping memory = guest.memory;
    guest.expectHlt();
    guest.close();
    assertThrows(IllegalStateException.class, () -> memory.segment().fill((byte) 1));
  }
}
