// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Buffer.writable;
import static org.javavmm.virtio.testkit.Fixture.DATA;
import static org.javavmm.virtio.testkit.Fixture.MEMORY_END;
import static org.javavmm.virtio.testkit.Fixture.PACKED;
import static org.javavmm.virtio.testkit.Fixture.READ_ONLY;
import static org.javavmm.virtio.testkit.Fixture.TABLES;
import static org.javavmm.virtio.testkit.Fixture.VERSION_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.RegionSpec;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueFault.Area;
import org.javavmm.virtio.QueueFaultException;
import org.javavmm.virtio.QueueSetup;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every rule a driver can break, by its whole message. */
class QueueFaultTest {
  private static final int NEXT = 1;
  private static final int WRITE = 2;
  private static final int INDIRECT = 4;
  private static final long FEATURES = VERSION_1 | RingFeatures.INDIRECT_DESC;
  private static final long PACKED_FEATURES = PACKED | RingFeatures.INDIRECT_DESC;

  // ---- activation --------------------------------------------------------------------------

  private static void refused(String message, QueueConfig config) throws Exception {
    try (GuestMemory memory = Fixture.memory()) {
      QueueFaultException e =
          assertThrows(QueueFaultException.class, () -> Virtqueue.activate(memory, config));
      assertEquals(message, e.getMessage());
      assertEquals(0, e.getStackTrace().length);
    }
  }

  @Test
  @Clause("SPLIT-D01")
  void aSplitQueuesSizeIsAPowerOfTwo() throws Exception {
    for (int size : new int[] {0, -1, 3, 65536}) {
      refused(
          "queue size " + size + " is not a power of two in 1..32768",
          new QueueConfig(size, 0, 0x1000, 0x2000, VERSION_1));
    }
  }

  @Test
  @Clause("PACKED-D13")
  void aPackedQueuesSizeIsAnyUpToItsLimit() throws Exception {
    for (int size : new int[] {0, -1, 32769}) {
      refused(
          "queue size " + size + " is not in 1..32768",
          new QueueConfig(size, 0, 0x10_0000, 0x10_0004, PACKED));
    }
    try (Fixture f = new Fixture(7, PACKED)) {
      assertEquals(7, f.queue.size());
    }
    try (Fixture f = new Fixture(32768, PACKED)) {
      assertEquals(32768, f.queue.size());
    }
  }

  @Test
  void areasAreAligned() throws Exception {
    refused(
        "descriptor area 0x8 is not a multiple of 16",
        new QueueConfig(8, 8, 0x1000, 0x2000, VERSION_1));
    refused(
        "driver area 0x1001 is not a multiple of 2",
        new QueueConfig(8, 0, 0x1001, 0x2000, VERSION_1));
    refused(
        "device area 0x2002 is not a multiple of 4",
        new QueueConfig(8, 0, 0x1000, 0x2002, VERSION_1));
    refused(
        "driver area 0x1002 is not a multiple of 4", new QueueConfig(8, 0, 0x1002, 0x2000, PACKED));
  }

  @Test
  void areasAreInMemoryThatPermitsThem() throws Exception {
    refused(
        "descriptor area 0x200ff0: reading 128 bytes: END_OF_MEMORY",
        new QueueConfig(8, 0x20_0ff0, 0x1000, 0x2000, VERSION_1));
    refused(
        "descriptor area 0xfffffffffffffff0: reading 128 bytes: OVERFLOW",
        new QueueConfig(8, -16, 0x1000, 0x2000, VERSION_1));
    refused(
        "device area 0x200000: writing 70 bytes: PERMISSION",
        new QueueConfig(8, 0, 0x1000, READ_ONLY, VERSION_1));
    refused(
        "descriptor area 0x200000: reading and writing 128 bytes: PERMISSION",
        new QueueConfig(8, READ_ONLY, 0x1000, 0x2000, PACKED));
    refused(
        "descriptor area 0x1ffff0: reading 128 bytes: REGION_BOUNDARY",
        new QueueConfig(8, READ_ONLY - 16, 0x1000, 0x2000, VERSION_1));
  }

  @Test
  void areasDoNotOverlap() throws Exception {
    refused(
        "driver area 0x70 overlaps descriptor area 0x0",
        new QueueConfig(8, 0, 0x70, 0x2000, VERSION_1));
    refused(
        "device area 0x1000 overlaps driver area 0x1014",
        new QueueConfig(8, 0, 0x1014, 0x1000, VERSION_1));
    refused(
        "device area 0x1000 overlaps descriptor area 0x1000",
        new QueueConfig(8, 0x1000, 0x2000, 0x1000, VERSION_1));
  }

  @Test
  void aReadyQueuesRegistersDoNotChange() {
    QueueSetup setup = new QueueSetup(256);
    assertTrue(setup.size(8));
    assertTrue(setup.addressLow(Area.DESCRIPTOR, 0x1000));
    assertTrue(setup.addressHigh(Area.DESCRIPTOR, -1));
    assertThrows(IllegalStateException.class, () -> setup.config(VERSION_1));
    setup.ready(true);
    assertEquals("Optional.empty", setup.fault().toString());
    assertFalse(setup.size(16));
    assertEquals("size=0x10 written while the queue is ready", message(setup));
    assertFalse(setup.addressLow(Area.DRIVER, -1));
    assertEquals("DRIVER low=0xffffffff written while the queue is ready", message(setup));
    assertFalse(setup.addressHigh(Area.DEVICE, 1));
    assertEquals("DEVICE high=0x1 written while the queue is ready", message(setup));
    assertEquals(
        new QueueConfig(8, 0xffff_ffff_0000_1000L, 0, 0, VERSION_1), setup.config(VERSION_1));
    setup.reset();
    assertEquals(256, setup.size());
    assertFalse(setup.isReady());
    setup.size(512);
    setup.ready(true);
    QueueFaultException e = assertThrows(QueueFaultException.class, () -> setup.config(VERSION_1));
    assertEquals("queue size 512 is more than 256", e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> new QueueSetup(0));
  }

  private static String message(QueueSetup setup) {
    return setup.fault().orElseThrow().message();
  }

  // ---- the split ring ----------------------------------------------------------------------

  /** Makes the chain that begins with descriptor 0 available, and gives its fault's message. */
  private static String split(Fixture f) {
    f.split().availEntry(0, 0);
    f.split().availIndex(1);
    String message = f.fault().message();
    // It stays, and costs the same again.
    assertEquals(message, f.fault().message());
    return message;
  }

  private static void passedOver(Fixture f) {
    assertTrue(f.queue.discard());
    assertEquals(Taken.EMPTY, f.queue.take());
    assertFalse(f.queue.discard());
  }

  @Test
  void availIndexJump() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().availIndex(9);
      assertEquals("available index 9 is 9 ahead of 0, the queue's size is 8", f.fault().message());
      f.split().availIndex(65535);
      assertEquals(
          "available index 65535 is 65535 ahead of 0, the queue's size is 8", f.fault().message());
      assertFalse(f.queue.discard());
      f.split().availIndex(0);
      assertEquals(Taken.EMPTY, f.queue.take());
    }
  }

  @Test
  void headOutOfRange() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().availEntry(0, 8);
      f.split().availIndex(1);
      assertEquals("available entry 0: head 8 is not below the size 8", f.fault().message());
      assertFalse(f.queue.discard());
    }
  }

  @Test
  void headInFlight() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(3, DATA, 16, 0, 0);
      f.split().availEntry(0, 3);
      f.split().availEntry(1, 3);
      f.split().availIndex(2);
      Request r = f.take();
      assertEquals("available entry 1: head 3 is in flight already", f.fault().message());
      assertFalse(f.queue.discard());
      assertTrue(f.queue.complete(r));
      assertEquals(3, f.take().head());
    }
  }

  @Test
  void ringOverrun() throws Exception {
    try (Fixture f = new Fixture(2, FEATURES)) {
      f.split().availEntry(0, 0);
      f.split().availEntry(1, 1);
      f.split().availIndex(2);
      Request first = f.take();
      f.take();
      assertTrue(f.queue.stage(first, 0));
      f.split().availIndex(3);
      assertEquals(
          "available at 0: overruns the ring, 2 of 2 are outstanding", f.fault().message());
    }
  }

  @Test
  void nextOutOfRange() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, DATA, 16, NEXT, 8);
      assertEquals("chain 0, descriptor 0: next 8 is not below 8", split(f));
      passedOver(f);
      assertEquals(List.of(0), f.driverUsed());
    }
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, TABLES, 32, INDIRECT, 0);
      f.split().descriptorAt(TABLES, DATA, 16, NEXT, 2);
      assertEquals("chain 0, descriptor 0 of its table: next 2 is not below 2", split(f));
      passedOver(f);
    }
  }

  @Test
  void chainTooLong() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, DATA, 0, NEXT, 0);
      assertEquals("chain 0 has more than 8 descriptors", split(f));
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, DATA, 16, NEXT, 1);
      f.split().descriptor(1, TABLES, 128, INDIRECT, 0);
      for (int i = 0; i < 8; i++) {
        f.split().descriptorAt(TABLES + 16L * i, DATA, 1, i < 7 ? NEXT : 0, i + 1);
      }
      assertEquals("chain 0 has more than 8 descriptors", split(f));
      passedOver(f);
    }
  }

  @Test
  void indirectNotNegotiated() throws Exception {
    try (Fixture f = new Fixture(8, VERSION_1)) {
      f.split().descriptor(0, TABLES, 16, INDIRECT, 0);
      assertEquals(
          "chain 0, descriptor 0: INDIRECT without VIRTIO_F_INDIRECT_DESC agreed on", split(f));
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, PACKED)) {
      f.packed().descriptor(0, TABLES, 16, 5, INDIRECT | PackedDriver.available(1));
      assertEquals(
          "chain 0, descriptor 0: INDIRECT without VIRTIO_F_INDIRECT_DESC agreed on",
          f.fault().message());
      passedOver(f);
    }
  }

  @Test
  void indirectWithNext() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, TABLES, 16, INDIRECT | NEXT, 1);
      assertEquals("chain 0, descriptor 0: INDIRECT in a list linked by NEXT, flags=0x5", split(f));
      passedOver(f);
    }
  }

  @Test
  @Clause("PACKED-D08")
  void indirectWithNextInAPackedList() throws Exception {
    int available = PackedDriver.available(1);
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(1, TABLES, 16, 5, INDIRECT | available);
      f.packed().descriptor(0, DATA, 16, 0, NEXT | available);
      assertEquals(
          "chain 0, descriptor 1: INDIRECT in a list linked by NEXT, flags=0x84",
          f.fault().message());
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(1, DATA, 16, 5, available);
      f.packed().descriptor(0, TABLES, 16, 0, INDIRECT | NEXT | available);
      assertEquals(
          "chain 0, descriptor 0: INDIRECT in a list linked by NEXT, flags=0x85",
          f.fault().message());
      passedOver(f);
    }
  }

  @Test
  void nestedIndirect() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, TABLES, 16, INDIRECT, 0);
      f.split().descriptorAt(TABLES, TABLES, 16, INDIRECT, 0);
      assertEquals(
          "chain 0, descriptor 0 of its table: INDIRECT inside an indirect table", split(f));
      passedOver(f);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 15, 17, 0xffff_ffffL})
  void indirectTableLength(long length) throws Exception {
    String message =
        "chain 0, descriptor 0: indirect table of "
            + length
            + " bytes, not a positive multiple of 16";
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, TABLES, length, INDIRECT, 0);
      assertEquals(message, split(f));
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(0, TABLES, length, 5, INDIRECT | PackedDriver.available(1));
      assertEquals(message, f.fault().message());
      passedOver(f);
    }
  }

  @Test
  void indirectTableTooLong() throws Exception {
    String message = "chain 0, descriptor 0: indirect table of 9 descriptors, more than 8";
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, TABLES, 144, INDIRECT, 0);
      assertEquals(message, split(f));
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(0, TABLES, 144, 5, INDIRECT | PackedDriver.available(1));
      assertEquals(message, f.fault().message());
    }
  }

  @Test
  void indirectTableAccess() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, MEMORY_END - 16, 32, INDIRECT, 0);
      assertEquals(
          "chain 0, descriptor 0: indirect table at 0x200ff0: reading 32 bytes: END_OF_MEMORY",
          split(f));
    }
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, -16, 32, INDIRECT, 0);
      assertEquals(
          "chain 0, descriptor 0: indirect table at 0xfffffffffffffff0: reading 32 bytes: OVERFLOW",
          split(f));
    }
  }

  @Test
  void readableAfterWritable() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, DATA, 16, WRITE | NEXT, 1);
      f.split().descriptor(1, DATA, 16, 0, 0);
      assertEquals("chain 0, descriptor 1: device-readable after device-writable", split(f));
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().offer(List.of(writable(DATA, 16), readable(DATA, 16)));
      f.packed().expose();
      assertEquals(
          "chain 0, descriptor 1: device-readable after device-writable", f.fault().message());
      passedOver(f);
      assertEquals(1, f.driver.collect().size());
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().offerIndirect(List.of(writable(DATA, 16), readable(DATA, 16)), TABLES);
      f.packed().expose();
      assertEquals(
          "chain 0, descriptor 1 of its table: device-readable after device-writable",
          f.fault().message());
      passedOver(f);
    }
  }

  @Test
  void chainTooLarge() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("rings", 0, 0x1_0000)
            .anonymous("large", 1L << 32, (1L << 32) + 4096)
            .build()) {
      QueueConfig config = DriverQueue.layout(0, 8, VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      Buffer half = writable(1L << 32, 1L << 31);
      driver.offer(List.of(half, half));
      driver.offer(List.of(half, half, writable(1L << 32, 1)));
      driver.expose();
      assertEquals(Taken.REQUEST, queue.take());
      assertEquals(1L << 32, queue.request().writable());
      assertTrue(queue.complete(queue.request(), 1L << 32));
      // The field has 32 bits: it says as much as it can (at least len bytes were written).
      assertEquals(List.of(new Used(0, 0xffff_ffffL)), driver.collect());
      assertEquals(Taken.FAULT, queue.take());
      assertEquals(
          "chain 2, descriptor 4: 4294967297 bytes in total, more than 2^32",
          queue.fault().orElseThrow().message());
    }
  }

  @Test
  void bufferAccess() throws Exception {
    try (Fixture f = new Fixture(8, FEATURES)) {
      f.split().descriptor(0, MEMORY_END - 8, 16, 0, 0);
      assertEquals(
          "chain 0, descriptor 0: buffer at 0x200ff8: reading 16 bytes: END_OF_MEMORY", split(f));
      f.split().descriptor(0, READ_ONLY - 8, 16, WRITE, 0);
      assertEquals(
          "chain 0, descriptor 0: buffer at 0x1ffff8: writing 16 bytes: PERMISSION", split(f));
      f.split().descriptor(0, -1, 1, 0, 0);
      assertEquals(
          "chain 0, descriptor 0: buffer at 0xffffffffffffffff: reading 1 bytes: END_OF_MEMORY",
          split(f));
      f.split().descriptor(0, -1, 0xffff_ffffL, 0, 0);
      assertEquals(
          "chain 0, descriptor 0: buffer at 0xffffffffffffffff: reading 4294967295 bytes: OVERFLOW",
          split(f));
      passedOver(f);
    }
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.driver.offer(List.of(readable(DATA, 1), writable(READ_ONLY, 1)));
      f.driver.expose();
      assertEquals(
          "chain 0, descriptor 1: buffer at 0x200000: writing 1 bytes: PERMISSION",
          f.fault().message());
      passedOver(f);
    }
  }

  /**
   * The specification does not forbid them; nothing of them is accessed, so nothing can be wrong.
   */
  @Test
  void buffersOfLengthZeroAreNoBuffers() throws Exception {
    for (long features : new long[] {FEATURES, PACKED_FEATURES}) {
      try (Fixture f = new Fixture(8, features)) {
        f.driver.offer(
            List.of(readable(-1, 0), readable(DATA, 4), writable(-1, 0), writable(DATA, 4)));
        f.driver.offer(List.of(readable(0, 0)));
        f.driver.expose();
        Request r = f.take();
        assertEquals(2, r.parts());
        assertEquals(4, r.readable());
        assertEquals(4, r.writable());
        Request none = f.take();
        assertEquals(0, none.readable() + none.writable());
        assertTrue(f.queue.complete(none));
        assertTrue(f.queue.complete(r));
        assertEquals(2, f.driver.collect().size());
      }
    }
  }

  // ---- the packed ring ---------------------------------------------------------------------

  @Test
  void packedListNotAvailable() throws Exception {
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(0, DATA, 16, 0, NEXT | PackedDriver.available(1));
      assertEquals(
          "list at descriptor 0: descriptor 1 is not available, flags=0x0", f.fault().message());
      assertFalse(f.queue.discard());
    }
  }

  @Test
  void packedBufferIdInFlight() throws Exception {
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptor(0, DATA, 16, 0xfffe, PackedDriver.available(1));
      f.packed().descriptor(1, DATA, 16, 0xfffe, PackedDriver.available(1));
      Request r = f.take();
      assertEquals(0xfffe, r.id());
      assertEquals(
          "list at descriptor 1: buffer id 65534 is in flight already", f.fault().message());
      assertFalse(f.queue.discard());
      assertTrue(f.queue.complete(r));
      assertEquals(0xfffe, f.take().id());
    }
  }

  @Test
  void packedChainTooLong() throws Exception {
    try (Fixture f = new Fixture(4, PACKED_FEATURES)) {
      for (int i = 0; i < 4; i++) {
        f.packed().descriptor(i, DATA, 1, 0, NEXT | PackedDriver.available(1));
      }
      assertEquals("chain 0 has more than 4 descriptors", f.fault().message());
      assertFalse(f.queue.discard());
    }
  }

  @Test
  void packedRingOverrun() throws Exception {
    try (Fixture f = new Fixture(2, PACKED_FEATURES)) {
      f.packed().descriptor(0, DATA, 1, 0, PackedDriver.available(1));
      f.packed().descriptor(1, DATA, 1, 1, PackedDriver.available(1));
      f.take();
      f.take();
      assertEquals(Taken.EMPTY, f.queue.take());
      f.packed().descriptor(0, DATA, 1, 2, PackedDriver.available(0));
      assertEquals(
          "available at 0: overruns the ring, 2 of 2 are outstanding", f.fault().message());
    }
  }

  /** Flags other than WRITE in an indirect table are ignored, INDIRECT too. */
  @Test
  @Clause({"PACKED-D06", "PACKED-D07"})
  void packedTablesHaveOneFlag() throws Exception {
    try (Fixture f = new Fixture(8, PACKED_FEATURES)) {
      f.packed().descriptorAt(TABLES, DATA, 8, 77, 0xffff & ~WRITE);
      f.packed().descriptorAt(TABLES + 16, DATA + 8, 8, 78, 0xffff);
      f.packed().descriptor(0, TABLES, 32, 5, INDIRECT | WRITE | PackedDriver.available(1));
      Request r = f.take();
      assertEquals(5, r.id());
      assertEquals(8, r.readable());
      assertEquals(8, r.writable());
      assertEquals(DATA + 8, r.partAddress(1));
    }
  }

  // ---- memory that goes away ---------------------------------------------------------------

  @Test
  void memoryThatGoesAwayIsAFault() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("ram", 0, 0x10_0000)
            .region(RegionSpec.anonymous("rings", 0x10_0000, 0x1_0000))
            .anonymous("data", 0x20_0000, 0x1000)
            .resizable()
            .build()) {
      QueueConfig config = DriverQueue.layout(0x10_0000, 8, VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      driver.offer(List.of(readable(0x20_0000, 8), writable(0x20_0000, 8)));
      driver.offer(List.of(readable(0x20_0000, 8)));
      driver.expose();
      GuestRegion data = memory.regions().getLast();
      assertEquals(Taken.REQUEST, queue.take());
      Request r = queue.request();
      memory.removeRegion(data);
      String gone = "chain 0: 0x200000 went away: %s 4 bytes: END_OF_MEMORY";
      assertEquals(
          String.format(gone, "reading"),
          assertThrows(QueueFaultException.class, r.reader()::getInt).getMessage());
      assertEquals(8, r.reader().remaining());
      assertEquals(
          String.format(gone, "writing"),
          assertThrows(QueueFaultException.class, () -> r.writer().putInt(1)).getMessage());
      assertEquals(0, r.written());
      // What is not there any more is no buffer of the next one.
      assertEquals(Taken.FAULT, queue.take());
      assertEquals(
          "chain 2, descriptor 2: buffer at 0x200000: reading 8 bytes: END_OF_MEMORY",
          queue.fault().orElseThrow().message());

      GuestRegion rings = memory.regions().get(1);
      memory.removeRegion(rings);
      assertEquals(Taken.FAULT, queue.take());
      assertEquals(
          "driver area 0x100086: reading 2 bytes: CLOSED", queue.fault().orElseThrow().message());
      assertFalse(queue.complete(r));
      assertEquals(
          "device area 0x10009c: writing 8 bytes: CLOSED", queue.fault().orElseThrow().message());
      assertTrue(r.isHeld());
      assertFalse(queue.stage(r, 0));
      assertTrue(queue.publish(), "nothing is staged");
      assertTrue(queue.enableNotifications(), "the next take says what is wrong");
    }
  }

  @Test
  void aHandlersFaultIsCaughtInOnePlace() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .anonymous("ram", 0, 0x10_0000)
            .anonymous("data", 0x20_0000, 0x1000)
            .resizable()
            .build()) {
      QueueConfig config = DriverQueue.layout(0, 8, VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      driver.offer(List.of(readable(0x20_0000, 8)));
      driver.expose();
      GuestRegion data = memory.regions().getLast();
      Taken ended =
          queue.process((q, r) -> {
            memory.removeRegion(data);
            r.reader().getLong();
          });
      assertEquals(Taken.FAULT, ended);
      assertEquals(
          "chain 0: 0x200000 went away: reading 8 bytes: END_OF_MEMORY",
          queue.fault().orElseThrow().message());
    }
  }

  /** What the queue must do for one kick is bounded by its size. */
  @ParameterizedTest
  @ValueSource(longs = {FEATURES, PACKED_FEATURES})
  void workIsBoundedByTheSize(long features) throws Exception {
    try (Fixture f = new Fixture(8, features)) {
      int[] served = {0};
      Taken ended =
          f.queue.process((q, r) -> {
            served[0]++;
            assertTrue(q.complete(r));
            // A driver that is never at rest.
            f.driver.collect();
            f.driver.offer(Collections.nCopies(3, readable(DATA, 1)));
            f.driver.expose();
          });
      assertEquals(Taken.EMPTY, ended);
      f.driver.offer(List.of(readable(DATA, 1)));
      f.driver.expose();
      ended =
          f.queue.process((q, r) -> {
            served[0]++;
            assertTrue(q.complete(r));
            f.driver.collect();
            f.driver.offer(Collections.nCopies(3, readable(DATA, 1)));
            f.driver.expose();
          });
      assertEquals(Taken.REQUEST, ended);
      assertEquals(8, served[0]);
    }
  }
}
