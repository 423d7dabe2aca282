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
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Finding the region of an address among 256. {@link #loop} is the loop and the next address alone,
 * which is part of every other figure.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class RegionLookupBenchmark {
  /** How the regions are visited. */
  @Param({"sequence", "random"})
  public String order;

  private GuestMemory memory;
  private char[] regions;
  private int at;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.manyRegions();
    regions = order.equals("random") ? Guest.random() : Guest.sequence();
  }

  /** Unmaps the memory. */
  @TearDown(Level.Trial)
  public void tearDown() {
    memory.close();
  }

  private long next() {
    at = (at + 1) & (regions.length - 1);
    return Guest.addressIn(regions[at]);
  }

  /** {@return the next address} */
  @Benchmark
  public long loop() {
    return next();
  }

  /** {@return whether a byte is there: a lookup and no access} */
  @Benchmark
  public boolean find() {
    return memory.contains(next(), 1);
  }

  /** {@return eight bytes} */
  @Benchmark
  public long read() {
    return memory.getLong(next());
  }
}
