// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.javavmm.device.AddressRange;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.LapicState;
import org.javavmm.kvm.Msrs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.javavmm.kvm.VmCapabilities;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;
import org.junit.jupiter.api.Test;

/** CPUID and boot state, given to KVM and seen by a guest. */
@NeedsKvm
class BootStateTest {
  private static final long GDT = 0x500;
  private static final long ZERO_PAGE = 0x7000;
  private static final long PAGE_TABLES = 0x9000;
  private static final long STACK = 0x8ff0;
  private static final long CODE = 0x1_0000;

  /** Tells what the boot protocol promises, 32 bits at a time, through port 0x10. */
  private static final byte[] PROGRAM =
      HexFormat.of()
          .parseHex(
              "8cc8e710" //             mov eax, cs; out 0x10, eax
                  + "8cd8e710" //       mov eax, ds; out
                  + "8cc0e710" //       mov eax, es; out
                  + "8cd0e710" //       mov eax, ss; out
                  + "89f0e710" //       mov eax, esi; out
                  + "89e0e710" //       mov eax, esp; out
                  + "9c58e710" //       pushf; pop rax; out
                  + "0f20c0e710" //     mov rax, cr0; out
                  + "0f20d8e710" //     mov rax, cr3; out
                  + "488d0500000000" // lea rax, [rip]
                  + "e710" //           out
                  + "48c7c0ffffffff" // mov rax, -1
                  + "48c1e820e710" //   shr rax, 32; out: 64-bit registers
                  + "b810000000" //     mov eax, 0x10
                  + "8ee0e710" //       mov fs, eax; out: the table is there
                  + "f4"); //           hlt

  /** The same at the entries of 32-bit mode, with the registers of all three. */
  private static final byte[] PROGRAM32 =
      HexFormat.of()
          .parseHex(
              "e710" //                 out 0x10, eax
                  + "89d8e710" //       mov eax, ebx; out
                  + "89f0e710" //       mov eax, esi; out
                  + "8cc8e710" //       mov eax, cs; out
                  + "8cd8e710" //       mov eax, ds; out
                  + "8cd0e710" //       mov eax, ss; out
                  + "0f20c0e710" //     mov eax, cr0; out
                  + "0f20e0e710" //     mov eax, cr4; out
                  + "b818000000" //     mov eax, 0x18
                  + "8ee0e710" //       mov fs, eax; out: the table is there
                  + "ea30000100" //     jmp 0x10:0x10030: its code is 32-bit code
                  + "1000"
                  + "b8efbeadde" //     mov eax, 0xdeadbeef: five bytes in 32-bit mode
                  + "e710" //           out
                  + "f4"); //           hlt

  @Test
  void aGuestSeesTheEntriesOf32Bits() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 128 << 10).build();
        Lease lease = memory.regions().getFirst().lease("test")) {
      memory.write(CODE, PROGRAM32);
      Gdt.write32(memory, GDT);
      CpuidTemplate template = CpuidTemplate.of(kvm.supportedCpuid(), false);
      for (String entry : List.of("linux32", "pvh", "multiboot")) {
        try (Vm vm = kvm.createVm()) {
          GuestRegion ram = lease.region();
          vm.setUserMemoryRegion(0, 0, ram.gpa(), ram.size(), lease.hva());
          Vcpu vcpu = vm.createVcpu(0);
          vcpu.setCpuid2(template.forVcpu(0, 1));
          List<String> start;
          switch (entry) {
            case "linux32" -> {
              BootState.linux32(vcpu, CODE, ZERO_PAGE, STACK, GDT);
              start = List.of("0", "0", "7000");
            }
            case "pvh" -> {
              BootState.pvh(vcpu, CODE, 0x6000, GDT);
              start = List.of("0", "6000", "0");
            }
            default -> {
              BootState.multiboot(vcpu, CODE, 0x6040, GDT);
              start = List.of("2badb002", "6040", "0");
            }
          }
          Sregs sregs = vcpu.getSregs();
          assertEquals(Gdt.code32(), sregs.cs(), entry);
          assertEquals(0x67, sregs.tr().limit(), entry);
          assertEquals(0, sregs.efer(), entry);
          List<String> expected = new ArrayList<>(start);
          expected.addAll(List.of("10", "18", "18", "11", "0", "18", "deadbeef"));
          List<String> seen = new ArrayList<>();
          for (int i = 0; i < expected.size(); i++) {
            seen.add(Integer.toHexString(next(vcpu)));
          }
          assertEquals(expected, seen, entry);
          assertEquals(ExitReason.HLT, vcpu.run());
        }
      }
    }
  }

  private static int next(Vcpu vcpu) throws KvmException {
    ExitReason reason;
    do {
      reason = vcpu.run();
    } while (reason == ExitReason.REENTER);
    assertEquals(ExitReason.IO, reason, () -> vcpu.exit().toString());
    assertEquals(0x10, vcpu.exit().ioPort());
    return (int) vcpu.exit().ioData(0);
  }

  @Test
  void aGuestSeesTheBootProtocol() throws Exception {
    try (Kvm kvm = Kvm.open();
        GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 128 << 10).build();
        Lease lease = memory.regions().getFirst().lease("test");
        Vm vm = kvm.createVm()) {
      GuestRegion ram = lease.region();
      vm.setUserMemoryRegion(0, 0, ram.gpa(), ram.size(), lease.hva());
      Vcpu vcpu = vm.createVcpu(0);
      vcpu.setCpuid2(CpuidTemplate.of(kvm.supportedCpuid(), false).forVcpu(0, 1));
      memory.write(CODE, PROGRAM);
      Gdt.write(memory, GDT);
      PageTables.writeIdentity(memory, PAGE_TABLES);
      BootState.linux64(vcpu, CODE, ZERO_PAGE, STACK, GDT, PAGE_TABLES);

      Sregs sregs = vcpu.getSregs();
      assertEquals(Gdt.code(), sregs.cs());
      assertEquals(Gdt.data(), sregs.ds());
      assertEquals(0x500, sregs.efer());
      assertEquals(GDT, sregs.gdtBase());
      assertEquals(0x27, sregs.gdtLimit());
      assertEquals(OptionalLong.of(0xffff_ffffL), vcpu.translate(0xffff_ffffL));
      assertEquals(OptionalLong.empty(), vcpu.translate(0x1_0000_0000L));

      List<String> seen = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        seen.add(Integer.toHexString(next(vcpu)));
      }
      assertEquals(
          List.of(
              "10",
              "18",
              "18",
              "18",
              "7000",
              "8ff0",
              "2",
              "80000011",
              "9000",
              "1002d",
              "ffffffff",
              "10"),
          seen);
      assertEquals(ExitReason.HLT, vcpu.run());
    }
  }

  @Test
  void resetIsAccepted() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      boolean tscDeadline = kvm.checkExtension(Cap.TSC_DEADLINE_TIMER) != 0;
      CpuidTemplate template = CpuidTemplate.of(kvm.supportedCpuid(), tscDeadline);
      for (int id = 0; id < 2; id++) {
        Vcpu vcpu = vm.createVcpu(id);
        vcpu.setCpuid2(template.forVcpu(id, 2));
        BootState.reset(vcpu);
        LapicState lapic = vcpu.getLapic();
        // The 8259 and NMIs reach the boot processor alone.
        assertEquals(id == 0 ? 0x700 : 0x1_0000, lapic.get(LapicState.APIC_LVT0));
        assertEquals(id == 0 ? 0x400 : 0x1_0000, lapic.get(LapicState.APIC_LVT1));
        assertEquals(0x37f, vcpu.getFpu().fcw());
        Msrs msrs = vcpu.getMsrs(0x2ff, 0x1a0, 0xc000_0082);
        assertEquals(0xc06, msrs.entries().get(0).data() | 0x400);
        assertEquals(1, msrs.entries().get(1).data() & 1);
        assertEquals(0, msrs.entries().get(2).data());
      }
    }
  }

  @Test
  void memoryTypesAreTheSameOnAllVcpus() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      Cpuid supported = kvm.supportedCpuid();
      int bits = supported.find(0x8000_0008, 0).map(e -> e.eax() & 0xff).orElse(36);
      Mtrr mtrr =
          Mtrr.uncached(bits, List.of(new AddressRange("hole", 0xc000_0000L, 0xffff_ffffL)));
      int[] indexes = mtrr.msrs().entries().stream().mapToInt(Msrs.Entry::index).toArray();
      for (int id = 0; id < 2; id++) {
        Vcpu vcpu = vm.createVcpu(id);
        vcpu.setCpuid2(CpuidTemplate.of(supported, false).forVcpu(id, 2));
        BootState.reset(vcpu, mtrr);
        assertEquals(mtrr.msrs(), vcpu.getMsrs(indexes));
        assertEquals(
            0x0007_0406_0007_0406L, vcpu.getMsrs(0x277).entries().getFirst().data(), "PAT");
      }
    }
  }

  @Test
  void aModelIsReadBack() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      Set<String> rewritten = rewritten(kvm);
      Cpuid supported = kvm.supportedCpuid();
      CpuidTemplate.Builder builder =
          CpuidTemplate.builder(supported, kvm.checkExtension(Cap.TSC_DEADLINE_TIMER) != 0)
              .features(CpuFeatures.parse("-x2apic,-rdrand"))
              .brand("a processor of java-vmm")
              .tscKhz(2_000_000);
      String fitting = "";
      for (String name : List.of("x86-64-v3", "x86-64-v2", "x86-64-v1")) {
        try {
          builder.model(CpuModel.of(name)).build();
          fitting = name;
          break;
        } catch (CpuFeatureException e) {
          System.out.println(e.getMessage());
        }
      }
      System.out.println(
          "CPU model that this KVM has: " + (fitting.isEmpty() ? "host alone" : fitting));
      CpuidTemplate template =
          builder.model(CpuModel.of(fitting.isEmpty() ? "host" : fitting)).build();
      Topology topology = new Topology(2, 1, 3, 2);
      try (Vm vm = kvm.createVm()) {
        vm.createIrqchip();
        for (int n : new int[] {0, 5, 11}) {
          Vcpu vcpu = vm.createVcpu(topology.apicId(n));
          Cpuid cpuid = template.forVcpu(n, topology);
          vcpu.setCpuid2(cpuid);
          List<String> differences =
              CpuidCheck.differences(cpuid, vcpu.getCpuid2()).stream()
                  .map(CpuidCheck.Difference::toString)
                  .filter(d -> !rewritten.contains(d.substring(0, d.indexOf(':'))))
                  .toList();
          assertEquals(List.of(), differences);
          BootState.reset(vcpu);
        }
      }
    }
  }

  @Test
  void idsBeyondEightBits() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      assumeTrue(
          kvm.checkExtension(Cap.MAX_VCPU_ID) >= 288
              && kvm.checkExtension(Cap.X2APIC_API) != 0
              && kvm.checkExtension(Cap.SPLIT_IRQCHIP) != 0,
          "capability x2apic-api: this KVM has no APIC ids up to 287");
      vm.capabilities().splitIrqchip(24);
      vm.capabilities()
          .x2apicApi(
              VmCapabilities.KVM_X2APIC_API_USE_32BIT_IDS
                  | VmCapabilities.KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
      CpuidTemplate template =
          CpuidTemplate.builder(kvm.supportedCpuid(), false).extendedDestinationIds().build();
      Topology topology = Topology.ofCores(288);
      for (int id : new int[] {0, 254, 255, 287}) {
        Vcpu vcpu = vm.createVcpu(id);
        vcpu.setCpuid2(template.forVcpu(id, topology));
        BootState.reset(vcpu);
        boolean x2apic = (vcpu.getSregs().apicBase() & 1 << 10) != 0;
        assertEquals(id >= 255, x2apic, "vCPU " + id);
        assertEquals(id >= 255 ? id : id << 24, vcpu.getLapic().get(0x20), "vCPU " + id);
      }
    }
  }

  /**
   * A VM with a rate that the processor may be unable to give. Linux 6.1 then makes vCPUs whose
   * counters stand still, as it does by itself where it has the host's rate wrong.
   */
  @Test
  void theTimeStampCounterRuns() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      assumeTrue(halveTheRate(vm), "capability KVM_SET_TSC_KHZ(vm): KVM refuses half the rate");
      try (Vcpu vcpu = vm.createVcpu(0)) {
        vcpu.setCpuid2(CpuidTemplate.of(kvm.supportedCpuid(), true).forVcpu(0, 1));
        BootState.reset(vcpu);
        assertTrue(tsc(vcpu) < tsc(vcpu), "the counter stands still");
      }
    }
  }

  /** Without asking for the capability: Linux 6.1 takes the rate on any host. */
  private static boolean halveTheRate(Vm vm) {
    try {
      vm.setTscKhz(vm.getTscKhz() / 2);
      return true;
    } catch (KvmException e) {
      return false;
    }
  }

  private static long tsc(Vcpu vcpu) throws KvmException {
    return vcpu.getMsrs(0x10).entries().getFirst().data();
  }

  @Test
  void cpuidIsReadBack() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      Set<String> rewritten = rewritten(kvm);
      CpuidTemplate template = CpuidTemplate.of(kvm.supportedCpuid(), true);
      for (int vcpus : new int[] {1, 5, 64, 254}) {
        try (Vm vm = kvm.createVm()) {
          vm.createIrqchip();
          for (int id : IntStream.of(0, (vcpus - 1) / 2, vcpus - 1).distinct().toArray()) {
            Vcpu vcpu = vm.createVcpu(id);
            Cpuid cpuid = template.forVcpu(id, vcpus);
            vcpu.setCpuid2(cpuid);
            Map<String, Integer> expected = registers(cpuid);
            Map<String, Integer> seen = registers(vcpu.getCpuid2());
            expected.keySet().removeAll(rewritten);
            seen.keySet().removeAll(rewritten);
            assertEquals(expected, seen);
          }
        }
      }
    }
  }

  /**
   * The registers that a KVM does not keep as they are set, even to what it supports: OSXSAVE and
   * the sizes of the save area follow the vCPU's state, and a software KVM shows the processor's
   * features. The topology must not be among them.
   */
  private static Set<String> rewritten(Kvm kvm) throws KvmException {
    try (Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      Vcpu vcpu = vm.createVcpu(0);
      Cpuid supported = kvm.supportedCpuid();
      vcpu.setCpuid2(supported);
      Map<String, Integer> seen = registers(vcpu.getCpuid2());
      Set<String> rewritten = new TreeSet<>();
      registers(supported)
          .forEach((name, value) -> {
            if (!value.equals(seen.get(name))) {
              rewritten.add(name);
            }
          });
      System.out.println("CPUID registers that this KVM rewrites: " + rewritten);
      for (String name : rewritten) {
        assertTrue(name.matches("(00000001/0 e[cd]x|00000007/.*|0000000d/.*|4000.*)"), name);
      }
      return rewritten;
    }
  }

  private static Map<String, Integer> registers(Cpuid cpuid) {
    Map<String, Integer> registers = new TreeMap<>();
    for (Entry e : cpuid.entries()) {
      String leaf = String.format("%08x/%x ", e.function(), e.index());
      registers.put(leaf + "eax", e.eax());
      registers.put(leaf + "ebx", e.ebx());
      registers.put(leaf + "ecx", e.ecx());
      registers.put(leaf + "edx", e.edx());
    }
    return registers;
  }
}
