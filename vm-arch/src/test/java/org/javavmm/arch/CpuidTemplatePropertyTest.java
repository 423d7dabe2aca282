// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;

/**
 * The leaves as data, read as the manuals say: Intel SDM vol. 2 "CPUID", AMD APM vol. 3 appendix E.
 */
class CpuidTemplatePropertyTest {
  private static final int INDEXED = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

  /** An Intel host with leaves up to 0x1f: caches of two threads (L1, L2) and of sixteen (L3). */
  private static final Cpuid INTEL =
      new Cpuid(
          List.of(
              new Entry(0, 0, 0, 0x1f, 0x756e_6547, 0x6c65_746e, 0x4965_6e69),
              new Entry(1, 0, 0, 0x0005_0654, 0x1220_0800, 0x7ffe_fbff, 0xbfeb_fbff),
              new Entry(2, 0, 0, 0x7603_6301, 0x00f0_b5ff, 0, 0x00c3_0000),
              new Entry(4, 0, INDEXED, 0x3c00_4121, 0x01c0_003f, 0x3f, 0),
              new Entry(4, 1, INDEXED, 0x3c00_4122, 0x01c0_003f, 0x3f, 0),
              new Entry(4, 2, INDEXED, 0x3c00_4143, 0x03c0_003f, 0x3ff, 0),
              new Entry(4, 3, INDEXED, 0x3c03_c163, 0x02c0_003f, 0x6fff, 4),
              new Entry(4, 4, INDEXED, 0, 0, 0, 0),
              new Entry(7, 0, INDEXED, 0, 0xd39f_fffb, 8, 0xbc00_0400),
              new Entry(0xb, 0, INDEXED, 1, 2, 0x100, 0x12),
              new Entry(0xb, 1, INDEXED, 5, 0x20, 0x201, 0x12),
              new Entry(0xd, 0, INDEXED, 7, 0x340, 0x340, 0),
              new Entry(0x1f, 0, INDEXED, 1, 2, 0x100, 0x12),
              new Entry(0x1f, 1, INDEXED, 5, 0x20, 0x201, 0x12),
              new Entry(0x8000_0000, 0, 0, 0x8000_0008, 0, 0, 0),
              new Entry(0x8000_0001, 0, 0, 0, 0, 0x121, 0x2c10_0800),
              new Entry(0x8000_0008, 0, 0, 0x302e, 0, 0, 0),
              new Entry(0x4000_0000, 0, 0, 0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x4d)));

  /** An AMD host with TOPOEXT. */
  private static final Cpuid AMD =
      new Cpuid(
          List.of(
              new Entry(0, 0, 0, 0xd, 0x6874_7541, 0x444d_4163, 0x6974_6e65),
              new Entry(1, 0, 0, 0x0080_0f12, 0x0102_0800, 0x8120_2000, 0x078b_fbff),
              new Entry(0xb, 0, INDEXED, 0, 0, 0, 1),
              new Entry(0x8000_0000, 0, 0, 0x8000_0026, 0x6874_7541, 0x444d_4163, 0x6974_6e65),
              new Entry(0x8000_0001, 0, 0, 0x0080_0f12, 0x4000_0000, 0x0040_0393, 0x23d3_fbff),
              new Entry(0x8000_0008, 0, 0, 0x3030, 0x0200_1005, 0x0001_7f01, 0),
              new Entry(0x8000_001d, 0, INDEXED, 0x0000_4121, 0x01c0_003f, 0x3f, 0),
              new Entry(0x8000_001d, 2, INDEXED, 0x0000_4143, 0x01c0_003f, 0x3ff, 2),
              new Entry(0x8000_001d, 3, INDEXED, 0x0001_c163, 0x03c0_003f, 0x1fff, 1),
              new Entry(0x8000_001d, 4, INDEXED, 0, 0, 0, 0),
              new Entry(0x8000_001e, 0, 0, 0x12, 0x109, 0x301, 0),
              new Entry(0x8000_0026, 0, INDEXED, 1, 2, 0x100, 0x12)));

  private static Entry leaf(Cpuid cpuid, int function, int index) {
    List<Entry> found =
        cpuid.entries().stream()
            .filter(e -> e.function() == function && e.index() == index)
            .toList();
    assertEquals(1, found.size(), Integer.toHexString(function) + "/" + index);
    return found.getFirst();
  }

  private static int field(int register, int high, int low) {
    return register >>> low & (int) ((1L << (high - low + 1)) - 1);
  }

  private static boolean bit(int register, int number) {
    return (register >>> number & 1) != 0;
  }

  /** The bits that number {@code n} things, counted slowly. */
  private static int width(int n) {
    int bits = 0;
    while (1 << bits < n) {
      bits++;
    }
    return bits;
  }

  @Property
  void ofBothVendors(@ForAll @IntRange(min = 1, max = 254) int vcpus, @ForAll boolean intel) {
    Cpuid supported = intel ? INTEL : AMD;
    CpuidTemplate template = CpuidTemplate.of(supported, true);
    Set<Integer> apicIds = new HashSet<>();
    Set<Integer> x2apicIds = new HashSet<>();
    for (int vcpu = 0; vcpu < vcpus; vcpu++) {
      Cpuid cpuid = template.forVcpu(vcpu, vcpus);
      apicIds.add(cpuid.find(1, 0).orElseThrow().ebx() >>> 24);
      x2apicIds.add(cpuid.find(0xb, 1).orElseThrow().edx());
      if (vcpu > 1 && vcpu != vcpus / 2 && vcpu != vcpus - 1) {
        continue; // all vCPUs times all counts would take long
      }
      Entry leaf1 = leaf(cpuid, 1, 0);
      assertEquals(vcpu, field(leaf1.ebx(), 31, 24));
      assertEquals(vcpus > 1, bit(leaf1.edx(), 28), "HTT");
      assertTrue(bit(leaf1.ecx(), 31), "hypervisor");
      assertTrue(bit(leaf1.ecx(), 24), "TSC deadline");
      assertTrue(bit(leaf1.ecx(), 21), "x2APIC");
      assertEquals(8, field(leaf1.ebx(), 15, 8), "CLFLUSH line");
      assertEquals(leaf(supported, 1, 0).eax(), leaf1.eax(), "model");
      assertEquals(leaf(supported, 1, 0).edx() & ~(1 << 28), leaf1.edx() & ~(1 << 28), "features");
      assertEquals(leaf(supported, 0, 0), leaf(cpuid, 0, 0), "vendor and highest leaf");
      assertEquals(leaf(supported, 0x8000_0000, 0), leaf(cpuid, 0x8000_0000, 0));

      topology(cpuid, 0xb, vcpu, vcpus);
      if (intel) {
        topology(cpuid, 0x1f, vcpu, vcpus);
        intel(cpuid, vcpus);
      } else {
        assertFalse(cpuid.find(0x1f, 0).isPresent(), "above the highest leaf");
        amd(cpuid, vcpu, vcpus);
      }
      // No leaf occurs twice, and none comes from nowhere.
      Set<String> names = new HashSet<>();
      for (Entry e : cpuid.entries()) {
        assertTrue(names.add(e.function() + "/" + e.index()), e::toString);
      }
    }
    assertEquals(vcpus, apicIds.size());
    assertEquals(vcpus, x2apicIds.size());
    assertFalse(apicIds.contains(255), "the broadcast id");
  }

  /** Reads a topology leaf as a guest does: subleaves until the type is 0. */
  private static void topology(Cpuid cpuid, int function, int vcpu, int vcpus) {
    Entry smt = leaf(cpuid, function, 0);
    Entry core = leaf(cpuid, function, 1);
    Entry end = leaf(cpuid, function, 2);
    for (Entry e : List.of(smt, core, end)) {
      assertEquals(INDEXED, e.flags());
      assertEquals(vcpu, e.edx());
      assertEquals(e.index(), field(e.ecx(), 7, 0));
    }
    assertEquals(1, field(smt.ecx(), 15, 8), "type: SMT");
    assertEquals(2, field(core.ecx(), 15, 8), "type: core");
    assertEquals(0, field(end.ecx(), 15, 8), "type: none");
    assertEquals(0, field(smt.eax(), 4, 0), "one thread needs no bit");
    assertEquals(1, field(smt.ebx(), 15, 0));
    assertEquals(width(vcpus), field(core.eax(), 4, 0));
    assertEquals(vcpus, field(core.ebx(), 15, 0));
    assertEquals(0, vcpu >>> field(core.eax(), 4, 0), "all in package 0");
  }

  private static void intel(Cpuid cpuid, int vcpus) {
    int ids = 1 << width(vcpus);
    assertEquals(Math.min(255, ids), field(leaf(cpuid, 1, 0).ebx(), 23, 16));
    for (int index = 0; index < 4; index++) {
      Entry cache = leaf(cpuid, 4, index);
      Entry host = leaf(INTEL, 4, index);
      assertEquals(field(host.eax(), 13, 0), field(cache.eax(), 13, 0), "type and level");
      boolean shared = field(cache.eax(), 7, 5) == 3;
      assertEquals(shared ? ids - 1 : 0, field(cache.eax(), 25, 14), "threads");
      assertEquals(Math.min(63, ids - 1), field(cache.eax(), 31, 26), "cores");
      assertEquals(
          List.of(host.ebx(), host.ecx(), host.edx()),
          List.of(cache.ebx(), cache.ecx(), cache.edx()));
    }
    assertEquals(leaf(INTEL, 4, 4), leaf(cpuid, 4, 4));
    // These mean something to AMD alone.
    assertEquals(leaf(INTEL, 0x8000_0001, 0), leaf(cpuid, 0x8000_0001, 0));
    assertEquals(leaf(INTEL, 0x8000_0008, 0), leaf(cpuid, 0x8000_0008, 0));
    for (int same : new int[] {2, 7, 0xd, 0x4000_0000}) {
      assertEquals(leaf(INTEL, same, 0), leaf(cpuid, same, 0));
    }
  }

  private static void amd(Cpuid cpuid, int vcpu, int vcpus) {
    assertEquals(vcpus, field(leaf(cpuid, 1, 0).ebx(), 23, 16), "threads");
    Entry sizes = leaf(cpuid, 0x8000_0008, 0);
    assertEquals(vcpus - 1, field(sizes.ecx(), 7, 0), "NC");
    assertEquals(width(vcpus), field(sizes.ecx(), 15, 12), "ApicIdSize");
    assertEquals(0x0001_0f00, sizes.ecx() & 0xffff_0f00, "the rest");
    assertEquals(0x3030, sizes.eax());
    Entry features = leaf(cpuid, 0x8000_0001, 0);
    assertEquals(vcpus > 1, bit(features.ecx(), 1), "CmpLegacy");
    assertTrue(bit(features.ecx(), 22), "TopologyExtensions");
    assertEquals(0x0040_0391, features.ecx() & ~2);
    for (int index : new int[] {0, 2, 3}) {
      Entry cache = leaf(cpuid, 0x8000_001d, index);
      int sharing = index == 3 ? (1 << width(vcpus)) - 1 : 0;
      assertEquals(sharing, field(cache.eax(), 25, 14), "NumSharingCache");
      assertEquals(0, field(cache.eax(), 31, 26), "reserved");
    }
    Entry node = leaf(cpuid, 0x8000_001e, 0);
    assertEquals(vcpu, node.eax(), "ExtendedApicId");
    assertEquals(vcpu, field(node.ebx(), 7, 0), "CoreId");
    assertEquals(0, field(node.ebx(), 15, 8), "ThreadsPerCore - 1");
    assertEquals(0, node.ecx(), "node 0 of 1");
    assertFalse(cpuid.find(0x8000_0026, 0).isPresent());
  }

  @Example
  void withoutTscDeadline() {
    Entry leaf1 = leaf(CpuidTemplate.of(INTEL, false).forVcpu(0, 1), 1, 0);
    // The host's own bit stays as KVM gave it.
    assertTrue(bit(leaf1.ecx(), 24));
    Cpuid plain = new Cpuid(List.of(new Entry(1, 0, 0, 0, 0, 0, 0)));
    assertFalse(bit(leaf(CpuidTemplate.of(plain, false).forVcpu(0, 1), 1, 0).ecx(), 24));
    assertTrue(bit(leaf(CpuidTemplate.of(plain, true).forVcpu(0, 1), 1, 0).ecx(), 24));
  }

  @Example
  void oldHostsHaveNoTopologyLeaves() {
    Cpuid old = new Cpuid(List.of(new Entry(0, 0, 0, 0xa, 0x756e_6547, 0, 0)));
    assertEquals(old, CpuidTemplate.of(old, false).forVcpu(1, 4));
    assertEquals(new Cpuid(List.of()), CpuidTemplate.of(new Cpuid(List.of()), true).forVcpu(0, 1));
  }

  @Example
  void misuse() {
    CpuidTemplate template = CpuidTemplate.of(INTEL, true);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> template.forVcpu(4, 4));
    assertEquals("vcpu=4 is not in 0..3", e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> template.forVcpu(-1, 4));
    assertThrows(IllegalArgumentException.class, () -> template.forVcpu(0, 0));
  }
}
