// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.TreeSet;
import org.javavmm.sys.Mapping;
import org.junit.jupiter.api.Test;

/** The dirty ring of a guest that writes a known pattern. */
@NeedsKvm
class DirtyRingTest {
  private static final long MEMORY = 16 << 20;

  /** The first page written. */
  private static final long FIRST = 256;

  private static final String WRITER =
      """
      48 89 07          ; again: mov [rdi], rax
      e6 10             ; out 0x10, al: a KVM that interprets the guest looks at the ring at exits
      48 01 d7          ; add rdi, rdx
      48 ff c9          ; dec rcx
      75 f3             ; jnz again
      f4                ; hlt
      """;

  /** A VM with rings, its memory in slot 5. */
  private static final class Ringed implements AutoCloseable {
    final Kvm kvm = Kvm.open();
    final Mapping memory = Mapping.anonymous(MEMORY);
    final Vm vm = kvm.createVm();
    final Vcpu vcpu;
    final DirtyRing ring;

    Ringed(int entries) throws Exception {
      vm.setTssAddress(0xfffb_d000L);
      vm.setIdentityMapAddress(0xfffb_c000L);
      boolean there =
          vm.checkExtension(Cap.DIRTY_LOG_RING) > 0
              || vm.checkExtension(Cap.DIRTY_LOG_RING_ACQ_REL) > 0;
      assumeTrue(there, "capability KVM_CAP_DIRTY_LOG_RING: this KVM does not have it");
      vm.enableDirtyRing(entries);
      vm.setUserMemoryRegion(5, Vm.KVM_MEM_LOG_DIRTY_PAGES, 0, MEMORY, memory.address());
      vcpu = vm.createVcpu(0);
      ring = vcpu.dirtyRing();
      MemorySegment m = memory.segment();
      byte[] code = Code.of(WRITER);
      MemorySegment.copy(code, 0, m, ValueLayout.JAVA_BYTE, 0x1000, code.length);
      // The first GiB mapped to itself in pages of 2 MiB.
      m.set(ValueLayout.JAVA_LONG, 0x2000, 0x3003);
      m.set(ValueLayout.JAVA_LONG, 0x3000, 0x4003);
      for (int i = 0; i < 512; i++) {
        m.set(ValueLayout.JAVA_LONG, 0x4000 + 8L * i, (long) i << 21 | 0x83);
      }
      Segment data = new Segment(0, -1, 0x18, 3, true, 0, true, true, false, true, false, false);
      Segment text = new Segment(0, -1, 0x10, 11, true, 0, false, true, true, true, false, false);
      // KVM of 6.12 refuses long mode to a vCPU whose CPUID does not have it.
      vcpu.setCpuid2(kvm.supportedCpuid());
      Sregs sregs = vcpu.getSregs();
      sregs.cs(text).ds(data).es(data).fs(data).gs(data).ss(data);
      vcpu.setSregs(sregs.cr0(0x8000_0011L).cr3(0x2000).cr4(0x20).efer(0x500));
    }

    /** Lets the guest write to every third page. */
    void write(int pages) throws KvmException {
      Regs regs = new Regs().rip(0x1000).rflags(2);
      vcpu.setRegs(regs.rdi(FIRST << 12).rdx(3 << 12).rcx(pages));
    }

    ExitReason run() throws KvmException {
      ExitReason reason;
      do {
        reason = vcpu.run();
      } while (reason == ExitReason.REENTER || reason == ExitReason.IO);
      return reason;
    }

    @Override
    public void close() {
      vm.close();
      memory.close();
      kvm.close();
    }
  }

  private static Set<Long> pattern(int pages) {
    Set<Long> written = new TreeSet<>();
    for (int i = 0; i < pages; i++) {
      written.add(FIRST + 3L * i);
    }
    return written;
  }

  @Test
  void thePagesWritten() throws Exception {
    try (Ringed guest = new Ringed(1024)) {
      assertEquals(1024, guest.ring.entries());
      assertSame(guest.ring, guest.vcpu.dirtyRing());
      guest.write(100);
      assertEquals(ExitReason.HLT, guest.run(), guest.vcpu.exit()::toString);
      Set<Long> seen = new TreeSet<>();
      int taken =
          guest.ring.harvest((slot, page) -> {
            assertEquals(5, slot);
            seen.add(page);
          });
      // The processor writes elsewhere as well: accessed and dirty bits of the page tables. With
      // nested paging KVM maps the page of the code writable and counts it as written.
      Set<Long> others = new TreeSet<>(seen);
      others.removeAll(pattern(100));
      assertTrue(seen.containsAll(pattern(100)), seen::toString);
      assertTrue(Set.of(1L, 2L, 3L, 4L).containsAll(others), others::toString);
      assertTrue(taken >= seen.size(), taken + " taken");
      assertEquals(0, guest.ring.harvest((slot, page) -> {}));
      assertEquals(taken, guest.vm.resetDirtyRings());
      assertEquals(0, guest.vm.resetDirtyRings());
    }
  }

  @Test
  void whatIsWrittenAgainComesAgain() throws Exception {
    try (Ringed guest = new Ringed(1024)) {
      // More than once around the ring.
      for (int round = 0; round < 40; round++) {
        guest.write(100);
        assertEquals(ExitReason.HLT, guest.run(), guest.vcpu.exit()::toString);
        Set<Long> seen = new TreeSet<>();
        int taken = guest.ring.harvest((slot, page) -> seen.add(page));
        assertTrue(seen.containsAll(pattern(100)), seen::toString);
        assertEquals(taken, guest.vm.resetDirtyRings());
      }
    }
  }

  @Test
  void fullRing() throws Exception {
    try (Ringed guest = new Ringed(1024)) {
      guest.write(1200);
      Set<Long> seen = new TreeSet<>();
      int full = 0;
      ExitReason reason;
      while ((reason = guest.run()) == ExitReason.DIRTY_RING_FULL) {
        full++;
        assertEquals("DIRTY_RING_FULL", guest.vcpu.exit().toString());
        assertTrue(guest.ring.harvest((slot, page) -> seen.add(page)) > 0);
        assertTrue(guest.vm.resetDirtyRings() > 0);
      }
      assertEquals(ExitReason.HLT, reason, guest.vcpu.exit()::toString);
      var _ = guest.ring.harvest((slot, page) -> seen.add(page));
      assertTrue(full > 0, "1,200 pages fit a ring of 1,024");
      assertTrue(seen.containsAll(pattern(1200)), seen::toString);
    }
  }

  @Test
  void refusals() throws Exception {
    try (Guest guest = Guest.realMode("f4 ; hlt")) {
      IllegalStateException none = assertThrows(IllegalStateException.class, guest.vcpu::dirtyRing);
      assertEquals("the VM has no dirty rings; enable them first", none.getMessage());
      KvmException reset = assertThrows(KvmException.class, guest.vm::resetDirtyRings);
      assertEquals(
          "KVM_RESET_DIRTY_RINGS(): EINVAL (enable the dirty rings first)", reset.getMessage());
      KvmException late = assertThrows(KvmException.class, () -> guest.vm.enableDirtyRing(1024));
      assertTrue(late.toString().contains("bytes=16384): EINVAL"), late.toString());
      for (int entries : new int[] {0, -256, 128, 1000}) {
        assertThrows(IllegalArgumentException.class, () -> guest.vm.enableDirtyRing(entries));
      }
      guest.vcpu.close();
      assertThrows(IllegalStateException.class, guest.vcpu::dirtyRing);
    }
    try (Ringed guest = new Ringed(1024)) {
      guest.vcpu.close();
      assertThrows(IllegalStateException.class, () -> guest.ring.harvest((slot, page) -> {}));
    }
  }
}
