// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.RegionSpec;
import org.javavmm.sys.SystemCallException;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueState;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;

/**
 * Runs a program, any bytes at all, that writes anything into a ring and lets a device take and
 * return what it finds there, beside a {@link RingModel}. Checked at each step: the same verdict,
 * the same buffers; a chain taken is in flight once and returned once; nothing outside the writable
 * buffers and the device's part of the rings changes; no chain is longer than the queue; nothing
 * escapes.
 */
public final class RingProgram implements AutoCloseable {
  private static final long BASE = 0x1_0000;
  private static final long PAGE = 4096;
  private static final int STEPS = 400;

  /** Where buffers and tables are said to be: good places, borders, holes and the end of all. */
  private static final long[] PLACES = {
    BASE + 0x2000, BASE + 0x2800, BASE + 0x2ff0, BASE + 0x3ff8, BASE + 0x4000, BASE + 0x5000, 0, -16
  };

  private static final long[] LENGTHS = {
    0, 1, 16, 32, 48, 64, 256, 8, 4096, 0x2000, 0x8000_0000L, 0xffff_fff0L, 0xffff_ffffL
  };

  private final GuestMemory memory;
  private byte[] program = new byte[0];
  private int at;

  /** What the model was told is staged. */
  private int staged;

  /**
   * Maps the memory: writable pages, a read-only one behind them, a hole, and one more.
   *
   * @throws SystemCallException if the host has no room
   */
  public RingProgram() throws SystemCallException {
    memory =
        GuestMemory.builder()
            .anonymous("rings", BASE, 3 * PAGE)
            .anonymous("more", BASE + 3 * PAGE, PAGE)
            .region(RegionSpec.anonymous("read-only", BASE + 4 * PAGE, PAGE).readOnly())
            .anonymous("apart", BASE + 8 * PAGE, PAGE)
            .build();
  }

  @Override
  public void close() {
    memory.close();
  }

  private boolean more() {
    return at < program.length;
  }

  private int next() {
    return more() ? program[at++] & 0xff : 0;
  }

  /**
   * Runs a program.
   *
   * @param bytes the program
   * @throws AssertionError if something does not hold
   */
  public void run(byte[] bytes) {
    program = bytes;
    at = 0;
    int kind = next();
    boolean packed = (kind & 1) != 0;
    int size = packed ? 1 + next() % 9 : 1 << (next() % 4);
    long features =
        RingFeatures.VERSION_1
            | (packed ? RingFeatures.RING_PACKED : 0)
            | ((kind & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0)
            | ((kind & 4) != 0 ? RingFeatures.EVENT_IDX : 0);
    memory.fill(BASE, 4 * PAGE, (byte) 0);
    QueueConfig config = DriverQueue.layout(BASE, size, features);
    DriverQueue driver = DriverQueue.create(memory, config);
    Virtqueue queue = Virtqueue.activate(memory, config);
    RingModel model = new RingModel(memory, config);
    List<Request> held = new ArrayList<>();
    staged = 0;
    for (int step = 0; more() && step < STEPS; step++) {
      switch (next() % 8) {
        case 0, 1, 2 -> write(driver, size);
        case 3, 4 -> {
          take(queue, model, held);
        }
        case 5 -> {
          if (!held.isEmpty()) {
            Request r = held.remove(next() % held.size());
            int id = r.id();
            if (!complete(queue, r)) {
              throw new AssertionError("not completed: " + queue.fault());
            }
            model.published(staged + model.staged(id));
            staged = 0;
          }
        }
        case 6 -> {
          if (!held.isEmpty()) {
            Request r = held.remove(next() % held.size());
            staged += model.staged(r.id());
            check(queue.stage(r, r.written()), "not staged: " + queue.fault());
          }
        }
        default -> {
          check(queue.publish(), "not published: " + queue.fault());
          model.published(staged);
          staged = 0;
          queue.needsNotification();
          if (!queue.enableNotifications()) {
            check(model.look().taken() == Taken.EMPTY, "something is left: " + model.look());
          }
          queue.disableNotifications();
        }
      }
    }
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  private void write(DriverQueue driver, int size) {
    int what = next();
    long place = PLACES[next() % PLACES.length];
    long length = LENGTHS[next() % LENGTHS.length];
    switch (driver) {
      case SplitDriver split -> {
        switch (what % 8) {
          case 0, 1 ->
              split.descriptor(next() % size, place, length, next() % 8, next() % (size + 1));
          case 2 ->
              split.descriptorAt(
                  BASE + 0x2ff0 + 16L * (next() % 4), place, length, next() % 8, next() % 6);
          case 3 ->
              split.descriptorAt(
                  BASE + 0x2000 + 16L * (next() % 8), place, length, next() % 4, next() % 6);
          case 4 -> split.availEntry(next() % size, next() % (size + 1));
          case 5 -> split.availIndex((splitIndex(split) + next() % 3) & 0xffff);
          case 6 -> split.usedEvent(next());
          default -> {
            if (next() % 16 == 0) {
              split.availIndex(next() << 8 | next());
            } else {
              split.availIndex((splitIndex(split) + 1) & 0xffff);
            }
          }
        }
      }
      case PackedDriver packed -> {
        int flags = next() % 8;
        int wrap = next();
        int available = PackedDriver.available(wrap & 1) | ((wrap & 6) == 6 ? 1 << 15 : 0);
        switch (what % 8) {
          case 0 ->
              packed.descriptorAt(BASE + 0x2ff0 + 16L * (next() % 4), place, length, next(), flags);
          case 1 ->
              packed.descriptorAt(BASE + 0x2000 + 16L * (next() % 8), place, length, next(), flags);
          case 2 -> packed.driverEvent(flags % 4, next() % (size + 1), wrap & 1);
          default ->
              packed.descriptor(
                  next() % size, place, length, next() % (2 * size), flags | available);
        }
      }
    }
  }

  private int splitIndex(SplitDriver split) {
    return memory.getShort(split.config().driverArea() + 2) & 0xffff;
  }

  private void take(Virtqueue queue, RingModel model, List<Request> held) {
    RingModel.Verdict expected = model.look();
    Taken taken = queue.take();
    check(
        taken == expected.taken(),
        () -> taken + " " + (taken == Taken.FAULT ? queue.fault() : "") + ", not " + expected);
    switch (taken) {
      case EMPTY -> {}
      case REQUEST -> {
        Request r = queue.request();
        List<QueueState.Part> parts = new ArrayList<>();
        for (int i = 0; i < r.parts(); i++) {
          parts.add(new QueueState.Part(r.partAddress(i), r.partLength(i), i >= r.readableParts()));
        }
        check(
            parts.equals(expected.parts())
                && r.head() == expected.head()
                && r.id() == expected.id(),
            () -> r + " " + parts + ", not " + expected);
        check(parts.size() <= queue.size(), () -> parts + " of a queue of " + queue.size());
        check(
            !held.contains(r) && model.inFlight().size() == held.size(),
            () -> r + " is held twice");
        model.take(expected);
        held.add(r);
        serve(r);
      }
      case FAULT -> {
        String fault = queue.fault().orElseThrow().getClass().getSimpleName();
        check(
            fault.equals(expected.fault().orElseThrow()),
            () -> queue.fault() + ", not " + expected);
        check(!queue.fault().orElseThrow().message().contains("\n"), () -> "more than one line");
        if (next() % 2 == 0) {
          check(
              queue.discard() == expected.discardable(),
              () -> "passed over or not, unlike " + expected);
          if (expected.discardable()) {
            model.take(expected);
            model.published(staged + model.staged(expected.id()));
            staged = 0;
          }
        }
      }
    }
  }

  /** Reads all, writes some. */
  private void serve(Request r) {
    MemoryGuard guard = new MemoryGuard(memory);
    for (int i = r.readableParts(); i < r.parts(); i++) {
      guard.allow(r.partAddress(i), r.partLength(i));
    }
    byte[] bytes = new byte[(int) r.readable()];
    r.reader().read(bytes, 0, bytes.length);
    check(r.reader().remaining() == 0, "bytes are left to read");
    long length = Math.min(r.writable(), 64);
    for (int i = 0; i < length; i++) {
      r.writer().putByte((byte) (i + 1));
    }
    check(r.written() == length, "written " + r.written() + ", not " + length);
    guard.verify();
  }

  private boolean complete(Virtqueue queue, Request r) {
    MemoryGuard guard = new MemoryGuard(memory);
    QueueConfig config = queue.config();
    if (config.isPacked()) {
      guard.allow(config.descriptorArea(), 16L * config.size());
    } else {
      guard.allow(config.deviceArea(), 6 + 8L * config.size());
    }
    boolean done = queue.complete(r);
    guard.verify();
    return done;
  }

  private static void check(boolean holds, Supplier<String> what) {
    if (!holds) {
      throw new AssertionError(what.get());
    }
  }
}
