// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.bindings.kvm.kvm_cpuid2;
import org.javavmm.bindings.kvm.kvm_cpuid_entry2;
import org.javavmm.bindings.kvm.kvm_msr_entry;
import org.javavmm.bindings.kvm.kvm_msrs;
import org.javavmm.bindings.kvm.kvm_regs;
import org.javavmm.bindings.kvm.kvm_segment;
import org.javavmm.bindings.kvm.kvm_sregs;
import org.javavmm.sys.Errno;

/** Structures written by us and read by the generated accessors, and the other way round. */
class StructPropertyTest {
  @Provide
  Arbitrary<Cpuid> cpuids() {
    Arbitrary<Integer> any = Arbitraries.integers();
    return Combinators.combine(any, any, any, any, any, any, any)
        .as(Cpuid.Entry::new)
        .list()
        .ofMaxSize(40)
        .map(Cpuid::new);
  }

  @Provide
  Arbitrary<Msrs> msrs() {
    return Combinators.combine(Arbitraries.integers(), Arbitraries.longs())
        .as(Msrs.Entry::new)
        .list()
        .ofMaxSize(40)
        .map(Msrs::new);
  }

  @Provide
  Arbitrary<Segment> segments() {
    Arbitrary<Boolean> flag = Arbitraries.of(true, false);
    return Arbitraries.longs()
        .flatMap(base ->
            Combinators.combine(
                    Arbitraries.integers(),
                    Arbitraries.integers().between(0, 0xffff),
                    Arbitraries.integers().between(0, 15),
                    Arbitraries.integers().between(0, 3),
                    flag.list().ofSize(7))
                .as((limit, selector, type, dpl, f) ->
                    new Segment(
                        base, limit, selector, type, f.get(0), dpl, f.get(1), f.get(2), f.get(3),
                        f.get(4), f.get(5), f.get(6))));
  }

  /** A kernel that has so many leaves, as KVM's code counts them. */
  private static IoctlCall kernel(List<Cpuid.Entry> leaves, List<Integer> rooms) {
    return (ioctl, struct) -> {
      int room = kvm_cpuid2.nent(struct);
      rooms.add(room);
      assertEquals(
          kvm_cpuid2.sizeof() + (long) room * kvm_cpuid_entry2.sizeof(), struct.byteSize());
      if (ioctl == KvmIoctl.KVM_GET_EMULATED_CPUID) {
        for (long at = kvm_cpuid2.sizeof(); at < struct.byteSize(); at += 40) {
          assertEquals(0, struct.get(ValueLayout.JAVA_INT, at + 28), "padding");
        }
      }
      if (room < leaves.size()) {
        return -Errno.E2BIG;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment answer = new Cpuid(leaves).toStruct(arena);
        // Before Linux 6.4 this one left the number as it was.
        MemorySegment.copy(answer, 8, struct, 8, answer.byteSize() - 8);
        if (ioctl != KvmIoctl.KVM_GET_CPUID2) {
          kvm_cpuid2.nent(struct, leaves.size());
        }
      }
      return 0;
    };
  }

  @Property(tries = 60)
  void cpuidIsReadHoweverManyLeavesTheKernelHas(
      @ForAll @IntRange(max = 1500) int n,
      @ForAll("gettersOfCpuid") KvmIoctl ioctl,
      @ForAll int seed)
      throws Exception {
    List<Cpuid.Entry> leaves = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      leaves.add(new Cpuid.Entry(seed + i, i, i & 1, seed, i, -i, ~i));
    }
    List<Integer> rooms = new ArrayList<>();
    assertEquals(new Cpuid(leaves), Cpuid.get(kernel(leaves, rooms), ioctl));
    assertEquals(List.of(256, 512, 1024, 2048).subList(0, rooms.size()), rooms);
    assertTrue(rooms.getLast() >= n && (rooms.size() == 1 || rooms.getLast() / 2 < n));
  }

  @Provide
  Arbitrary<KvmIoctl> gettersOfCpuid() {
    return Arbitraries.of(
        KvmIoctl.KVM_GET_SUPPORTED_CPUID,
        KvmIoctl.KVM_GET_EMULATED_CPUID,
        KvmIoctl.KVM_GET_SUPPORTED_HV_CPUID,
        KvmIoctl.KVM_GET_CPUID2);
  }

  @Example
  void cpuidThatNeverEndsIsGivenUp() {
    assertEquals(
        "KVM_GET_SUPPORTED_CPUID(nent=16384): E2BIG (" + Errno.meaning(Errno.E2BIG) + ")",
        assertThrows(
                KvmException.class,
                () -> Cpuid.get((_, _) -> -Errno.E2BIG, KvmIoctl.KVM_GET_SUPPORTED_CPUID))
            .getMessage());
    IoctlCall liar =
        (_, struct) -> {
          kvm_cpuid2.nent(struct, 257);
          return 0;
        };
    assertEquals(
        "KVM_GET_CPUID2(nent=256): E2BIG (KVM answered nent=257)",
        assertThrows(KvmException.class, () -> Cpuid.get(liar, KvmIoctl.KVM_GET_CPUID2))
            .getMessage());
  }

  @Property
  void cpuidIsReadBack(@ForAll("cpuids") Cpuid cpuid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = cpuid.toStruct(arena);
      assertEquals(
          kvm_cpuid2.sizeof() + cpuid.entries().size() * kvm_cpuid_entry2.sizeof(),
          struct.byteSize());
      assertEquals(cpuid.entries().size(), kvm_cpuid2.nent(struct));
      List<Cpuid.Entry> entries = new ArrayList<>();
      for (int i = 0; i < kvm_cpuid2.nent(struct); i++) {
        MemorySegment e =
            struct.asSlice(
                kvm_cpuid2.entries$offset() + i * kvm_cpuid_entry2.sizeof(),
                kvm_cpuid_entry2.sizeof());
        entries.add(
            new Cpuid.Entry(
                kvm_cpuid_entry2.function(e),
                kvm_cpuid_entry2.index(e),
                kvm_cpuid_entry2.flags(e),
                kvm_cpuid_entry2.eax(e),
                kvm_cpuid_entry2.ebx(e),
                kvm_cpuid_entry2.ecx(e),
                kvm_cpuid_entry2.edx(e)));
      }
      assertEquals(cpuid.entries(), entries);
      assertEquals(cpuid, Cpuid.fromStruct(struct, kvm_cpuid2.nent(struct)));
    }
  }

  @Property
  void msrsAreReadBack(@ForAll("msrs") Msrs msrs) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = msrs.toStruct(arena);
      assertEquals(msrs.entries().size(), kvm_msrs.nmsrs(struct));
      for (int i = 0; i < msrs.entries().size(); i++) {
        MemorySegment e =
            struct.asSlice(
                kvm_msrs.entries$offset() + i * kvm_msr_entry.sizeof(), kvm_msr_entry.sizeof());
        assertEquals(msrs.entries().get(i).index(), kvm_msr_entry.index(e));
        assertEquals(msrs.entries().get(i).data(), kvm_msr_entry.data(e));
        assertEquals(0, kvm_msr_entry.reserved(e));
      }
      assertEquals(msrs, Msrs.fromStruct(struct, msrs.entries().size()));
    }
  }

  // Edge cases of nine parameters would be most of the cases.
  @Property(tries = 500, edgeCases = EdgeCasesMode.NONE)
  void segmentsAreReadBack(@ForAll("segments") Segment a, @ForAll("segments") Segment b) {
    Sregs sregs = new Sregs().cs(a).ds(b).es(a).fs(b).gs(a).ss(b).tr(a).ldt(b);
    assertEquals(List.of(a, b, a, b), List.of(sregs.cs(), sregs.ds(), sregs.es(), sregs.fs()));
    assertEquals(List.of(a, b, a, b), List.of(sregs.gs(), sregs.ss(), sregs.tr(), sregs.ldt()));
    MemorySegment cs = kvm_sregs.cs(sregs.segment());
    assertEquals(a.base(), kvm_segment.base(cs));
    assertEquals(a.limit(), kvm_segment.limit(cs));
    assertEquals((short) a.selector(), kvm_segment.selector(cs));
    assertEquals(a.type(), kvm_segment.type(cs));
    assertEquals(a.present() ? 1 : 0, kvm_segment.present(cs));
    assertEquals(a.unusable() ? 1 : 0, kvm_segment.unusable(cs));
    assertEquals(0, kvm_segment.padding(cs));
    Segment moved = a.at(7, 8);
    assertEquals(7, moved.base());
    assertEquals(8, moved.selector());
    assertEquals(a, moved.at(a.base(), a.selector()));
  }

  @Property(tries = 100)
  void registersAreReadBack(@ForAll Random random) {
    long[] v = random.longs(18).toArray();
    Regs regs =
        new Regs().rax(v[0]).rbx(v[1]).rcx(v[2]).rdx(v[3]).rsi(v[4]).rdi(v[5]).rsp(v[6]).rbp(v[7]);
    regs.r8(v[8]).r9(v[9]).r10(v[10]).r11(v[11]).r12(v[12]).r13(v[13]).r14(v[14]).r15(v[15]);
    regs.rip(v[16]).rflags(v[17]);
    MemorySegment s = regs.segment();
    long[] generated = {
      kvm_regs.rax(s), kvm_regs.rbx(s), kvm_regs.rcx(s), kvm_regs.rdx(s), kvm_regs.rsi(s),
      kvm_regs.rdi(s), kvm_regs.rsp(s), kvm_regs.rbp(s), kvm_regs.r8(s), kvm_regs.r9(s),
      kvm_regs.r10(s), kvm_regs.r11(s), kvm_regs.r12(s), kvm_regs.r13(s), kvm_regs.r14(s),
      kvm_regs.r15(s), kvm_regs.rip(s), kvm_regs.rflags(s)
    };
    long[] own = {
      regs.rax(), regs.rbx(), regs.rcx(), regs.rdx(), regs.rsi(), regs.rdi(), regs.rsp(),
      regs.rbp(), regs.r8(), regs.r9(), regs.r10(), regs.r11(), regs.r12(), regs.r13(),
      regs.r14(), regs.r15(), regs.rip(), regs.rflags()
    };
    assertEquals(longs(v), longs(generated));
    assertEquals(longs(v), longs(own));
    for (long value : v) {
      assertTrue(regs.toString().contains(String.format("%x", value)), regs::toString);
    }
  }

  private static List<Long> longs(long[] values) {
    return java.util.Arrays.stream(values).boxed().toList();
  }

  @Property(tries = 100)
  void controlRegistersAreReadBack(@ForAll Random random) {
    long[] v = random.longs(9).toArray();
    int gdtLimit = random.nextInt(0x10000);
    int idtLimit = random.nextInt(0x10000);
    Sregs s = new Sregs().cr0(v[0]).cr2(v[1]).cr3(v[2]).cr4(v[3]).cr8(v[4]).efer(v[5]);
    s.apicBase(v[6]).gdt(v[7], gdtLimit).idt(v[8], idtLimit);
    long[] own = {
      s.cr0(), s.cr2(), s.cr3(), s.cr4(), s.cr8(), s.efer(), s.apicBase(), s.gdtBase(), s.idtBase()
    };
    MemorySegment g = s.segment();
    long[] generated = {
      kvm_sregs.cr0(g),
      kvm_sregs.cr2(g),
      kvm_sregs.cr3(g),
      kvm_sregs.cr4(g),
      kvm_sregs.cr8(g),
      kvm_sregs.efer(g),
      kvm_sregs.apic_base(g),
      s.gdtBase(),
      s.idtBase()
    };
    assertEquals(longs(v), longs(own));
    assertEquals(longs(v), longs(generated));
    assertEquals(gdtLimit, s.gdtLimit());
    assertEquals(idtLimit, s.idtLimit());
    assertTrue(s.toString().contains("cr3=" + Long.toHexString(v[2])), s::toString);
  }

  @Example
  void findsALeafByItsSubleafOnlyWhereThatCounts() {
    int indexed = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    Cpuid.Entry plain = new Cpuid.Entry(1, 0, 0, 1, 2, 3, 4);
    Cpuid.Entry first = new Cpuid.Entry(4, 0, indexed, 5, 6, 7, 8);
    Cpuid.Entry second = new Cpuid.Entry(4, 1, indexed, 9, 10, 11, 12);
    Cpuid cpuid = new Cpuid(List.of(plain, first, second));
    assertEquals(Optional.of(plain), cpuid.find(1, 77));
    assertEquals(Optional.of(second), cpuid.find(4, 1));
    assertEquals(Optional.empty(), cpuid.find(4, 2));
    assertEquals(Optional.empty(), cpuid.find(2, 0));
    assertEquals(
        "00000004/1: eax=00000009 ebx=0000000a ecx=0000000b edx=0000000c", second.toString());
    assertEquals(new Cpuid.Entry(4, 1, indexed, 1, 2, 3, 4), second.with(1, 2, 3, 4));
  }

  @Example
  void listsAreCopied() {
    List<Cpuid.Entry> entries = new ArrayList<>(List.of(new Cpuid.Entry(1, 0, 0, 1, 2, 3, 4)));
    Cpuid cpuid = new Cpuid(entries);
    entries.clear();
    assertEquals(1, cpuid.entries().size());
    assertThrows(UnsupportedOperationException.class, () -> cpuid.entries().clear());
  }

  @Example
  void lapicStateStaysInItsPage() {
    LapicState lapic = new LapicState().set(LapicState.APIC_LVT0, 0x700);
    assertEquals(0x700, lapic.get(0x350));
    assertEquals(0, lapic.get(0x3fc));
    assertThrows(IndexOutOfBoundsException.class, () -> lapic.get(1024));
    assertThrows(IndexOutOfBoundsException.class, () -> lapic.set(-16, 1));
  }

  @Example
  void fpu() {
    Fpu fpu = new Fpu().fcw(0x1_037f).mxcsr(0x1f80);
    assertEquals(0x037f, fpu.fcw());
    assertEquals(0x1f80, fpu.mxcsr());
  }
}
