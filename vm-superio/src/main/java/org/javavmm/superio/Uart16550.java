// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.javavmm.superio.UartLayout.FCR_CLEAR_RX;
import static org.javavmm.superio.UartLayout.FCR_CLEAR_TX;
import static org.javavmm.superio.UartLayout.FCR_ENABLE;
import static org.javavmm.superio.UartLayout.FIFO_SIZE;
import static org.javavmm.superio.UartLayout.IER_DLM;
import static org.javavmm.superio.UartLayout.IER_EDSSI;
import static org.javavmm.superio.UartLayout.IER_ELSI;
import static org.javavmm.superio.UartLayout.IER_ERBFI;
import static org.javavmm.superio.UartLayout.IER_ETBEI;
import static org.javavmm.superio.UartLayout.IIR_DATA;
import static org.javavmm.superio.UartLayout.IIR_FCR;
import static org.javavmm.superio.UartLayout.IIR_FIFO;
import static org.javavmm.superio.UartLayout.IIR_LINE_STATUS;
import static org.javavmm.superio.UartLayout.IIR_MODEM_STATUS;
import static org.javavmm.superio.UartLayout.IIR_NONE;
import static org.javavmm.superio.UartLayout.IIR_THR_EMPTY;
import static org.javavmm.superio.UartLayout.IIR_TIMEOUT;
import static org.javavmm.superio.UartLayout.LCR;
import static org.javavmm.superio.UartLayout.LCR_BREAK;
import static org.javavmm.superio.UartLayout.LCR_DLAB;
import static org.javavmm.superio.UartLayout.LSR;
import static org.javavmm.superio.UartLayout.LSR_BI;
import static org.javavmm.superio.UartLayout.LSR_CHARACTER_ERRORS;
import static org.javavmm.superio.UartLayout.LSR_DR;
import static org.javavmm.superio.UartLayout.LSR_FIFO_ERROR;
import static org.javavmm.superio.UartLayout.LSR_OE;
import static org.javavmm.superio.UartLayout.LSR_TEMT;
import static org.javavmm.superio.UartLayout.LSR_THRE;
import static org.javavmm.superio.UartLayout.MCR;
import static org.javavmm.superio.UartLayout.MCR_LOOP;
import static org.javavmm.superio.UartLayout.MCR_MASK;
import static org.javavmm.superio.UartLayout.MCR_OUT2;
import static org.javavmm.superio.UartLayout.MCR_RTS;
import static org.javavmm.superio.UartLayout.MSR;
import static org.javavmm.superio.UartLayout.MSR_CTS;
import static org.javavmm.superio.UartLayout.MSR_DCD;
import static org.javavmm.superio.UartLayout.MSR_DCTS;
import static org.javavmm.superio.UartLayout.MSR_DDCD;
import static org.javavmm.superio.UartLayout.MSR_DDSR;
import static org.javavmm.superio.UartLayout.MSR_DSR;
import static org.javavmm.superio.UartLayout.MSR_RI;
import static org.javavmm.superio.UartLayout.MSR_TERI;
import static org.javavmm.superio.UartLayout.RBR_THR_DLL;
import static org.javavmm.superio.UartLayout.SCR;

import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.javavmm.device.BusDevice;
import org.javavmm.device.InterruptLine;
import org.jspecify.annotations.Nullable;

/**
 * A 16550A UART with its 16-byte FIFOs, after the PC16550D data sheet.
 *
 * <p>Characters take no time: there is no baud rate, and word length, parity and stop bits have no
 * effect. What follows from that:
 *
 * <ul>
 *   <li>A byte written to THR leaves at once, and THR is empty again, unless the {@link SerialSink}
 *       is full: then up to 16 bytes wait in the transmitter's FIFO (one without FIFOs), and THRE
 *       and TEMT stay 0 until the sink took them all. A guest that writes although THRE is 0 and
 *       the FIFO is full loses the byte ({@link #lostOutput}).
 *   <li>The character timeout of the FIFO mode elapses at once: fewer bytes than the trigger level
 *       raise it when they arrive, and again after each byte that is read while others remain.
 *   <li>The receiver never overruns from outside. Bytes that do not fit its FIFO wait in a bounded
 *       queue, and beyond that {@link #offer} refuses them. Only loopback can overrun.
 * </ul>
 *
 * <p><b>Input is paced.</b> A batch of waiting bytes moves into the FIFO when the guest has read
 * the batch before. Without a {@linkplain Builder#pacer pacer} that happens within the guest's
 * read: endless input then keeps an interrupt handler that loops until the FIFO is empty from
 * returning. A pacer, such as the event loop, lets the next batch come a little later, as a real
 * line does.
 *
 * <p><b>The interrupt line is edge-triggered, and no interrupt is lost.</b> There are five causes:
 * line status, data at the trigger level, character timeout, THR empty, modem status. The line is
 * triggered each time the set of pending causes changes and is not empty, and each time a byte is
 * read while others remain. A cause that falls and rises within one access (THR is written and
 * empty again) is a change. These are more edges than the chip's output has, which only rises when
 * the first cause does. Why they suffice: a driver that loops until IIR reports nothing (Linux)
 * leaves no cause behind, so the next one is a change of the set. A driver that serves one cause or
 * one byte for each interrupt changes the set, or reads a byte, by doing so, and thereby gets an
 * interrupt for what it leaves behind. Two causes may merge into one edge; neither depends on an
 * edge of its own. An edge that meets a handler still running is kept by the interrupt controller
 * and at worst finds nothing to do. As on PCs the line is wired through OUT2: while MCR.OUT2 is 0
 * or loopback is on, causes are visible in IIR only; when OUT2 connects the line, pending causes
 * are a change.
 *
 * <p>An access wider than a byte is one access to each register it covers, lowest first, as an ISA
 * bus splits it.
 *
 * <p>Thread-safe. Register accesses allocate nothing and hold a lock for a few instructions; the
 * interrupt line, the pacer and the listener are called without it.
 */
public final class Uart16550 implements BusDevice {
  /** The number of I/O ports, or bytes of MMIO, of the device. */
  public static final int PORTS = 8;

  /** Modem input for {@link #setModemLines}: clear to send. */
  public static final int CTS = MSR_CTS;

  /** Modem input for {@link #setModemLines}: data set ready. */
  public static final int DSR = MSR_DSR;

  /** Modem input for {@link #setModemLines}: ring indicator. */
  public static final int RI = MSR_RI;

  /** Modem input for {@link #setModemLines}: data carrier detect. */
  public static final int DCD = MSR_DCD;

  // Causes of an interrupt, in the order of their priority.
  private static final int LINE_STATUS = 1;
  private static final int DATA = 2;
  private static final int TIMEOUT = 4;
  private static final int THR_EMPTY = 8;
  private static final int MODEM_STATUS = 16;

  // What is to be done once the lock is released.
  private static final int DO_TRIGGER = 1;
  private static final int DO_PACE = 2;
  private static final int DO_TELL_SPACE = 4;

  private final InterruptLine line;
  private final SerialSink sink;
  private final @Nullable Executor pacer;
  private final Runnable paceTask = this::nextBatch;
  private final boolean flowControl;
  private volatile @Nullable Runnable spaceListener;

  /** Guards all fields below. */
  private final Object lock = new Object();

  private int ier;
  private int fcr;
  private int lcr;
  private int mcr;
  private int scr;
  private int divisor = 1;

  /** OE, PE, FE and BI as LSR shows them. */
  private int lineErrors;

  private int modemLines = MSR_CTS | MSR_DSR | MSR_DCD;
  private int modemDeltas;

  /** The THR-empty interrupt, a latch: reading IIR clears it although THR stays empty. */
  private boolean thrEmptyLatch;

  /** The causes last seen by the line, to find changes. */
  private int seenCauses;

  private final byte[] rx = new byte[FIFO_SIZE];

  /** The errors of the character in the same place of {@link #rx}. */
  private final byte[] rxErrors = new byte[FIFO_SIZE];

  private int rxHead;
  private int rxCount;

  /** Characters in the FIFO whose errors LSR does not show yet. */
  private int rxHiddenErrors;

  private final byte[] tx = new byte[FIFO_SIZE];
  private int txHead;
  private int txCount;

  /** Input beyond the FIFO: a byte, or {@link #BREAK}. */
  private final short[] queue;

  private static final short BREAK = 0x100;

  private int queueHead;
  private int queueCount;

  private boolean refused;
  private boolean paceScheduled;
  private long lostOutput;
  private long overruns;
  private int actions;

  private Uart16550(Builder builder) {
    this.line = builder.line;
    this.sink = builder.sink;
    this.pacer = builder.pacer;
    this.flowControl = builder.flowControl;
    this.queue = new short[builder.queueSize];
  }

  /**
   * Starts to describe a UART.
   *
   * @param line its interrupt
   * @param sink where its output goes; serves this UART only
   * @return a builder
   */
  public static Builder builder(InterruptLine line, SerialSink sink) {
    return new Builder(line, sink);
  }

  /** Describes a UART. Not thread-safe. */
  public static final class Builder {
    private final InterruptLine line;
    private final SerialSink sink;
    private @Nullable Executor pacer;
    private boolean flowControl;
    private int queueSize = 4096;

    private Builder(InterruptLine line, SerialSink sink) {
      this.line = Objects.requireNonNull(line, "line");
      this.sink = Objects.requireNonNull(sink, "sink");
    }

    /**
     * Sets how much input waits for the guest beyond the FIFO; 4096 unless set.
     *
     * @param bytes 1 to 1,048,576
     * @return this builder
     * @throws IllegalArgumentException if out of range
     */
    public Builder inputQueue(int bytes) {
      if (bytes < 1 || bytes > 1 << 20) {
        throw new IllegalArgumentException("input queue of " + bytes + " bytes is not in 1..2^20");
      }
      queueSize = bytes;
      return this;
    }

    /**
     * Sets who moves the next batch of waiting input into the FIFO after the guest has read the one
     * before; without, that happens within the guest's read.
     *
     * @param executor an executor that runs its tasks soon and does not block, such as an event
     *     loop; if it refuses one, the batch moves at once
     * @return this builder
     */
    public Builder pacer(Executor executor) {
      pacer = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets whether input waits while the guest does not assert RTS; off unless set. Drivers assert
     * RTS once they are ready and clear the FIFOs before that, so with flow control input that is
     * there before the guest has booted is not lost. A guest that polls and never writes MCR needs
     * it off.
     *
     * @param on whether RTS holds input back
     * @return this builder
     */
    public Builder flowControl(boolean on) {
      flowControl = on;
      return this;
    }

    /** {@return the UART in its state after reset, with CTS, DSR and DCD asserted} */
    public Uart16550 build() {
      Uart16550 uart = new Uart16550(this);
      sink.onSpace(uart::sinkHasSpace);
      return uart;
    }
  }

  // ---- the guest's side --------------------------------------------------------------------

  @Override
  public long read(long offset, int size) {
    long value = 0;
    int todo;
    synchronized (lock) {
      for (int i = 0; i < size; i++) {
        value |= (long) readRegister((int) offset + i) << (8 * i);
      }
      todo = takeActions();
    }
    perform(todo);
    return value;
  }

  @Override
  public void write(long offset, int size, long value) {
    int todo;
    synchronized (lock) {
      for (int i = 0; i < size; i++) {
        writeRegister((int) offset + i, (int) (value >>> (8 * i)) & 0xff);
      }
      todo = takeActions();
    }
    perform(todo);
  }

  private int readRegister(int register) {
    return switch (register) {
      case RBR_THR_DLL -> dlab() ? divisor & 0xff : readReceiver();
      case IER_DLM -> dlab() ? divisor >> 8 : ier;
      case IIR_FCR -> readInterruptIdentification();
      case LCR -> lcr;
      case MCR -> mcr;
      case LSR -> readLineStatus();
      case MSR -> readModemStatus();
      case SCR -> scr;
      default -> 0xff;
    };
  }

  private void writeRegister(int register, int value) {
    switch (register) {
      case RBR_THR_DLL -> {
        if (dlab()) {
          divisor = (divisor & 0xff00) | value;
        } else {
          transmit((byte) value);
        }
      }
      case IER_DLM -> {
        if (dlab()) {
          divisor = (divisor & 0xff) | (value << 8);
        } else {
          writeInterruptEnable(value & 0x0f);
        }
      }
      case IIR_FCR -> writeFifoControl(value);
      case LCR -> writeLineControl(value);
      case MCR -> writeModemControl(value & MCR_MASK);
      case SCR -> scr = value;
      default -> {} // LSR and MSR are for reading; the data sheet reserves writes for tests
    }
  }

  private boolean dlab() {
    return (lcr & LCR_DLAB) != 0;
  }

  private boolean fifos() {
    return (fcr & FCR_ENABLE) != 0;
  }

  private boolean loopback() {
    return (mcr & MCR_LOOP) != 0;
  }

  private int fifoSize() {
    return fifos() ? FIFO_SIZE : 1;
  }

  private void writeInterruptEnable(int value) {
    boolean was = (ier & IER_ETBEI) != 0;
    boolean is = (value & IER_ETBEI) != 0;
    ier = value;
    if (was != is) {
      // Switched on while THR is empty, it interrupts at once.
      thrEmptyLatch = is && txCount == 0;
    }
    updateLine();
  }

  private int readInterruptIdentification() {
    int causes = causes();
    int id;
    if ((causes & LINE_STATUS) != 0) {
      id = IIR_LINE_STATUS;
    } else if ((causes & DATA) != 0) {
      id = IIR_DATA;
    } else if ((causes & TIMEOUT) != 0) {
      id = IIR_TIMEOUT;
    } else if ((causes & THR_EMPTY) != 0) {
      id = IIR_THR_EMPTY;
      thrEmptyLatch = false; // only if it is the one reported
      updateLine();
    } else if ((causes & MODEM_STATUS) != 0) {
      id = IIR_MODEM_STATUS;
    } else {
      id = IIR_NONE;
    }
    return fifos() ? id | IIR_FIFO : id;
  }

  private void writeFifoControl(int value) {
    boolean switched = ((value ^ fcr) & FCR_ENABLE) != 0;
    // Without the enable bit the others are not programmed.
    fcr = (value & FCR_ENABLE) != 0 ? value & (FCR_ENABLE | 0xc0) : 0;
    if (switched || (value & (FCR_ENABLE | FCR_CLEAR_RX)) == (FCR_ENABLE | FCR_CLEAR_RX)) {
      rxCount = 0;
      rxHiddenErrors = 0;
      inputMayMove();
    }
    if (switched || (value & (FCR_ENABLE | FCR_CLEAR_TX)) == (FCR_ENABLE | FCR_CLEAR_TX)) {
      if (txCount > 0) {
        lostOutput += txCount;
        txCount = 0;
        thrEmptyLatch = (ier & IER_ETBEI) != 0;
      }
    }
    updateLine();
  }

  private void writeLineControl(int value) {
    boolean breaks = (value & ~lcr & LCR_BREAK) != 0;
    lcr = value;
    if (breaks && loopback()) {
      receive((byte) 0, LSR_BI);
      updateLine();
    }
  }

  private void writeModemControl(int value) {
    int before = inputLines();
    mcr = value;
    noteModemChange(before);
    inputMayMove(); // RTS was asserted, or loopback ended
    updateLine();
  }

  private int readLineStatus() {
    int value = lineErrors;
    if (rxCount > 0) {
      value |= LSR_DR;
    }
    if (txCount == 0) {
      value |= LSR_THRE | LSR_TEMT;
    }
    if (fifos() && (rxHiddenErrors > 0 || (lineErrors & LSR_CHARACTER_ERRORS) != 0)) {
      value |= LSR_FIFO_ERROR;
    }
    lineErrors = 0;
    updateLine();
    return value;
  }

  private int readModemStatus() {
    int value = inputLines() | modemDeltas;
    modemDeltas = 0;
    updateLine();
    return value;
  }

  private int readReceiver() {
    if (rxCount == 0) {
      return rx[rxHead] & 0xff; // the last character, as the chip's buffer keeps it
    }
    int value = rx[rxHead] & 0xff;
    rxCount--;
    if (rxCount == 0) {
      // The head stays: see above.
      updateLine();
      inputMayMove();
    } else {
      rxHead = (rxHead + 1) % FIFO_SIZE;
      showErrorsOfFirst();
      // The rest is news to a driver that reads one byte for each interrupt; besides, the timeout
      // starts anew with each byte read, and elapses at once.
      seenCauses &= ~(DATA | TIMEOUT);
    }
    updateLine();
    return value;
  }

  private void transmit(byte value) {
    thrEmptyLatch = false;
    updateLine();
    if (loopback()) {
      receive(value, 0);
      thrEmptyLatch = txCount == 0 && (ier & IER_ETBEI) != 0;
    } else if (txCount == 0 && sink.offer(value)) {
      thrEmptyLatch = (ier & IER_ETBEI) != 0;
    } else if (txCount < fifoSize()) {
      tx[(txHead + txCount) % FIFO_SIZE] = value;
      txCount++;
    } else {
      lostOutput++;
    }
    updateLine();
  }

  /** A character arrives at the receiver. */
  private void receive(byte value, int errors) {
    if (!fifos()) {
      if (rxCount == 1) {
        lineErrors |= LSR_OE; // and the character that was there is lost
        overruns++;
      }
      rxHead = 0;
      rx[0] = value;
      rxCount = 1;
      lineErrors |= errors;
    } else if (rxCount == FIFO_SIZE) {
      lineErrors |= LSR_OE; // and the new character is lost
      overruns++;
    } else {
      if (rxCount == 0) {
        rxHead = 0;
      }
      int at = (rxHead + rxCount) % FIFO_SIZE;
      rx[at] = value;
      rxErrors[at] = (byte) errors;
      rxCount++;
      if (errors != 0) {
        rxHiddenErrors++;
      }
      if (rxCount == 1) {
        showErrorsOfFirst();
      }
    }
  }

  /** LSR shows the errors of the character that RBR shows. */
  private void showErrorsOfFirst() {
    if (rxErrors[rxHead] != 0) {
      lineErrors |= rxErrors[rxHead];
      rxErrors[rxHead] = 0;
      rxHiddenErrors--;
    }
  }

  // ---- the interrupt line ------------------------------------------------------------------

  private int causes() {
    int causes = 0;
    if ((ier & IER_ELSI) != 0 && lineErrors != 0) {
      causes |= LINE_STATUS;
    }
    if ((ier & IER_ERBFI) != 0 && rxCount > 0) {
      boolean full = !fifos() || rxCount >= UartLayout.triggerLevel(fcr);
      causes |= full ? DATA : TIMEOUT;
    }
    if ((ier & IER_ETBEI) != 0 && thrEmptyLatch) {
      causes |= THR_EMPTY;
    }
    if ((ier & IER_EDSSI) != 0 && modemDeltas != 0) {
      causes |= MODEM_STATUS;
    }
    return causes;
  }

  /**
   * Notes an edge if the causes changed. To be called after every change, also between two of them.
   */
  private void updateLine() {
    boolean wired = (mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    int now = wired ? causes() : 0;
    if (now != 0 && now != seenCauses) {
      actions |= DO_TRIGGER;
    }
    seenCauses = now;
  }

  private int takeActions() {
    int todo = actions;
    actions = 0;
    return todo;
  }

  private void perform(int todo) {
    if (todo == 0) {
      return;
    }
    if ((todo & DO_TRIGGER) != 0) {
      line.trigger();
    }
    if ((todo & DO_PACE) != 0 && pacer != null) {
      try {
        pacer.execute(paceTask);
      } catch (RejectedExecutionException e) {
        nextBatch();
      }
    }
    if ((todo & DO_TELL_SPACE) != 0) {
      Runnable listener = spaceListener;
      if (listener != null) {
        listener.run();
      }
    }
  }

  // ---- the host's side ---------------------------------------------------------------------

  /** Output moves on. */
  private void sinkHasSpace() {
    int todo;
    synchronized (lock) {
      boolean waited = txCount > 0;
      while (txCount > 0 && sink.offer(tx[txHead])) {
        txHead = (txHead + 1) % FIFO_SIZE;
        txCount--;
      }
      if (waited && txCount == 0) {
        thrEmptyLatch = (ier & IER_ETBEI) != 0;
        updateLine();
      }
      todo = takeActions();
    }
    perform(todo);
  }

  /** Whether a character on the line would reach the receiver. */
  private boolean connected() {
    return !loopback() && (!flowControl || (mcr & MCR_RTS) != 0);
  }

  /** The receiver is empty, or connected again. */
  private void inputMayMove() {
    if (rxCount > 0 || queueCount == 0 || !connected()) {
      return;
    }
    if (pacer == null) {
      moveBatch();
    } else if (!paceScheduled) {
      paceScheduled = true;
      actions |= DO_PACE;
    }
  }

  /** The pacer's task. */
  private void nextBatch() {
    int todo;
    synchronized (lock) {
      paceScheduled = false;
      if (rxCount == 0 && connected()) {
        moveBatch();
        updateLine();
      }
      todo = takeActions();
    }
    perform(todo);
  }

  private void moveBatch() {
    while (queueCount > 0 && rxCount < fifoSize()) {
      int next = queue[queueHead];
      queueHead = queueHead + 1 == queue.length ? 0 : queueHead + 1;
      queueCount--;
      receive((byte) next, next == BREAK ? LSR_BI : 0);
    }
    if (refused && queueCount <= queue.length / 2) {
      refused = false;
      actions |= DO_TELL_SPACE;
    }
  }

  /**
   * Sends bytes to the guest. May be called by any thread; for the order of the bytes, by one.
   *
   * @param source where the bytes are
   * @param start the index of the first
   * @param length how many
   * @return how many were taken, in order; if fewer than {@code length}, the listener of {@link
   *     #onInputSpace} is called once there is space
   * @throws IndexOutOfBoundsException if the range exceeds {@code source}
   */
  public int offer(byte[] source, int start, int length) {
    Objects.checkFromIndexSize(start, length, source.length);
    int taken = 0;
    int todo;
    synchronized (lock) {
      while (taken < length && arrive((short) (source[start + taken] & 0xff))) {
        taken++;
      }
      refused |= taken < length;
      updateLine();
      todo = takeActions();
    }
    perform(todo);
    return taken;
  }

  /**
   * Sends a break condition to the guest, behind the bytes sent before.
   *
   * @return whether it was taken; {@code false} if the queue is full
   */
  public boolean sendBreak() {
    boolean taken;
    int todo;
    synchronized (lock) {
      taken = arrive(BREAK);
      updateLine();
      todo = takeActions();
    }
    perform(todo);
    return taken;
  }

  private boolean arrive(short character) {
    if (queueCount == 0 && rxCount < fifoSize() && connected()) {
      receive((byte) character, character == BREAK ? LSR_BI : 0);
      return true;
    }
    if (queueCount == queue.length) {
      return false;
    }
    int at = queueHead + queueCount;
    queue[at < queue.length ? at : at - queue.length] = character;
    queueCount++;
    return true;
  }

  /**
   * Sets who learns that {@link #offer} has space after it refused a byte; replaces the listener
   * before.
   *
   * @param listener what to call, on any thread, vCPU threads included; it must not block or throw
   */
  public void onInputSpace(Runnable listener) {
    spaceListener = Objects.requireNonNull(listener, "listener");
  }

  private int inputLines() {
    return loopback() ? UartLayout.loopedModemLines(mcr) : modemLines;
  }

  private void noteModemChange(int before) {
    int changed = before ^ inputLines();
    if ((changed & MSR_CTS) != 0) {
      modemDeltas |= MSR_DCTS;
    }
    if ((changed & MSR_DSR) != 0) {
      modemDeltas |= MSR_DDSR;
    }
    if ((changed & before & MSR_RI) != 0) {
      modemDeltas |= MSR_TERI; // the trailing edge only
    }
    if ((changed & MSR_DCD) != 0) {
      modemDeltas |= MSR_DDCD;
    }
  }

  /**
   * Sets the modem lines that the guest sees in MSR.
   *
   * @param lines {@link #CTS}, {@link #DSR}, {@link #RI} and {@link #DCD}, or-ed
   * @throws IllegalArgumentException if another bit is set
   */
  public void setModemLines(int lines) {
    if ((lines & ~(CTS | DSR | RI | DCD)) != 0) {
      throw new IllegalArgumentException(
          "lines=0x" + Integer.toHexString(lines) + " has bits outside 0xf0");
    }
    int todo;
    synchronized (lock) {
      int before = inputLines();
      modemLines = lines;
      noteModemChange(before);
      updateLine();
      todo = takeActions();
    }
    perform(todo);
  }

  /**
   * {@return how many bytes the guest wrote for nothing: it ignored THRE while the sink was full,
   * or cleared a FIFO that still held them}
   */
  public long lostOutput() {
    synchronized (lock) {
      return lostOutput;
    }
  }

  /** {@return how many characters the guest lost to itself in loopback mode} */
  public long overruns() {
    synchronized (lock) {
      return overruns;
    }
  }

  /** {@return the registers, for people} */
  @Override
  public String toString() {
    synchronized (lock) {
      return String.format(
          "16550A ier=%02x fcr=%02x lcr=%02x mcr=%02x errors=%02x causes=%02x"
              + " rx=%d queue=%d tx=%d",
          ier, fcr, lcr, mcr, lineErrors, causes(), rxCount, queueCount, txCount);
    }
  }
}
