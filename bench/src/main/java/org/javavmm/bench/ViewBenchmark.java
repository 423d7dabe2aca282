// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
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
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

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
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private GuestMemory memory;
  private MemorySegment view;
  private long offset;

  /**
   * Builds the memory.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    view = memory.slice(Guest.BASE, Guest.REGION);
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

  /** {@return eight bytes} */
  @Benchmark
  public long read8() {
    return view.get(LONG, next());
  }

  /** {@return what was written} */
  @Benchmark
  public long write8() {
    long o = next();
    view.set(LONG, o, o);
    return o;
  }

  /** {@return two bytes} */
  @Benchmark
  public short loadAcquire2() {
    return (short) SHORT.getAcquire(view, next());
  }

  /** {@return what was written} */
  @Benchmark
  public long storeRelease2() {
    long o = next();
    SHORT.setRelease(view, o, (short) o);
    return o;
  }
}
