// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.OwnedFd;
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
 * One system call that moves 512 bytes between guest memory and a descriptor. The devices cost the
 * kernel little, so that what the caller adds is seen.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class FileBenchmark {
  private GuestMemory memory;
  private OwnedFd zero;
  private OwnedFd nothing;
  private final GuestIoVector vector = new GuestIoVector(4);
  private long offset;

  /**
   * Builds the memory and opens the devices.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    zero = OwnedFd.openReadWrite("/dev/zero");
    nothing = OwnedFd.openReadWrite("/dev/null");
  }

  /** Unmaps the memory and closes the devices. */
  @TearDown(Level.Trial)
  public void tearDown() {
    vector.close();
    zero.close();
    nothing.close();
    memory.close();
  }

  private long next() {
    offset = (offset + 512) & (Guest.WINDOW - 1);
    return offset;
  }

  /** {@return 512} */
  @Benchmark
  public long readZero() {
    vector.clear();
    vector.add(memory, Guest.BASE + next(), 512, Access.WRITE);
    return vector.readFrom(zero);
  }

  /** {@return 512} */
  @Benchmark
  public long writeNull() {
    vector.clear();
    vector.add(memory, Guest.BASE + next(), 512, Access.READ);
    return vector.writeTo(nothing);
  }
}
