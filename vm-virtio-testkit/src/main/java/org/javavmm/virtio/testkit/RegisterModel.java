// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import org.javavmm.virtio.QueueFault.Area;

/**
 * The registers of a virtio device as a slow, obvious list of rules, the same for both transports;
 * an oracle for hostile sequences of writes. Shares nothing with the code it judges.
 */
final class RegisterModel {
  private static final int ACKNOWLEDGE = 1;
  private static final int DRIVER = 2;
  private static final int DRIVER_OK = 4;
  private static final int FEATURES_OK = 8;
  private static final int SUSPEND = 16;
  private static final int NEEDS_RESET = 64;
  private static final int FAILED = 128;

  private static final class Queue {
    final int max;
    int size;
    final long[] areas = new long[3];
    boolean ready;

    Queue(int max) {
      this.max = max;
    }
  }

  private final long offeredLow;
  private final long memory;
  private final Queue[] queues;

  int status;
  int deviceSelect;
  int driverSelect;
  int queueSelect;
  final int[] accepted = new int[4];

  /** Whether the device itself has begun: not if a queue cannot be. */
  boolean begun;

  /** Bits of the interrupt status. */
  int interrupts;

  /** Whether a configuration change waits for the end of the suspension. */
  boolean held;

  /**
   * Makes the registers after a reset.
   *
   * @param offeredLow features 0 to 63 offered; of the others none is
   * @param memory where memory ends, which begins at 0
   * @param sizes the queues' largest sizes
   */
  RegisterModel(long offeredLow, long memory, int... sizes) {
    this.offeredLow = offeredLow;
    this.memory = memory;
    queues = new Queue[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      queues[i] = new Queue(sizes[i]);
    }
    reset();
  }

  void reset() {
    status = 0;
    deviceSelect = 0;
    driverSelect = 0;
    queueSelect = 0;
    interrupts = 0;
    held = false;
    begun = false;
    for (int i = 0; i < 4; i++) {
      accepted[i] = 0;
    }
    for (Queue q : queues) {
      q.size = q.max;
      q.ready = false;
      for (int i = 0; i < 3; i++) {
        q.areas[i] = 0;
      }
    }
  }

  private long acceptedLow() {
    return (accepted[0] & 0xffff_ffffL) | (long) accepted[1] << 32;
  }

  private boolean has(int bit) {
    return (acceptedLow() >>> bit & 1) != 0;
  }

  private boolean is(int bit) {
    return (status & bit) != 0;
  }

  /** Whether registers but status take writes: not once it has failed, nor while suspended. */
  boolean takesWrites() {
    return !is(FAILED) && !is(SUSPEND);
  }

  boolean takesConfig() {
    return !is(SUSPEND);
  }

  private boolean isActive() {
    return is(DRIVER_OK) || is(SUSPEND);
  }

  int deviceFeatures() {
    return switch (deviceSelect) {
      case 0 -> (int) offeredLow;
      case 1 -> (int) (offeredLow >>> 32);
      default -> 0;
    };
  }

  int acceptedFeatures() {
    return driverSelect >= 0 && driverSelect < 4 ? accepted[driverSelect] : 0;
  }

  void driverFeatures(int bits) {
    if (takesWrites() && is(DRIVER) && !is(FEATURES_OK) && driverSelect >= 0 && driverSelect < 4) {
      accepted[driverSelect] = bits;
    }
  }

  void status(int value) {
    if (value == 0) {
      reset();
      return;
    }
    if ((value & FAILED) != 0) {
      status |= FAILED;
      return;
    }
    if (is(FAILED) || is(NEEDS_RESET)) {
      return;
    }
    if (is(SUSPEND)) {
      if ((value & DRIVER_OK) != 0) {
        status = (status & ~SUSPEND) | DRIVER_OK;
        if (held) {
          held = false;
          interrupts |= 2;
        }
      }
      return;
    }
    if (is(DRIVER_OK)) {
      if ((value & SUSPEND) != 0 && has(43)) {
        status = (status & ~DRIVER_OK) | SUSPEND;
      }
      return;
    }
    if ((value & ACKNOWLEDGE) != 0) {
      status |= ACKNOWLEDGE;
    }
    if ((value & DRIVER) != 0 && is(ACKNOWLEDGE)) {
      status |= DRIVER;
    }
    if ((value & FEATURES_OK) != 0 && is(DRIVER) && isAcceptable()) {
      status |= FEATURES_OK;
    }
    if ((value & DRIVER_OK) != 0 && is(FEATURES_OK)) {
      status |= DRIVER_OK;
      begun = true;
      for (Queue q : queues) {
        if (q.ready && !isPossible(q)) {
          begun = false;
          needsReset();
        }
      }
    }
  }

  private void needsReset() {
    if (!is(NEEDS_RESET)) {
      status |= NEEDS_RESET;
      interrupts |= 2;
    }
  }

  /** A subset of what is offered, with VERSION_1; of the device's own, 1 needs 0. */
  private boolean isAcceptable() {
    return (acceptedLow() & ~offeredLow) == 0
        && accepted[2] == 0
        && accepted[3] == 0
        && has(32)
        && (!has(1) || has(0));
  }

  private Queue selected() {
    return queueSelect >= 0 && queueSelect < queues.length ? queues[queueSelect] : new Queue(0);
  }

  int queueSizeMax() {
    return selected().max;
  }

  int queueSize() {
    return selected().size;
  }

  int queueReady() {
    return selected().ready ? 1 : 0;
  }

  private boolean isWritable(Queue q) {
    return q.max > 0
        && takesWrites()
        && is(FEATURES_OK)
        && !is(NEEDS_RESET)
        && !q.ready
        && (!is(DRIVER_OK) || has(40));
  }

  void queueSize(int size) {
    Queue q = selected();
    boolean fits = size >= 1 && size <= q.max && (has(34) || (size & (size - 1)) == 0);
    if (isWritable(q) && fits) {
      q.size = size;
    }
  }

  void queueAddress(Area area, boolean upper, int value) {
    Queue q = selected();
    if (isWritable(q)) {
      int i =
          switch (area) {
            case DESCRIPTOR -> 0;
            case DRIVER -> 1;
            case DEVICE -> 2;
          };
      long bits = value & 0xffff_ffffL;
      q.areas[i] =
          upper ? (q.areas[i] & 0xffff_ffffL) | bits << 32 : q.areas[i] >>> 32 << 32 | bits;
    }
  }

  /** Writes a queue's readiness; {@code stops} says whether 0 stops it. */
  void queueReady(int value, boolean stops) {
    Queue q = selected();
    if (value == 1) {
      if (isWritable(q)) {
        q.ready = true;
        if (isActive() && !isPossible(q)) {
          needsReset();
        }
      }
    } else if (value == 0 && stops && takesWrites()) {
      q.ready = false;
    }
  }

  void queueReset(int value) {
    Queue q = selected();
    if (value == 1 && q.ready && takesWrites() && is(FEATURES_OK) && has(40)) {
      q.ready = false;
      q.size = q.max;
      for (int i = 0; i < 3; i++) {
        q.areas[i] = 0;
      }
    }
  }

  /** The device tells of a change of its configuration. */
  void configChanged() {
    if (!begun) {
      return;
    }
    if (is(SUSPEND)) {
      held = true;
    } else {
      interrupts |= 2;
    }
  }

  private boolean isPossible(Queue q) {
    boolean packed = has(34);
    long[] lengths =
        packed
            ? new long[] {16L * q.size, 4, 4}
            : new long[] {16L * q.size, 6 + 2L * q.size, 6 + 8L * q.size};
    long[] alignments = packed ? new long[] {16, 4, 4} : new long[] {16, 2, 4};
    for (int i = 0; i < 3; i++) {
      long at = q.areas[i];
      if (at < 0 || at % alignments[i] != 0 || at + lengths[i] > memory) {
        return false;
      }
      for (int j = 0; j < i; j++) {
        if (at < q.areas[j] + lengths[j] && q.areas[j] < at + lengths[i]) {
          return false;
        }
      }
    }
    return true;
  }
}
