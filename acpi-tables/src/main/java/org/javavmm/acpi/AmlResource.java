// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/**
 * A resource that a device decodes or uses, for {@code _CRS} and its like: a resource descriptor of
 * ACPI §6.4. {@link Aml#resourceTemplate} makes a list of them.
 */
public final class AmlResource {
  private final byte[] bytes;

  private AmlResource(ByteSink bytes) {
    this.bytes = bytes.toByteArray();
  }

  /** {@return the descriptor's bytes, in a fresh array} */
  public byte[] toBytes() {
    return bytes.clone();
  }

  /**
   * {@return ports at a fixed place}
   *
   * @param base the first port, 0 to 0xffff
   * @param length how many ports, 1 to 255
   * @throws IllegalArgumentException if a value is out of range or the last port is beyond 0xffff
   */
  public static AmlResource io(int base, int length) {
    return io(base, base, 1, length);
  }

  /**
   * {@return ports that may lie anywhere in a range, all 16 address bits decoded (ACPI §6.4.2.5)}
   *
   * @param min the lowest first port, 0 to 0xffff
   * @param max the highest first port, {@code min} to 0xffff
   * @param alignment what the first port is a multiple of, 1 to 255
   * @param length how many ports, 1 to 255
   * @throws IllegalArgumentException if a value is out of range or the last port is beyond 0xffff
   */
  public static AmlResource io(int min, int max, int alignment, int length) {
    Check.range("lowest port", min, 0, 0xffff);
    Check.range("highest port", max, min, 0xffff);
    Check.range("port alignment", alignment, 1, 0xff);
    Check.range("number of ports", length, 1, 0xff);
    Check.range("last port", max + length - 1, 0, 0xffff);
    return new AmlResource(
        new ByteSink().u8(0x47).u8(1).u16(min).u16(max).u8(alignment).u8(length));
  }

  /**
   * {@return an ISA interrupt, edge-triggered, active high, exclusive, in the form without flags
   * (ASL's IRQNoFlags, ACPI §6.4.2.1)}
   *
   * @param irq the ISA interrupt, 0 to 15
   * @throws IllegalArgumentException if it is out of range
   */
  public static AmlResource irq(int irq) {
    Check.range("ISA interrupt", irq, 0, 15);
    return new AmlResource(new ByteSink().u8(0x22).u16(1 << irq));
  }

  /**
   * {@return an ISA interrupt (ACPI §6.4.2.1)}
   *
   * @param irq the ISA interrupt, 0 to 15
   * @param trigger what the controller reacts to
   * @param polarity which level is active
   * @param sharing whether other devices use it too
   * @throws IllegalArgumentException if the interrupt is out of range
   */
  public static AmlResource irq(int irq, Trigger trigger, Polarity polarity, Sharing sharing) {
    Check.range("ISA interrupt", irq, 0, 15);
    int flags =
        (trigger == Trigger.EDGE ? 1 : 0)
            | (polarity == Polarity.ACTIVE_LOW ? 1 << 3 : 0)
            | (sharing == Sharing.SHARED ? 1 << 4 : 0);
    return new AmlResource(new ByteSink().u8(0x23).u16(1 << irq).u8(flags));
  }

  /**
   * {@return a global system interrupt that the device uses (ASL's Interrupt, ResourceConsumer,
   * ACPI §6.4.3.6); unlike {@link #irq(int)} it may be above 15}
   *
   * @param gsi the global system interrupt, 0 to 0xffffffff
   * @param trigger what the controller reacts to
   * @param polarity which level is active
   * @param sharing whether other devices use it too
   * @throws IllegalArgumentException if the interrupt is out of range
   */
  public static AmlResource interrupt(
      long gsi, Trigger trigger, Polarity polarity, Sharing sharing) {
    Check.range("GSI", gsi, 0, 0xffff_ffffL);
    int flags =
        1 // consumer
            | (trigger == Trigger.EDGE ? 1 << 1 : 0)
            | (polarity == Polarity.ACTIVE_LOW ? 1 << 2 : 0)
            | (sharing == Sharing.SHARED ? 1 << 3 : 0);
    return new AmlResource(new ByteSink().u8(0x89).u16(6).u8(flags).u8(1).u32(gsi));
  }

  /**
   * {@return a range of memory below 4 GiB (ACPI §6.4.3.4)}
   *
   * @param gpa its guest-physical address, 0 to 0xffffffff
   * @param length its bytes, 1 to 0xffffffff
   * @param writable whether the guest may write to it
   * @throws IllegalArgumentException if a value is out of range or the range ends beyond 4 GiB
   */
  public static AmlResource memory32Fixed(long gpa, long length, boolean writable) {
    Check.range("memory address", gpa, 0, 0xffff_ffffL);
    Check.range("memory length", length, 1, 0xffff_ffffL);
    Check.range("last byte of memory", gpa + length - 1, 0, 0xffff_ffffL);
    return new AmlResource(
        new ByteSink().u8(0x86).u16(9).u8(writable ? 1 : 0).u32(gpa).u32(length));
  }

  /**
   * {@return the buses behind a host bridge, which it produces (ASL's WordBusNumber, ACPI
   * §6.4.3.5.3)}
   *
   * @param first the root bus, 0 to 255
   * @param last the last bus, {@code first} to 255
   * @throws IllegalArgumentException if a value is out of range
   */
  public static AmlResource busNumbers(int first, int last) {
    Check.range("first bus", first, 0, 0xff);
    Check.range("last bus", last, first, 0xff);
    return new AmlResource(
        windowHead(0x88, 13, 2, 0).u16(0).u16(first).u16(last).u16(0).u16(last - first + 1));
  }

  /**
   * {@return a window of ports that a host bridge forwards (ASL's WordIO, EntireRange, ACPI
   * §6.4.3.5.3)}
   *
   * @param first the first port, 0 to 0xffff
   * @param last the last port, {@code first} to 0xffff, not both ends of the range at once
   * @throws IllegalArgumentException if a value is out of range, or the window has all 65536 ports,
   *     whose number the descriptor cannot hold
   */
  public static AmlResource ioWindow(int first, int last) {
    Check.range("first port", first, 0, 0xffff);
    Check.range("last port", last, first, 0xffff);
    Check.range("number of ports", last - first + 1, 1, 0xffff);
    return new AmlResource(
        windowHead(0x88, 13, 1, 3).u16(0).u16(first).u16(last).u16(0).u16(last - first + 1));
  }

  /**
   * {@return a window of memory that a host bridge forwards, neither cacheable nor prefetchable:
   * ASL's DWordMemory where it ends below 4 GiB, QWordMemory otherwise (ACPI §6.4.3.5.1 and
   * §6.4.3.5.2)}
   *
   * @param first its first guest-physical address, unsigned
   * @param last its last one
   * @throws IllegalArgumentException if it ends before it starts, or is all 2^64 bytes, whose
   *     number the descriptor cannot hold
   */
  public static AmlResource memoryWindow(long first, long last) {
    if (Long.compareUnsigned(last, first) < 0) {
      throw new IllegalArgumentException(
          "memory window 0x%x..0x%x ends before it starts".formatted(first, last));
    }
    long size = last - first + 1;
    boolean all32 = first == 0 && last == 0xffff_ffffL;
    if (last >>> 32 == 0 && !all32) {
      return new AmlResource(
          windowHead(0x87, 23, 0, 1).u32(0).u32(first).u32(last).u32(0).u32(size));
    }
    if (size == 0) {
      throw new IllegalArgumentException(
          "memory window 0x%x..0x%x has 2^64 bytes".formatted(first, last));
    }
    return new AmlResource(windowHead(0x8a, 43, 0, 1).u64(0).u64(first).u64(last).u64(0).u64(size));
  }

  /** Of an address space descriptor: produced, decoded positively, both ends fixed. */
  private static ByteSink windowHead(int tag, int length, int type, int typeFlags) {
    return new ByteSink().u8(tag).u16(length).u8(type).u8(0x0c).u8(typeFlags);
  }
}
