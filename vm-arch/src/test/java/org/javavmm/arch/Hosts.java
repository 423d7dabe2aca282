// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;

/** Hosts that have every feature with a name, and some bits without one. */
final class Hosts {
  static final int INDEXED = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

  /** A processor of Intel with leaves up to 0x1f. */
  static final Cpuid INTEL = everything(0x756e_6547, 0x4965_6e69, 0x6c65_746e);

  /** A processor of AMD with the same. */
  static final Cpuid AMD = everything(0x6874_7541, 0x6974_6e65, 0x444d_4163);

  private Hosts() {}

  private static Cpuid everything(int ebx, int edx, int ecx) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    List<Entry> fixed =
        List.of(
            new Entry(0, 0, 0, 0x1f, ebx, ecx, edx),
            new Entry(1, 0, 0, 0x000a_0655, 0x1220_0800, 0, 0),
            new Entry(4, 0, INDEXED, 0x3c00_4121, 0x01c0_003f, 0x3f, 0),
            new Entry(4, 3, INDEXED, 0x3c03_c163, 0x02c0_003f, 0x6fff, 4),
            new Entry(5, 0, 0, 0x40, 0x40, 3, 0x20),
            // A bit that has no name in each.
            new Entry(7, 0, INDEXED, 2, 1 << 22, 1 << 15, 1 << 6),
            new Entry(7, 1, INDEXED, 1 << 31, 7, 0, 1 << 31),
            new Entry(0xa, 0, 0, 0x0730_0404, 0, 0, 0x603),
            new Entry(0xb, 0, INDEXED, 1, 2, 0x100, 0x12),
            // x87, SSE, AVX, MPX, AVX-512, PKU, AMX, and 19 (no name).
            new Entry(0xd, 0, INDEXED, 0xe_02ff, 0x2b00, 0x2c00, 0),
            new Entry(0xd, 1, INDEXED, 0, 0x2b00, 0x1900, 0),
            new Entry(0xd, 2, INDEXED, 0x100, 0x240, 0, 0),
            new Entry(0xd, 3, INDEXED, 0x40, 0x3c0, 0, 0),
            new Entry(0xd, 4, INDEXED, 0x40, 0x400, 0, 0),
            new Entry(0xd, 5, INDEXED, 0x40, 0x440, 0, 0),
            new Entry(0xd, 6, INDEXED, 0x200, 0x480, 0, 0),
            new Entry(0xd, 7, INDEXED, 0x400, 0x680, 0, 0),
            new Entry(0xd, 8, INDEXED, 0x80, 0, 1, 0),
            new Entry(0xd, 9, INDEXED, 8, 0xa80, 0, 0),
            new Entry(0xd, 17, INDEXED, 0x40, 0xac0, 2, 0),
            new Entry(0xd, 18, INDEXED, 0x2000, 0xb00, 6, 0),
            new Entry(0xd, 19, INDEXED, 0x100, 0x2b00, 0, 0),
            new Entry(0x12, 0, INDEXED, 1, 0, 0, 0x2f1f),
            new Entry(0x14, 0, INDEXED, 1, 0xf, 7, 0),
            new Entry(0x1d, 0, INDEXED, 1, 0, 0, 0),
            new Entry(0x1e, 0, INDEXED, 0, 0x4010, 0, 0),
            new Entry(0x4000_0000, 0, 0, 0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x4d),
            new Entry(0x8000_0000, 0, 0, 0x8000_0021, ebx, ecx, edx),
            new Entry(0x8000_0001, 0, 0, 0x000a_0655, 0, 0, 0x0183_f3ff),
            new Entry(0x8000_0008, 0, 0, 0x3030, 0, 0x7f01, 0),
            new Entry(0x8000_000a, 0, 0, 1, 0x8000, 0, 0x1bcff),
            new Entry(0x8000_001d, 3, INDEXED, 0x0001_c163, 0x03c0_003f, 0x1fff, 1),
            new Entry(0x8000_001e, 0, 0, 0x12, 0x109, 0x301, 0));
    for (Entry e : fixed) {
      entries.put(e.function() + "/" + e.index(), e);
    }
    for (CpuFeature f : CpuFeature.all()) {
      entries.merge(
          f.function() + "/" + f.index(),
          f.register().with(new Entry(f.function(), f.index(), 0, 0, 0, 0, 0), 1 << f.bit()),
          (e, bit) ->
              e.with(
                  e.eax() | bit.eax(),
                  e.ebx() | bit.ebx(),
                  e.ecx() | bit.ecx(),
                  e.edx() | bit.edx()));
    }
    return new Cpuid(new ArrayList<>(entries.values()));
  }

  /** A host that lacks some features. */
  static Cpuid without(Cpuid host, String... names) {
    List<Entry> entries = new ArrayList<>(host.entries());
    for (String name : names) {
      CpuFeature f = CpuFeature.of(name);
      entries.replaceAll(e ->
          e.function() == f.function() && e.index() == f.index()
              ? f.register().with(e, f.register().of(e) & ~(1 << f.bit()))
              : e);
    }
    return new Cpuid(entries);
  }
}
