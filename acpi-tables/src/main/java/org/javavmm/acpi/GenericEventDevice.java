// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The generic event device, {@code ACPI0013} (ACPI §5.6.9): interrupts by which a machine without
 * ACPI's fixed registers tells the guest of events. Each interrupt runs terms in the device's
 * method {@code _EVT}, which notify other devices.
 *
 * <p>A button on interrupt 5 and a VM generation id on interrupt 6:
 *
 * {@snippet :
 * AmlTerm events =
 *     GenericEventDevice.builder("GED")
 *         .notify(5, "\\_SB.PWRB", GenericEventDevice.BUTTON_PRESSED)
 *         .notify(6, "\\_SB.VGID", GenericEventDevice.GENERATION_CHANGED)
 *         .build();
 * }
 *
 * <p>A guest runs {@code _EVT} once for each interrupt. Where one interrupt stands for several
 * events, {@link Builder#on} takes any terms, such as a read of a status register and an {@code If}
 * for each of its bits.
 */
public final class GenericEventDevice {
  /** The event of a button that was pressed (ACPI table 5.197). */
  public static final int BUTTON_PRESSED = 0x80;

  /** The event of a {@linkplain VmGenerationId VM generation id} that has changed. */
  public static final int GENERATION_CHANGED = 0x80;

  private GenericEventDevice() {}

  /**
   * {@return a builder of a device without interrupts}
   *
   * @param name the device's name, such as {@code GED}
   * @throws IllegalArgumentException if it is malformed
   */
  public static Builder builder(String name) {
    return new Builder(Aml.named(name));
  }

  /** Collects the interrupts. Not safe for use by several threads. */
  public static final class Builder {
    private final AmlPath name;
    private final List<AmlResource> interrupts = new ArrayList<>();
    private final List<AmlTerm> cases = new ArrayList<>();
    private final Set<Long> gsis = new HashSet<>();
    private int uid;

    private Builder(AmlPath name) {
      this.name = name;
    }

    /**
     * Sets the device's {@code _UID}; 0 if never called.
     *
     * @param uid another one for each event device; not negative
     * @return this builder
     * @throws IllegalArgumentException if it is negative
     */
    public Builder uid(int uid) {
      this.uid = Check.range("_UID", uid, 0, Integer.MAX_VALUE);
      return this;
    }

    /**
     * Adds an interrupt, edge-triggered, active high and exclusive, that notifies one device.
     *
     * @param gsi the global system interrupt, 0 to 0xffffffff
     * @param device the device's path, such as {@code \_SB.PWRB}; an absolute one finds it from
     *     anywhere
     * @param event what it is told, 0 to 0xff
     * @return this builder
     * @throws IllegalArgumentException if a value is malformed or out of range, or the interrupt
     *     was given before
     */
    public Builder notify(long gsi, String device, int event) {
      AmlTerm term =
          Aml.notify(Aml.path(device), Aml.integer(Check.range("event", event, 0, 0xff)));
      return on(gsi, Trigger.EDGE, Polarity.ACTIVE_HIGH, List.of(term));
    }

    /**
     * Adds an interrupt that runs terms.
     *
     * @param gsi the global system interrupt, 0 to 0xffffffff
     * @param trigger what the controller reacts to; a level must be taken back by what the terms do
     * @param polarity which level is active
     * @param terms what runs
     * @return this builder
     * @throws IllegalArgumentException if the interrupt is out of range or was given before, or two
     *     of the terms declare one name
     */
    public Builder on(long gsi, Trigger trigger, Polarity polarity, List<? extends AmlTerm> terms) {
      AmlResource interrupt = AmlResource.interrupt(gsi, trigger, polarity, Sharing.EXCLUSIVE);
      if (gsis.contains(gsi)) {
        throw new IllegalArgumentException("GSI %d was given before".formatted(gsi));
      }
      cases.add(Aml.ifElse(Aml.equal(Aml.arg(0), Aml.integer(gsi)), terms, List.of()));
      gsis.add(gsi);
      interrupts.add(interrupt);
      return this;
    }

    /**
     * {@return the device, for {@code \_SB}}
     *
     * @throws IllegalStateException if there is no interrupt
     */
    public AmlTerm build() {
      if (interrupts.isEmpty()) {
        throw new IllegalStateException("event device %s has no interrupt".formatted(name));
      }
      return Aml.device(
          name.toString(),
          Aml.name("_HID", Aml.string("ACPI0013")),
          Aml.name("_UID", Aml.integer(uid)),
          Aml.name("_CRS", Aml.resourceTemplate(interrupts)),
          Aml.serializedMethod("_EVT", 1, cases));
    }
  }
}
