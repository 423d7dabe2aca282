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

  /** Never set, which the compiler cannot know; see {@link Guest#BATCH}. */
  private volatile boolean stop;

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

  private long gpa(int n) {
    return Guest.addressIn(regions[n & (regions.length - 1)]);
  }

  /**
   * Nothing but the next address.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void loop(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(gpa(n));
    }
    at = n;
  }

  /**
   * Asks whether a byte is there: a lookup and no access.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void find(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(memory.contains(gpa(n), 1));
    }
    at = n;
  }

  /**
   * Reads eight bytes.
   *
   * @param hole takes the results
   */
  @Benchmark
  @OperationsPerInvocation(Guest.BATCH)
  public void read(Blackhole hole) {
    int n = at;
    for (int end = n + Guest.BATCH; n != end && !stop; n++) {
      hole.consume(memory.getLong(gpa(n)));
    }
    at = n;
  }
}
