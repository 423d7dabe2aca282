// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.RegionSpec;
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

/** Writes that mark a dirty log, all of whose pages are marked already but for the first round. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class DirtyBenchmark {
  private GuestMemory memory;
  private MemorySegment buffer = MemorySegment.NULL;
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
    memory =
        GuestMemory.builder()
            .region(RegionSpec.anonymous("ram", Guest.BASE, Guest.REGION).dirtyLog())
            .build();
    memory.fill(Guest.BASE, Guest.REGION, (byte) 1);
    buffer = Arena.ofAuto().allocate(4096, 4096);
    mask = Guest.WINDOW - 1;
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
      memory.putLong(Guest.BASE + o, o);
      hole.consume(o);
    }
    at = n;
  }

  /**
   * Writes two bytes as a device's index is written.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void storeRelease2(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      long o = offset(n);
      memory.putShortRelease(Guest.BASE + o, (short) o);
      hole.consume(o);
    }
    at = n;
  }

  /** Writes a page. */
  @Benchmark
  public void write() {
    at++;
    memory.write(Guest.BASE + ((at * 4096L) & mask), buffer);
  }
}
