// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.javavmm.virtio.testkit.Buffer;
import org.javavmm.virtio.testkit.DriverQueue;
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
 * A driver and a device on two threads: a chain of one descriptor there and back, both polling. The
 * driver is the testkit's, which checks all it sees: its part is in the figure.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class VirtqueuePingPongBenchmark {
  /** The format. */
  @Param({"split", "packed"})
  public String ring = "split";

  private GuestMemory memory;
  private DriverQueue driver;
  private Thread device;
  private volatile boolean stop;

  /**
   * Starts the device.
   *
   * @throws Exception if the host has no room
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    memory = Guest.memory(1);
    QueueConfig config =
        DriverQueue.layout(
            Guest.BASE,
            2,
            RingFeatures.VERSION_1 | (ring.equals("packed") ? RingFeatures.RING_PACKED : 0));
    driver = DriverQueue.create(memory, config);
    Virtqueue queue = Virtqueue.activate(memory, config);
    stop = false;
    device =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              while (!stop) {
                if (queue.take() == Taken.REQUEST) {
                  queue.complete(queue.request());
                } else {
                  Thread.onSpinWait();
                }
              }
            });
  }

  /**
   * Ends the device.
   *
   * @throws Exception if interrupted
   */
  @TearDown(Level.Trial)
  public void tearDown() throws Exception {
    stop = true;
    device.join();
    memory.close();
  }

  /** There and back. */
  @Benchmark
  public void roundTrip() {
    driver.offer(List.of(Buffer.readable(Guest.BASE + 0x1000, 8)));
    driver.expose();
    while (driver.poll().isEmpty()) {
      Thread.onSpinWait();
    }
  }
}
