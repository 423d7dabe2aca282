// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.javavmm.virtio.ConfigSpace;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.Features;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.SharedMemory;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/**
 * A device whose requests give back what was read, and which does as a test tells it: fails in a
 * call, holds requests, or is slow to drain. It keeps what is done to it.
 */
final class TestDevice implements VirtioDevice {
  static final int[] SIZES = {16, 8};

  /** Features 0 and 1; 1 needs 0. Bit 70 is beyond the first 64. */
  static final Features OFFERED = Features.of(0, 1, 70);

  Features offered = OFFERED;

  final ConfigSpace.Field capacity;
  final ConfigSpace.Field mode;
  final ConfigSpace.Field mac;
  final ConfigSpace.Field limit;
  private final ConfigSpace config;

  /** What was called, in order. */
  final Queue<String> calls = new ConcurrentLinkedQueue<>();

  /** The call that throws. */
  volatile String failing = "";

  /** Whether requests are held until {@link #completeAll}. */
  volatile boolean holds;

  /** Whether drains wait for {@link #drainNow}. */
  volatile boolean slow;

  volatile @Nullable DeviceContext context;
  final List<Request> held = new ArrayList<>();
  final Queue<Runnable> drains = new ConcurrentLinkedQueue<>();
  final ArrayDeque<byte[]> restored = new ArrayDeque<>();

  TestDevice() {
    ConfigSpace.Builder builder = ConfigSpace.builder();
    capacity = builder.readOnly("capacity", 0, 8, 0x1122_3344_5566_7788L);
    mode = builder.writable("mode", 8, 2, 0xa5a5);
    mac = builder.array("mac", 12, 6, false);
    limit = builder.writable("limit", 24, 8, 7);
    config = builder.build();
    mac.set(new byte[] {2, 3, 4, 5, 6, 7});
  }

  private void called(String call) {
    calls.add(call);
    if (failing.equals(call)) {
      throw new IllegalStateException("told to fail in " + call);
    }
  }

  DeviceContext context() {
    return Objects.requireNonNull(context);
  }

  @Override
  public int deviceId() {
    return 3;
  }

  @Override
  public String name() {
    return "test0";
  }

  @Override
  public Features features() {
    return offered;
  }

  @Override
  public int[] queueSizes() {
    return SIZES.clone();
  }

  @Override
  public ConfigSpace config() {
    return config;
  }

  @Override
  public List<SharedMemory> sharedMemory() {
    return List.of(new SharedMemory(1, 0x3000), new SharedMemory(7, 0x2000));
  }

  @Override
  public boolean accepts(Features features) {
    if (failing.equals("accepts")) {
      throw new IllegalStateException("told to fail in accepts");
    }
    return !features.has(1) || features.has(0);
  }

  @Override
  public void activate(DeviceContext newContext) {
    context = newContext;
    called("activate");
  }

  @Override
  public void notified(int queue) {
    called("notified" + queue);
    context().serve(queue, this::echo);
  }

  private void echo(Virtqueue queue, Request request) {
    called("request");
    if (holds) {
      held.add(request);
      return;
    }
    finish(queue, request);
  }

  private static void finish(Virtqueue queue, Request request) {
    long n = Math.min(request.readable(), request.writable());
    for (long i = 0; i < n; i++) {
      request.writer().putByte(request.reader().getByte());
    }
    boolean _ = queue.complete(request);
  }

  /** On the loop's thread: completes what is held of a queue. */
  void completeAll(int index) {
    Virtqueue queue = context().queue(index);
    for (Request request : held) {
      finish(queue, request);
    }
    held.clear();
    context().notifyIfNeeded(index);
  }

  @Override
  public void drain(int queue, Runnable drained) {
    called("drain" + queue);
    if (slow) {
      drains.add(drained);
    } else {
      drained.run();
    }
  }

  void drainNow() {
    for (Runnable drained = drains.poll(); drained != null; drained = drains.poll()) {
      drained.run();
    }
  }

  @Override
  public void queueReset(int queue) {
    held.clear();
    called("queueReset" + queue);
  }

  @Override
  public void queueEnabled(int queue) {
    called("queueEnabled" + queue);
  }

  @Override
  public void reset() {
    held.clear();
    called("reset");
  }

  @Override
  public void pause() {
    called("pause");
  }

  @Override
  public void resume() {
    called("resume");
  }

  @Override
  public byte[] save() {
    return new byte[] {42};
  }

  @Override
  public void restore(byte[] state) {
    if (state.length != 1 || state[0] != 42) {
      throw new IllegalArgumentException("test0: state is not 42");
    }
    restored.add(state);
  }
}
