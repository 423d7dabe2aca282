// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;

/**
 * What CPUID tells each vCPU: what the host's KVM supports, with the topology of this VM. All vCPUs
 * are cores of one package, one thread each, and a vCPU's APIC id is its number.
 */
public final class CpuidTemplate {
  private static final int LEAF1_EDX_HTT = 1 << 28;
  private static final int LEAF1_ECX_TSC_DEADLINE = 1 << 24;
  private static final int LEAF1_ECX_HYPERVISOR = 1 << 31;
  private static final int LEAF1_ECX_X2APIC = 1 << 21;

  /** AMD, leaf 0x8000_0001: leaf 1's count is one of cores, not of threads. */
  private static final int LEAF8000_0001_ECX_CMP_LEGACY = 1 << 1;

  /** Leaf 0's EBX: "Auth" of AuthenticAMD and "Hygo" of HygonGenuine. */
  private static final int VENDOR_AMD = 0x6874_7541;

  private static final int VENDOR_HYGON = 0x6f67_7948;

  /** Leaf 0xb and 0x1f, ECX[15:8]. */
  private static final int LEVEL_SMT = 1 << 8;

  private static final int LEVEL_CORE = 2 << 8;

  private final Cpuid supported;
  private final boolean tscDeadline;

  /** Some leaves mean what AMD says, and nothing with Intel. */
  private final boolean amd;

  private CpuidTemplate(Cpuid supported, boolean tscDeadline) {
    this.supported = supported;
    this.tscDeadline = tscDeadline;
    int vendor = supported.find(0, 0).map(Entry::ebx).orElse(0);
    this.amd = vendor == VENDOR_AMD || vendor == VENDOR_HYGON;
  }

  /**
   * Starts from what the host supports.
   *
   * @param supported from {@code KVM_GET_SUPPORTED_CPUID}
   * @param tscDeadline whether {@code KVM_CAP_TSC_DEADLINE_TIMER} is there: the timer of the local
   *     APIC in the kernel, which the supported leaves do not mention
   * @return the template
   */
  public static CpuidTemplate of(Cpuid supported, boolean tscDeadline) {
    return new CpuidTemplate(supported, tscDeadline);
  }

  /**
   * {@return the leaves of one vCPU}
   *
   * @param vcpu its number and APIC id
   * @param vcpus how many there are
   * @throws IllegalArgumentException if {@code vcpu} is not in 0..{@code vcpus - 1}
   */
  public Cpuid forVcpu(int vcpu, int vcpus) {
    if (vcpu < 0 || vcpu >= vcpus) {
      throw new IllegalArgumentException("vcpu=" + vcpu + " is not in 0.." + (vcpus - 1));
    }
    List<Entry> entries = new ArrayList<>();
    for (Entry e : supported.entries()) {
      switch (e.function()) {
        case 0x1 -> entries.add(features(e, vcpu, vcpus));
        case 0x4, 0x8000_001d -> entries.add(cache(e, vcpus));
        // Topology, written below; AMD's 0x8000_0026 says no more than 0xb, and is optional.
        case 0xb, 0x1f, 0x8000_0026 -> {}
        case 0x8000_0001 -> entries.add(amd ? amdFeatures(e, vcpus) : e);
        case 0x8000_0008 -> entries.add(amd ? amdSizes(e, vcpus) : e);
        case 0x8000_001e -> entries.add(amd ? e.with(vcpu, vcpu & 0xff, 0, 0) : e);
        default -> entries.add(e);
      }
    }
    int maxLeaf = supported.find(0, 0).map(Entry::eax).orElse(0);
    for (int leaf : new int[] {0xb, 0x1f}) {
      if (Integer.compareUnsigned(maxLeaf, leaf) >= 0) {
        topology(entries, leaf, vcpu, vcpus);
      }
    }
    return new Cpuid(entries);
  }

  private Entry features(Entry e, int vcpu, int vcpus) {
    // Intel counts the APIC ids that there could be, AMD the threads that there are.
    int logical = Math.min(255, amd ? vcpus : 1 << bits(vcpus));
    int ebx = (e.ebx() & 0x0000_ffff) | vcpu << 24 | logical << 16;
    int ecx = e.ecx() | LEAF1_ECX_HYPERVISOR | LEAF1_ECX_X2APIC;
    if (tscDeadline) {
      ecx |= LEAF1_ECX_TSC_DEADLINE;
    }
    int edx = vcpus > 1 ? e.edx() | LEAF1_EDX_HTT : e.edx() & ~LEAF1_EDX_HTT;
    return e.with(e.eax(), ebx, ecx, edx);
  }

  /** EAX[25:14] threads that share the cache, EAX[31:26] cores of the package, each minus one. */
  private static Entry cache(Entry e, int vcpus) {
    if ((e.eax() & 0x1f) == 0) {
      return e; // no more caches
    }
    int level = e.eax() >>> 5 & 7;
    int sharing = level >= 3 ? (1 << bits(vcpus)) - 1 : 0;
    int eax = (e.eax() & 0x3fff) | (sharing & 0xfff) << 14;
    if (e.function() == 0x4) {
      eax |= Math.min(63, (1 << bits(vcpus)) - 1) << 26;
    }
    return e.with(eax, e.ebx(), e.ecx(), e.edx());
  }

  private static Entry amdFeatures(Entry e, int vcpus) {
    int ecx = e.ecx() & ~LEAF8000_0001_ECX_CMP_LEGACY;
    return e.with(e.eax(), e.ebx(), vcpus > 1 ? ecx | LEAF8000_0001_ECX_CMP_LEGACY : ecx, e.edx());
  }

  /** ECX[7:0] cores minus one, ECX[15:12] bits of the APIC id that number them. */
  private static Entry amdSizes(Entry e, int vcpus) {
    int ecx = (e.ecx() & 0xffff_0f00) | Math.min(255, vcpus - 1) | bits(vcpus) << 12;
    return e.with(e.eax(), e.ebx(), ecx, e.edx());
  }

  private static void topology(List<Entry> entries, int leaf, int vcpu, int vcpus) {
    int flags = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entries.add(new Entry(leaf, 0, flags, 0, 1, LEVEL_SMT, vcpu));
    entries.add(new Entry(leaf, 1, flags, bits(vcpus), vcpus, LEVEL_CORE | 1, vcpu));
    entries.add(new Entry(leaf, 2, flags, 0, 0, 2, vcpu));
  }

  /** How many bits number {@code n} things. */
  private static int bits(int n) {
    return n <= 1 ? 0 : 32 - Integer.numberOfLeadingZeros(n - 1);
  }
}
