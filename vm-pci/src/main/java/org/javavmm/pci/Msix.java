// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.device.GuestLog;
import org.javavmm.device.InterruptLine;
import org.javavmm.device.MsiController;
import org.javavmm.device.MsiVector;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * MSI-X of a function: the table, the pending bits and the vectors of the host behind them (PCI
 * Local Bus 3.0 §6.8.2 and §6.8.3).
 *
 * <p>{@link #trigger} is for any thread; it takes no lock and allocates nothing. A message that may
 * not be sent when it is triggered sets the vector's pending bit and is sent once, when it may: the
 * vector is masked, or all are, the function is no bus master or not in D0, or the host has no
 * vector or refuses the route. While MSI-X is disabled a trigger does nothing.
 *
 * <p><b>How it is kept.</b> Each vector has one word: enabled, blocked, pending, and how many
 * threads are sending. {@code trigger} changes it by one compare-and-set, either to "one more is
 * sending" or to "pending"; so the guest's unmasking, which takes the pending bit and the block
 * away in one step, either sees the bit or lets the trigger send. The compare-and-set also where
 * the word stays as it is orders what the device wrote before the trigger against what the guest
 * reads after the message. Masking waits until nobody is sending: when the write to the mask ends
 * no message of before is under way, and a vector of the host is closed with nobody in it. It
 * follows that {@link MsiVector#trigger} must not wait for, or call, this function's registers.
 *
 * <p>The host's vector is allocated when the guest first unmasks, and routed only when the message
 * differs from the one it leads to. If either fails, the vector is dead (counted, logged at a
 * bounded rate) until the guest changes or unmasks it again; its messages stay pending.
 */
public final class Msix {
  private static final GuestLog LOG = GuestLog.of("org.javavmm.pci");

  /** The most vectors a function can have. */
  public static final int MAX_VECTORS = 2048;

  private static final VarHandle DWORD = MethodHandles.arrayElementVarHandle(int[].class);

  private static final int ENABLED = 1;
  private static final int BLOCKED = 2;
  private static final int PENDING = 4;
  private static final int SENDING = 8; // a count from here on

  private static final int DWORDS = PciLayout.MSIX_ENTRY_SIZE / 4;
  private static final int CONTROL = PciLayout.MSIX_ENTRY_VECTOR_CTRL / 4;

  private final String name;
  private final int count;
  private final MsiController controller;
  private final AtomicIntegerArray states;
  private final int[] table;
  private final InterruptLine[] lines;

  // Changed by whoever holds the lock; read by trigger after it has seen the word unblocked.
  private final @Nullable MsiVector[] vectors;
  private final long[] routedAddress;
  private final int[] routedData;
  private final boolean[] routed;
  private final boolean[] dead;

  private final Object lock = new Object();
  private boolean functionMask;
  private boolean held = true;
  private boolean closed;
  private volatile boolean enabled;
  private final LongAdder failures = new LongAdder();
  private final LongAdder routes = new LongAdder();

  /**
   * Makes MSI-X that is disabled, with all vectors masked.
   *
   * @param name whose it is, for messages
   * @param count how many vectors, 1 to {@link #MAX_VECTORS}
   * @param controller makes the host's vectors
   * @throws IllegalArgumentException if {@code count} is out of range
   */
  Msix(String name, int count, MsiController controller) {
    if (count < 1 || count > MAX_VECTORS) {
      throw new IllegalArgumentException(
          name + ": MSI-X vectors=" + count + " is not in 1.." + MAX_VECTORS);
    }
    this.name = name;
    this.count = count;
    this.controller = controller;
    states = new AtomicIntegerArray(count);
    table = new int[count * DWORDS];
    vectors = new MsiVector[count];
    routedAddress = new long[count];
    routedData = new int[count];
    routed = new boolean[count];
    dead = new boolean[count];
    lines = new InterruptLine[count];
    for (int v = 0; v < count; v++) {
      int vector = v;
      lines[v] = () -> trigger(vector);
      states.set(v, BLOCKED);
      table[v * DWORDS + CONTROL] = PciLayout.MSIX_ENTRY_CTRL_MASKBIT;
    }
  }

  /** {@return how many vectors there are} */
  public int count() {
    return count;
  }

  /** {@return whether the guest has enabled MSI-X; if not, the device uses INTx} */
  public boolean isEnabled() {
    return enabled;
  }

  /** {@return bytes of the table, for its place in a BAR} */
  public int tableSize() {
    return tableSize(count);
  }

  /** {@return bytes of the pending bit array, for its place in a BAR} */
  public int pbaSize() {
    return pbaSize(count);
  }

  static int tableSize(int count) {
    return count * PciLayout.MSIX_ENTRY_SIZE;
  }

  static int pbaSize(int count) {
    return (count + 63) / 64 * 8;
  }

  /**
   * Sends a vector's message, or keeps it pending, or drops it if MSI-X is disabled, as the class
   * comment says.
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public void trigger(int vector) {
    int old;
    int next;
    do {
      old = states.get(vector);
      if ((old & ENABLED) == 0) {
        next = old;
      } else if ((old & BLOCKED) != 0) {
        next = old | PENDING;
      } else {
        next = old + SENDING;
      }
    } while (!states.compareAndSet(vector, old, next));
    if ((old & (ENABLED | BLOCKED)) == ENABLED) {
      send(vector);
    }
  }

  /** Sends; the word counts this thread, and does not any more afterwards. */
  private void send(int vector) {
    try {
      MsiVector host = vectors[vector];
      if (host != null) { // always, if it is not blocked
        host.trigger();
      }
    } finally {
      states.addAndGet(vector, -SENDING);
    }
  }

  /**
   * {@return the vector as an interrupt line; always the same object}
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public InterruptLine line(int vector) {
    return lines[vector];
  }

  /**
   * {@return whether the vector's message waits}
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public boolean isPending(int vector) {
    return (states.get(vector) & PENDING) != 0;
  }

  /**
   * Takes a message back that waits, because its reason is gone (§6.8.3.5).
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public void clearPending(int vector) {
    int old;
    do {
      old = states.get(vector);
    } while (!states.compareAndSet(vector, old, old & ~PENDING));
  }

  /**
   * {@return whether the guest has masked the vector in its entry}
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public boolean isMasked(int vector) {
    return (dword(vector * DWORDS + CONTROL) & PciLayout.MSIX_ENTRY_CTRL_MASKBIT) != 0;
  }

  /** {@return how often the host refused to make or to route a vector} */
  public long failures() {
    return failures.sum();
  }

  /** {@return how often a vector was routed} */
  public long routes() {
    return routes.sum();
  }

  private int dword(int i) {
    return (int) DWORD.getVolatile(table, i);
  }

  /**
   * The guest reads the table.
   *
   * @param offset the offset in the table
   * @param size the width; 4 or 8, aligned, else all ones
   * @return the value
   */
  long readTable(long offset, int size) {
    if (!isAccess(offset, size, table.length * 4L)) {
      return ConfigurationSpace.ones(size);
    }
    int i = (int) offset >> 2;
    long low = dword(i) & 0xffff_ffffL;
    return size == 4 ? low : low | (long) dword(i + 1) << 32;
  }

  private static boolean isAccess(long offset, int size, long length) {
    return (size == 4 || size == 8)
        && offset >= 0
        && (offset & (size - 1)) == 0
        && offset <= length - size;
  }

  /**
   * The guest writes the table.
   *
   * @param offset the offset in the table
   * @param size the width; 4 or 8, aligned, else nothing happens
   * @param value the value
   */
  void writeTable(long offset, int size, long value) {
    if (!isAccess(offset, size, table.length * 4L)) {
      return;
    }
    int i = (int) offset >> 2;
    synchronized (lock) {
      boolean changed = store(i, (int) value);
      if (size == 8) {
        changed |= store(i + 1, (int) (value >>> 32));
      }
      if (changed || dead[i / DWORDS]) {
        update(i / DWORDS);
      }
    }
  }

  /** Stores what of a dword can be written; whether it changed. */
  private boolean store(int i, int value) {
    int kept = value & writable(i);
    if (kept == table[i]) {
      return false;
    }
    DWORD.setVolatile(table, i, kept);
    return true;
  }

  private static int writable(int i) {
    return switch (i % DWORDS) {
      case 0 -> ~3; // messages are aligned dwords
      case CONTROL -> PciLayout.MSIX_ENTRY_CTRL_MASKBIT;
      default -> -1;
    };
  }

  /**
   * The guest reads the pending bits.
   *
   * @param offset the offset in the array
   * @param size the width; 4 or 8, aligned, else all ones
   * @return the value
   */
  long readPba(long offset, int size) {
    if (!isAccess(offset, size, pbaSize())) {
      return ConfigurationSpace.ones(size);
    }
    int first = (int) offset * 8;
    int bits = Math.min(size * 8, count - first);
    long value = 0;
    for (int b = 0; b < bits; b++) {
      if ((states.get(first + b) & PENDING) != 0) {
        value |= 1L << b;
      }
    }
    return value;
  }

  /** The guest writes message control. */
  void control(boolean newEnabled, boolean newFunctionMask) {
    synchronized (lock) {
      if (newEnabled == enabled && newFunctionMask == functionMask) {
        return;
      }
      enabled = newEnabled;
      functionMask = newFunctionMask;
      updateAll();
    }
  }

  /** Whether messages are held back for a reason outside of MSI-X. */
  void hold(boolean newHeld) {
    synchronized (lock) {
      if (newHeld != held) {
        held = newHeld;
        updateAll();
      }
    }
  }

  private void updateAll() {
    for (int v = 0; v < count; v++) {
      update(v);
    }
  }

  /** Makes a vector's word and route what the registers say. */
  private void update(int v) {
    boolean wanted = enabled && !functionMask && !held && !closed && !isMasked(v);
    boolean open = wanted && route(v);
    int old;
    int next;
    do {
      old = states.get(v);
      next = (old & ~(ENABLED | BLOCKED)) | (enabled ? ENABLED : 0) | (open ? 0 : BLOCKED);
      if (open && (old & PENDING) != 0) {
        next = (next & ~PENDING) + SENDING;
      }
    } while (!states.compareAndSet(v, old, next));
    if (open) {
      if ((old & PENDING) != 0) {
        send(v);
      }
    } else {
      awaitSenders(v);
    }
  }

  private void awaitSenders(int v) {
    for (int spins = 0; states.get(v) >= SENDING; spins++) {
      if (spins < 1000) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(1_000); // the sender lost its processor
      }
    }
  }

  /** Sees to it that the host's vector leads where the entry says; false if it cannot be. */
  private boolean route(int v) {
    int at = v * DWORDS;
    long address = (long) table[at + 1] << 32 | (table[at] & 0xffff_ffffL);
    int data = table[at + 2];
    if (routed[v] && !dead[v] && routedAddress[v] == address && routedData[v] == data) {
      return true;
    }
    try {
      MsiVector host = vectors[v];
      if (host == null) {
        host = controller.allocate(name + " MSI-X " + v);
        vectors[v] = host;
      }
      host.route(address, data);
    } catch (SystemCallException | RuntimeException e) {
      // The guest chose the message, so whatever the host says to it ends here.
      failures.increment();
      dead[v] = true;
      LOG.warn(() ->
          "%s: MSI-X vector %d is dead, address=0x%x data=0x%x: %s"
              .formatted(name, v, address, data, e));
      return false;
    }
    routes.increment();
    routed[v] = true;
    dead[v] = false;
    routedAddress[v] = address;
    routedData[v] = data;
    return true;
  }

  /**
   * {@return whether the host has no vector for it or refused its route}
   *
   * @param vector 0 to {@link #count} - 1
   * @throws IndexOutOfBoundsException if there is no such vector
   */
  public boolean isDead(int vector) {
    synchronized (lock) {
      return dead[vector];
    }
  }

  /** Back to the state of a reset: disabled, entries zero and masked, nothing pending. */
  void reset() {
    synchronized (lock) {
      enabled = false;
      functionMask = false;
      for (int v = 0; v < count; v++) {
        update(v);
        clearPending(v);
        for (int i = 0; i < DWORDS; i++) {
          store(v * DWORDS + i, i == CONTROL ? PciLayout.MSIX_ENTRY_CTRL_MASKBIT : 0);
        }
        release(v);
      }
    }
  }

  /** Gives a blocked vector back. */
  private void release(int v) {
    MsiVector host = vectors[v];
    vectors[v] = null;
    routed[v] = false;
    dead[v] = false;
    if (host != null) {
      host.close();
    }
  }

  /** Gives all vectors back, for good. Triggers that come later do nothing that is seen. */
  void close() {
    synchronized (lock) {
      closed = true;
      enabled = false;
      for (int v = 0; v < count; v++) {
        update(v);
        release(v);
      }
    }
  }

  /** The table, for saving. */
  int[] saveTable() {
    synchronized (lock) {
      return table.clone();
    }
  }

  /** The pending bits, one a bit, for saving. */
  long[] savePending() {
    long[] bits = new long[pbaSize() / 8];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = readPba(8L * i, 8);
    }
    return bits;
  }

  /** Checks what was saved; the message says what is wrong. */
  static void check(String name, int count, int[] savedTable, long[] pending) {
    for (int i = 0; i < savedTable.length; i++) {
      if ((savedTable[i] & ~writable(i)) != 0) {
        throw new IllegalArgumentException(
            "%s: MSI-X entry %d dword %d = 0x%x has reserved bits 0x%x"
                .formatted(
                    name, i / DWORDS, i % DWORDS, savedTable[i], savedTable[i] & ~writable(i)));
      }
    }
    int rest = count % 64;
    long last = pending[pending.length - 1];
    if (rest != 0 && last >>> rest != 0) {
      throw new IllegalArgumentException(
          "%s: MSI-X pending bits 0x%x exceed vectors=%d".formatted(name, last, count));
    }
  }

  /** Takes over what was saved and {@link #check}ed; MSI-X is disabled afterwards. */
  void restore(int[] savedTable, long[] pending) {
    synchronized (lock) {
      reset();
      for (int i = 0; i < savedTable.length; i++) {
        store(i, savedTable[i]);
      }
      for (int v = 0; v < count; v++) {
        if ((pending[v / 64] >>> (v % 64) & 1) != 0) {
          states.getAndUpdate(v, s -> s | PENDING);
        }
      }
    }
  }

  /** {@return the state in one line, and the vectors that are unmasked, pending or dead} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("MSI-X vectors=").append(count);
    synchronized (lock) {
      text.append(enabled ? " enabled" : " disabled").append(functionMask ? " masked" : "");
      int[] unmasked = new int[count];
      int n = 0;
      for (int v = 0; v < count; v++) {
        if (!isMasked(v)) {
          unmasked[n++] = v;
        }
      }
      text.append(" unmasked=").append(Arrays.toString(Arrays.copyOf(unmasked, n)));
      for (int v = 0; v < count; v++) {
        if (isPending(v)) {
          text.append(" pending=").append(v);
        }
        if (dead[v]) {
          text.append(" dead=").append(v);
        }
      }
    }
    return text.toString();
  }
}
