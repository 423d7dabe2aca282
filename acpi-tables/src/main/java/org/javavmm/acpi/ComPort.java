// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** The four serial ports of a PC, by their places. */
public enum ComPort {
  /** Ports 0x3f8 to 0x3ff, ISA interrupt 4. */
  COM1(1, 0x3f8, 4),
  /** Ports 0x2f8 to 0x2ff, ISA interrupt 3. */
  COM2(2, 0x2f8, 3),
  /** Ports 0x3e8 to 0x3ef, ISA interrupt 4. */
  COM3(3, 0x3e8, 4),
  /** Ports 0x2e8 to 0x2ef, ISA interrupt 3. */
  COM4(4, 0x2e8, 3);

  /** Ports that a 16550 takes. */
  public static final int LENGTH = 8;

  private final int uid;
  private final int base;
  private final int isaIrq;

  ComPort(int uid, int base, int isaIrq) {
    this.uid = uid;
    this.base = base;
    this.isaIrq = isaIrq;
  }

  /** {@return the first of its eight ports} */
  public int base() {
    return base;
  }

  /**
   * {@return the ISA interrupt that a PC gives it; COM1 and COM3 have one, COM2 and COM4 have one}
   */
  public int isaIrq() {
    return isaIrq;
  }

  /** {@return its {@code _UID}: 1 to 4} */
  public int uid() {
    return uid;
  }

  /**
   * {@return the port's device with its ISA interrupt, edge-triggered and exclusive}
   *
   * <p>That is right for one of COM1 and COM3 and one of COM2 and COM4. With both of a pair, give
   * each {@linkplain #device(AmlResource) its own interrupt}, or declare it {@link Sharing#SHARED}
   * in both: an edge is lost if one port raises the line while the other holds it up, so the
   * monitor must then give a new edge for each port's interrupt.
   */
  public AmlTerm device() {
    return device(AmlResource.irq(isaIrq));
  }

  /**
   * {@return the port's device, named after the constant, with any interrupt}
   *
   * @param interrupt the interrupt, such as {@link AmlResource#interrupt} for one above 15
   */
  public AmlTerm device(AmlResource interrupt) {
    return AmlDevices.serialPort(name(), uid(), base, interrupt);
  }
}
