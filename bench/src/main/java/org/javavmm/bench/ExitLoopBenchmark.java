// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.TimeUnit;
import org.javavmm.device.Bus;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.PreparedVcpu;
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
 * An exit without KVM: {@code run()} whose ioctl answers {@code ENOTTY}, a prepared page decoded as
 * if the exit had come, and a call of a device that does nothing. See {@link PreparedVcpu}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ExitLoopBenchmark {
  private PreparedVcpu port;
  private PreparedVcpu mmio;
  private Bus bus;
  private int n;

  /**
   * Prepares the exits.
   *
   * @throws Exception if the process has no descriptor or memory left
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    port = PreparedVcpu.portWrite();
    mmio = PreparedVcpu.mmioWrite();
    bus = NoOpMonitor.bus(PreparedVcpu.PORT);
  }

  /** Closes the descriptors. */
  @TearDown(Level.Trial)
  public void tearDown() {
    port.close();
    mmio.close();
  }

  /**
   * The ioctl alone, which is part of the others.
   *
   * @return its answer
   */
  @Benchmark
  public int ioctl() {
    return port.ioctl();
  }

  /**
   * A write of one byte to a port.
   *
   * @throws KvmException if the ioctl answers anything else
   */
  @Benchmark
  public void port() throws KvmException {
    NoOpMonitor.dispatch(port.run(), port.exit(), NoOpMonitor.device(n++));
  }

  /**
   * A write of four bytes to MMIO.
   *
   * @throws KvmException if the ioctl answers anything else
   */
  @Benchmark
  public void mmio() throws KvmException {
    NoOpMonitor.dispatch(mmio.run(), mmio.exit(), NoOpMonitor.device(n++));
  }

  /**
   * A write of one byte to a port, whose device a bus of 8 finds.
   *
   * @throws KvmException if the ioctl answers anything else
   */
  @Benchmark
  public void bus() throws KvmException {
    NoOpMonitor.dispatch(port.run(), port.exit(), bus);
  }
}
