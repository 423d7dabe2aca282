// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestView;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RequestReader;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.DriverQueue;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Queues of 128 descriptors. The driver's part is as small as it can be, and in every figure: a
 * split ring's chains stand in the table and only the available index moves; a packed ring's
 * descriptors are written again as the words they were, each round.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class VirtqueueBenchmark {
  private static final int SIZE = 128;
  private static final long RINGS = Guest.BASE;
  private static final long TABLES = Guest.BASE + 0x1_0000;
  private static final long DATA = Guest.BASE + 0x4_0000;
  private static final int NEXT = 1;
  private static final int WRITE = 2;
  private static final int INDIRECT = 4;

  /** Where the time of a batch goes. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Split {
    /** Nanoseconds spent taking. */
    public long taking;

    /** Nanoseconds spent completing. */
    public long completing;

    /** Chains taken and completed. */
    public long chains;

    /** {@return nanoseconds to take a chain} */
    public long picosToTake() {
      return chains == 0 ? 0 : taking * 1000 / chains;
    }

    /** {@return nanoseconds to complete a chain} */
    public long picosToComplete() {
      return chains == 0 ? 0 : completing * 1000 / chains;
    }
  }

  /** The format and whether descriptors are indirect. */
  @Param({"split", "splitIndirect", "packed", "packedIndirect"})
  public String ring = "split";

  private GuestMemory memory;
  private boolean packed;
  private boolean indirect;
  private GuestView descriptors;
  private GuestView avail;
  private Virtqueue queue;
  private int availIndex;
  private int slot;
  private int wrap = 1;

  /** By slot, a packed descriptor's address, and its word of length, id and flags. */
  private final long[] addresses = new long[SIZE];

  private final long[] words = new long[SIZE];

  private final Request[] held = new Request[SIZE];
  private int chain;

  private void build(int chainLength) {
    memory.fill(RINGS, 0x4_0000, (byte) 0);
    long features =
        RingFeatures.VERSION_1
            | RingFeatures.INDIRECT_DESC
            | (packed ? RingFeatures.RING_PACKED : 0);
    QueueConfig config = DriverQueue.layout(RINGS, SIZE, features);
    descriptors = memory.view(config.descriptorArea(), 16 * SIZE, Access.READ_WRITE);
    avail = memory.view(config.driverArea(), packed ? 4 : 6 + 2 * SIZE, Access.READ_WRITE);
    queue = Virtqueue.activate(memory, config);
    availIndex = 0;
    slot = 0;
    wrap = 1;
    chain = indirect ? 1 : chainLength;
    int perTable = indirect ? chainLength : 0;
    for (int i = 0; i < SIZE; i++) {
      int at = i % chainLength;
      boolean last = at == chainLength - 1;
      int write = chainLength > 1 && last ? WRITE : 0;
      long data = DATA + 64L * i;
      if (packed && !indirect) {
        addresses[i] = data;
        words[i] = 64 | (long) (i / chainLength) << 32 | (long) (write | (last ? 0 : NEXT)) << 48;
      } else if (packed) {
        addresses[i] = TABLES + 16L * perTable * i % (16 * SIZE);
        words[i] = 16L * perTable | (long) i << 32 | (long) INDIRECT << 48;
      } else if (!indirect) {
        descriptors.putLong(16L * i, data);
        descriptors.putLong(
            16L * i + 8, 64 | (long) (write | (last ? 0 : NEXT)) << 32 | (long) (i + 1) << 48);
      } else {
        descriptors.putLong(16L * i, TABLES + 16L * perTable * i % (16 * SIZE));
        descriptors.putLong(16L * i + 8, 16L * perTable | (long) INDIRECT << 32);
      }
      // A table of its own for each chain, as far as they go.
      memory.putLong(TABLES + 16L * i, data);
      memory.putLong(
          TABLES + 16L * i + 8,
          packed
              ? 64 | (long) write << 48
              : 64 | (long) (write | (last ? 0 : NEXT)) << 32 | (long) (at + 1) << 48);
      if (packed) {
        descriptors.putLong(16L * i, addresses[i]);
      } else {
        avail.putShort(4 + 2L * i, (short) (indirect ? i : i / chainLength * chainLength));
      }
    }
    if (!packed && !indirect) {
      int chains = SIZE / chainLength;
      for (int i = 0; i < SIZE; i++) {
        avail.putShort(4 + 2L * i, (short) (i % chains * chainLength));
      }
    }
  }

  /** Makes the next chains available. */
  private void offer(int chains) {
    if (!packed) {
      availIndex = (availIndex + chains) & 0xffff;
      avail.putShortRelease(2, (short) availIndex);
      return;
    }
    int count = chains * chain;
    int at = slot;
    long flags = wrap != 0 ? 1L << 55 : 1L << 63;
    for (int i = 0; i < count; i++) {
      descriptors.putLong(16L * at + 8, words[at] | flags);
      if (++at == SIZE) {
        at = 0;
        wrap ^= 1;
        flags = wrap != 0 ? 1L << 55 : 1L << 63;
      }
    }
    slot = at;
  }

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    packed = ring.startsWith("packed");
    indirect = ring.endsWith("Indirect");
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  private int builtFor;

  private void builtFor(int chainLength) {
    if (builtFor != chainLength) {
      build(chainLength);
      builtFor = chainLength;
    }
  }

  private Request take() {
    if (queue.take() != Taken.REQUEST) {
      throw new IllegalStateException(queue + ": " + queue.fault());
    }
    return queue.request();
  }

  /** One chain of 128 descriptors: taken and returned, for each descriptor. */
  @Benchmark
  @OperationsPerInvocation(SIZE)
  public void chain1x128() {
    builtFor(SIZE);
    offer(1);
    queue.complete(take(), 0);
  }

  /** The driver's part of a round, for each descriptor. */
  @Benchmark
  @OperationsPerInvocation(SIZE)
  public void driver128() {
    builtFor(1);
    offer(SIZE);
  }

  /**
   * 128 chains of one descriptor: taken, then returned as one batch with one decision to notify,
   * for each chain.
   *
   * @param time where it goes
   */
  @Benchmark
  @OperationsPerInvocation(SIZE)
  public boolean chains128x1(Split time) {
    builtFor(1);
    offer(SIZE);
    long start = System.nanoTime();
    for (int i = 0; i < SIZE; i++) {
      held[i] = take();
    }
    long middle = System.nanoTime();
    for (int i = 0; i < SIZE; i++) {
      queue.stage(held[i], 0);
    }
    queue.publish();
    boolean notify = queue.needsNotification();
    time.completing += System.nanoTime() - middle;
    time.taking += middle - start;
    time.chains += SIZE;
    return notify;
  }

  /**
   * A full round: a chain of four descriptors is taken, its buffers looked at, returned, and
   * whether to notify decided.
   *
   * @param hole takes the buffers
   */
  @Benchmark
  public boolean round4(Blackhole hole) {
    builtFor(4);
    offer(1);
    Request r = take();
    for (int i = 0; i < r.parts(); i++) {
      hole.consume(r.partAddress(i));
      hole.consume(r.partLength(i));
    }
    queue.complete(r, 0);
    return queue.needsNotification();
  }

  /** Reads a value from each of the three readable buffers of a chain, from the start. */
  @Benchmark
  public long read3() {
    builtFor(4);
    Request r = held[0];
    if (r == null || !r.isHeld()) {
      offer(1);
      r = take();
      held[0] = r;
    }
    RequestReader reader = r.reader();
    reader.rewind();
    long sum = 0;
    for (int i = 0; i < 3; i++) {
      sum += reader.getLong();
      reader.skip(56);
    }
    return sum;
  }
}
