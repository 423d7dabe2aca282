// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A slow, obvious 16550A, written from the data sheet and from the promises of {@link Uart16550}'s
 * class comment, sharing no code with it.
 */
final class UartModel {
  private enum Cause {
    LINE,
    DATA,
    TIMEOUT,
    THRE,
    MODEM
  }

  /** A character with its errors. */
  private record Char(int value, boolean isBreak) {}

  private final int queueSize;
  private final boolean flowControl;

  private boolean rxInterrupt;
  private boolean thrInterrupt;
  private boolean lineInterrupt;
  private boolean modemInterrupt;

  private boolean fifo;
  private int trigger = 1;
  private int lcr;
  private boolean dtr;
  private boolean rts;
  private boolean out1;
  private boolean out2;
  private boolean loop;
  private int scratch;
  private int dll = 1;
  private int dlm;

  private boolean overrun;
  private boolean breakShown;
  private boolean thrLatch;

  private final Deque<Char> received = new ArrayDeque<>();
  private int lastReceived;
  private final Deque<Char> waiting = new ArrayDeque<>();
  private final Deque<Integer> unsent = new ArrayDeque<>();
  final List<Integer> sent = new ArrayList<>();
  boolean sinkFull;

  private int hostLines = 0xb0;
  private int deltas;

  private Set<Cause> before = EnumSet.noneOf(Cause.class);

  /** The line was triggered since this was last cleared. */
  boolean edge;

  long lost;

  UartModel(int queueSize, boolean flowControl) {
    this.queueSize = queueSize;
    this.flowControl = flowControl;
  }

  private Set<Cause> pending() {
    Set<Cause> causes = EnumSet.noneOf(Cause.class);
    if (lineInterrupt && (overrun || breakShown)) {
      causes.add(Cause.LINE);
    }
    if (rxInterrupt && !received.isEmpty()) {
      causes.add(fifo && received.size() < trigger ? Cause.TIMEOUT : Cause.DATA);
    }
    if (thrInterrupt && thrLatch) {
      causes.add(Cause.THRE);
    }
    if (modemInterrupt && deltas != 0) {
      causes.add(Cause.MODEM);
    }
    return causes;
  }

  private void look() {
    Set<Cause> now = out2 && !loop ? pending() : EnumSet.noneOf(Cause.class);
    if (!now.isEmpty() && !now.equals(before)) {
      edge = true;
    }
    before = now;
  }

  private int lines() {
    if (!loop) {
      return hostLines;
    }
    return (rts ? 0x10 : 0) + (dtr ? 0x20 : 0) + (out1 ? 0x40 : 0) + (out2 ? 0x80 : 0);
  }

  private void linesWere(int old) {
    int now = lines();
    if ((old & 0x10) != (now & 0x10)) {
      deltas |= 1;
    }
    if ((old & 0x20) != (now & 0x20)) {
      deltas |= 2;
    }
    if ((old & 0x40) != 0 && (now & 0x40) == 0) {
      deltas |= 4;
    }
    if ((old & 0x80) != (now & 0x80)) {
      deltas |= 8;
    }
  }

  private int depth() {
    return fifo ? 16 : 1;
  }

  private void showFirst() {
    Char first = received.peekFirst();
    if (first != null && first.isBreak) {
      breakShown = true;
      received.removeFirst();
      received.addFirst(new Char(first.value, false));
    }
  }

  private void arriveAtReceiver(Char c) {
    if (received.size() == depth()) {
      overrun = true;
      if (!fifo) {
        received.clear();
        received.add(c);
      }
    } else {
      received.add(c);
    }
    showFirst();
  }

  private void refill() {
    if (received.isEmpty() && !loop && (rts || !flowControl)) {
      while (received.size() < depth() && !waiting.isEmpty()) {
        arriveAtReceiver(waiting.removeFirst());
      }
    }
  }

  private boolean host(Char c) {
    boolean taken = true;
    if (waiting.isEmpty() && received.size() < depth() && !loop && (rts || !flowControl)) {
      arriveAtReceiver(c);
    } else if (waiting.size() < queueSize) {
      waiting.add(c);
    } else {
      taken = false;
    }
    return taken;
  }

  int offer(byte[] bytes) {
    int n = 0;
    for (byte b : bytes) {
      if (!host(new Char(b & 0xff, false))) {
        break;
      }
      n++;
    }
    look();
    return n;
  }

  boolean sendBreak() {
    boolean taken = host(new Char(0, true));
    look();
    return taken;
  }

  void modemLines(int lines) {
    int old = lines();
    hostLines = lines;
    linesWere(old);
    look();
  }

  void sinkFull(boolean full) {
    sinkFull = full;
    if (!full && !unsent.isEmpty()) {
      sent.addAll(unsent);
      unsent.clear();
      thrLatch = thrInterrupt;
      look();
    }
  }

  int read(int register) {
    boolean dlab = (lcr & 0x80) != 0;
    int value;
    switch (register) {
      case 0 -> {
        if (dlab) {
          value = dll;
        } else if (received.isEmpty()) {
          return -1; // undefined: whatever the chip's buffer holds
        } else {
          lastReceived = received.removeFirst().value;
          value = lastReceived;
          if (!received.isEmpty()) {
            before.remove(Cause.TIMEOUT);
            before.remove(Cause.DATA);
          }
          showFirst();
          look();
          refill();
        }
      }
      case 1 -> {
        if (dlab) {
          value = dlm;
        } else {
          value =
              (rxInterrupt ? 1 : 0)
                  + (thrInterrupt ? 2 : 0)
                  + (lineInterrupt ? 4 : 0)
                  + (modemInterrupt ? 8 : 0);
        }
      }
      case 2 -> {
        Set<Cause> causes = pending();
        if (causes.contains(Cause.LINE)) {
          value = 6;
        } else if (causes.contains(Cause.DATA)) {
          value = 4;
        } else if (causes.contains(Cause.TIMEOUT)) {
          value = 12;
        } else if (causes.contains(Cause.THRE)) {
          value = 2;
          thrLatch = false;
        } else if (causes.contains(Cause.MODEM)) {
          value = 0;
        } else {
          value = 1;
        }
        if (fifo) {
          value += 0xc0;
        }
      }
      case 3 -> value = lcr;
      case 4 ->
          value = (dtr ? 1 : 0) + (rts ? 2 : 0) + (out1 ? 4 : 0) + (out2 ? 8 : 0) + (loop ? 16 : 0);
      case 5 -> {
        value = received.isEmpty() ? 0 : 1;
        value += overrun ? 2 : 0;
        value += breakShown ? 0x10 : 0;
        value += unsent.isEmpty() ? 0x60 : 0;
        if (fifo && (breakShown || received.stream().anyMatch(Char::isBreak))) {
          value += 0x80;
        }
        overrun = false;
        breakShown = false;
      }
      case 6 -> {
        value = lines() + deltas;
        deltas = 0;
      }
      default -> value = scratch;
    }
    look();
    return value;
  }

  void write(int register, int value) {
    boolean dlab = (lcr & 0x80) != 0;
    switch (register) {
      case 0 -> {
        if (dlab) {
          dll = value;
        } else {
          transmit(value);
        }
      }
      case 1 -> {
        if (dlab) {
          dlm = value;
        } else {
          boolean old = thrInterrupt;
          rxInterrupt = (value & 1) != 0;
          thrInterrupt = (value & 2) != 0;
          lineInterrupt = (value & 4) != 0;
          modemInterrupt = (value & 8) != 0;
          if (!old && thrInterrupt && unsent.isEmpty()) {
            thrLatch = true;
          }
          if (!thrInterrupt) {
            thrLatch = false;
          }
        }
      }
      case 2 -> {
        boolean on = (value & 1) != 0;
        boolean changed = on != fifo;
        fifo = on;
        if (changed || (on && (value & 2) != 0)) {
          received.clear();
        }
        if (changed || (on && (value & 4) != 0)) {
          if (!unsent.isEmpty()) {
            lost += unsent.size();
            unsent.clear();
            thrLatch = thrInterrupt;
          }
        }
        trigger = on ? new int[] {1, 4, 8, 14}[value >> 6] : 1;
        refill();
      }
      case 3 -> {
        boolean starts = (lcr & 0x40) == 0 && (value & 0x40) != 0;
        lcr = value;
        if (starts && loop) {
          arriveAtReceiver(new Char(0, true));
        }
      }
      case 4 -> {
        int old = lines();
        dtr = (value & 1) != 0;
        rts = (value & 2) != 0;
        out1 = (value & 4) != 0;
        out2 = (value & 8) != 0;
        loop = (value & 16) != 0;
        linesWere(old);
        refill();
      }
      case 7 -> scratch = value;
      default -> {}
    }
    look();
  }

  private void transmit(int value) {
    thrLatch = false;
    look();
    if (loop) {
      arriveAtReceiver(new Char(value, false));
    } else if (unsent.isEmpty() && !sinkFull) {
      sent.add(value);
    } else if (unsent.size() < depth()) {
      unsent.add(value);
    } else {
      lost++;
    }
    thrLatch = thrInterrupt && unsent.isEmpty();
  }
}
