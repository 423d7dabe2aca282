// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.javavmm.memory.GuestMemory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Copies that begin in one region and end in the next. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class AcrossRegionsBenchmark {
  /** The length in bytes, half of it in each region. */
  @Param({"8", "512"})
  public int length;

  private GuestMemory memory;
  private MemorySegment buffer;
  private long gpa;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(2);
    buffer = Guest.buffer(length);
    gpa = Guest.BASE + Guest.REGION - length / 2;
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  /** {@return where the bytes went} */
  @Benchmark
  public MemorySegment read() {
    memory.read(gpa, buffer);
    return buffer;
  }

  /** {@return where the bytes came from} */
  @Benchmark
  public MemorySegment write() {
    memory.write(gpa, buffer);
    return buffer;
  }
}
