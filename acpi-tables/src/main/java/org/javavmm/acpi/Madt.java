// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.HashSet;
import java.util.Set;

/**
 * The multiple APIC description table, signature APIC, revision 6 (ACPI §5.2.12): processors,
 * interrupt controllers and where ISA interrupts go.
 */
public final class Madt {
  private static final int REVISION = 6;
  private static final long UNSIGNED_MAX = 0xffff_ffffL;

  /** Local APIC ids from here on need the x2APIC structure; 0xff is the broadcast of xAPIC. */
  static final int FIRST_X2APIC_ID = 255;

  /** The most processors that KVM can send messages to: its extended destination has 15 bits. */
  private static final int MAX_PROCESSORS = 1 << 15;

  private Madt() {}

  /** Whether a guest may use a processor (ACPI §5.2.12.2, table 5.22). */
  public enum ProcessorState {
    /** Usable from the start. */
    ENABLED(0b01),
    /** Not there yet, may be plugged in later. */
    ONLINE_CAPABLE(0b10),
    /** Never usable. */
    DISABLED(0b00);

    private final int flags;

    ProcessorState(int flags) {
      this.flags = flags;
    }
  }

  /** {@return a builder of a MADT with local APICs at 0xfee00000 and no entry} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Collects the entries; they stand in the table in the order of the calls. Not safe for use by
   * several threads.
   */
  public static final class Builder {
    private final ByteSink entries = new ByteSink();
    private final Set<Long> uids = new HashSet<>();
    private final Set<Long> apicIds = new HashSet<>();
    private final Set<Integer> ioApicIds = new HashSet<>();
    private final Set<Integer> overridden = new HashSet<>();
    private long localApicAddress = 0xfee0_0000L;
    private boolean pcatCompat;
    private boolean hasX2Apic;
    private int nmiLint = -1;

    private Builder() {}

    /**
     * Sets the guest-physical address of every processor's local APIC.
     *
     * @param gpa 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if the address does not fit 32 bits
     */
    public Builder localApicAddress(long gpa) {
      this.localApicAddress = Check.range("local APIC address", gpa, 0, UNSIGNED_MAX);
      return this;
    }

    /**
     * Says that the machine also has two 8259 interrupt controllers (flag PCAT_COMPAT), which the
     * guest must mask.
     *
     * @return this builder
     */
    public Builder pcatCompat() {
      this.pcatCompat = true;
      return this;
    }

    /**
     * Adds a processor: as a local APIC (type 0) if its APIC id is below 255, else as a local
     * x2APIC (type 9), as ACPI §5.2.12.12 demands. The boot processor comes first.
     *
     * @param uid the processor's ACPI id, which {@code _UID} of its device, if any, repeats; 0 to
     *     254 for a local APIC, 0 to 0xfffffffe for a local x2APIC
     * @param apicId the id of its local APIC, 0 to 0xfffffffe
     * @param state whether it is there
     * @return this builder
     * @throws IllegalArgumentException if an id is out of range or was given before
     */
    public Builder processor(long uid, long apicId, ProcessorState state) {
      Check.range("APIC id", apicId, 0, UNSIGNED_MAX - 1);
      boolean x2Apic = apicId >= FIRST_X2APIC_ID;
      Check.range("processor uid for APIC id " + apicId, uid, 0, x2Apic ? UNSIGNED_MAX - 1 : 0xfe);
      addUnique("processor uid", uids, uid);
      addUnique("APIC id", apicIds, apicId);
      if (x2Apic) {
        hasX2Apic = true;
        entries.u8(9).u8(16).u16(0).u32(apicId).u32(state.flags).u32(uid);
      } else {
        entries.u8(0).u8(8).u8((int) uid).u8((int) apicId).u32(state.flags);
      }
      return this;
    }

    /**
     * Adds processors whose ACPI ids and APIC ids are their numbers from 0 on, all enabled: local
     * APICs up to number 254, local x2APICs from 255 on. With x2APICs, {@link
     * AmlDevices#processors} belongs into the DSDT (ACPI §5.2.12.12), and a guest takes them only
     * if its boot processor starts in x2APIC mode.
     *
     * @param count how many, 1 to 32768
     * @return this builder
     * @throws IllegalArgumentException if the count is out of range, or an id was given before
     */
    public Builder processors(int count) {
      Check.range("number of processors", count, 1, MAX_PROCESSORS);
      for (int id = 0; id < count; id++) {
        processor(id, id, ProcessorState.ENABLED);
      }
      return this;
    }

    /**
     * Adds an I/O APIC.
     *
     * @param id its id, 0 to 255
     * @param gpa the guest-physical address of its registers, 0 to 0xffffffff
     * @param gsiBase the global system interrupt of its first pin, 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, or the id was given before
     */
    public Builder ioApic(int id, long gpa, long gsiBase) {
      Check.range("I/O APIC id", id, 0, 0xff);
      Check.range("I/O APIC address", gpa, 0, UNSIGNED_MAX);
      Check.range("GSI base", gsiBase, 0, UNSIGNED_MAX);
      addUnique("I/O APIC id", ioApicIds, id);
      entries.u8(1).u8(12).u8(id).u8(0).u32(gpa).u32(gsiBase);
      return this;
    }

    /**
     * Says that an ISA interrupt arrives at another global system interrupt, with ISA's edge and
     * active high.
     *
     * @param isaIrq the ISA interrupt, 0 to 15
     * @param gsi the global system interrupt, 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, or the interrupt was overridden
     *     before
     */
    public Builder interruptSourceOverride(int isaIrq, long gsi) {
      return interruptSourceOverride(isaIrq, gsi, 0);
    }

    /**
     * Says that an ISA interrupt arrives at a global system interrupt (which may have the same
     * number) with other than ISA's trigger or polarity.
     *
     * @param isaIrq the ISA interrupt, 0 to 15
     * @param gsi the global system interrupt, 0 to 0xffffffff
     * @param trigger what the controller reacts to
     * @param polarity which level is active
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, or the interrupt was overridden
     *     before
     */
    public Builder interruptSourceOverride(
        int isaIrq, long gsi, Trigger trigger, Polarity polarity) {
      // MPS INTI flags (ACPI table 5.26): bits 1:0 polarity (1 high, 3 low), 3:2 trigger (1 edge, 3
      // level).
      int flags =
          (polarity == Polarity.ACTIVE_HIGH ? 0b01 : 0b11)
              | (trigger == Trigger.EDGE ? 0b0100 : 0b1100);
      return interruptSourceOverride(isaIrq, gsi, flags);
    }

    private Builder interruptSourceOverride(int isaIrq, long gsi, int flags) {
      Check.range("ISA interrupt", isaIrq, 0, 15);
      Check.range("GSI", gsi, 0, UNSIGNED_MAX);
      addUnique("override of ISA interrupt", overridden, isaIrq);
      entries.u8(2).u8(10).u8(0).u8(isaIrq).u32(gsi).u16(flags);
      return this;
    }

    /**
     * Says that every processor's local APIC receives the non-maskable interrupt at this pin. The
     * entry (two of them, if there are x2APIC processors) stands behind all others.
     *
     * @param lint the pin, 0 or 1; a PC has it at 1
     * @return this builder
     * @throws IllegalArgumentException if the pin is neither
     */
    public Builder localApicNmi(int lint) {
      this.nmiLint = Check.range("LINT pin", lint, 0, 1);
      return this;
    }

    /** {@return the table} */
    public Sdt build() {
      Sdt.Builder table =
          Sdt.builder("APIC", REVISION)
              .u32(localApicAddress)
              .u32(pcatCompat ? 1 : 0)
              .bytes(entries.toByteArray());
      if (nmiLint >= 0) {
        // Uid 0xff and 0xffffffff: all processors. Flags 0: as the bus has it.
        table.u8(4).u8(6).u8(0xff).u16(0).u8(nmiLint);
        if (hasX2Apic) {
          table.u8(10).u8(12).u16(0).u32(UNSIGNED_MAX).u8(nmiLint).zeros(3);
        }
      }
      return table.build();
    }

    private static <T> void addUnique(String what, Set<T> seen, T value) {
      if (!seen.add(value)) {
        throw new IllegalArgumentException("%s %s was given before".formatted(what, value));
      }
    }
  }
}
