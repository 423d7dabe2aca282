// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
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

/**
 * What a checked read of eight bytes costs by guest-physical address, beside the same read of a
 * plain segment. Both must allocate nothing ({@code -prof gc}).
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class GuestMemoryReadBenchmark {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long BASE = 0x10_0000;
  private static final long SIZE = 1 << 20;

  /** How many regions the memory has: each number has its own implementation. */
  @Param({"1", "2"})
  public int regions;

  private GuestMemory memory;
  private MemorySegment segment;
  private long offset;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    GuestMemory.Builder builder = GuestMemory.builder().anonymous("high", BASE, SIZE);
    if (regions == 2) {
      builder.anonymous("low", 0, 0xa_0000);
    }
    memory = builder.build();
    segment = memory.regions().getLast().segment();
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  private long next() {
    offset = (offset + 8) & (SIZE - 8);
    return offset;
  }

  /** {@return the value, so that the read is not optimised away} */
  @Benchmark
  public long guestMemory() {
    return memory.getLong(BASE + next());
  }

  /** {@return the value, so that the read is not optimised away} */
  @Benchmark
  public long plainSegment() {
    return segment.get(LONG, next());
  }
}
