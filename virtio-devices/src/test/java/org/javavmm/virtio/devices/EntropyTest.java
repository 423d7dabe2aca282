// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.devices;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.javavmm.device.MsiVector;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.virtio.DeviceStatus;
import org.javavmm.virtio.FaultPolicy;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.TransportStatistics;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.virtio.testkit.Buffer;
import org.javavmm.virtio.testkit.Clause;
import org.javavmm.virtio.testkit.DriverQueue;
import org.javavmm.virtio.testkit.MmioDriver;
import org.javavmm.virtio.testkit.PciDriver;
import org.javavmm.virtio.testkit.TransportDriver;
import org.javavmm.virtio.testkit.Used;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The entropy device behind both transports, with both formats of the queue. */
class EntropyTest {
  private static final long RINGS = 0x1000;
  private static final long DATA = 0x8000;
  private static final int SIZE = 1 << 20;

  /** Counts upwards from 1, so that each byte says whether it came from here. */
  private static final EntropySource COUNTING =
      (target, length) -> {
        for (int i = 0; i < length; i++) {
          target[i] = (byte) (i % 255 + 1);
        }
        return length;
      };

  record Case(boolean pci, boolean packed) {
    @Override
    public String toString() {
      return (pci ? "pci" : "mmio") + (packed ? " packed" : " split");
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case(false, false), new Case(false, true), new Case(true, false), new Case(true, true));
  }

  /** A device, its transport and its driver. */
  private static final class Rig implements AutoCloseable {
    final GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, SIZE).build();
    final EventLoop loop = EventLoop.create("devices");
    final Runnable end;
    final Supplier<TransportStatistics> statistics;
    final TransportDriver driver;
    final DriverQueue queue;

    Rig(Case c, EntropySource source, FaultPolicy policy) throws Exception {
      Thread _ = loop.start();
      TransportSetup setup =
          TransportSetup.of(new Entropy(source), memory, loop).withFaultPolicy(policy);
      if (c.pci) {
        VirtioPci pci = VirtioPci.builder(setup).msix(name -> new NoVector()).build();
        end = pci::close;
        statistics = pci::statistics;
        driver = new PciDriver(pci.function());
      } else {
        VirtioMmio mmio = VirtioMmio.builder(setup, 0xf000_0000L).build();
        end = mmio::close;
        statistics = mmio::statistics;
        driver = new MmioDriver(mmio);
      }
      long features = RingFeatures.VERSION_1 | (c.packed ? RingFeatures.RING_PACKED : 0);
      queue = driver.start(memory, RINGS, 16, 1, features)[0];
    }

    Rig(Case c, EntropySource source) throws Exception {
      this(c, source, FaultPolicy.NEEDS_RESET);
    }

    void offer(Buffer... buffers) {
      int _ = queue.offer(List.of(buffers));
      boolean _ = queue.expose();
      driver.notify(0);
    }

    long written() {
      List<Used> used = new ArrayList<>();
      TransportDriver.await(() -> used.addAll(queue.poll()), "nothing was used");
      assertEquals(1, used.size());
      return used.getFirst().written();
    }

    byte[] data(int length) {
      byte[] bytes = new byte[length];
      memory.read(DATA, bytes);
      return bytes;
    }

    void awaitNeedsReset() {
      TransportDriver.await(
          () -> (driver.status() & DeviceStatus.NEEDS_RESET) != 0, "no reset is needed");
    }

    @Override
    public void close() {
      end.run();
      loop.close();
      memory.close();
    }
  }

  private static final class NoVector implements MsiVector {
    @Override
    public void route(long address, int data) {}

    @Override
    public void trigger() {}

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"RNG-01"})
  void aBufferIsFilledAndNothingBehindIt(Case c) throws Exception {
    try (Rig rig = new Rig(c, COUNTING)) {
      assertEquals(4, rig.driver.deviceId());
      rig.offer(Buffer.writable(DATA, 32));
      assertEquals(32, rig.written());
      byte[] expected = new byte[64];
      assertEquals(32, COUNTING.fill(expected, 32));
      assertArrayEquals(expected, rig.data(64));
      // In parts, and one byte alone.
      rig.offer(Buffer.writable(DATA, 1), Buffer.writable(DATA + 1, 40));
      assertEquals(41, rig.written());
      rig.offer(Buffer.writable(DATA, 1));
      assertEquals(1, rig.written());
      assertEquals(0, rig.statistics.get().faults());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"RNG-01", "RNG-02"})
  void aLargeBufferGetsAPart(Case c) throws Exception {
    AtomicInteger calls = new AtomicInteger();
    EntropySource source =
        (target, length) -> {
          int _ = calls.incrementAndGet();
          return COUNTING.fill(target, length);
        };
    try (Rig rig = new Rig(c, source)) {
      rig.offer(Buffer.writable(DATA, SIZE - DATA));
      assertEquals(Entropy.MAX_BYTES, rig.written());
      assertEquals(1, calls.get());
      byte[] data = rig.data(Entropy.MAX_BYTES + 16);
      for (int i = 0; i < data.length; i++) {
        assertEquals(i < Entropy.MAX_BYTES, data[i] != 0, "byte " + i);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"RNG-02"})
  void asMuchAsTheSourceHas(Case c) throws Exception {
    try (Rig rig = new Rig(c, (target, length) -> COUNTING.fill(target, Math.min(length, 5)))) {
      rig.offer(Buffer.writable(DATA, 32));
      assertEquals(5, rig.written());
      byte[] expected = new byte[32];
      assertEquals(5, COUNTING.fill(expected, 5));
      assertArrayEquals(expected, rig.data(32));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void moreRequestsThanTheQueueHolds(Case c) throws Exception {
    try (Rig rig = new Rig(c, COUNTING)) {
      for (int i = 0; i < 100; i++) {
        rig.offer(Buffer.writable(DATA, 1 + i));
        assertEquals(1 + i, rig.written());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aRequestThatIsNoneNeedsAReset(Case c) throws Exception {
    List<Buffer[]> bad =
        List.of(
            new Buffer[] {Buffer.readable(DATA, 8)},
            new Buffer[] {Buffer.readable(DATA, 8), Buffer.writable(DATA + 8, 8)});
    for (Buffer[] request : bad) {
      try (Rig rig = new Rig(c, COUNTING)) {
        rig.offer(request);
        rig.awaitNeedsReset();
        assertEquals(1, rig.statistics.get().faults());
        assertEquals(List.of(), rig.queue.collect());
        assertArrayEquals(new byte[64], rig.data(64));
      }
      // By the other policy it comes back empty, and the device goes on.
      try (Rig rig = new Rig(c, COUNTING, FaultPolicy.FAIL_REQUEST)) {
        rig.offer(request);
        assertEquals(0, rig.written());
        assertEquals(1, rig.statistics.get().faults());
        rig.offer(Buffer.writable(DATA, 8));
        assertEquals(8, rig.written());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @Clause({"RNG-01"})
  void aSourceThatFailsOrLiesNeedsAResetAndTheNextActivationWorks(Case c) throws Exception {
    AtomicInteger answer = new AtomicInteger();
    EntropySource source =
        (target, length) -> {
          int n = answer.get();
          if (n == -2) {
            throw new IOException("no entropy");
          }
          return n == 1 ? COUNTING.fill(target, length) : n;
        };
    try (Rig rig = new Rig(c, source)) {
      int failures = 0;
      for (int wrong : new int[] {0, -1, -2, 33}) {
        answer.set(wrong);
        rig.driver.reset();
        long features = RingFeatures.VERSION_1 | (c.packed ? RingFeatures.RING_PACKED : 0);
        DriverQueue queue = rig.driver.start(rig.memory, RINGS, 16, 1, features)[0];
        int _ = queue.offer(List.of(Buffer.writable(DATA, 32)));
        boolean _ = queue.expose();
        rig.driver.notify(0);
        rig.awaitNeedsReset();
        assertEquals(List.of(), queue.poll());
        assertArrayEquals(new byte[32], rig.data(32));
        failures++;
        assertEquals(failures, rig.statistics.get().failures());
      }
      answer.set(1);
      rig.driver.reset();
      long features = RingFeatures.VERSION_1 | (c.packed ? RingFeatures.RING_PACKED : 0);
      DriverQueue queue = rig.driver.start(rig.memory, RINGS, 16, 1, features)[0];
      int _ = queue.offer(List.of(Buffer.writable(DATA, 32)));
      boolean _ = queue.expose();
      rig.driver.notify(0);
      TransportDriver.await(() -> !queue.poll().isEmpty(), "nothing was used");
      assertNotEquals(0, rig.data(1)[0]);
    }
  }

  @Test
  void theKernelsBytesDiffer() throws Exception {
    EntropySource source = EntropySource.kernel();
    byte[] one = new byte[Entropy.MAX_BYTES];
    byte[] two = new byte[Entropy.MAX_BYTES];
    assertEquals(one.length, source.fill(one, one.length));
    assertEquals(two.length, source.fill(two, two.length));
    assertFalse(Arrays.equals(one, two));
    // Of 4096 bytes one value is missing once in 30,000 times; of 256, ten times so is absurd.
    boolean[] seen = new boolean[256];
    int values = 0;
    for (byte b : one) {
      if (!seen[b & 0xff]) {
        seen[b & 0xff] = true;
        values++;
      }
    }
    assertTrue(values > 246, values + " values");
    // No more than asked.
    byte[] few = new byte[16];
    assertEquals(3, source.fill(few, 3));
    assertArrayEquals(new byte[13], Arrays.copyOfRange(few, 3, 16));
  }
}
