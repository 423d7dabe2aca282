// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

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
  private static final int MSR_MTRR_DEF_TYPE = 0x2ff;
  private static final int MSR_STAR = 0xc000_0081;
  private static final int MSR_LSTAR = 0xc000_0082;
  private static final int MSR_CSTAR = 0xc000_0083;
  private static final int MSR_SYSCALL_MASK = 0xc000_0084;
  private static final int MSR_KERNEL_GS_BASE = 0xc000_0102;

  private static final long MISC_ENABLE_FAST_STRING = 1;
  private static final long MTRR_ENABLED = 1 << 11;
  private static final long MTRR_WRITE_BACK = 6;

  private static final int LVT_DELIVERY_EXTINT = 7 << 8;
  private static final int LVT_DELIVERY_NMI = 4 << 8;

  private static final int FCW_DEFAULT = 0x37f;
  private static final int MXCSR_DEFAULT = 0x1f80;

  private BootState() {}

  /**
   * Sets the MSRs, floating-point control and local APIC of a vCPU as firmware would leave them.
   *
   * @param vcpu the vCPU, whose CPUID is set and whose interrupt controllers are in the kernel
   * @throws KvmException if KVM refuses
   */
  public static void reset(Vcpu vcpu) throws KvmException {
    vcpu.setMsrs(
        new Msrs(
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
                new Entry(MSR_MTRR_DEF_TYPE, MTRR_ENABLED | MTRR_WRITE_BACK))));
    vcpu.setFpu(new Fpu().fcw(FCW_DEFAULT).mxcsr(MXCSR_DEFAULT));
    vcpu.setLapic(
        vcpu.getLapic()
            .set(LapicState.APIC_LVT0, LVT_DELIVERY_EXTINT)
            .set(LapicState.APIC_LVT1, LVT_DELIVERY_NMI));
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
    Segment data = Gdt.data();
    Sregs sregs = vcpu.getSregs();
    sregs.cs(Gdt.code()).ds(data).es(data).fs(data).gs(data).ss(data).tr(Gdt.tss());
    sregs.gdt(gdt, Gdt.SIZE - 1).idt(0, 0);
    sregs.cr0(CR0_PE | CR0_ET | CR0_PG).cr3(pageTables).cr4(CR4_PAE);
    sregs.efer(EFER_LME | EFER_LMA);
    vcpu.setSregs(sregs);
    vcpu.setRegs(new Regs().rip(entry).rsi(zeroPage).rsp(stack).rbp(stack).rflags(2));
  }
}
