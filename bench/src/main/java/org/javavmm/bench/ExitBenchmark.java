// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.kvm.KvmException;
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
 * An exit of a guest: entered, left for a port or MMIO access, decoded, and taken to a device that
 * does nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ExitBenchmark {
  /** What the guest does without end. */
  @Param({"portWrite", "portRead", "mmioWrite", "mmioRead"})
  public String access;

  private SmallGuest guest;
  private int n;

  /**
   * Makes the machine.
   *
   * @throws Exception if KVM refuses
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    byte[] code =
        switch (access) {
          case "portWrite" -> SmallGuest.PORT_WRITE;
          case "portRead" -> SmallGuest.PORT_READ;
          case "mmioWrite" -> SmallGuest.MMIO_WRITE;
          case "mmioRead" -> SmallGuest.MMIO_READ;
          default -> throw new IllegalArgumentException(access);
        };
    guest = SmallGuest.start(code, false);
  }

  /** Lets the vCPU go, on the thread that ran it: JMH may end the trial on another. */
  @TearDown(Level.Iteration)
  public void detach() {
    guest.vcpu.detach();
  }

  /** Ends the machine. */
  @TearDown(Level.Trial)
  public void tearDown() {
    guest.close();
  }

  /**
   * An exit.
   *
   * @throws KvmException if KVM refuses
   */
  @Benchmark
  public void run() throws KvmException {
    NoOpMonitor.dispatch(guest.vcpu.run(), guest.vcpu.exit(), NoOpMonitor.device(n++));
  }
}
