// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.memory.GuestMemory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Scalars by guest-physical address, in memory of one region. {@link #loop} is the loop and the
 * next address alone, which is part of every other figure.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ScalarBenchmark {
  private GuestMemory memory;
  private long offset;

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

  private long next() {
    offset = (offset + 8) & (Guest.WINDOW - 1);
    return offset;
  }

  /** {@return the next offset} */
  @Benchmark
  public long loop() {
    return next();
  }

  /** {@return eight bytes} */
  @Benchmark
  public long read8() {
    return memory.getLong(Guest.BASE + next());
  }

  /** {@return what was written} */
  @Benchmark
  public long write8() {
    long o = next();
    memory.putLong(Guest.BASE + o, o);
    return o;
  }

  /** {@return two bytes, as a driver's index is read} */
  @Benchmark
  public short loadAcquire2() {
    return memory.getShortAcquire(Guest.BASE + next());
  }

  /** {@return what was written, as a device's index is} */
  @Benchmark
  public long storeRelease2() {
    long o = next();
    memory.putShortRelease(Guest.BASE + o, (short) o);
    return o;
  }
}
