// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.Arrays;
import java.util.Objects;

/**
 * A chain of descriptors that the driver made available, checked wholly when it was taken: the
 * device-readable bytes, then the device-writable ones. Requests belong to their queue and are used
 * again after they were completed; a device may hold several at once, and complete them in any
 * order.
 *
 * <p>A request may be handed to another thread as a whole, with a happens-before edge each way;
 * completing it is for the queue's thread.
 */
public final class Request {
  /** Most chains are no longer; longer ones make the arrays grow, and mostly only once. */
  private static final int FIRST_CAPACITY = 8;

  final Virtqueue queue;
  private final RequestReader reader;
  private final RequestWriter writer;

  int head;
  int id;

  /** How many descriptors it has in the ring (packed). */
  int descriptors;

  long[] addresses = new long[FIRST_CAPACITY];
  long[] lengths = new long[FIRST_CAPACITY];
  int parts;
  int readableParts;
  long readable;
  long writable;

  /** Bytes written without a gap from the first writable one on. */
  long written;

  /** Changes whenever the request stops being the device's, so that readers and writers stop. */
  int generation;

  boolean held;

  /** With in-order use: what was written, once it is complete; otherwise -1. */
  long completed = -1;

  /** Its place among the queue's requests. */
  final int index;

  /** Its neighbours in the list of requests taken and not used, in the order taken. */
  int before;

  int after;

  Request(Virtqueue queue, int index) {
    this.queue = queue;
    this.index = index;
    this.reader = new RequestReader(this);
    this.writer = new RequestWriter(this);
  }

  /** Makes room for one more part. */
  void grow() {
    int capacity = addresses.length * 2;
    addresses = Arrays.copyOf(addresses, capacity);
    lengths = Arrays.copyOf(lengths, capacity);
    queue.grown += capacity / 2;
  }

  /** Gives back what it grew by. */
  void shrink() {
    queue.grown -= addresses.length - FIRST_CAPACITY;
    addresses = new long[FIRST_CAPACITY];
    lengths = new long[FIRST_CAPACITY];
  }

  boolean hasGrown() {
    return addresses.length > FIRST_CAPACITY;
  }

  /** Makes it the device's, after its fields were set. */
  void start() {
    written = 0;
    completed = -1;
    held = true;
    reader.start(readable);
    writer.start(writable);
  }

  /** Takes it back from the device. */
  void end() {
    held = false;
    generation++;
  }

  void wrote(long position, long length) {
    if (position <= written) {
      written = Math.max(written, position + length);
    }
  }

  /** {@return the chain's head (split), or the list's first descriptor (packed)} */
  public int head() {
    return head;
  }

  /** {@return the buffer identifier (packed), or the head (split): what the driver knows it by} */
  public int id() {
    return id;
  }

  /** {@return the number of buffers, those of length 0 left out} */
  public int parts() {
    return parts;
  }

  /** {@return how many of the {@link #parts} are device-readable; they come first} */
  public int readableParts() {
    return readableParts;
  }

  /**
   * {@return the address of a buffer}
   *
   * @param part its index
   * @throws IndexOutOfBoundsException if there is no such
   */
  public long partAddress(int part) {
    return addresses[Objects.checkIndex(part, parts)];
  }

  /**
   * {@return the length of a buffer in bytes, 1 to 2^32 - 1}
   *
   * @param part its index
   * @throws IndexOutOfBoundsException if there is no such
   */
  public long partLength(int part) {
    return lengths[Objects.checkIndex(part, parts)];
  }

  /** {@return the number of device-readable bytes, 0 to 2^32} */
  public long readable() {
    return readable;
  }

  /** {@return the number of device-writable bytes, 0 to 2^32} */
  public long writable() {
    return writable;
  }

  /** {@return what reads the device-readable bytes; always the same object} */
  public RequestReader reader() {
    return reader;
  }

  /** {@return what writes the device-writable bytes; always the same object} */
  public RequestWriter writer() {
    return writer;
  }

  /**
   * {@return how many bytes, from the start of the first device-writable buffer, were written
   * without a gap}
   */
  public long written() {
    return written;
  }

  /** {@return whether the device has it: it is neither completed nor was its queue reset} */
  public boolean isHeld() {
    return held;
  }

  @Override
  public String toString() {
    return "request "
        + id
        + " at descriptor "
        + head
        + ": "
        + readable
        + " readable and "
        + writable
        + " writable bytes in "
        + parts
        + " parts"
        + (held ? "" : ", not held");
  }
}
