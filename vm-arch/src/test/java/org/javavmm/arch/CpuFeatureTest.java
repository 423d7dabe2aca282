// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The table of features, the models, and the list that a user writes. */
class CpuFeatureTest {
  @Test
  void placesAreThoseOfTheManuals() {
    Map<String, String> places = new HashMap<>();
    places.put("sse3", "pni (leaf 0x1/0 ecx bit 0)");
    places.put("x2apic", "x2apic (leaf 0x1/0 ecx bit 21)");
    places.put("fpu", "fpu (leaf 0x1/0 edx bit 0)");
    places.put("avx2", "avx2 (leaf 0x7/0 ebx bit 5)");
    places.put("avx512vl", "avx512vl (leaf 0x7/0 ebx bit 31)");
    places.put("avx512-vnni", "avx512_vnni (leaf 0x7/0 ecx bit 11)");
    places.put("spec_ctrl", "spec_ctrl (leaf 0x7/0 edx bit 26)");
    places.put("avx_vnni", "avx_vnni (leaf 0x7/1 eax bit 4)");
    places.put("xsaves", "xsaves (leaf 0xd/1 eax bit 3)");
    places.put("LZCNT", "abm (leaf 0x80000001/0 ecx bit 5)");
    places.put("nx", "nx (leaf 0x80000001/0 edx bit 20)");
    places.put("lm", "lm (leaf 0x80000001/0 edx bit 29)");
    places.put("sse4.2", "sse4_2 (leaf 0x1/0 ecx bit 20)");
    places.put("kvm_pv_eoi", "kvm_pv_eoi (leaf 0x40000001/0 eax bit 6)");
    places.forEach((name, place) -> assertEquals(place, CpuFeature.of(name).toString()));
  }

  /** As a record's own: equal if all components are. */
  @Test
  void equality() {
    CpuFeature f = new CpuFeature("a", List.of("b"), 1, 2, CpuidRegister.EAX, 3);
    CpuFeature same = new CpuFeature("a", List.of("b"), 1, 2, CpuidRegister.EAX, 3);
    assertEquals(f, same);
    assertEquals(f.hashCode(), same.hashCode());
    for (CpuFeature other :
        List.of(
            new CpuFeature("x", List.of("b"), 1, 2, CpuidRegister.EAX, 3),
            new CpuFeature("a", List.of(), 1, 2, CpuidRegister.EAX, 3),
            new CpuFeature("a", List.of("b"), 0, 2, CpuidRegister.EAX, 3),
            new CpuFeature("a", List.of("b"), 1, 0, CpuidRegister.EAX, 3),
            new CpuFeature("a", List.of("b"), 1, 2, CpuidRegister.EBX, 3),
            new CpuFeature("a", List.of("b"), 1, 2, CpuidRegister.EAX, 0))) {
      assertNotEquals(f, other);
    }
  }

  @Test
  void noPlaceHasTwoNames() {
    Set<String> places = new HashSet<>();
    for (CpuFeature f : CpuFeature.all()) {
      assertTrue(places.add(f.toString().substring(f.name().length())), f::toString);
      assertTrue(f.bit() >= 0 && f.bit() < 32, f::toString);
      for (String alias : f.aliases()) {
        assertSame(f, CpuFeature.of(alias));
      }
    }
    assertTrue(places.size() > 200, () -> places.size() + " features");
  }

  @Test
  void needsAreWholeAndHaveNoCircle() {
    assertEquals(
        Set.of("avx", "xsave", "sse4_2", "sse4_1", "ssse3", "pni", "sse2", "sse", "fxsr"),
        names(CpuFeature.of("avx2").needs()));
    assertEquals(Set.of(), CpuFeature.of("fpu").needs());
    for (CpuFeature f : CpuFeature.all()) {
      assertFalse(f.needs().contains(f), f::toString);
    }
  }

  private static Set<String> names(Set<CpuFeature> features) {
    return features.stream().map(CpuFeature::name).collect(Collectors.toSet());
  }

  @Test
  void unknownNames() {
    refused("CPU feature \"avx3\" is not known; near it: avx, avx2", () -> CpuFeature.of("avx3"));
    refused("CPU feature \"x2apci\" is not known; near it: x2apic", () -> CpuFeature.of("x2apci"));
    refused("CPU feature \"nonsense\" is not known", () -> CpuFeature.of("nonsense"));
    refused("CPU feature \"\" is not known", () -> CpuFeature.of(""));
    refused(
        "CPU feature \"ht\" cannot be switched: it follows the topology",
        () -> CpuFeature.of("ht"));
    refused(
        "CPU feature \"osxsave\" cannot be switched: it follows CR4 of the vCPU",
        () -> CpuFeature.of("OSXSAVE"));
  }

  @Test
  void lists() {
    CpuFeatures list = CpuFeatures.parse(" +avx2 ,-x2apic,+lzcnt");
    assertEquals("+avx2,-x2apic,+abm", list.toString());
    assertEquals(list, CpuFeatures.parse(list.toString()));
    assertEquals(CpuFeatures.NONE, CpuFeatures.parse(" "));
    assertEquals("", CpuFeatures.NONE.toString());
    refused(
        "CPU features \"+avx2,x2apic\": item 2 \"x2apic\" is not + or - and a name",
        () -> CpuFeatures.parse("+avx2,x2apic"));
    refused(
        "CPU features \"+avx2,\": item 2 \"\" is not + or - and a name",
        () -> CpuFeatures.parse("+avx2,"));
    refused(
        "CPU features \"+\": item 1 \"+\" is not + or - and a name", () -> CpuFeatures.parse("+"));
    refused("CPU features \"+sse3,-pni\": pni occurs twice", () -> CpuFeatures.parse("+sse3,-pni"));
    refused(
        "CPU feature \"avx3\" is not known; near it: avx, avx2", () -> CpuFeatures.parse("+avx3"));
  }

  @Test
  void allNamesInOneList() {
    List<String> items = new ArrayList<>();
    for (CpuFeature f : CpuFeature.all()) {
      items.add((items.size() % 2 == 0 ? "+" : "-") + f.name());
    }
    String text = String.join(",", items);
    assertEquals(text, CpuFeatures.parse(text).toString());
  }

  @Test
  void models() {
    assertEquals(
        List.of(
            "host",
            "x86-64-v1",
            "x86-64-v2",
            "x86-64-v3",
            "x86-64-v4",
            "EPYC",
            "EPYC-Rome",
            "EPYC-Milan",
            "Skylake-Server",
            "Cascadelake-Server"),
        CpuModel.all().stream().map(CpuModel::name).toList());
    assertSame(CpuModel.of("EPYC-Rome"), CpuModel.of("epyc-rome"));
    assertTrue(CpuModel.of("host").isHost());
    refused(
        "CPU model \"v3\" is not known; known: host, x86-64-v1, x86-64-v2, x86-64-v3, x86-64-v4,"
            + " EPYC, EPYC-Rome, EPYC-Milan, Skylake-Server, Cascadelake-Server",
        () -> CpuModel.of("v3"));
    // A model has what its features need; each level has the one below it.
    for (CpuModel model : CpuModel.all()) {
      for (CpuFeature f : model.features()) {
        assertTrue(model.features().containsAll(f.needs()), () -> model.name() + ": " + f);
      }
    }
    for (int level = 2; level <= 4; level++) {
      assertTrue(
          CpuModel.of("x86-64-v" + level)
              .features()
              .containsAll(CpuModel.of("x86-64-v" + (level - 1)).features()));
    }
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
