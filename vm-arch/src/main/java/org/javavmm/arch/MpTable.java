// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;

/**
 * The tables of Intel's MultiProcessor Specification 1.4 (here "MP"), by which a guest without ACPI
 * finds processors, the I/O APIC and where interrupts go: a floating pointer (MP §4.1) and, right
 * behind it, the configuration table (MP §4.2).
 *
 * <p>A machine with two processors:
 *
 * {@snippet :
 * MpTable table =
 *     MpTable.pc(2, MpTable.TIMER_PIN_0).cpu(signature, features).build();
 * table.writeTo(memory, MpTable.BASE_MEMORY);
 * }
 *
 * <p>Processors have 8-bit APIC ids, and 255 means all: no more than 254 processors and one I/O
 * APIC fit. Immutable; for any thread.
 */
public final class MpTable {
  /** The last KiB of base memory, where every guest looks: for up to 40 processors of a PC. */
  public static final long BASE_MEMORY = 0x9_fc00;

  /** Where base memory ends. */
  public static final long BASE_MEMORY_END = 0xa_0000;

  /** The BIOS area, where every guest looks. */
  public static final long BIOS_AREA = 0xf_0000;

  /** Where the BIOS area ends. */
  public static final long BIOS_AREA_END = 0x10_0000;

  /** The timer's interrupt is pin 0, as GSI 0 is in KVM's own routes. */
  public static final int TIMER_PIN_0 = 0;

  /** The timer's interrupt is pin 2, as on a PC; GSI 0 must then be routed there. */
  public static final int TIMER_PIN_2 = 2;

  /** The address of every processor's local APIC, unless the builder is told another. */
  public static final long LOCAL_APIC = 0xfee0_0000L;

  /** The address of the first I/O APIC of a PC. */
  public static final long IO_APIC = 0xfec0_0000L;

  /** The number of the ISA bus of {@link #pc}; 0 is free for PCI's root bus. */
  public static final int PC_ISA_BUS = 1;

  private static final int MAX_APIC_ID = 254;
  private static final int ALL_LOCAL_APICS = 255;
  private static final int MAX_PIN = 239; // MP §4.3.4: the index has 8 bits, an I/O APIC 240 pins
  private static final long UNSIGNED_MAX = 0xffff_ffffL;
  private static final int SPECIFICATION_1_4 = 4;
  private static final int POINTER_SIZE = 16;
  private static final int HEADER_SIZE = 44;
  private static final int LOCAL_APIC_VERSION = 0x14; // integrated
  private static final int IO_APIC_VERSION = 0x11; // 82093AA, as KVM's

  private final Builder content;
  private final int entriesSize;

  private MpTable(Builder content, int entriesSize) {
    this.content = content;
    this.entriesSize = entriesSize;
  }

  /** The kinds of interrupts (MP table 4-11). */
  public enum InterruptType {
    /** With a vector that the guest programs. */
    INT(0),
    /** Not maskable. */
    NMI(1),
    /** System management. */
    SMI(2),
    /** With a vector from the 8259. */
    EXT_INT(3);

    private final int code;

    InterruptType(int code) {
      this.code = code;
    }
  }

  /** How an interrupt is signalled: bits 1:0 polarity, 3:2 trigger (MP table 4-10). */
  public enum Signal {
    /** As the bus has it: ISA edge-triggered and active high. */
    BUS(0b0000),
    /** Edge-triggered, active high. */
    EDGE_HIGH(0b0101),
    /** Edge-triggered, active low. */
    EDGE_LOW(0b0111),
    /** Level-triggered, active high. */
    LEVEL_HIGH(0b1101),
    /** Level-triggered, active low: PCI's. */
    LEVEL_LOW(0b1111);

    private final int flags;

    Signal(int flags) {
      this.flags = flags;
    }
  }

  /** {@return a builder of a table without entries} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * {@return a builder with what a PC has: processors with the APIC ids 0 to {@code cpus - 1}, of
   * which 0 is the boot processor; an ISA bus of number {@link #PC_ISA_BUS}; an I/O APIC at
   * 0xfec00000 whose id is the number of processors; its ISA interrupts; the 8259's interrupt at
   * pin LINT0 and NMI at LINT1 of every local APIC}
   *
   * @param cpus the number of processors, 1 to 254
   * @param timerPin the pin of ISA interrupt 0, {@link #TIMER_PIN_0} or {@link #TIMER_PIN_2}
   * @throws IllegalArgumentException if a value is out of range
   */
  public static Builder pc(int cpus, int timerPin) {
    range("number of processors", cpus, 1, MAX_APIC_ID);
    return pc(Topology.ofCores(cpus), timerPin);
  }

  /**
   * {@return as {@link #pc(int, int)}, with the APIC ids of a topology; the I/O APIC's is the next}
   *
   * @param topology how the processors are arranged
   * @param timerPin the pin of ISA interrupt 0, {@link #TIMER_PIN_0} or {@link #TIMER_PIN_2}
   * @throws IllegalArgumentException if the pin is neither, or an id is not in 0..254
   */
  public static Builder pc(Topology topology, int timerPin) {
    Builder builder = builder();
    for (int cpu = 0; cpu < topology.cpus(); cpu++) {
      builder.processor(topology.apicId(cpu), cpu == 0);
    }
    int ioApic = topology.maxApicId() + 1;
    return builder
        .bus(PC_ISA_BUS, "ISA")
        .ioApic(ioApic, IO_APIC)
        .isaInterrupts(PC_ISA_BUS, ioApic, timerPin)
        .localInterrupt(InterruptType.EXT_INT, PC_ISA_BUS, 0)
        .localInterrupt(InterruptType.NMI, PC_ISA_BUS, 1);
  }

  /** {@return the bytes of pointer and table together} */
  public int size() {
    return POINTER_SIZE + HEADER_SIZE + entriesSize;
  }

  /**
   * {@return the floating pointer and the table for one address}
   *
   * @param gpa the address, a multiple of 16 in the last KiB of base memory (0x9fc00 to 0x9ffff) or
   *     in the BIOS area (0xf0000 to 0xfffff), in which all of it must lie
   * @throws IllegalArgumentException if it is not a multiple of 16, lies elsewhere, or the table
   *     does not fit
   */
  public byte[] toBytes(long gpa) {
    if (gpa % POINTER_SIZE != 0) {
      throw new IllegalArgumentException(
          "address 0x%x of the MP floating pointer is not a multiple of %d"
              .formatted(gpa, POINTER_SIZE));
    }
    boolean base = gpa >= BASE_MEMORY && gpa < BASE_MEMORY_END;
    if (!base && (gpa < BIOS_AREA || gpa >= BIOS_AREA_END)) {
      throw new IllegalArgumentException(
          ("address 0x%x of the MP floating pointer is not in 0x%x..0x%x or 0x%x..0x%x, where a"
                  + " guest looks for it")
              .formatted(gpa, BASE_MEMORY, BASE_MEMORY_END - 1, BIOS_AREA, BIOS_AREA_END - 1));
    }
    long end = base ? BASE_MEMORY_END : BIOS_AREA_END;
    if (size() > end - gpa) {
      throw new IllegalArgumentException(
          "MP table of %d bytes with %d processors does not fit into the %d bytes at 0x%x"
              .formatted(size(), content.processors.size(), end - gpa, gpa));
    }
    LittleEndian pointer =
        new LittleEndian()
            .ascii("_MP_", 4)
            .u32(gpa + POINTER_SIZE)
            .u8(1) // its own length, in 16 bytes
            .u8(SPECIFICATION_1_4)
            .u8(0) // the checksum, below
            .zeros(5); // feature byte 1 zero: a table is there; byte 2: no IMCR
    LittleEndian table =
        new LittleEndian()
            .ascii("PCMP", 4)
            .u16(HEADER_SIZE + entriesSize)
            .u8(SPECIFICATION_1_4)
            .u8(0) // the checksum, below
            .ascii(content.oemId, 8)
            .ascii(content.productId, 12)
            .u32(0)
            .u16(0) // no OEM table
            .u16(content.entryCount())
            .u32(content.localApic)
            .u16(0)
            .u8(0) // no extended table
            .u8(0);
    for (Processor processor : content.processors) {
      table
          .u8(0)
          .u8(processor.apicId)
          .u8(LOCAL_APIC_VERSION)
          .u8(processor.boot ? 0b11 : 0b01) // enabled, boot processor
          .u32(Integer.toUnsignedLong(content.signature))
          .u32(Integer.toUnsignedLong(content.features))
          .zeros(8);
    }
    for (Bus bus : content.buses) {
      table.u8(1).u8(bus.id).ascii(bus.type, 6);
    }
    for (IoApic ioApic : content.ioApics) {
      table.u8(2).u8(ioApic.id).u8(IO_APIC_VERSION).u8(1).u32(ioApic.gpa); // 1: enabled
    }
    for (Interrupt interrupt : content.interrupts) {
      interrupt.put(3, table);
    }
    for (Interrupt interrupt : content.localInterrupts) {
      interrupt.put(4, table);
    }
    byte[] head = pointer.toByteArray();
    head[10] = LittleEndian.checksum(head);
    byte[] rest = table.toByteArray();
    rest[7] = LittleEndian.checksum(rest);
    return new LittleEndian().bytes(head).bytes(rest).toByteArray();
  }

  /**
   * Writes the floating pointer and the table. The range must be reserved in the memory map.
   *
   * @param memory the guest's memory
   * @param gpa the address, as {@link #toBytes} takes it
   * @throws IllegalArgumentException as {@link #toBytes}
   * @throws GuestMemoryException if it is outside of memory
   */
  public void writeTo(GuestMemory memory, long gpa) {
    memory.write(gpa, toBytes(gpa));
  }

  private record Processor(int apicId, boolean boot) {}

  private record Bus(int id, String type) {}

  private record IoApic(int id, long gpa) {}

  private record Interrupt(
      InterruptType type, Signal signal, int bus, int source, int destination, int pin) {
    void put(int entryType, LittleEndian out) {
      out.u8(entryType).u8(type.code).u16(signal.flags).u8(bus).u8(source).u8(destination).u8(pin);
    }
  }

  /**
   * Collects the entries. They stand in the table by type, as MP §4.3 demands, and in the order of
   * the calls. Not safe for use by several threads.
   */
  public static final class Builder {
    private final List<Processor> processors;
    private final List<Bus> buses;
    private final List<IoApic> ioApics;
    private final List<Interrupt> interrupts;
    private final List<Interrupt> localInterrupts;
    private String oemId = "JAVVMM";
    private String productId = "JAVAVMM";
    private long localApic = LOCAL_APIC;
    private int signature;
    private int features;

    private Builder() {
      processors = new ArrayList<>();
      buses = new ArrayList<>();
      ioApics = new ArrayList<>();
      interrupts = new ArrayList<>();
      localInterrupts = new ArrayList<>();
    }

    /** A copy that nobody changes. */
    private Builder(Builder other) {
      processors = List.copyOf(other.processors);
      buses = List.copyOf(other.buses);
      ioApics = List.copyOf(other.ioApics);
      interrupts = List.copyOf(other.interrupts);
      localInterrupts = List.copyOf(other.localInterrupts);
      oemId = other.oemId;
      productId = other.productId;
      localApic = other.localApic;
      signature = other.signature;
      features = other.features;
    }

    /**
     * Sets the maker's marks.
     *
     * @param oemId who made the machine, 1 to 8 printable ASCII characters
     * @param productId which machine it is, 1 to 12 printable ASCII characters
     * @return this builder
     * @throws IllegalArgumentException if a text is empty, too long or not printable ASCII
     */
    public Builder ids(String oemId, String productId) {
      this.oemId = LittleEndian.checkText("OEM id", oemId, 8);
      this.productId = LittleEndian.checkText("product id", productId, 12);
      return this;
    }

    /**
     * Sets the address of the local APICs; 0xfee00000 if never called.
     *
     * @param gpa 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if it does not fit 32 bits
     */
    public Builder localApicAddress(long gpa) {
      this.localApic = range("local APIC address", gpa, 0, UNSIGNED_MAX);
      return this;
    }

    /**
     * Says what every processor is; 0 for both if never called.
     *
     * @param signature what CPUID leaf 1 answers in EAX
     * @param features what CPUID leaf 1 answers in EDX; guests ask CPUID itself
     * @return this builder
     */
    public Builder cpu(int signature, int features) {
      this.signature = signature;
      this.features = features;
      return this;
    }

    /**
     * Adds a processor, enabled (MP §4.3.1).
     *
     * @param apicId the id of its local APIC, 0 to 254
     * @param boot whether it is the boot processor
     * @return this builder
     * @throws IllegalArgumentException if the id is out of range or was given before
     */
    public Builder processor(int apicId, boolean boot) {
      range("APIC id", apicId, 0, MAX_APIC_ID);
      checkNewApic(apicId);
      processors.add(new Processor(apicId, boot));
      return this;
    }

    /**
     * Adds a bus (MP §4.3.2). A guest expects PCI buses to have the numbers that they have in
     * configuration space, and the ISA bus another one, mostly the highest.
     *
     * @param id its number, 0 to 255
     * @param type {@code ISA}, {@code PCI}, or another of MP table 4-8: 1 to 6 printable ASCII
     *     characters
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range or the number was given before
     */
    public Builder bus(int id, String type) {
      range("bus", id, 0, 255);
      LittleEndian.checkText("type of bus " + id, type, 6);
      if (buses.stream().anyMatch(bus -> bus.id == id)) {
        throw new IllegalArgumentException("bus %d was given before".formatted(id));
      }
      buses.add(new Bus(id, type));
      return this;
    }

    /**
     * Adds an I/O APIC, enabled (MP §4.3.3).
     *
     * @param id its id, 0 to 254, other than that of any local APIC
     * @param gpa the address of its registers, 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, or the id was given before
     */
    public Builder ioApic(int id, long gpa) {
      range("I/O APIC id", id, 0, MAX_APIC_ID);
      range("I/O APIC address", gpa, 0, UNSIGNED_MAX);
      checkNewApic(id);
      ioApics.add(new IoApic(id, gpa));
      return this;
    }

    private void checkNewApic(int id) {
      if (processors.stream().anyMatch(processor -> processor.apicId == id)
          || ioApics.stream().anyMatch(ioApic -> ioApic.id == id)) {
        throw new IllegalArgumentException("APIC id %d was given before".formatted(id));
      }
    }

    /**
     * Leads an interrupt of a bus to a pin of an I/O APIC (MP §4.3.4).
     *
     * @param type its kind
     * @param signal how it is signalled
     * @param bus the bus, given before
     * @param irq the bus's interrupt, 0 to 255; of ISA 0 to 15
     * @param ioApic the I/O APIC's id, given before
     * @param pin its pin, 0 to 239
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, the bus or the I/O APIC was not
     *     given before, or the interrupt was
     */
    public Builder interrupt(
        InterruptType type, Signal signal, int bus, int irq, int ioApic, int pin) {
      boolean isa = checkBus(bus).equals("ISA");
      range("interrupt of bus " + bus, irq, 0, isa ? 15 : 255);
      if (ioApics.stream().noneMatch(given -> given.id == ioApic)) {
        throw new IllegalArgumentException("no I/O APIC %d".formatted(ioApic));
      }
      range("pin of I/O APIC " + ioApic, pin, 0, MAX_PIN);
      if (interrupts.stream()
          .anyMatch(given -> given.type == type && given.bus == bus && given.source == irq)) {
        throw new IllegalArgumentException(
            "%s interrupt %d of bus %d was given before".formatted(type, irq, bus));
      }
      interrupts.add(new Interrupt(type, signal, bus, irq, ioApic, pin));
      return this;
    }

    /**
     * Leads the ISA interrupts 0, 1 and 3 to 15 to the pins of an I/O APIC that have their numbers,
     * but interrupt 0, the timer's, to {@code timerPin}. Interrupt 2 is the second 8259's.
     *
     * @param bus the ISA bus, given before
     * @param ioApic the I/O APIC's id, given before
     * @param timerPin {@link #TIMER_PIN_0} or {@link #TIMER_PIN_2}
     * @return this builder
     * @throws IllegalArgumentException if the pin is neither, the bus or the I/O APIC was not given
     *     before, or one of the interrupts was
     */
    public Builder isaInterrupts(int bus, int ioApic, int timerPin) {
      if (timerPin != TIMER_PIN_0 && timerPin != TIMER_PIN_2) {
        throw new IllegalArgumentException("timer pin %d is neither 0 nor 2".formatted(timerPin));
      }
      for (int irq = 0; irq < 16; irq++) {
        if (irq != 2) {
          interrupt(InterruptType.INT, Signal.BUS, bus, irq, ioApic, irq == 0 ? timerPin : irq);
        }
      }
      return this;
    }

    /**
     * Leads a PCI function's pin to a pin of an I/O APIC, level-triggered and active low (MP §D.3).
     *
     * @param bus the PCI bus, given before
     * @param device the device's number, 0 to 31
     * @param intx 0 for INTA# to 3 for INTD#
     * @param ioApic the I/O APIC's id, given before
     * @param pin its pin, 0 to 239
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range, the bus or the I/O APIC was not
     *     given before, or the interrupt was
     */
    public Builder pciInterrupt(int bus, int device, int intx, int ioApic, int pin) {
      range("PCI device", device, 0, 31);
      range("PCI pin", intx, 0, 3);
      return interrupt(InterruptType.INT, Signal.LEVEL_LOW, bus, device << 2 | intx, ioApic, pin);
    }

    /**
     * Leads an interrupt to a pin of every local APIC (MP §4.3.5).
     *
     * @param type its kind
     * @param bus the bus from which it comes, given before; interrupt 0 of it
     * @param lint the pin, 0 or 1
     * @return this builder
     * @throws IllegalArgumentException if the bus was not given before, or the pin is out of range
     *     or was given before
     */
    public Builder localInterrupt(InterruptType type, int bus, int lint) {
      checkBus(bus);
      range("LINT pin", lint, 0, 1);
      if (localInterrupts.stream().anyMatch(given -> given.pin == lint)) {
        throw new IllegalArgumentException("LINT pin %d was given before".formatted(lint));
      }
      localInterrupts.add(new Interrupt(type, Signal.BUS, bus, 0, ALL_LOCAL_APICS, lint));
      return this;
    }

    private String checkBus(int id) {
      return buses.stream()
          .filter(bus -> bus.id == id)
          .map(Bus::type)
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException("no bus %d".formatted(id)));
    }

    private int entryCount() {
      return processors.size()
          + buses.size()
          + ioApics.size()
          + interrupts.size()
          + localInterrupts.size();
    }

    /**
     * {@return the table}
     *
     * @throws IllegalStateException if there is not exactly one boot processor
     */
    public MpTable build() {
      List<Integer> boot =
          processors.stream().filter(Processor::boot).map(Processor::apicId).toList();
      if (boot.size() != 1) {
        throw new IllegalStateException(
            "%d boot processors %s, not 1".formatted(boot.size(), boot));
      }
      // A processor takes 20 bytes, any other entry 8 (MP table 4-3).
      return new MpTable(new Builder(this), 12 * processors.size() + 8 * entryCount());
    }
  }

  private static int range(String what, int value, int min, int max) {
    return (int) range(what, (long) value, min, max);
  }

  private static long range(String what, long value, long min, long max) {
    return LittleEndian.range(what, value, min, max);
  }
}
