// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.memory.GuestMemory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** Two threads that use the same memory at once, each its own cache lines. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
@Threads(2)
public class TwoThreadsBenchmark {
  /** The memory of both. */
  @State(Scope.Benchmark)
  public static class Shared {
    private final AtomicInteger threads = new AtomicInteger();
    private GuestMemory memory;

    /**
     * Builds the memory.
     *
     * @throws Exception if the host has no room
     */
    @Setup(Level.Trial)
    public void setUp() throws Exception {
      memory = Guest.memory(1);
    }

    /** Unmaps the memory. */
    @TearDown(Level.Trial)
    public void tearDown() {
      memory.close();
    }
  }

  private long start;
  private long mask;
  private int at;

  /** Never set, which the compiler cannot know; see {@link Guest#BATCH}. */
  private volatile boolean stop;

  /**
   * Gives each thread its part.
   *
   * @param shared the memory
   */
  @Setup(Level.Trial)
  public void setUp(Shared shared) {
    mask = Guest.WINDOW - 1;
    start = Guest.BASE + (shared.threads.getAndIncrement() & 1) * Guest.WINDOW;
  }

  private long offset(int n) {
    return (n * 8L) & mask;
  }

  /**
   * Reads eight bytes.
   *
   * @param shared the memory
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void read8(Shared shared, Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(shared.memory.getLong(start + offset(n)));
    }
    at = n;
  }

  /**
   * Writes eight bytes.
   *
   * @param shared the memory
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void write8(Shared shared, Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      long o = offset(n);
      shared.memory.putLong(start + o, o);
      hole.consume(o);
    }
    at = n;
  }
}
