// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.devices;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RequestHandler;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/**
 * The entropy device (VIRTIO 1.4 §5.4): type 4, one queue, whose buffers it fills with random
 * bytes.
 *
 * <p>A request gets at most {@link #MAX_BYTES}, however large it is, and at least one byte; the
 * used length says how many. A request with something to read, or without room, breaks a rule of
 * the type and is a fault; a device that goes on after faults gives it back empty. A round
 * allocates nothing if the source does not.
 */
public final class Entropy implements VirtioDevice {
  /** The most bytes that a request gets. */
  public static final int MAX_BYTES = 4096;

  private static final int DEVICE_ID = 4;
  private static final int QUEUE = 0;
  private static final int QUEUE_SIZE = 64;

  private final EntropySource source;
  private final byte[] bytes = new byte[MAX_BYTES];
  private final RequestHandler handler = this::handle;

  // For the loop's thread alone.
  private @Nullable DeviceContext context;

  /**
   * Makes a device.
   *
   * @param source where its bytes come from
   */
  public Entropy(EntropySource source) {
    this.source = source;
  }

  @Override
  public int deviceId() {
    return DEVICE_ID;
  }

  @Override
  public String name() {
    return "entropy";
  }

  @Override
  public int[] queueSizes() {
    return new int[] {QUEUE_SIZE};
  }

  @Override
  public void activate(DeviceContext newContext) {
    context = newContext;
  }

  @Override
  public void notified(int queue) {
    DeviceContext active = context;
    if (active != null) {
      active.serve(QUEUE, handler);
    }
  }

  private void handle(Virtqueue queue, Request request) {
    if (request.readable() != 0 || request.writable() == 0) {
      refuse(queue, request);
      return;
    }
    int length = (int) Math.min(request.writable(), MAX_BYTES);
    int given;
    try {
      given = source.fill(bytes, length);
    } catch (IOException e) {
      throw new UncheckedIOException("entropy source: " + e.getMessage(), e);
    }
    if (given < 1 || given > length) {
      throw new IllegalStateException(
          "entropy source gave " + given + " bytes, must be 1.." + length);
    }
    request.writer().write(bytes, 0, given);
    boolean _ = queue.complete(request);
  }

  private void refuse(Virtqueue queue, Request request) {
    DeviceContext active = context;
    if (active != null
        && active.fault(
            QUEUE,
            "entropy request has "
                + request.readable()
                + " readable bytes, must be 0, and "
                + request.writable()
                + " writable, must be 1 or more (VIRTIO 1.4 §5.4.6.1)")) {
      boolean _ = queue.complete(request);
    }
  }

  @Override
  public void reset() {
    context = null;
    // What the guest was given is not kept.
    Arrays.fill(bytes, (byte) 0);
  }
}
