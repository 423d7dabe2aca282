// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/** Registers and bits of the 16550A, under the names of its data sheet. */
final class UartLayout {
  /** Receiver buffer (read), transmitter holding (write), divisor low byte (DLAB). */
  static final int RBR_THR_DLL = 0;

  /** Interrupt enable, divisor high byte (DLAB). */
  static final int IER_DLM = 1;

  /** Interrupt identification (read), FIFO control (write). */
  static final int IIR_FCR = 2;

  /** Line control. */
  static final int LCR = 3;

  /** Modem control. */
  static final int MCR = 4;

  /** Line status. */
  static final int LSR = 5;

  /** Modem status. */
  static final int MSR = 6;

  /** Scratch. */
  static final int SCR = 7;

  static final int IER_ERBFI = 0x01;
  static final int IER_ETBEI = 0x02;
  static final int IER_ELSI = 0x04;
  static final int IER_EDSSI = 0x08;

  static final int IIR_NONE = 0x01;
  static final int IIR_MODEM_STATUS = 0x00;
  static final int IIR_THR_EMPTY = 0x02;
  static final int IIR_DATA = 0x04;
  static final int IIR_LINE_STATUS = 0x06;
  static final int IIR_TIMEOUT = 0x0c;
  static final int IIR_FIFO = 0xc0;

  static final int FCR_ENABLE = 0x01;
  static final int FCR_CLEAR_RX = 0x02;
  static final int FCR_CLEAR_TX = 0x04;

  static final int LCR_BREAK = 0x40;
  static final int LCR_DLAB = 0x80;

  static final int MCR_DTR = 0x01;
  static final int MCR_RTS = 0x02;
  static final int MCR_OUT1 = 0x04;
  static final int MCR_OUT2 = 0x08;
  static final int MCR_LOOP = 0x10;

  /** The bits that exist; the others read as 0. */
  static final int MCR_MASK = 0x1f;

  static final int LSR_DR = 0x01;
  static final int LSR_OE = 0x02;
  static final int LSR_PE = 0x04;
  static final int LSR_FE = 0x08;
  static final int LSR_BI = 0x10;
  static final int LSR_THRE = 0x20;
  static final int LSR_TEMT = 0x40;
  static final int LSR_FIFO_ERROR = 0x80;

  /** Errors that belong to a character. */
  static final int LSR_CHARACTER_ERRORS = LSR_PE | LSR_FE | LSR_BI;

  static final int MSR_DCTS = 0x01;
  static final int MSR_DDSR = 0x02;
  static final int MSR_TERI = 0x04;
  static final int MSR_DDCD = 0x08;
  static final int MSR_CTS = 0x10;
  static final int MSR_DSR = 0x20;
  static final int MSR_RI = 0x40;
  static final int MSR_DCD = 0x80;

  static final int FIFO_SIZE = 16;

  private UartLayout() {}

  /** {@return the receiver's trigger level of a value of FCR} */
  static int triggerLevel(int fcr) {
    return switch ((fcr >> 6) & 3) {
      case 0 -> 1;
      case 1 -> 4;
      case 2 -> 8;
      default -> 14;
    };
  }

  /** {@return the modem inputs that the modem outputs are wired to in loopback mode} */
  static int loopedModemLines(int mcr) {
    return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
        | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
        | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
        | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
  }
}
