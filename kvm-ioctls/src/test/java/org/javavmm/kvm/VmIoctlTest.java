// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The ioctls of the system, the VM and devices, each with arguments good and bad. */
@NeedsKvm
@SuppressWarnings("try") // closing early is part of what is tested
class VmIoctlTest {
  private static final String STOP = "f4 ; hlt";

  private static String refused(Executable call) {
    return String.valueOf(assertThrows(KvmException.class, call).getMessage());
  }

  private static void assertRefused(String start, Executable call) {
    String message = refused(call);
    assertTrue(message.startsWith(start), message);
  }

  private static String misuse(Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /**
   * Skips if KVM says that it lacks a capability and refuses what needs it; the error must name
   * what was asked.
   */
  private static void needs(Vm vm, Cap cap, String start, Executable call) throws Exception {
    if (vm.checkExtension(cap) > 0) {
      return;
    }
    try {
      call.execute();
    } catch (KvmException e) {
      assertTrue(e.toString().contains(start), e::toString);
      assumeTrue(false, "capability KVM_CAP_" + cap + ": this KVM lacks it");
    } catch (Throwable t) {
      throw new AssertionError(cap.toString(), t);
    }
  }

  // System.

  @Test
  void everyCapabilityCanBeAskedFor() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      for (Cap cap : Cap.values()) {
        assertTrue(kvm.checkExtension(cap) >= 0, cap.name());
        assertTrue(vm.checkExtension(cap) >= 0, cap.name());
      }
      assertEquals(1, kvm.checkExtension(Cap.USER_MEMORY.number()));
      assertEquals(0, kvm.checkExtension(1_000_000));
    }
  }

  @Test
  void msrLists() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      int[] msrs = kvm.getMsrIndexList();
      // IA32_TIME_STAMP_COUNTER is a part of every vCPU's state.
      assertTrue(Arrays.stream(msrs).anyMatch(i -> i == 0x10), Arrays.toString(msrs));
      int[] features = kvm.getMsrFeatureIndexList();
      Msrs values = kvm.getFeatureMsrs(features);
      assertEquals(features.length, values.entries().size());
      assertEquals(0, kvm.getFeatureMsrs().entries().size());
      assertEquals(
          "KVM_GET_MSRS(nmsrs=1): EINVAL (stopped at number 0, MSR 0xffffffff)",
          refused(() -> kvm.getFeatureMsrs(-1)));
    }
  }

  @Test
  void cpuidLists() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      if (kvm.checkExtension(Cap.EXT_EMUL_CPUID) == 0) {
        assertRefused("KVM_GET_EMULATED_CPUID(nent=256): ", kvm::emulatedCpuid);
      } else {
        assertFalse(kvm.emulatedCpuid().entries().isEmpty());
      }
      if (kvm.checkExtension(Cap.SYS_HYPERV_CPUID) == 0) {
        assertRefused("KVM_GET_SUPPORTED_HV_CPUID(nent=256): ", kvm::supportedHvCpuid);
      } else {
        assertTrue(kvm.supportedHvCpuid().find(0x4000_0000, 0).isPresent());
      }
    }
  }

  @Test
  void machineCheckCapability() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      assumeTrue(kvm.checkExtension(Cap.MCE) > 0, "capability KVM_CAP_MCE: this KVM lacks it");
      // MCG_CTL_P and MCG_SER_P.
      assertNotEquals(0, kvm.mceCapSupported() & ((1 << 8) | (1 << 24)));
    }
  }

  @Test
  void systemAttributes() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      DeviceAttributes attributes = kvm.attributes();
      assertFalse(attributes.has(77, 77));
      boolean there =
          attributes.has(
              DeviceAttributes.KVM_X86_GRP_SYSTEM, DeviceAttributes.KVM_X86_XCOMP_GUEST_SUPP);
      assertEquals(kvm.checkExtension(Cap.SYS_ATTRIBUTES) > 0, there);
      assumeTrue(there, "capability KVM_CAP_SYS_ATTRIBUTES: this KVM lacks it");
      // x87 state is always a component.
      assertEquals(
          1,
          1
              & attributes.getLong(
                  DeviceAttributes.KVM_X86_GRP_SYSTEM, DeviceAttributes.KVM_X86_XCOMP_GUEST_SUPP));
      assertRefused(
          "KVM_GET_DEVICE_ATTR(/dev/kvm, group=77, attr=77): ", () -> attributes.getLong(77, 77));
    }
  }

  @Test
  void vmTypes() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      int types = kvm.checkExtension(Cap.VM_TYPES);
      for (VmType type : VmType.values()) {
        if (type == VmType.DEFAULT || (types & (1 << type.number())) != 0) {
          kvm.createVm(type).close();
        } else {
          assertEquals(
              "KVM_CREATE_VM(type="
                  + type.number()
                  + "): EINVAL (this KVM lacks VMs of type "
                  + type
                  + ")",
              refused(() -> kvm.createVm(type).close()));
        }
      }
    }
  }

  // Capabilities of a VM.

  @Test
  void enabling() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assertEquals(
          "args: 5, must be at most 4", misuse(() -> vm.enableCap(Cap.HALT_POLL, 1, 2, 3, 4, 5)));
      assertRefused("KVM_ENABLE_CAP(KVM_CAP_HLT, 0x1): EINVAL", () -> vm.enableCap(Cap.HLT, 1));
      vm.capabilities().haltPoll(100_000);
      vm.capabilities().exceptionPayload(true);
      vm.capabilities().exceptionPayload(false);
      assertRefused(
          "KVM_ENABLE_CAP(KVM_CAP_DISABLE_QUIRKS2, 0x4000000000000000): EINVAL",
          () -> vm.capabilities().disableQuirks2(1L << 62));
    }
  }

  private interface Enable {
    void on(VmCapabilities capabilities) throws KvmException;
  }

  @Test
  void everyTypedEnable() throws Exception {
    Map<Cap, Enable> enables = new java.util.EnumMap<>(Cap.class);
    enables.put(Cap.SPLIT_IRQCHIP, c -> c.splitIrqchip(24));
    enables.put(Cap.X2APIC_API, c -> c.x2apicApi(VmCapabilities.KVM_X2APIC_API_USE_32BIT_IDS));
    enables.put(
        Cap.MANUAL_DIRTY_LOG_PROTECT2,
        c -> c.manualDirtyLogProtect(VmCapabilities.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
    enables.put(
        Cap.X86_USER_SPACE_MSR, c -> c.userSpaceMsr(VmCapabilities.KVM_MSR_EXIT_REASON_FILTER));
    enables.put(Cap.EXCEPTION_PAYLOAD, c -> c.exceptionPayload(true));
    enables.put(Cap.HALT_POLL, c -> c.haltPoll(0));
    enables.put(
        Cap.X86_DISABLE_EXITS, c -> c.disableExits(VmCapabilities.KVM_X86_DISABLE_EXITS_PAUSE));
    enables.put(
        Cap.X86_BUS_LOCK_EXIT, c -> c.busLockExit(VmCapabilities.KVM_BUS_LOCK_DETECTION_EXIT));
    enables.put(
        Cap.X86_NOTIFY_VMEXIT,
        c -> c.notifyVmexit(1000, VmCapabilities.KVM_X86_NOTIFY_VMEXIT_ENABLED));
    enables.put(Cap.EXIT_HYPERCALL, c -> c.exitHypercall(1 << 12));
    enables.put(
        Cap.DISABLE_QUIRKS, c -> c.disableQuirks(VmCapabilities.KVM_X86_QUIRK_LINT0_REENABLED));
    enables.put(
        Cap.DISABLE_QUIRKS2, c -> c.disableQuirks2(VmCapabilities.KVM_X86_QUIRK_LINT0_REENABLED));
    enables.put(Cap.PMU_CAPABILITY, c -> c.pmuCapability(VmCapabilities.KVM_PMU_CAP_DISABLE));
    enables.put(Cap.MSR_PLATFORM_INFO, c -> c.msrPlatformInfo(false));
    enables.put(Cap.EXIT_ON_EMULATION_FAILURE, c -> c.exitOnEmulationFailure(true));
    enables.put(Cap.X86_TRIPLE_FAULT_EVENT, c -> c.tripleFaultEvent(true));
    enables.put(Cap.MAX_VCPU_ID, c -> c.maxVcpuId(2));
    List<Cap> lacking = new ArrayList<>();
    for (Map.Entry<Cap, Enable> enable : enables.entrySet()) {
      Cap cap = enable.getKey();
      try (Kvm kvm = Kvm.open();
          Vm vm = kvm.createVm()) {
        if (vm.checkExtension(cap) == 0) {
          lacking.add(cap);
        }
        enable.getValue().on(vm.capabilities());
      } catch (KvmException e) {
        // Some kernels take what they do not announce.
        assertTrue(lacking.contains(cap), e::toString);
        assertTrue(e.call().startsWith("KVM_ENABLE_CAP(KVM_CAP_" + cap + ", "), e::toString);
      }
    }
    // These are in every KVM since 5.10 and in this software KVM.
    assertFalse(lacking.contains(Cap.SPLIT_IRQCHIP), lacking::toString);
    assertFalse(lacking.contains(Cap.EXCEPTION_PAYLOAD), lacking::toString);
  }

  @Test
  void enablesThatNeedWhatIsRare() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        Vm other = kvm.createVm();
        OwnedFd file = OwnedFd.openReadOnly("/dev/null")) {
      VmCapabilities c = vm.capabilities();
      assertRefused("KVM_ENABLE_CAP(KVM_CAP_SGX_ATTRIBUTE, 0x", () -> c.sgxAttribute(file));
      assertRefused(
          "KVM_ENABLE_CAP(KVM_CAP_VM_COPY_ENC_CONTEXT_FROM, 0x",
          () -> c.copyEncryptionContextFrom(other));
      assertRefused(
          "KVM_ENABLE_CAP(KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM, 0x",
          () -> c.moveEncryptionContextFrom(other));
      assertRefused("KVM_ENABLE_CAP(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP", c::dirtyLogRingWithBitmap);
      assertRefused(
          "KVM_ENABLE_CAP(KVM_CAP_X86_APIC_BUS_CYCLES_NS, 0x0): EINVAL",
          () -> c.apicBusCyclesNs(0));
      try {
        c.disableNxHugePages();
      } catch (KvmException e) {
        assertEquals("KVM_ENABLE_CAP(KVM_CAP_VM_DISABLE_NX_HUGE_PAGES)", e.call());
      }
    }
  }

  // Memory.

  @Test
  void dirtyLogIsAsLargeAsTheSlot() throws Exception {
    // mov al, 1; mov [0x3000], al; mov [0x5001], al; out 0x10, al; mov [0x5fff], al; hlt
    try (Guest guest =
        Guest.realMode(
            """
            b0 01       ; mov al, 1
            a2 00 30    ; mov [0x3000], al
            a2 01 50    ; mov [0x5001], al
            e6 10       ; out 0x10, al
            a2 ff 5f    ; mov [0x5fff], al
            f4          ; hlt
            """)) {
      Vm vm = guest.vm;
      assertEquals("there is no slot 7", misuse(() -> vm.getDirtyLog(7)));
      assertEquals(
          "KVM_GET_DIRTY_LOG(slot=0): ENOENT (the slot does not log: it lacks"
              + " KVM_MEM_LOG_DIRTY_PAGES)",
          refused(() -> vm.getDirtyLog(0)));
      vm.setUserMemoryRegion(0, Vm.KVM_MEM_LOG_DIRTY_PAGES, 0, Guest.SIZE, guest.memory.address());
      guest.expectOut(0x10, 1, 1);
      DirtyLog log = vm.getDirtyLog(0);
      assertEquals(0, log.slot());
      assertEquals(Guest.SIZE / 4096, log.pages());
      // With nested paging KVM maps the page of the code writable and counts it as written.
      long code = 1L << (Guest.CODE >> 12);
      assertEquals((1L << 3) | (1L << 5), log.words()[0] & ~code);
      assertEquals(1, log.words().length);
      assertEquals(Long.bitCount(log.words()[0]), log.count());
      assertTrue(log.isDirty(3));
      assertFalse(log.isDirty(4));
      assertEquals("dirty log of slot 0: " + log.count() + " of 16 pages", log.toString());
      assertThrows(IndexOutOfBoundsException.class, () -> log.isDirty(16));
      assertThrows(IndexOutOfBoundsException.class, () -> log.isDirty(-1));
      guest.expectHlt();
      assertEquals(1L << 5, vm.getDirtyLog(0).words()[0] & ~code);
      assertEquals(0, vm.getDirtyLog(0).count());
      // Not cleared by hand without the capability... but reading did.
      vm.setUserMemoryRegion(0, 0, 0, 0, 0);
      assertEquals("there is no slot 0", misuse(() -> vm.getDirtyLog(0)));
    }
  }

  @Test
  void clearingByHand() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        Mapping memory = Mapping.anonymous(100 << 12)) {
      assumeTrue(
          vm.checkExtension(Cap.MANUAL_DIRTY_LOG_PROTECT2) > 0,
          "capability KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: this KVM lacks it");
      vm.capabilities()
          .manualDirtyLogProtect(
              VmCapabilities.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
                  | VmCapabilities.KVM_DIRTY_LOG_INITIALLY_SET);
      vm.setUserMemoryRegion(4, Vm.KVM_MEM_LOG_DIRTY_PAGES, 0, memory.size(), memory.address());
      DirtyLog all = vm.getDirtyLog(4);
      assertEquals(100, all.count());
      assertEquals(2, all.words().length);
      assertEquals(100, vm.getDirtyLog(4).count());
      // Of a part its own bits count: page 70 alone.
      MemorySegment bitmap = Arena.ofAuto().allocate(16, 8);
      bitmap.set(ValueLayout.JAVA_LONG, 8, 1L << 6);
      vm.clearDirtyLog(new DirtyLog(4, 100, bitmap), 64, 36);
      DirtyLog but = vm.getDirtyLog(4);
      assertEquals(99, but.count());
      assertFalse(but.isDirty(70));
      vm.clearDirtyLog(all, 64, 36);
      DirtyLog first = vm.getDirtyLog(4);
      assertEquals(64, first.count());
      assertFalse(first.isDirty(64));
      vm.clearDirtyLog(first, 0, 64);
      assertEquals(0, vm.getDirtyLog(4).count());
      for (long[] part : new long[][] {{1, 64}, {0, 63}, {0, 128}, {64, 64}, {-64, 64}, {0, 0}}) {
        assertEquals(
            "firstPage="
                + part[0]
                + ", count="
                + part[1]
                + " must be multiples of 64 within 100 pages, or end with them",
            misuse(() -> vm.clearDirtyLog(all, part[0], part[1])));
      }
      vm.setUserMemoryRegion(4, 0, 0, 0, 0);
      assertEquals("there is no slot 4", misuse(() -> vm.clearDirtyLog(all)));
      vm.setUserMemoryRegion(4, Vm.KVM_MEM_LOG_DIRTY_PAGES, 0, 64 << 12, memory.address());
      assertEquals("slot 4 has 64 pages, the log has 100", misuse(() -> vm.clearDirtyLog(all)));
      vm.clearDirtyLog(vm.getDirtyLog(4));
      vm.setUserMemoryRegion(4, 0, 0, 64 << 12, memory.address());
      DirtyLog old = new DirtyLog(4, 64, Arena.ofAuto().allocate(8, 8));
      assertRefused(
          "KVM_CLEAR_DIRTY_LOG(slot=4, first_page=0, num_pages=64): ENOENT (the slot does not",
          () -> vm.clearDirtyLog(old));
    }
  }

  @Test
  void aLogWithRingsIsNotAskedForThere() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        Mapping memory = Mapping.anonymous(1 << 12)) {
      assumeTrue(
          vm.checkExtension(Cap.DIRTY_LOG_RING) > 0,
          "capability KVM_CAP_DIRTY_LOG_RING: this KVM lacks it");
      vm.enableDirtyRing(1 << 10);
      vm.setUserMemoryRegion(0, Vm.KVM_MEM_LOG_DIRTY_PAGES, 0, memory.size(), memory.address());
      assertEquals(
          "KVM_GET_DIRTY_LOG(slot=0): ENXIO (this VM logs into rings)",
          refused(() -> vm.getDirtyLog(0)));
    }
  }

  @Test
  void memoryRegion2() throws Exception {
    try (Guest guest = Guest.realMode(STOP)) {
      Vm vm = guest.vm;
      long hva = guest.memory.address();
      needs(
          vm,
          Cap.USER_MEMORY2,
          "KVM_SET_USER_MEMORY_REGION2(slot=1, flags=0x1, gpa=0x10000, size=0x1000): ",
          () -> vm.setUserMemoryRegion2(1, 1, Guest.SIZE, 0x1000, hva));
      vm.setUserMemoryRegion2(1, Vm.KVM_MEM_LOG_DIRTY_PAGES, Guest.SIZE, 0x1000, hva);
      assertEquals(1, vm.getDirtyLog(1).pages());
      vm.setUserMemoryRegion2(1, 0, Guest.SIZE, 0, 0);
      assertEquals(
          "KVM_SET_USER_MEMORY_REGION2(slot=1, flags=0x0, gpa=0xf000, size=0x1000): EEXIST"
              + " (overlaps another slot)",
          refused(() -> vm.setUserMemoryRegion2(1, 0, 0xf000, 0x1000, hva)));
      guest.expectHlt();
    }
  }

  @Test
  void guestMemfd() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        Mapping memory = Mapping.anonymous(0x4000)) {
      needs(
          vm,
          Cap.GUEST_MEMFD,
          "KVM_CREATE_GUEST_MEMFD(size=0x4000, flags=0x0): ",
          () -> vm.createGuestMemfd(0x4000, 0).close());
      assertEquals(
          "KVM_CREATE_GUEST_MEMFD(size=0x4001, flags=0x0): EINVAL (size is not a positive multiple"
              + " of the page size)",
          refused(() -> vm.createGuestMemfd(0x4001, 0).close()));
      assertRefused(
          "KVM_CREATE_GUEST_MEMFD(size=0x4000, flags=0x4000000000000000): EINVAL",
          () -> vm.createGuestMemfd(0x4000, 1L << 62).close());
      try (GuestMemFd fd = vm.createGuestMemfd(0x4000, 0)) {
        assertEquals(0x4000, fd.size());
        assertEquals("guest_memfd of 16384 bytes", fd.toString());
        vm.setUserMemoryRegion2(2, 0, 0, 0x2000, memory.address(), fd, 0x2000);
        assertRefused(
            "KVM_SET_USER_MEMORY_REGION2(slot=3, flags=0x4, gpa=0x10000, size=0x2000, guest_memfd"
                + " of 16384 bytes, offset=0x3000): EINVAL",
            () -> vm.setUserMemoryRegion2(3, 0, 0x1_0000, 0x2000, memory.address(), fd, 0x3000));
      }
    }
  }

  @Test
  void memoryAttributes() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      String start = "KVM_SET_MEMORY_ATTRIBUTES(gpa=0x1000, size=0x1000, attributes=0x8): ";
      Executable call = () -> vm.setMemoryAttributes(0x1000, 0x1000, 8);
      needs(vm, Cap.MEMORY_ATTRIBUTES, start, call);
      vm.setMemoryAttributes(0x1000, 0x1000, Vm.KVM_MEMORY_ATTRIBUTE_PRIVATE);
      vm.setMemoryAttributes(0x1000, 0x1000, 0);
      assertRefused(
          "KVM_SET_MEMORY_ATTRIBUTES(gpa=0x1000, size=0x0, attributes=0x0): EINVAL",
          () -> vm.setMemoryAttributes(0x1000, 0, 0));
    }
  }

  @Test
  void preFault() throws Exception {
    try (Guest guest = Guest.realMode(STOP)) {
      needs(
          guest.vm,
          Cap.PRE_FAULT_MEMORY,
          "KVM_PRE_FAULT_MEMORY(vcpu=0, gpa=0x0, size=0x1000): ",
          () -> guest.vcpu.preFaultMemory(0, 0x1000));
      guest.vcpu.preFaultMemory(0, Guest.SIZE);
      assertRefused(
          "KVM_PRE_FAULT_MEMORY(vcpu=0, gpa=0x0, size=0x1): EINVAL",
          () -> guest.vcpu.preFaultMemory(0, 1));
      assertRefused(
          "KVM_PRE_FAULT_MEMORY(vcpu=0, gpa=0x40000000, size=0x1000): ENOENT",
          () -> guest.vcpu.preFaultMemory(0x4000_0000, 0x1000));
    }
  }

  @Test
  void encryptedRegionsAreRefusedByNameWithoutEncryption() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        OwnedFd firmware = OwnedFd.openReadWrite("/dev/null");
        Arena arena = Arena.ofConfined()) {
      assertEquals(
          "KVM_MEMORY_ENCRYPT_REG_REGION(addr=0x1000, size=0x1000): ENOTTY (this VM's memory is not"
              + " encrypted)",
          refused(() -> vm.registerEncryptedRegion(0x1000, 0x1000)));
      assertEquals(
          "KVM_MEMORY_ENCRYPT_UNREG_REGION(addr=0x1000, size=0x1000): ENOTTY (this VM's memory is"
              + " not encrypted)",
          refused(() -> vm.unregisterEncryptedRegion(0x1000, 0x1000)));
      MemorySegment command = arena.allocate(64, 8);
      assertEquals(
          "KVM_MEMORY_ENCRYPT_OP(): ENOTTY (this VM's memory is not encrypted)",
          refused(() -> vm.memoryEncryptOp(command)));
      assertRefused(
          "KVM_MEMORY_ENCRYPT_OP(KVM_SEV_GUEST_STATUS): ENOTTY",
          () -> vm.sev(firmware).guestStatus());
    }
  }

  // Coalesced accesses.

  @Test
  void coalescedPortWrites() throws Exception {
    try (Guest guest =
        Guest.realMode(
            """
            b0 11       ; mov al, 0x11
            e6 70       ; out 0x70, al
            b8 34 12    ; mov ax, 0x1234
            e7 72       ; out 0x72, ax
            e6 10       ; out 0x10, al
            e6 70       ; out 0x70, al
            f4          ; hlt
            """)) {
      needs(
          guest.vm,
          Cap.COALESCED_PIO,
          "KVM_REGISTER_COALESCED_MMIO(addr=0x70, size=4, pio=1): ",
          () -> guest.vm.registerCoalescedPio(0x70, 4));
      guest.vm.registerCoalescedPio(0x70, 4);
      CoalescedRing ring = guest.vcpu.coalescedRing();
      assertEquals(170, ring.capacity());
      assertFalse(ring.next());
      guest.expectOut(0x10, 1, 0x34);
      assertTrue(ring.next());
      assertEquals("70 1 11 true", text(ring));
      assertTrue(ring.next());
      assertEquals("72 2 1234 true", text(ring));
      assertFalse(ring.next());
      guest.vm.unregisterCoalescedPio(0x70, 4);
      guest.expectOut(0x70, 1, 0x34);
      guest.expectHlt();
      assertFalse(ring.next());
    }
  }

  private static String text(CoalescedRing ring) {
    return Long.toHexString(ring.address())
        + " "
        + ring.size()
        + " "
        + Long.toHexString(ring.data())
        + " "
        + ring.isPio();
  }

  @Test
  void coalescedMemoryWritesFillTheRing() throws Exception {
    // 200 words to 0x20000 and following: the ring has room for 169.
    try (Guest guest =
        Guest.realMode(
            """
            b8 00 20    ; mov ax, 0x2000
            8e d8       ; mov ds, ax
            31 db       ; xor bx, bx
            b9 c8 00    ; mov cx, 200
            89 0f       ; mov [bx], cx
            43          ; inc bx
            43          ; inc bx
            e2 fa       ; loop the mov
            f4          ; hlt
            """)) {
      guest.vm.registerCoalescedMmio(0x2_0000, 0x1000);
      CoalescedRing ring = guest.vcpu.coalescedRing();
      int seen = 0;
      int exits = 0;
      ExitReason reason;
      do {
        reason = guest.run();
        while (ring.next()) {
          assertEquals(0x2_0000 + 2 * seen, ring.address());
          assertEquals(2, ring.size());
          assertEquals(200 - seen, ring.data());
          assertFalse(ring.isPio());
          seen++;
        }
        if (reason == ExitReason.MMIO) {
          assertEquals(200 - seen, guest.exit.mmioData());
          exits++;
          seen++;
        }
      } while (reason == ExitReason.MMIO);
      assertEquals(ExitReason.HLT, reason);
      assertEquals(200, seen);
      assertEquals(1, exits, "a full ring is one exit");
      guest.vm.unregisterCoalescedMmio(0x2_0000, 0x1000);
    }
  }

  // Interrupts.

  @Test
  void controllersAreSavedAndRestored() throws Exception {
    try (Guest guest = Guest.withIrqchip(STOP)) {
      Vm vm = guest.vm;
      PicState master = vm.getPicMaster();
      PicState slave = vm.getPicSlave();
      assertNotEquals(master.elcrMask(), slave.elcrMask());
      IoapicState ioapic = vm.getIoapic();
      assertEquals(0xfec0_0000L, ioapic.baseAddress());
      List<Long> entries = new ArrayList<>(ioapic.redirtbl());
      entries.set(3, 0x0100_0000_0001_0044L);
      vm.setIoapic(new IoapicState(ioapic.baseAddress(), 0x10, ioapic.id(), ioapic.irr(), entries));
      assertEquals(0x10, vm.getIoapic().ioregsel());
      assertEquals(0x0100_0000_0001_0044L, vm.getIoapic().redirtbl().get(3));
      PicState changed =
          new PicState(0, 0, 0xa5, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, master.elcrMask());
      vm.setPicMaster(changed);
      assertEquals(changed, vm.getPicMaster());
      assertEquals(slave, vm.getPicSlave());
      vm.setPicSlave(slave);
    }
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assertRefused("KVM_GET_IRQCHIP(chip=0): ENXIO", vm::getPicMaster);
      assertRefused(
          "KVM_SET_IRQCHIP(chip=1): ENXIO",
          () -> vm.setPicSlave(new PicState(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
    }
  }

  @Test
  void timerIsSavedAndRestored() throws Exception {
    try (Guest guest = Guest.withIrqchip(STOP)) {
      Vm vm = guest.vm;
      assertRefused("KVM_GET_PIT2(): ENXIO", vm::getPit2);
      assertRefused(
          "KVM_REINJECT_CONTROL(pit_reinject=true): ENXIO", () -> vm.reinjectControl(true));
      vm.createPit2(true);
      PitState pit = vm.getPit2();
      assertEquals(3, pit.channels().size());
      PitState.Channel first = pit.channels().getFirst();
      PitState.Channel other =
          new PitState.Channel(
              0x1234, 7, 0, 0, 0, 0, 0, 0, 3, 2, 0, first.gate(), first.countLoadTime());
      vm.setPit2(
          new PitState(List.of(pit.channels().get(0), other, pit.channels().get(2)), pit.flags()));
      PitState.Channel set = vm.getPit2().channels().get(1);
      assertEquals(0x1234, set.count());
      assertEquals(7, set.latchedCount());
      assertEquals(2, set.mode());
      vm.reinjectControl(false);
      vm.reinjectControl(true);
    }
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      PitState.Channel zero = new PitState.Channel(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      assertRefused(
          "KVM_SET_PIT2(flags=0): ENXIO",
          () -> vm.setPit2(new PitState(List.of(zero, zero, zero), 0)));
    }
  }

  /** Takes interrupts of the local APIC: enables it, vector 0x44 leads to 0x1100, and waits. */
  private static final String MESSAGES =
      """
      66 c7 06 10 01 00 11 00 00 ; mov dword [0x110], 0x1100  (vector 0x44, 0:0x1100)
      fb                         ; sti
      e6 10                      ; out 0x10, al
      f4                         ; hlt
      eb fd                      ; jmp the hlt
      """;

  private static final String SEEN =
      """
      41                ; inc cx
      88 c8             ; mov al, cl
      e6 11             ; out 0x11, al
      cf                ; iret
      """;

  private static void enableApic(Guest guest) throws KvmException {
    guest.load(0x1100, Code.of(SEEN));
    // The spurious interrupt vector register's bit 8 enables the local APIC.
    guest.vcpu.setLapic(guest.vcpu.getLapic().set(0xf0, 0x1ff));
  }

  @Test
  void messagesAreDelivered() throws Exception {
    try (Guest guest = Guest.withIrqchip(MESSAGES)) {
      enableApic(guest);
      guest.expectOut(0x10, 1, 0);
      assertTrue(guest.vm.signalMsi(0xfee0_0000L, 0x44));
      guest.expectOut(0x11, 1, 1);
    }
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assertRefused(
          "KVM_SIGNAL_MSI(address=0xfee00000, data=0x44): EINVAL",
          () -> vm.signalMsi(0xfee0_0000L, 0x44));
      // The controllers of a PC do not tell devices apart.
      if (vm.checkExtension(Cap.MSI_DEVID) == 0) {
        assertRefused(
            "KVM_SIGNAL_MSI(address=0xfee00000, data=0x44, devid=0x80): EINVAL",
            () -> vm.signalMsi(0xfee0_0000L, 0x44, 0x80));
      }
    }
  }

  @Test
  void routesLeadWhereTheySay() throws Exception {
    try (Guest guest = Guest.withIrqchip(MESSAGES);
        EventFd event = EventFd.create("test")) {
      enableApic(guest);
      Vm vm = guest.vm;
      guest.expectOut(0x10, 1, 0);
      vm.setGsiRouting(
          List.of(
              new GsiRoute.Irqchip(4, GsiRoute.KVM_IRQCHIP_PIC_MASTER, 4),
              new GsiRoute.Irqchip(4, GsiRoute.KVM_IRQCHIP_IOAPIC, 4),
              new GsiRoute.Irqchip(9, GsiRoute.KVM_IRQCHIP_PIC_SLAVE, 1),
              new GsiRoute.Msi(30, 0xfee0_0000L, 0x44)));
      vm.registerIrqfd(event, 30);
      event.signal();
      guest.expectOut(0x11, 1, 1);
      vm.unregisterIrqfd(event, 30);
      vm.setGsiRouting(List.of());
      assertRefused(
          "KVM_SET_GSI_ROUTING(nr=1): EINVAL",
          () -> vm.setGsiRouting(List.of(new GsiRoute.Irqchip(1, 9, 1))));
      List<GsiRoute> many =
          java.util.stream.IntStream.range(0, 4097)
              .<GsiRoute>mapToObj(i -> new GsiRoute.Msi(i, 0xfee0_0000L, 0x44))
              .toList();
      assertEquals("routes: 4097, must be at most 4096", misuse(() -> vm.setGsiRouting(many)));
    }
  }

  @Test
  void lineStatusTellsOfDelivery() throws Exception {
    try (Guest guest = Guest.withIrqchip(STOP)) {
      Vm vm = guest.vm;
      int[] seen = {
        vm.irqLineStatus(4, true), vm.irqLineStatus(4, true), vm.irqLineStatus(4, false)
      };
      // Asserting a line that is asserted already is no new interrupt.
      assertTrue(seen[1] <= seen[0], Arrays.toString(seen));
    }
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assertRefused(
          "KVM_IRQ_LINE_STATUS(gsi=4, level=true): ENXIO", () -> vm.irqLineStatus(4, true));
    }
  }

  /** As in VmTest, with IRQ 5 level-triggered: the handler tells, then ends the interrupt. */
  private static final String LEVEL =
      """
      c7 06 94 00 00 11 ; mov word [0x94], 0x1100  (vector 0x25, offset)
      c7 06 96 00 00 00 ; mov word [0x96], 0       (segment)
      b0 11 e6 20       ; mov al, 0x11; out 0x20, al
      b0 20 e6 21       ; mov al, 0x20; out 0x21, al
      b0 04 e6 21       ; mov al, 0x04; out 0x21, al
      b0 01 e6 21       ; mov al, 0x01; out 0x21, al
      b0 df e6 21       ; mov al, 0xdf; out 0x21, al
      b0 20             ; mov al, 0x20
      ba d0 04          ; mov dx, 0x4d0
      ee                ; out dx, al   (line 5 is level-triggered)
      31 c9             ; xor cx, cx
      fb                ; sti
      e6 10             ; out 0x10, al
      f4                ; hlt
      eb fd             ; jmp the hlt
      """;

  private static final String LEVEL_HANDLER =
      """
      41                ; inc cx
      88 c8             ; mov al, cl
      e6 11             ; out 0x11, al
      b0 20             ; mov al, 0x20
      e6 20             ; out 0x20, al
      e6 12             ; out 0x12, al
      cf                ; iret
      """;

  @Test
  void resampleTellsOfTheEndOfTheInterrupt() throws Exception {
    try (Guest guest = Guest.withIrqchip(LEVEL);
        EventFd event = EventFd.create("line");
        EventFd resample = EventFd.create("resample")) {
      needs(
          guest.vm,
          Cap.IRQFD_RESAMPLE,
          "KVM_IRQFD(",
          () -> guest.vm.registerIrqfd(event, resample, 5));
      guest.load(0x1100, Code.of(LEVEL_HANDLER));
      guest.vm.registerIrqfd(event, resample, 5);
      assertRefused("KVM_IRQFD(", () -> guest.vm.registerIrqfd(event, resample, 5));
      guest.expectOut(0x10, 1, 0x20);
      for (int i = 1; i <= 3; i++) {
        event.signal();
        guest.expectOut(0x11, 1, i);
        assertEquals(0, resample.drain(), "the guest has not ended the interrupt yet");
        guest.expectOut(0x12, 1, 0x20);
        assertEquals(1, resample.drain());
      }
      guest.vm.unregisterIrqfd(event, 5);
    }
  }

  @Test
  void doorbells() throws Exception {
    try (Guest guest =
            Guest.realMode(
                """
                b8 00 20    ; mov ax, 0x2000
                8e d8       ; mov ds, ax
                b8 07 00    ; mov ax, 7
                a2 00 00    ; mov [0], al    (any width)
                a3 00 00    ; mov [0], ax    (any width)
                a3 10 00    ; mov [0x10], ax (2 bytes)
                e7 50       ; out 0x50, ax   (2 bytes, value 7)
                e6 60       ; out 0x60, al   (1 byte)
                b0 08       ; mov al, 8
                e7 50       ; out 0x50, ax   (another value: an exit)
                f4          ; hlt
                """);
        EventFd any = EventFd.create("any");
        EventFd word = EventFd.create("word");
        EventFd seven = EventFd.create("seven");
        EventFd port = EventFd.create("port")) {
      Vm vm = guest.vm;
      IoeventAddress anyAddress = IoeventAddress.mmio(0x2_0000, 0);
      vm.registerIoeventfd(any, anyAddress);
      vm.registerIoeventfd(word, IoeventAddress.mmio(0x2_0010, 2));
      vm.registerIoeventfd(seven, IoeventAddress.pio(0x50, 2).matching(7));
      vm.registerIoeventfd(port, IoeventAddress.pio(0x60, 1));
      assertEquals(
          "KVM_IOEVENTFD("
              + port.fd()
              + ", port=0x60, length=1, flags=0): EEXIST (such writes signal an"
              + " eventfd already)",
          refused(() -> vm.registerIoeventfd(port, IoeventAddress.pio(0x60, 1))));
      assertEquals(ExitReason.IO, guest.run());
      assertEquals(8, guest.exit.ioData(0));
      assertEquals(
          List.of(2L, 1L, 1L, 1L), List.of(any.drain(), word.drain(), seven.drain(), port.drain()));
      guest.expectHlt();
      for (int length : new int[] {1, 2, 4, 8}) {
        IoeventAddress address = IoeventAddress.mmio(0x3_0000, length).matching(1);
        vm.registerIoeventfd(any, address);
        vm.unregisterIoeventfd(any, address);
      }
      vm.unregisterIoeventfd(any, anyAddress);
      assertRefused(
          "KVM_IOEVENTFD(" + any.fd() + ", gpa=0x20000, length=0, flags=4): ENOENT",
          () -> vm.unregisterIoeventfd(any, anyAddress));
    }
  }

  @Test
  void bootCpu() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.setBootCpuId(1);
      vm.createIrqchip();
      Vcpu first = vm.createVcpu(0);
      Vcpu second = vm.createVcpu(1);
      assertEquals(List.of(1, 0), List.of(first.getMpState(), second.getMpState()));
      assertEquals(
          "KVM_SET_BOOT_CPU_ID(id=0): EBUSY (there are vCPUs already)",
          refused(() -> vm.setBootCpuId(0)));
    }
  }

  @Test
  void shadowPages() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.setNrMmuPages(100);
      try {
        assertEquals(100, vm.getNrMmuPages());
      } catch (KvmException e) {
        // Newer kernels have given it up.
        assertEquals("KVM_GET_NR_MMU_PAGES()", e.call());
      }
      assertRefused("KVM_SET_NR_MMU_PAGES(pages=1): EINVAL", () -> vm.setNrMmuPages(1));
    }
  }

  // Clock, filters.

  @Test
  void clock() throws Exception {
    try (Guest guest = Guest.realMode(STOP)) {
      Vm vm = guest.vm;
      vm.setClock(new ClockData(3_600_000_000_000L));
      ClockData now = vm.getClock();
      assertTrue(now.clock() >= 3_600_000_000_000L, now::toString);
      assertTrue(now.clock() < 7_200_000_000_000L, now::toString);
      assertRefused(
          "KVM_SET_CLOCK(clock=1, flags=64): EINVAL",
          () -> vm.setClock(new ClockData(1, 64, 0, 0)));
    }
  }

  @Test
  void frequency() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      needs(
          vm, Cap.VM_TSC_CONTROL, "KVM_SET_TSC_KHZ(khz=1000000): ", () -> vm.setTscKhz(1_000_000));
      int khz = vm.getTscKhz();
      assertTrue(khz > 0);
      vm.setTscKhz(khz);
      assertEquals(khz, vm.getTscKhz());
      if (vm.checkExtension(Cap.VM_TSC_CONTROL) > 0) {
        assertRefused("KVM_SET_TSC_KHZ(khz=-1): EINVAL", () -> vm.setTscKhz(-1));
      }
    }
  }

  @Test
  void msrFilter() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      MsrFilter.Range range =
          new MsrFilter.Range(MsrFilter.KVM_MSR_FILTER_READ, 0x174, 3, i -> i == 0x175);
      MsrFilter filter = new MsrFilter(false, List.of(range));
      needs(
          vm,
          Cap.X86_MSR_FILTER,
          "KVM_X86_SET_MSR_FILTER(ranges=[MSRs 0x174 and following, 3]): ",
          () -> vm.setMsrFilter(filter));
      vm.setMsrFilter(filter);
      vm.setMsrFilter(MsrFilter.ALLOW_ALL);
      // Denying all with no range at all makes no sense to KVM.
      assertRefused(
          "KVM_X86_SET_MSR_FILTER(ranges=[]): EINVAL",
          () -> vm.setMsrFilter(new MsrFilter(true, List.of())));
    }
  }

  @Test
  void pmuEventFilter() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      PmuEventFilter filter = new PmuEventFilter(true, false, 0, List.of(0xc0L, 0x3cL));
      needs(
          vm,
          Cap.PMU_EVENT_FILTER,
          "KVM_SET_PMU_EVENT_FILTER(deny=true, nevents=2): ",
          () -> vm.setPmuEventFilter(filter));
      vm.setPmuEventFilter(filter);
      vm.setPmuEventFilter(new PmuEventFilter(false, false, 3, List.of()));
      if (vm.checkExtension(Cap.PMU_EVENT_MASKED_EVENTS) > 0) {
        long event = PmuEventFilter.maskedEvent(0xc0, 0xff, 1, false);
        vm.setPmuEventFilter(new PmuEventFilter(true, true, 0, List.of(event)));
        assertRefused(
            "KVM_SET_PMU_EVENT_FILTER(deny=true, nevents=1): EINVAL",
            () -> vm.setPmuEventFilter(new PmuEventFilter(true, true, 0, List.of(1L << 40))));
      }
    }
  }

  // Devices, guests of other hypervisors.

  @Test
  void devices() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assertFalse(vm.hasDevice(4711));
      assertEquals(
          "KVM_CREATE_DEVICE(type=4711, flags=0): ENODEV (this KVM lacks such a device)",
          refused(() -> vm.createDevice(4711)));
      assumeTrue(
          vm.hasDevice(Device.KVM_DEV_TYPE_VFIO), "capability vfio: this KVM has no VFIO device");
      long before = Descriptors.to("anon_inode:kvm");
      Device device = vm.createDevice(Device.KVM_DEV_TYPE_VFIO);
      assertEquals(before + 1, Descriptors.to("anon_inode:kvm"));
      assertEquals(Device.KVM_DEV_TYPE_VFIO, device.type());
      assertEquals("KVM device of type 4", device.toString());
      assertTrue(
          device
              .attributes()
              .has(DeviceAttributes.KVM_DEV_VFIO_FILE, DeviceAttributes.KVM_DEV_VFIO_FILE_ADD));
      assertFalse(device.attributes().has(99, 0));
      assertRefused(
          "KVM_SET_DEVICE_ATTR(KVM device of type 4, group=1, attr=1): EBADF",
          () -> device.attributes().setInt(1, 1, -1));
      assertRefused(
          "KVM_GET_DEVICE_ATTR(KVM device of type 4, group=1, attr=1): ",
          () -> device.attributes().getLong(1, 1));
      vm.close();
      assertThrows(IllegalStateException.class, () -> device.attributes().has(1, 1));
    }
  }

  @Test
  void vmAttributes() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      // x86 has the capability for none yet.
      assertFalse(vm.attributes().has(99, 99));
      assertRefused(
          "KVM_SET_DEVICE_ATTR(VM, group=99, attr=99): ", () -> vm.attributes().setLong(99, 99, 1));
    }
  }

  @Test
  void xen() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      XenHvm xen = vm.xen();
      Executable config =
          () ->
              xen.config(
                  XenHvm.KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
                  0x4000_0000,
                  MemorySegment.NULL,
                  MemorySegment.NULL);
      needs(vm, Cap.XEN_HVM, "KVM_XEN_HVM_CONFIG(flags=0x2, msr=0x40000000): ", config);
      xen.config(
          XenHvm.KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
          0x4000_0000,
          MemorySegment.NULL,
          MemorySegment.NULL);
      xen.setLongMode(true);
      assertTrue(xen.getLongMode());
      xen.setUpcallVector(0x40);
      assertEquals(0x40, xen.getUpcallVector());
      assertEquals(XenHvm.KVM_XEN_INVALID_GFN, xen.getSharedInfo());
      assertRefused("KVM_XEN_HVM_SET_ATTR(UPCALL_VECTOR=1): ", () -> xen.setUpcallVector(1));
    }
  }

  /** Event channels of two levels, in the shared page of a 64-bit guest. */
  @Test
  void xenEventChannels() throws Exception {
    long sharedInfo = 0x8000;
    long vcpuInfo = 0x9000;
    long pending = sharedInfo + 2048; // after the vcpu_info of 32 vCPUs
    try (Guest guest = Guest.withIrqchip("f4 ; hlt");
        EventFd event = EventFd.create("port 6")) {
      XenHvm xen = guest.vm.xen();
      assumeTrue(
          (guest.vm.checkExtension(Cap.XEN_HVM) & XenHvm.KVM_XEN_HVM_CONFIG_EVTCHN_SEND) != 0,
          "capability KVM_XEN_HVM_CONFIG_EVTCHN_SEND: this KVM lacks it");
      xen.config(
          XenHvm.KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | XenHvm.KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
          0x4000_0000,
          MemorySegment.NULL,
          MemorySegment.NULL);
      xen.setLongMode(true);
      xen.setSharedInfo(sharedInfo >> 12);
      guest.vcpu.setXenAttr(new XenVcpuAttr.Address(XenVcpuAttr.Type.VCPU_INFO, vcpuInfo));
      xen.evtchnSend(5, 0);
      xen.evtchnSend(5, 0); // pending already
      MemorySegment memory = guest.memory.segment();
      assertEquals(1L << 5, memory.get(ValueLayout.JAVA_LONG, pending));
      assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, vcpuInfo), "evtchn_upcall_pending");
      assertRefused("KVM_XEN_HVM_EVTCHN_SEND(port=0, vcpu=0): EINVAL", () -> xen.evtchnSend(0, 0));

      xen.bindPort(3, 3, 0, false); // to itself, as between processors
      xen.bindPort(4, 5, 0, false); // to another port
      assertRefused(
          "KVM_XEN_HVM_SET_ATTR(EVTCHN send_port=4 port=5 vcpu=0): EEXIST",
          () -> xen.bindPort(4, 5, 0, false));
      xen.bindPort(4, 5, 0, true);
      xen.bindEventfd(6, event);
      xen.unbind(4);
      assertRefused(
          "KVM_XEN_HVM_SET_ATTR(EVTCHN send_port=4 deassign): ENOENT", () -> xen.unbind(4));
      xen.unbindAll();
      assertRefused(
          "KVM_XEN_HVM_SET_ATTR(EVTCHN send_port=6 deassign): ENOENT", () -> xen.unbind(6));
    }
  }

  @Test
  void xenIsRefusedByName() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assumeTrue(vm.checkExtension(Cap.XEN_HVM) == 0, "capability: this KVM has Xen");
      assertRefused("KVM_XEN_HVM_SET_ATTR(LONG_MODE=true): ", () -> vm.xen().setLongMode(true));
      assertRefused("KVM_XEN_HVM_GET_ATTR(LONG_MODE): ", () -> vm.xen().getLongMode());
      assertRefused("KVM_XEN_HVM_EVTCHN_SEND(port=1, vcpu=0): ", () -> vm.xen().evtchnSend(1, 0));
    }
  }

  @Test
  void hypervEvents() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        EventFd event = EventFd.create("test")) {
      needs(
          vm,
          Cap.HYPERV_EVENTFD,
          "KVM_HYPERV_EVENTFD(conn_id=0x123, flags=0): ",
          () -> vm.registerHypervEventfd(0x123, event));
      vm.registerHypervEventfd(0x123, event);
      assertRefused(
          "KVM_HYPERV_EVENTFD(conn_id=0x123, flags=0): EEXIST",
          () -> vm.registerHypervEventfd(0x123, event));
      vm.unregisterHypervEventfd(0x123);
      assertRefused(
          "KVM_HYPERV_EVENTFD(conn_id=0x123, flags=1): ENOENT",
          () -> vm.unregisterHypervEventfd(0x123));
    }
  }

  // Statistics.

  private static Stats.Value value(Map<String, Stats.Value> values, String name) {
    return Optional.ofNullable(values.get(name)).orElseThrow();
  }

  @Test
  void statistics() throws Exception {
    try (Guest guest = Guest.realMode("e6 10 ; out 0x10, al\n f4 ; hlt")) {
      needs(guest.vm, Cap.BINARY_STATS_FD, "KVM_GET_STATS_FD(VM): ", () -> guest.vm.stats());
      long before = Descriptors.to("anon_inode:kvm");
      try (Stats vm = guest.vm.stats();
          Stats vcpu = guest.vcpu.stats()) {
        assertTrue(vm.id().startsWith("kvm-"), vm.id());
        assertTrue(vcpu.id().endsWith("vcpu-0"), vcpu.id());
        assertTrue(vm.descriptors().size() > 5, () -> vm.descriptors().toString());
        Map<String, Stats.Value> first = vcpu.read();
        assertEquals(vcpu.descriptors().size(), first.size());
        guest.expectOut(0x10, 1, 0);
        guest.expectHlt();
        Map<String, Stats.Value> second = vcpu.read();
        Stats.Value exits = value(second, "exits");
        assertEquals(Stats.Type.CUMULATIVE, exits.descriptor().type());
        assertTrue(exits.value() > value(first, "exits").value(), () -> first + " then " + second);
        Stats.Value wait = value(second, "halt_wait_hist");
        assertTrue(wait.values().size() > 1, second::toString);
        assertEquals(Stats.Type.LOG_HIST, wait.descriptor().type());
        assertEquals(Stats.Unit.SECONDS, wait.descriptor().unit());
        assertEquals(-9, wait.descriptor().exponent());
        assertEquals(10, wait.descriptor().base());
      }
      // Closed, or closed with the VM.
      Stats left = guest.vcpu.stats();
      guest.vm.close();
      assertThrows(IllegalStateException.class, left::read);
      assertTrue(Descriptors.to("anon_inode:kvm") < before);
    }
  }

  @Test
  void aClosedVmMakesNothingMore() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      Vm vm = kvm.createVm();
      vm.close();
      assertThrows(IllegalStateException.class, vm::stats);
      assertThrows(IllegalStateException.class, () -> vm.createDevice(Device.KVM_DEV_TYPE_VFIO));
      assertThrows(IllegalStateException.class, vm::getClock);
    }
  }
}
