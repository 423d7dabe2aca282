// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.LongRange;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;
import org.junit.jupiter.api.function.Executable;

/** Templates with models and switches: each named bit is as a slow reading of the rules says. */
class CpuidModelPropertyTest {
  private static CpuidTemplate.Builder on(Cpuid host) {
    return CpuidTemplate.builder(host, true);
  }

  private static Entry leaf(Cpuid cpuid, int function, int index) {
    return cpuid.find(function, index).orElseThrow();
  }

  @Provide
  Arbitrary<Map<CpuFeature, Boolean>> switches() {
    return Arbitraries.maps(Arbitraries.of(CpuFeature.all()), Arbitraries.of(true, false, false))
        .ofMaxSize(6);
  }

  @Property(tries = 200)
  void bitsAreThoseOfModelAndSwitches(
      @ForAll("switches") Map<CpuFeature, Boolean> switches,
      @ForAll boolean intel,
      @ForAll boolean fixed) {
    Cpuid host = intel ? Hosts.INTEL : Hosts.AMD;
    CpuModel model = CpuModel.of(fixed ? "x86-64-v3" : "host");
    CpuidTemplate.Builder builder =
        on(host).model(model).features(new CpuFeatures(new LinkedHashMap<>(switches)));
    boolean contradiction =
        switches.keySet().stream()
            .anyMatch(f ->
                Boolean.TRUE.equals(switches.get(f))
                    && f.needs().stream().anyMatch(b -> Boolean.FALSE.equals(switches.get(b))));
    if (contradiction) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, builder::build);
      assertTrue(e.toString().endsWith(", which is switched off"), e::toString);
      return;
    }
    Cpuid cpuid = builder.build().forVcpu(0, 1);
    for (CpuFeature f : CpuFeature.all()) {
      boolean expected = model.isHost() || model.features().contains(f) || CpuModel.isAsHost(f);
      for (Map.Entry<CpuFeature, Boolean> s : switches.entrySet()) {
        if (!s.getValue() && (f.equals(s.getKey()) || f.needs().contains(s.getKey()))) {
          expected = false;
        }
      }
      for (Map.Entry<CpuFeature, Boolean> s : switches.entrySet()) {
        if (s.getValue() && (f.equals(s.getKey()) || s.getKey().needs().contains(f))) {
          expected = true;
        }
      }
      assertEquals(expected, f.in(cpuid), f::toString);
    }
    // The state components are those of features that are on, and the area holds each.
    long xcr0 = Integer.toUnsignedLong(leaf(cpuid, 0xd, 0).eax());
    boolean xsave = CpuFeature.of("xsave").in(cpuid);
    assertEquals(xsave, (xcr0 & 1) != 0);
    assertEquals(CpuFeature.of("avx").in(cpuid), (xcr0 & 4) != 0);
    assertEquals(CpuFeature.of("avx512f").in(cpuid), (xcr0 & 0xe0) == 0xe0);
    assertEquals(CpuFeature.of("amx_tile").in(cpuid), (xcr0 & 0x6_0000) == 0x6_0000);
    int end = 576;
    for (int i = 2; i < 20; i++) {
      if (i == 9 || i < 8 || i > 16) {
        Entry component = leaf(cpuid, 0xd, i);
        assertEquals((xcr0 >>> i & 1) != 0, component.eax() != 0, component::toString);
        end = Math.max(end, component.eax() + component.ebx());
      }
    }
    int size = leaf(cpuid, 0xd, 0).ecx();
    assertEquals(xsave ? end : 0, size);
    if (!intel) {
      int repeated = leaf(cpuid, 0x8000_0001, 0).edx() & 0x0183_f3ff;
      assertEquals(leaf(cpuid, 1, 0).edx() & 0x0183_f3ff, repeated);
    }
  }

  @Example
  void theDefaultIsTheTemplateOfTheHost() {
    for (Cpuid host : List.of(Hosts.INTEL, Hosts.AMD)) {
      Cpuid plain = CpuidTemplate.of(host, true).forVcpu(2, 5);
      assertEquals(plain, on(host).build().forVcpu(2, 5));
      assertEquals(plain, on(host).model(CpuModel.of("host")).build().forVcpu(2, 5));
      assertEquals(plain, on(host).features(CpuFeatures.parse("+avx2")).build().forVcpu(2, 5));
    }
  }

  @Example
  void aModelIsTheSameOnEveryHost() {
    // The second lacks what the model does not need, and what stays as the host has it.
    Cpuid richer = Hosts.INTEL;
    Cpuid poorer = Hosts.without(richer, "avx512f", "amx_tile", "rdpid", "monitor", "sgx");
    CpuModel model = CpuModel.of("x86-64-v3");
    assertEquals(
        on(richer).model(model).build().forVcpu(0, 1).entries(),
        on(poorer).model(model).build().forVcpu(0, 1).entries());
    Cpuid cpuid = on(richer).model(model).build().forVcpu(0, 1);
    for (int gone : new int[] {5, 0xa, 0x12, 0x14, 0x1d, 0x1e, 0x8000_000a}) {
      Entry e = leaf(cpuid, gone, 0);
      assertEquals(e.with(0, 0, 0, 0), e);
    }
    assertEquals(7, leaf(cpuid, 0xd, 0).eax());
    assertEquals(0x340, leaf(cpuid, 0xd, 0).ecx());
    assertEquals(0, leaf(cpuid, 7, 0).ebx() & 1 << 22, "a bit without a name");
    assertEquals(0, leaf(cpuid, 7, 1).ebx());
    assertEquals(0x000a_0655, leaf(cpuid, 1, 0).eax(), "family and model of the host");
  }

  @Example
  void productsHaveTheirSignature() {
    Cpuid rome = on(Hosts.AMD).model(CpuModel.of("EPYC-Rome")).build().forVcpu(0, 1);
    assertEquals(0x0083_0f10, leaf(rome, 1, 0).eax());
    assertEquals(0x0083_0f10, leaf(rome, 0x8000_0001, 0).eax());
    Cpuid sky = on(Hosts.INTEL).model(CpuModel.of("Skylake-Server")).build().forVcpu(0, 1);
    assertEquals(0x0005_0654, leaf(sky, 1, 0).eax());
    refused(
        "CPU model EPYC is one of AuthenticAMD, and this host is of GenuineIntel",
        on(Hosts.INTEL).model(CpuModel.of("EPYC"))::build);
    refused(
        "CPU model EPYC is one of AuthenticAMD, and this host is of no vendor",
        on(new Cpuid(List.of())).model(CpuModel.of("EPYC"))::build);
  }

  @Example
  void whatTheHostLacksIsNamed() {
    Cpuid host = Hosts.without(Hosts.INTEL, "avx2", "bmi2", "rdpid");
    CpuFeatureException e =
        assertThrows(CpuFeatureException.class, on(host).model(CpuModel.of("x86-64-v3"))::build);
    assertEquals(
        "CPU model x86-64-v3: not supported by this host's KVM: avx2 (leaf 0x7/0 ebx bit 5),"
            + " bmi2 (leaf 0x7/0 ebx bit 8)",
        e.getMessage());
    assertEquals(List.of(CpuFeature.of("avx2"), CpuFeature.of("bmi2")), e.missing());
    // Without them the model goes.
    on(host).model(CpuModel.of("x86-64-v3")).features(CpuFeatures.parse("-avx2,-bmi2")).build();
    refused(
        "not supported by this host's KVM: rdpid (leaf 0x7/0 ecx bit 22)",
        on(host).features(CpuFeatures.parse("+rdpid"))::build);
  }

  @Example
  void notes() {
    CpuidTemplate template =
        on(Hosts.without(Hosts.AMD, "avx512f"))
            .model(CpuModel.of("x86-64-v3"))
            .features(CpuFeatures.parse("-xsave,-x2apic,+kvm_async_pf_int"))
            .build();
    assertEquals(List.of("-xsave switches off fma, avx, f16c, avx2"), template.notes());
    template =
        on(Hosts.INTEL)
            .model(CpuModel.of("x86-64-v2"))
            .features(CpuFeatures.parse("+avx2,-ssse3"))
            .model(CpuModel.of("x86-64-v1"))
            .features(CpuFeatures.parse("+sse4_1"))
            .build();
    assertEquals(List.of("+sse4_1 switches on ssse3, pni"), template.notes());
    refused(
        "CPU feature avx2 needs ssse3, which is switched off",
        on(Hosts.INTEL).features(CpuFeatures.parse("+avx2,-ssse3"))::build);
    assertEquals(List.of(), CpuidTemplate.of(Hosts.INTEL, true).notes());
  }

  @Example
  void brand() {
    Cpuid cpuid = on(Hosts.INTEL).brand("java-vmm \"1\"").build().forVcpu(0, 1);
    ByteBuffer bytes = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 2; i <= 4; i++) {
      Entry e = leaf(cpuid, 0x8000_0000 + i, 0);
      bytes.putInt(e.eax()).putInt(e.ebx()).putInt(e.ecx()).putInt(e.edx());
    }
    assertEquals(
        "java-vmm \"1\"" + "\0".repeat(36), new String(bytes.array(), StandardCharsets.US_ASCII));
    Cpuid none = on(new Cpuid(List.of())).brand("x".repeat(47)).build().forVcpu(0, 1);
    assertEquals(0x8000_0004, leaf(none, 0x8000_0000, 0).eax());
    assertEquals(0x0078_7878, leaf(none, 0x8000_0004, 0).edx(), "a 0 ends it");
    refused("brand of 48 characters is longer than 47", () -> on(Hosts.AMD).brand("x".repeat(48)));
    refused(
        "brand \"a\tb\": character 1 is not printable ASCII", () -> on(Hosts.AMD).brand("a\tb"));
  }

  @Example
  void kvmLeaves() {
    Cpuid hidden = on(Hosts.AMD).hideKvm().tscKhz(2_000_000).build().forVcpu(0, 1);
    assertTrue(hidden.entries().stream().noneMatch(e -> e.function() >>> 28 == 4));
    assertTrue(CpuFeature.of("hypervisor").in(hidden));
    Cpuid extended = on(Hosts.AMD).extendedDestinationIds().build().forVcpu(0, 1);
    Entry with = leaf(extended, 0x4000_0001, 0);
    Entry plain = leaf(on(Hosts.AMD).build().forVcpu(0, 1), 0x4000_0001, 0);
    assertEquals(1 << 15, with.eax() ^ plain.eax());
    assertEquals(leaf(Hosts.AMD, 0x4000_0000, 0), leaf(extended, 0x4000_0000, 0));
    refused(
        "extended destination ids need leaf 0x40000001, which is hidden",
        on(Hosts.AMD).hideKvm().extendedDestinationIds()::build);
    refused(
        "extended destination ids need leaf 0x40000001, which this KVM does not have",
        on(new Cpuid(List.of())).extendedDestinationIds()::build);
  }

  @Property(tries = 200)
  void frequencies(@ForAll @LongRange(min = 1, max = 4_294_000) long khz) {
    Cpuid cpuid = on(Hosts.INTEL).tscKhz(khz).build().forVcpu(0, 1);
    assertEquals(0x4000_0010, leaf(cpuid, 0x4000_0000, 0).eax());
    Entry hypervisor = leaf(cpuid, 0x4000_0010, 0);
    assertEquals(List.of((int) khz, 1_000_000), List.of(hypervisor.eax(), hypervisor.ebx()));
    // As Linux computes it: crystal in kHz times numerator in 32 bits, divided by the denominator.
    Entry tsc = leaf(cpuid, 0x15, 0);
    long product = tsc.ecx() / 1000 * Integer.toUnsignedLong(tsc.ebx());
    assertTrue(product <= 0xffff_ffffL && tsc.eax() > 0, tsc::toString);
    double error = Math.abs((double) product / tsc.eax() - khz) / khz;
    assertTrue(error <= 250e-6, () -> khz + " kHz: " + tsc);
    assertEquals((khz + 500) / 1000, leaf(cpuid, 0x16, 0).eax());
    Cpuid amd = on(Hosts.AMD).tscKhz(khz).build().forVcpu(0, 1);
    assertFalse(amd.entries().stream().anyMatch(e -> e.function() == 0x15));
    assertEquals((int) khz, leaf(amd, 0x4000_0010, 0).eax());
  }

  @Example
  void frequencyLimits() {
    refused("tscKhz=0 is not in 1..4294000", () -> on(Hosts.AMD).tscKhz(0));
    refused("tscKhz=4294001 is not in 1..4294000", () -> on(Hosts.AMD).tscKhz(4_294_001));
    Entry exact = leaf(on(Hosts.INTEL).tscKhz(2_100_000).build().forVcpu(0, 1), 0x15, 0);
    assertEquals(List.of(10, 21), List.of(exact.eax(), exact.ebx()));
  }

  @Example
  void readBack() {
    Cpuid set = on(Hosts.INTEL).build().forVcpu(0, 2);
    assertEquals(List.of(), CpuidCheck.differences(set, set));
    Cpuid read = Hosts.without(set, "avx2", "xsavec", "monitor");
    Set<String> seen = new HashSet<>();
    CpuidCheck.differences(set, read).forEach(d -> seen.add(d.toString()));
    Entry seven = leaf(set, 7, 0);
    Entry d = leaf(set, 0xd, 1);
    assertEquals(
        Set.of(
            String.format(
                "00000007/0 ebx: set %08x, read %08x", seven.ebx(), seven.ebx() & ~(1 << 5)),
            String.format("0000000d/1 eax: set %08x, read %08x", d.eax(), d.eax() & ~2)),
        seen);
    // What KVM keeps itself is no difference; a leaf that is missing or new is one.
    Entry one = new Entry(1, 0, 0, 1, 0, 1 << 27, 1 << 9);
    assertEquals(
        List.of(),
        CpuidCheck.differences(new Cpuid(List.of(one)), new Cpuid(List.of(one.with(1, 0, 0, 0)))));
    assertEquals(
        List.of(new CpuidCheck.Difference(1, 0, CpuidRegister.EAX, 1, 0)),
        CpuidCheck.differences(new Cpuid(List.of(one)), new Cpuid(List.of())));
    assertEquals(
        List.of(new CpuidCheck.Difference(1, 0, CpuidRegister.EAX, 0, 1)),
        CpuidCheck.differences(new Cpuid(List.of()), new Cpuid(List.of(one))));
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
