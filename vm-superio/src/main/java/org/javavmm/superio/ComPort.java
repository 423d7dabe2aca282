// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/** The four serial ports of a PC, where kernels look for them. */
public enum ComPort {
  /** {@code ttyS0}. */
  COM1(0x3f8, 4),
  /** {@code ttyS1}. */
  COM2(0x2f8, 3),
  /** {@code ttyS2}. */
  COM3(0x3e8, 4),
  /** {@code ttyS3}. */
  COM4(0x2e8, 3);

  private final int port;
  private final int irq;

  ComPort(int port, int irq) {
    this.port = port;
    this.irq = irq;
  }

  /** {@return the first of its {@link Uart16550#PORTS} I/O ports} */
  public int port() {
    return port;
  }

  /** {@return its ISA interrupt; the first and third port share one, so do the others} */
  public int irq() {
    return irq;
  }
}
