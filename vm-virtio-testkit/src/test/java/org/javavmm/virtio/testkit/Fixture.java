// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.RegionSpec;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueFault;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;

/** A memory, a queue in it, and its driver. */
final class Fixture implements AutoCloseable {
  static final long RINGS = 0x1_0000;
  static final long DATA = 0x10_0000;
  static final long TABLES = 0x18_0000;
  static final long READ_ONLY = 0x20_0000;
  static final long MEMORY_END = 0x20_1000;
  static final long VERSION_1 = RingFeatures.VERSION_1;
  static final long PACKED = RingFeatures.VERSION_1 | RingFeatures.RING_PACKED;

  final GuestMemory memory;
  final QueueConfig config;
  final DriverQueue driver;
  final Virtqueue queue;

  Fixture(int size, long features) throws Exception {
    memory = memory();
    config = DriverQueue.layout(RINGS, size, features);
    driver = DriverQueue.create(memory, config);
    queue = Virtqueue.activate(memory, config);
  }

  /** Memory from 0 to {@link #MEMORY_END}, whose last page is read-only. */
  static GuestMemory memory() throws Exception {
    return GuestMemory.builder()
        .anonymous("ram", 0, READ_ONLY)
        .region(RegionSpec.anonymous("rom", READ_ONLY, 4096).readOnly())
        .build();
  }

  SplitDriver split() {
    return (SplitDriver) driver;
  }

  PackedDriver packed() {
    return (PackedDriver) driver;
  }

  Request take() {
    Taken taken = queue.take();
    if (taken != Taken.REQUEST) {
      throw new AssertionError(taken + " " + queue.fault());
    }
    return queue.request();
  }

  /** What is wrong with what the driver made available. */
  QueueFault fault() {
    Taken taken = queue.take();
    if (taken != Taken.FAULT) {
      throw new AssertionError(taken + (taken == Taken.REQUEST ? " " + queue.request() : ""));
    }
    return queue.fault().orElseThrow();
  }

  /** The ids in the used ring of a split queue, whoever offered them. */
  List<Integer> driverUsed() {
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < split().usedIndex(); i++) {
      ids.add(memory.getInt(config.deviceArea() + 4 + 8L * i));
    }
    return ids;
  }

  @Override
  public void close() {
    memory.close();
  }
}
