// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.GuestMemFd;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.DirtyBitmap;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;
import org.javavmm.memory.RegionSpec;
import org.javavmm.sys.Errno;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Slots and the leases behind them, in every order of closing. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class KvmMemoryTest {
  private static final long SIZE = 64 << 10;
  private static final int CODE = 0x1000;

  /** Writes one byte to 0x2000 for ever, telling each time. */
  private static final byte[] WRITER = {
    (byte) 0xa2,
    0x00,
    0x20, // mov [0x2000], al
    (byte) 0xe6,
    0x10, // out 0x10, al
    (byte) 0xeb,
    (byte) 0xf9 // jmp 0x1000
  };

  private static GuestMemory memory() throws Exception {
    return GuestMemory.builder()
        .anonymous("low", 0, SIZE)
        .anonymous("high", 0x10_0000, SIZE)
        .build();
  }

  private static void start(Vcpu vcpu) throws KvmException {
    Sregs sregs = vcpu.getSregs();
    vcpu.setSregs(sregs.cs(sregs.cs().at(0, 0)));
    vcpu.setRegs(new Regs().rip(CODE).rax(0x5a).rflags(2));
  }

  private static List<List<String>> holders(GuestMemory memory) {
    return memory.regions().stream().map(region -> region.holders()).toList();
  }

  @Test
  void leasesAreHeldWhileSlotsExist() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory();
        Vm vm = kvm.createVm()) {
      KvmMemory slots = KvmMemory.attach(vm, memory);
      assertEquals(List.of(List.of("KVM slot 0"), List.of("KVM slot 1")), holders(memory));
      IllegalStateException e = assertThrows(IllegalStateException.class, memory::close);
      assertEquals("region low [0x0..0xffff] is still leased by KVM slot 0", e.getMessage());
      memory.putByte(0, (byte) 1); // refused as a whole, so that it is usable as before
      slots.close();
      assertEquals(List.of(List.of(), List.of()), holders(memory));
      slots.close();
      memory.close();
      assertThrows(GuestMemoryException.class, () -> memory.getByte(0));
    }
  }

  @Test
  void theGuestWritesAndLosesItsMemory() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory =
            GuestMemory.builder()
                .anonymous("code", 0, 0x2000)
                .anonymous("data", 0x2000, 0x1000)
                .build();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      memory.write(CODE, WRITER);
      start(vcpu);
      assertEquals(ExitReason.IO, vcpu.run());
      assertEquals(0x5a, memory.getByte(0x2000));
      memory.putByte(0x2000, (byte) 0);

      slots.close();
      memory.close();
      // Nothing is left to execute: KVM asks for the code as if it were a device, or gives up.
      ExitReason reason = vcpu.run();
      assertFalse(reason == ExitReason.IO || reason == ExitReason.HLT, () -> "" + vcpu.exit());
    }
  }

  @Test
  void aDeletedSlotIsMmio() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory code = GuestMemory.builder().anonymous("code", 0, 0x2000).build();
        GuestMemory data = GuestMemory.builder().anonymous("data", 0x2000, 0x1000).build();
        Vm vm = kvm.createVm();
        KvmMemory codeSlots = KvmMemory.attach(vm, code);
        Lease lease = data.regions().getFirst().lease("test");
        Vcpu vcpu = vm.createVcpu(0)) {
      vm.setUserMemoryRegion(7, 0, 0x2000, 0x1000, lease.hva());
      code.write(CODE, WRITER);
      start(vcpu);
      assertEquals(ExitReason.IO, vcpu.run());
      assertEquals(0x5a, data.getByte(0x2000));
      data.putByte(0x2000, (byte) 0);
      vm.setUserMemoryRegion(7, 0, 0x2000, 0, 0);
      assertEquals(ExitReason.MMIO, vcpu.run());
      assertEquals("MMIO write gpa=0x2000 size=1", vcpu.exit().toString());
      assertEquals(0, data.getByte(0x2000));
      codeSlots.close();
    }
  }

  @Test
  void slotsMayBeClosedAfterTheVm() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory()) {
      Vm vm = kvm.createVm();
      Vcpu vcpu = vm.createVcpu(0);
      KvmMemory slots = KvmMemory.attach(vm, memory);
      vm.close();
      assertThrows(IllegalStateException.class, vcpu::run);
      // The VM is gone, the leases end only now.
      assertEquals(List.of(List.of("KVM slot 0"), List.of("KVM slot 1")), holders(memory));
      slots.close();
      assertEquals(List.of(List.of(), List.of()), holders(memory));
    }
  }

  @Test
  void slotsKeepTheirLeasesWhileAVcpuRuns() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory)) {
      Vcpu vcpu = vm.createVcpu(0);
      memory.write(CODE, new byte[] {(byte) 0xeb, (byte) 0xfe}); // jmp itself
      start(vcpu);
      Thread thread =
          Thread.ofPlatform()
              .name("vcpu0")
              .start(() -> {
                try {
                  while (vcpu.run() == ExitReason.REENTER) {
                    // until the kick
                  }
                } catch (KvmException e) {
                  throw new IllegalStateException(e);
                } finally {
                  vcpu.detach();
                }
              });
      // Neither the VM nor the memory can go away below a running guest.
      assertThrows(IllegalStateException.class, memory::close);
      vcpu.kick();
      thread.join();
      vcpu.close();
      slots.close();
      memory.close();
    }
  }

  @Test
  void aRefusedSlotLeavesNone() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory taken = GuestMemory.builder().anonymous("taken", 0x10_0000, SIZE).build();
        GuestMemory memory = memory();
        Vm vm = kvm.createVm();
        Lease lease = taken.regions().getFirst().lease("test")) {
      vm.setUserMemoryRegion(9, 0, 0x10_0000, SIZE, lease.hva());
      KvmException e = assertThrows(KvmException.class, () -> KvmMemory.attach(vm, memory).close());
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION(slot=1, gpa=0x100000, size=0x10000): EEXIST (overlaps another"
              + " slot)",
          e.getMessage());
      assertEquals(List.of(List.of(), List.of()), holders(memory));
      vm.setUserMemoryRegion(9, 0, 0x10_0000, 0, 0);
      // Slot 0 was deleted again, so its place is free.
      KvmMemory.attach(vm, memory).close();
    }
  }

  @Test
  void closedVmOrMemoryIsRefused() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory();
        GuestMemory closed = memory();
        Vm vm = kvm.createVm()) {
      closed.close();
      assertThrows(IllegalStateException.class, () -> KvmMemory.attach(vm, closed).close());
      vm.close();
      assertThrows(IllegalStateException.class, () -> KvmMemory.attach(vm, memory).close());
      assertEquals(List.of(List.of(), List.of()), holders(memory));
    }
  }

  /**
   * A guest writes to one region in a loop while that region is taken away, unmapped and mapped
   * anew. Whatever the host maps where the region was must stay as it is.
   */
  @Test
  void memoryIsReplacedUnderAWritingGuest() throws Exception {
    // Each is slow where the processor is emulated: there a run asks for fewer.
    int rounds = Integer.getInteger("vmm.rounds", 10_000);
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = GuestMemory.builder().resizable().build();
        Vm vm = kvm.createVm();
        Vcpu vcpu = vm.createVcpu(0)) {
      memory.addRegion(RegionSpec.anonymous("code", 0, 0x2000));
      GuestRegion data = memory.addRegion(RegionSpec.anonymous("data 0", 0x2000, 0x1000));
      memory.write(CODE, new byte[] {(byte) 0xa2, 0x00, 0x20, (byte) 0xeb, (byte) 0xfb});
      KvmMemory slots = KvmMemory.attach(vm, memory);
      start(vcpu);
      vcpu.detach();
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      Thread thread = Thread.ofPlatform().name("vcpu0").start(() -> spin(vcpu, stop, failure));
      int refused = 0;
      Mapping sentinel = Mapping.anonymous(0x1000);
      sentinel.segment().fill((byte) 0x77);
      for (int i = 1; i <= rounds; i++) {
        GuestRegion old = data;
        while (memory.getByte(0x2000) != 0x5a && failure.get() == null) {
          Thread.onSpinWait();
        }
        IllegalStateException e =
            assertThrows(IllegalStateException.class, () -> memory.removeRegion(old));
        assertEquals(
            "region " + old.name() + " [0x2000..0x2fff] is still leased by KVM slot 1",
            e.getMessage());
        refused++;
        if (i % 100 == 0) {
          assertThrows(IllegalStateException.class, memory::close);
        }
        long freed;
        try (Lease lease = old.lease("test")) {
          freed = lease.hva();
        }
        slots.remove(old);
        memory.removeRegion(old);
        assertUntouched(sentinel);
        sentinel.close();
        sentinel = Mapping.fixedAt(freed, 0x1000);
        sentinel.segment().fill((byte) 0x77);
        data = memory.addRegion(RegionSpec.anonymous("data " + i, 0x2000, 0x1000));
        assertEquals(1, slots.add(data));
        assertUntouched(sentinel);
      }
      stop.set(true);
      vcpu.kick();
      thread.join();
      assertEquals(rounds, refused);
      assertNull(failure.get());
      assertUntouched(sentinel);
      sentinel.close();
      vcpu.close();
      slots.close();
    }
  }

  private static void spin(
      Vcpu vcpu, AtomicBoolean stop, AtomicReference<@Nullable Throwable> failure) {
    try {
      vcpu.attach();
      while (!stop.get()) {
        // While its memory is away the guest's writes are MMIO.
        ExitReason reason = vcpu.run();
        if (reason != ExitReason.MMIO
            && reason != ExitReason.INTERRUPTED
            && reason != ExitReason.REENTER) {
          throw new AssertionError(vcpu.exit().toString());
        }
      }
    } catch (Throwable t) {
      failure.set(t);
    } finally {
      vcpu.detach();
    }
  }

  private static void assertUntouched(Mapping sentinel) {
    for (long at = 0; at < sentinel.size(); at += 8) {
      assertEquals(
          0x7777_7777_7777_7777L, sentinel.segment().get(ValueLayout.JAVA_LONG, at), "at " + at);
    }
  }

  @Test
  void aReadOnlyRegionIsReadOnlyForTheGuest() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory =
            GuestMemory.builder()
                .anonymous("code", 0, 0x2000)
                .region(
                    RegionSpec.anonymous("rom", 0x2000, 0x1000)
                        .contents(rom -> rom.set(ValueLayout.JAVA_BYTE, 0, (byte) 7))
                        .readOnly())
                .build();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      memory.write(CODE, WRITER);
      start(vcpu);
      assertEquals(ExitReason.MMIO, vcpu.run());
      assertEquals("MMIO write gpa=0x2000 size=1", vcpu.exit().toString());
      assertEquals(7, memory.getByte(0x2000));
      GuestRegion rom = memory.regions().getLast();
      slots.remove(rom);
      assertEquals(
          "region rom [0x2000..0x2fff] has no slot here",
          assertThrows(IllegalArgumentException.class, () -> slots.remove(rom)).getMessage());
    }
  }

  @Test
  void aTruncatedFileUnderTheGuestHasAName() throws Exception {
    Path path = Files.createTempFile("vm-kvm", null);
    Files.write(path, new byte[0x1000]);
    try (Kvm kvm = Kvm.open();
        OwnedFd file = OwnedFd.openReadWrite(path.toString());
        GuestMemory memory =
            GuestMemory.builder()
                .anonymous("code", 0, 0x2000)
                .region(RegionSpec.file("pmem", 0x2000, 0x1000, file, 0))
                .build();
        Vm vm = kvm.createVm();
        KvmMemory _ = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      memory.write(CODE, WRITER);
      start(vcpu);
      Files.write(path, new byte[0]);
      try {
        // A KVM that interprets the guest finds no memory there: a device's, then.
        assertEquals(ExitReason.MMIO, vcpu.run());
      } catch (KvmException e) {
        assertEquals(Errno.EFAULT, e.errno());
      }
      assertEquals(
          List.of(
              "region pmem [0x2000..0x2fff]: "
                  + memory.regions().getLast().file().orElseThrow()
                  + " was truncated to 0 bytes; the region ends at 4096"),
          memory.backingProblems());
    } finally {
      Files.delete(path);
    }
  }

  @Test
  void nothingIsLeftOpen() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      long before = Descriptors.to("anon_inode:");
      for (int i = 0; i < 20; i++) {
        try (GuestMemory memory = memory();
            Vm vm = kvm.createVm();
            KvmMemory _ = KvmMemory.attach(vm, memory);
            Vcpu vcpu = vm.createVcpu(0)) {
          start(vcpu);
          assertEquals(before + 2, Descriptors.to("anon_inode:"));
        }
      }
      assertEquals(before, Descriptors.to("anon_inode:"));
    }
  }

  @Test
  void theGuestsWritesAreLogged() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory =
            GuestMemory.builder()
                .region(RegionSpec.anonymous("ram", 0, SIZE).dirtyLog())
                .anonymous("plain", 0x10_0000, SIZE)
                .build();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      GuestRegion ram = memory.regions().getFirst();
      GuestRegion plain = memory.regions().getLast();
      assertEquals(
          """
          slots
            0 region ram [0x0..0xffff] logged
            1 region plain [0x100000..0x10ffff]
          """,
          slots.toString());
      assertEquals(1, slots.slot(plain));
      memory.write(CODE, WRITER);
      start(vcpu);
      assertEquals(ExitReason.IO, vcpu.run());
      memory.putByte(0x5000, (byte) 1);
      DirtyBitmap dirty = new DirtyBitmap(SIZE, 4096);
      slots.fetchDirty(ram, dirty);
      assertTrue(dirty.get(CODE), "the monitor's");
      assertTrue(dirty.get(0x2000), "the guest's");
      assertTrue(dirty.get(0x5000), "the monitor's");
      assertFalse(dirty.get(0x6000));
      dirty.clear();
      slots.fetchDirty(ram, dirty);
      assertFalse(dirty.get(0x2000), "fetched before");
      assertEquals(ExitReason.IO, vcpu.run());
      slots.fetchDirty(ram, dirty);
      assertTrue(dirty.get(0x2000), "watched again");

      assertEquals(
          "KVM does not log region plain [0x100000..0x10ffff]",
          assertThrows(IllegalStateException.class, () -> slots.fetchDirty(plain, dirty))
              .getMessage());
      assertEquals(
          "region ram [0x0..0xffff] has 65536 bytes in pages of 4096, but the bitmap is of 8192 in"
              + " pages of 4096",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> slots.fetchDirty(ram, new DirtyBitmap(8192, 4096)))
              .getMessage());
    }
  }

  @Test
  void loggingIsTurnedOnAndOffUnderAGuest() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      GuestRegion low = memory.regions().getFirst();
      memory.write(CODE, WRITER);
      start(vcpu);
      DirtyBitmap dirty = new DirtyBitmap(SIZE, 4096);
      for (int i = 0; i < 3; i++) {
        assertEquals(ExitReason.IO, vcpu.run());
        assertFalse(slots.isDirtyLogging(low));
        slots.setDirtyLogging(low, true);
        slots.setDirtyLogging(low, true);
        assertTrue(slots.isDirtyLogging(low));
        dirty.clear();
        slots.fetchDirty(low, dirty);
        assertFalse(dirty.get(0x2000));
        assertEquals(ExitReason.IO, vcpu.run());
        slots.fetchDirty(low, dirty);
        assertTrue(dirty.get(0x2000));
        slots.setDirtyLogging(low, false);
        assertThrows(IllegalStateException.class, () -> slots.fetchDirty(low, dirty));
        assertEquals(List.of("KVM slot 0"), low.holders());
      }
    }
  }

  @Test
  void pagesAreCleanedByHand() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = memory();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      assumeTrue(
          vm.checkExtension(Cap.MANUAL_DIRTY_LOG_PROTECT2) != 0,
          "capability manual dirty log: this KVM lacks KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
      slots.cleanPagesByHand(false);
      GuestRegion low = memory.regions().getFirst();
      memory.write(CODE, WRITER);
      start(vcpu);
      slots.setDirtyLogging(low, true);
      DirtyBitmap dirty = new DirtyBitmap(SIZE, 4096);
      for (int i = 0; i < 3; i++) {
        dirty.clear();
        slots.fetchDirty(low, dirty);
        assertEquals(i > 0, dirty.get(0x2000));
        dirty.clear();
        slots.fetchDirty(low, dirty);
        assertFalse(dirty.get(0x2000), "cleaned");
        assertEquals(ExitReason.IO, vcpu.run());
      }
    }
  }

  @Test
  void privateMemoryStandsBesideARegion() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory =
            GuestMemory.builder()
                .region(RegionSpec.anonymous("shared", 0x10_0000, SIZE).dirtyLog())
                .build();
        Vm vm = kvm.createVm();
        KvmMemory slots = KvmMemory.attach(vm, GuestMemory.builder().resizable().build())) {
      GuestRegion region = memory.regions().getFirst();
      boolean has = vm.checkExtension(Cap.GUEST_MEMFD) != 0;
      assumeTrue(has, "capability guest_memfd: this KVM lacks KVM_CAP_GUEST_MEMFD");
      long before = Descriptors.to("anon_inode:");
      try (GuestMemFd privateMemory = vm.createGuestMemfd(2 * SIZE, 0)) {
        KvmException e =
            assertThrows(
                KvmException.class, () -> slots.add(region, privateMemory, 2 * SIZE - 0x1000));
        assertEquals(Errno.EINVAL, e.errno());
        assertEquals(List.of(), region.holders());
        assertEquals(0, slots.add(region, privateMemory, SIZE));
        assertEquals(
            "slots\n  0 region shared [0x100000..0x10ffff] with guest_memfd of 131072 bytes\n",
            slots.toString());
        assertFalse(slots.isDirtyLogging(region), "KVM has no log of such memory");
        KvmException refused =
            assertThrows(KvmException.class, () -> slots.setDirtyLogging(region, true));
        assertTrue(refused.call().endsWith(", offset=0x10000)"), refused.call());
        assertFalse(slots.isDirtyLogging(region));
        slots.remove(region);
        assertEquals(List.of(), region.holders());
        assertEquals(0, slots.add(region, privateMemory, 0));
      }
      slots.close();
      assertEquals(before, Descriptors.to("anon_inode:"));
    }
  }
}
