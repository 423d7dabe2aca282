// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The state of the IOAPIC, {@code struct kvm_ioapic_state}.
 *
 * @param baseAddress its guest-physical address
 * @param ioregsel which register the data window shows
 * @param id its APIC id
 * @param irr the lines that request an interrupt, bit n for pin n
 * @param redirtbl the redirection entries of the {@value #PINS} pins, as the guest sees them
 */
public record IoapicState(long baseAddress, int ioregsel, int id, int irr, List<Long> redirtbl) {
  /** The number of pins. */
  public static final int PINS = IoapicStateLayout.KVM_IOAPIC_NUM_PINS;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are not {@value #PINS} entries
   */
  public IoapicState {
    redirtbl = List.copyOf(redirtbl);
    var _ = Check.check("redirtbl", redirtbl.size(), PINS, PINS);
  }

  static IoapicState fromStruct(MemorySegment chip) {
    List<Long> entries = new ArrayList<>(PINS);
    for (int pin = 0; pin < PINS; pin++) {
      entries.add(chip.get(U64, IoapicStateLayout.REDIRTBL + 8L * pin));
    }
    return new IoapicState(
        chip.get(U64, IoapicStateLayout.BASE_ADDRESS),
        chip.get(U32, IoapicStateLayout.IOREGSEL),
        chip.get(U32, IoapicStateLayout.ID),
        chip.get(U32, IoapicStateLayout.IRR),
        entries);
  }

  void toStruct(MemorySegment chip) {
    chip.set(U64, IoapicStateLayout.BASE_ADDRESS, baseAddress);
    chip.set(U32, IoapicStateLayout.IOREGSEL, ioregsel);
    chip.set(U32, IoapicStateLayout.ID, id);
    chip.set(U32, IoapicStateLayout.IRR, irr);
    for (int pin = 0; pin < PINS; pin++) {
      chip.set(U64, IoapicStateLayout.REDIRTBL + 8L * pin, redirtbl.get(pin));
    }
  }
}
