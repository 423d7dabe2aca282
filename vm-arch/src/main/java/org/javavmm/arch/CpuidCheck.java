// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.javavmm.kvm.Cpuid;

/**
 * Compares what a vCPU's CPUID was set to with what {@code KVM_GET_CPUID2} gives back. Left out are
 * the bits that KVM keeps up to date itself, with the state of the vCPU: OSXSAVE and OSPKE (CR4),
 * the local APIC's bit (IA32_APIC_BASE), MONITOR (IA32_MISC_ENABLE), and the current sizes of the
 * XSAVE area.
 */
public final class CpuidCheck {
  private CpuidCheck() {}

  /**
   * A register that differs.
   *
   * @param function the leaf
   * @param index the subleaf
   * @param register the register
   * @param set what it was set to; 0 if the leaf was not set
   * @param read what KVM gives back; 0 if it does not have the leaf
   */
  public record Difference(int function, int index, CpuidRegister register, int set, int read) {
    /** {@return the place and the values: {@code 00000007/0 ebx: set 00000020, read 00000000}} */
    @Override
    public String toString() {
      return String.format(
          "%08x/%x %s: set %08x, read %08x",
          function, index, register.name().toLowerCase(Locale.ROOT), set, read);
    }
  }

  private record Place(int function, int index) {}

  /**
   * {@return the registers that differ, by leaf, subleaf and register}
   *
   * @param set what {@code KVM_SET_CPUID2} was given
   * @param read what {@code KVM_GET_CPUID2} gave back
   */
  public static List<Difference> differences(Cpuid set, Cpuid read) {
    Map<Place, Cpuid.Entry> wanted = places(set);
    Map<Place, Cpuid.Entry> seen = places(read);
    Map<Place, Cpuid.Entry> all = places(set);
    all.putAll(seen);
    List<Difference> differences = new ArrayList<>();
    for (Place place : all.keySet()) {
      Cpuid.Entry none = new Cpuid.Entry(place.function(), place.index(), 0, 0, 0, 0, 0);
      for (CpuidRegister register : CpuidRegister.values()) {
        int a = register.of(wanted.getOrDefault(place, none));
        int b = register.of(seen.getOrDefault(place, none));
        if (((a ^ b) & ~kept(place, register)) != 0) {
          differences.add(new Difference(place.function(), place.index(), register, a, b));
        }
      }
    }
    return differences;
  }

  private static Map<Place, Cpuid.Entry> places(Cpuid cpuid) {
    Map<Place, Cpuid.Entry> places =
        new TreeMap<>((a, b) -> {
          int order = Integer.compareUnsigned(a.function(), b.function());
          return order != 0 ? order : Integer.compareUnsigned(a.index(), b.index());
        });
    cpuid.entries().forEach(e -> places.put(new Place(e.function(), e.index()), e));
    return places;
  }

  /** The bits that KVM writes itself. */
  private static int kept(Place place, CpuidRegister register) {
    return switch (place.function()) {
      case 1 ->
          switch (register) {
            case ECX -> 1 << 27 | 1 << 3;
            case EDX -> 1 << 9;
            default -> 0;
          };
      case 7 -> place.index() == 0 && register == CpuidRegister.ECX ? 1 << 4 : 0;
      case 0xd -> place.index() <= 1 && register == CpuidRegister.EBX ? -1 : 0;
      default -> 0;
    };
  }
}
