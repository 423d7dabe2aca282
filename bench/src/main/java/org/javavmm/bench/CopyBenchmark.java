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
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** Copies between memory of one region and a buffer outside the Java heap. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CopyBenchmark {
  /** The length in bytes; 96 is what others read as one object. */
  @Param({"64", "96", "512", "4096", "65536", "1048576"})
  public int length;

  private GuestMemory memory;
  private MemorySegment buffer;
  private int at;

  /** Never set, which the compiler cannot know; see {@link Guest#BATCH}. */
  private volatile boolean stop;

  private long stride;
  private long mask;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    buffer = Guest.buffer(length);
    stride = length == 96 ? 64 : length;
    mask = Math.max(length, Guest.WINDOW) - 1;
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  private long offset(int n) {
    return (n * stride) & mask;
  }

  /**
   * Copies out.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void read(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      memory.read(Guest.BASE + offset(n), buffer);
      hole.consume(buffer);
    }
    at = n;
  }

  /**
   * Copies in.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void write(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      memory.write(Guest.BASE + offset(n), buffer);
      hole.consume(buffer);
    }
    at = n;
  }
}
