// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestView;
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
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Scalars of a range that was resolved once, as a device's ring is: what is left is a bounds check.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ViewBenchmark {
  private GuestMemory memory;
  private GuestView view;
  private long mask;
  private int at;

  /** Never set, which the compiler cannot know; see {@link Guest#BATCH}. */
  private volatile boolean stop;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    mask = Guest.WINDOW - 1;
    view = memory.view(Guest.BASE, Guest.REGION, Access.READ_WRITE);
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  private long offset(int n) {
    return (n * 8L) & mask;
  }

  /**
   * Reads eight bytes.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void read8(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(view.getLong(offset(n)));
    }
    at = n;
  }

  /**
   * Writes eight bytes.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void write8(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      long o = offset(n);
      view.putLong(o, o);
      hole.consume(o);
    }
    at = n;
  }

  /**
   * Reads two bytes.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void loadAcquire2(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(view.getShortAcquire(offset(n)));
    }
    at = n;
  }

  /**
   * Writes two bytes.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void storeRelease2(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      long o = offset(n);
      view.putShortRelease(o, (short) o);
      hole.consume(o);
    }
    at = n;
  }
}
