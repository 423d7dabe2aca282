// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.Fpu;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.LapicState;
import org.javavmm.kvm.Msrs;
import org.javavmm.kvm.Msrs.Entry;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Segment;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;

/**
 * The state in which a vCPU starts.
 *
 * <p>CPUID comes first: KVM knows some MSRs only once their CPUID bit is set.
 */
public final class BootState {
  private static final long CR0_PE = 1;
  private static final long CR0_ET = 1 << 4;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PAE = 1 << 5;
  private static final long EFER_LME = 1 << 8;
  private static final long EFER_LMA = 1 << 10;

  private static final int MSR_IA32_TSC = 0x10;
  private static final int MSR_IA32_SYSENTER_CS = 0x174;
  private static final int MSR_IA32_SYSENTER_ESP = 0x175;
  private static final int MSR_IA32_SYSENTER_EIP = 0x176;
  private static final int MSR_IA32_MISC_ENABLE = 0x1a0;
  private static final int MSR_IA32_CR_PAT = 0x277;
  private static final int MSR_MTRR_DEF_TYPE = 0x2ff;
  private static final int MSR_STAR = 0xc000_0081;
  private static final int MSR_LSTAR = 0xc000_0082;
  private static final int MSR_CSTAR = 0xc000_0083;
  private static final int MSR_SYSCALL_MASK = 0xc000_0084;
  private static final int MSR_KERNEL_GS_BASE = 0xc000_0102;

  private static final long MISC_ENABLE_FAST_STRING = 1;

  /** Write-back, write-through, UC-, uncached, twice: the value at reset. */
  private static final long PAT_DEFAULT = 0x0007_0406_0007_0406L;

  private static final long MTRR_ENABLED = 1 << 11;
  private static final long MTRR_WRITE_BACK = 6;

  private static final long APIC_BASE_BSP = 1 << 8;

  /** EXTD, beside the enable bit that is set at reset. */
  private static final long APIC_BASE_X2APIC = 1 << 10;

  /** The broadcast id of 8 bits. */
  private static final int FIRST_X2APIC_ID = 255;

  /** What firmware leaves, whatever the memory. */
  private static final List<Entry> RESET_MSRS =
      List.of(
          new Entry(MSR_IA32_SYSENTER_CS, 0),
          new Entry(MSR_IA32_SYSENTER_ESP, 0),
          new Entry(MSR_IA32_SYSENTER_EIP, 0),
          new Entry(MSR_STAR, 0),
          new Entry(MSR_CSTAR, 0),
          new Entry(MSR_LSTAR, 0),
          new Entry(MSR_SYSCALL_MASK, 0),
          new Entry(MSR_KERNEL_GS_BASE, 0),
          new Entry(MSR_IA32_TSC, 0),
          new Entry(MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING),
          new Entry(MSR_IA32_CR_PAT, PAT_DEFAULT));

  private static final int LVT_MASKED = 1 << 16;
  private static final int LVT_DELIVERY_EXTINT = 7 << 8;
  private static final int LVT_DELIVERY_NMI = 4 << 8;

  /** Bit 1 is always set; interrupts are off. */
  private static final long RFLAGS_FIXED = 2;

  private static final int MULTIBOOT_MAGIC = 0x2bad_b002;

  private static final int FCW_DEFAULT = 0x37f;
  private static final int MXCSR_DEFAULT = 0x1f80;

  private BootState() {}

  /**
   * Sets the MSRs, floating-point control and local APIC of a vCPU as firmware would leave them.
   * The boot processor takes the interrupts of an 8259 at LINT0 and NMIs at LINT1; the others have
   * both masked, as after INIT (MP specification 1.4, 3.6.2.2; Intel SDM vol. 3, 12.4.7.1), so that
   * none of them takes an interrupt of the boot processor's from the 8259.
   *
   * <p>A vCPU whose number, and so its APIC id, is 255 or more starts in x2APIC mode, the only one
   * in which it can be told from a broadcast (Intel SDM vol. 3, 12.12.1). KVM must have been asked
   * for 32-bit ids before ({@code KVM_CAP_X2APIC_API}).
   *
   * <p>All memory is write-back, and the fixed range registers are off. The time stamp counter is 0
   * and runs: {@link TscCheck}.
   *
   * @param vcpu the vCPU, whose CPUID is set and whose local APIC is in the kernel
   * @throws KvmException if KVM refuses
   * @throws IllegalStateException if the time stamp counter stands still and cannot be helped
   */
  public static void reset(Vcpu vcpu) throws KvmException {
    reset(vcpu, new Msrs(List.of(new Entry(MSR_MTRR_DEF_TYPE, MTRR_ENABLED | MTRR_WRITE_BACK))));
  }

  /**
   * Does what {@link #reset(Vcpu)} does, with memory types.
   *
   * @param vcpu the vCPU, whose CPUID is set and whose local APIC is in the kernel
   * @param mtrr the memory types, the same for all vCPUs
   * @throws KvmException if KVM refuses
   * @throws IllegalStateException if the time stamp counter stands still and cannot be helped
   */
  public static void reset(Vcpu vcpu, Mtrr mtrr) throws KvmException {
    reset(vcpu, mtrr.msrs());
  }

  private static void reset(Vcpu vcpu, Msrs memoryTypes) throws KvmException {
    var _ = TscCheck.ensureRuns(vcpu);
    Sregs sregs = vcpu.getSregs();
    if (vcpu.id() >= FIRST_X2APIC_ID) {
      vcpu.setSregs(sregs.apicBase(sregs.apicBase() | APIC_BASE_X2APIC));
    }
    List<Entry> msrs = new ArrayList<>(RESET_MSRS);
    msrs.addAll(memoryTypes.entries());
    vcpu.setMsrs(new Msrs(msrs));
    vcpu.setFpu(new Fpu().fcw(FCW_DEFAULT).mxcsr(MXCSR_DEFAULT));
    boolean bsp = (sregs.apicBase() & APIC_BASE_BSP) != 0;
    vcpu.setLapic(
        vcpu.getLapic()
            .set(LapicState.APIC_LVT0, bsp ? LVT_DELIVERY_EXTINT : LVT_MASKED)
            .set(LapicState.APIC_LVT1, bsp ? LVT_DELIVERY_NMI : LVT_MASKED));
  }

  /**
   * Lets a vCPU start in 64-bit mode as the Linux boot protocol says (Documentation/arch/x86/boot,
   * "64-bit Boot Protocol"): paging on, flat segments, RSI at the zero page, interrupts off.
   *
   * @param vcpu the boot processor
   * @param entry the address of the first instruction
   * @param zeroPage the address of the boot parameters
   * @param stack the address just above a small stack
   * @param gdt the address of a table written by {@link Gdt#write}
   * @param pageTables the address of tables written by {@link PageTables#writeIdentity}
   * @throws KvmException if KVM refuses
   */
  public static void linux64(
      Vcpu vcpu, long entry, long zeroPage, long stack, long gdt, long pageTables)
      throws KvmException {
    linux64(entry, zeroPage, stack, gdt, pageTables).giveTo(vcpu);
  }

  /**
   * Lets a vCPU start in 32-bit protected mode as the Linux boot protocol says
   * (Documentation/arch/x86/boot, "32-bit Boot Protocol"): paging off, flat segments, ESI at the
   * zero page, EBP, EDI and EBX 0, interrupts off.
   *
   * @param vcpu the boot processor
   * @param entry the address of the first instruction
   * @param zeroPage the address of the boot parameters
   * @param stack the address just above a small stack, which the protocol does not promise
   * @param gdt the address of a table written by {@link Gdt#write32}
   * @throws IllegalArgumentException if one of the addresses is not below 4 GiB
   * @throws KvmException if KVM refuses
   */
  public static void linux32(Vcpu vcpu, long entry, long zeroPage, long stack, long gdt)
      throws KvmException {
    linux32(entry, zeroPage, stack, gdt).giveTo(vcpu);
  }

  /**
   * Lets a vCPU start at a PVH entry (Xen, "x86/HVM direct boot ABI"): 32-bit protected mode,
   * paging off, flat segments, a task state segment of 0x68 bytes, EBX at the start info,
   * interrupts off.
   *
   * @param vcpu the boot processor
   * @param entry the address of the first instruction, from the kernel's note
   * @param startInfo the address of {@code struct hvm_start_info}
   * @param gdt the address of a table written by {@link Gdt#write32}
   * @throws IllegalArgumentException if one of the addresses is not below 4 GiB
   * @throws KvmException if KVM refuses
   */
  public static void pvh(Vcpu vcpu, long entry, long startInfo, long gdt) throws KvmException {
    pvh(entry, startInfo, gdt).giveTo(vcpu);
  }

  /**
   * Lets a vCPU start as a multiboot loader leaves it (Multiboot Specification 0.6.96, "Machine
   * state"): EAX 0x2BADB002, EBX at the information, 32-bit protected mode, paging off, flat
   * segments, interrupts off. A20 is a matter of the memory, which has no gate.
   *
   * @param vcpu the boot processor
   * @param entry the address of the first instruction
   * @param info the address of the multiboot information
   * @param gdt the address of a table written by {@link Gdt#write32}
   * @throws IllegalArgumentException if one of the addresses is not below 4 GiB
   * @throws KvmException if KVM refuses
   */
  public static void multiboot(Vcpu vcpu, long entry, long info, long gdt) throws KvmException {
    multiboot(entry, info, gdt).giveTo(vcpu);
  }

  static EntryState linux64(long entry, long zeroPage, long stack, long gdt, long pageTables) {
    return new EntryState(
        Gdt.code(),
        Gdt.tss(),
        gdt,
        CR0_PE | CR0_ET | CR0_PG,
        pageTables,
        CR4_PAE,
        EFER_LME | EFER_LMA,
        new Regs().rip(entry).rsi(zeroPage).rsp(stack).rbp(stack).rflags(RFLAGS_FIXED));
  }

  static EntryState linux32(long entry, long zeroPage, long stack, long gdt) {
    below4Gib("zeroPage", zeroPage);
    below4Gib("stack", stack);
    return protectedMode(entry, gdt, new Regs().rsi(zeroPage).rsp(stack));
  }

  static EntryState pvh(long entry, long startInfo, long gdt) {
    below4Gib("startInfo", startInfo);
    return protectedMode(entry, gdt, new Regs().rbx(startInfo));
  }

  static EntryState multiboot(long entry, long info, long gdt) {
    below4Gib("info", info);
    return protectedMode(entry, gdt, new Regs().rax(MULTIBOOT_MAGIC).rbx(info));
  }

  private static EntryState protectedMode(long entry, long gdt, Regs regs) {
    below4Gib("entry", entry);
    below4Gib("gdt", gdt);
    return new EntryState(
        Gdt.code32(),
        Gdt.tss32(),
        gdt,
        CR0_PE | CR0_ET,
        0,
        0,
        0,
        regs.rip(entry).rflags(RFLAGS_FIXED));
  }

  private static void below4Gib(String what, long gpa) {
    if (gpa >>> 32 != 0) {
      throw new IllegalArgumentException(
          what + "=0x" + Long.toHexString(gpa) + " is not below 4 GiB");
    }
  }

  /** What of the state of a vCPU an entry sets. The data segments are the same at all entries. */
  record EntryState(
      Segment code, Segment tss, long gdt, long cr0, long cr3, long cr4, long efer, Regs regs) {
    void giveTo(Vcpu vcpu) throws KvmException {
      Segment data = Gdt.data();
      Sregs sregs = vcpu.getSregs();
      sregs.cs(code).ds(data).es(data).fs(data).gs(data).ss(data).tr(tss);
      sregs.gdt(gdt, Gdt.SIZE - 1).idt(0, 0);
      sregs.cr0(cr0).cr3(cr3).cr4(cr4).efer(efer);
      vcpu.setSregs(sregs);
      vcpu.setRegs(regs);
    }
  }
}
