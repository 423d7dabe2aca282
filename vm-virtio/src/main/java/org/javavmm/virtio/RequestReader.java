// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemoryException;

/**
 * Reads the device-readable bytes of a request in order, wherever the driver cut them into
 * descriptors (VIRTIO 1.4 §2.7.4.1). Values are little-endian. Allocates nothing; for the queue's
 * thread, or the one that the request was handed to.
 *
 * <p>All methods that read throw {@link IllegalStateException} if the request was completed or its
 * queue reset, {@link IllegalArgumentException} with the numbers if fewer bytes remain than asked
 * for, and {@link QueueFaultException} if the memory is gone since the request was taken; what was
 * to be read is then still to be read, though a copy may have moved a part.
 */
public final class RequestReader extends RequestCursor {
  /** Creates a reader of nothing, to be made one by {@link #splitAt}. */
  public RequestReader() {
    super(Access.READ);
  }

  RequestReader(Request request) {
    super(Access.READ);
    this.request = request;
    this.memory = request.queue.memory;
  }

  /** {@return the next byte} */
  public byte getByte() {
    if (!has(1)) {
      return (byte) gather(1);
    }
    byte value;
    try {
      value = memory().getByte(at);
    } catch (GuestMemoryException e) {
      throw gone(e);
    }
    advance(1);
    return value;
  }

  /** {@return the next two bytes} */
  public short getShort() {
    if (!has(2)) {
      return (short) gather(2);
    }
    short value;
    try {
      value = memory().getShort(at);
    } catch (GuestMemoryException e) {
      return (short) across(2, e);
    }
    advance(2);
    return value;
  }

  /** {@return the next four bytes} */
  public int getInt() {
    if (!has(4)) {
      return (int) gather(4);
    }
    int value;
    try {
      value = memory().getInt(at);
    } catch (GuestMemoryException e) {
      return (int) across(4, e);
    }
    advance(4);
    return value;
  }

  /** {@return the next eight bytes} */
  public long getLong() {
    if (!has(8)) {
      return gather(8);
    }
    long value;
    try {
      value = memory().getLong(at);
    } catch (GuestMemoryException e) {
      return across(8, e);
    }
    advance(8);
    return value;
  }

  /** A value at the border of two regions: legal, for a buffer may cross it. */
  private long across(int width, GuestMemoryException e) {
    if (e.reason() != GuestMemoryException.Reason.REGION_BOUNDARY) {
      throw gone(e);
    }
    return bytes(need(width), width);
  }

  /** A value that begins a part, or that the driver cut. */
  private long gather(int width) {
    Request r = need(width);
    if (left == 0) {
      nextPart(r);
      if (left >= width) {
        return switch (width) {
          case 1 -> getByte();
          case 2 -> getShort();
          case 4 -> getInt();
          default -> getLong();
        };
      }
    }
    return bytes(r, width);
  }

  private long bytes(Request r, int width) {
    int wasPart = here();
    long wasAt = at;
    long wasLeft = left;
    long wasPosition = position;
    long value = 0;
    try {
      for (int i = 0; i < width; i++) {
        if (left == 0) {
          nextPart(r);
        }
        value |= (memory().getByte(at) & 0xffL) << (8 * i);
        advance(1);
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
    return value;
  }

  /**
   * Copies the next bytes out.
   *
   * @param target where they go; filled whole
   * @throws IllegalArgumentException also if {@code target} is read-only
   */
  public void read(MemorySegment target) {
    long length = target.byteSize();
    Request r = need(length);
    if (left == 0 && length != 0) {
      nextPart(r);
    }
    if (length <= left) {
      try {
        memory().read(at, target);
      } catch (GuestMemoryException e) {
        throw gone(e);
      }
      advance(length);
      return;
    }
    int wasPart = here();
    long wasAt = at;
    long wasLeft = left;
    long wasPosition = position;
    byte[] bytes = scratch();
    long done = 0;
    try {
      while (done < length) {
        if (left == 0) {
          nextPart(r);
        }
        int n = (int) Math.min(Math.min(left, length - done), bytes.length);
        memory().read(at, bytes, 0, n);
        MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, done, n);
        advance(n);
        done += n;
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
  }

  /**
   * Copies the next bytes out into a part of an array.
   *
   * @param target where they go
   * @param offset the index of the first of them
   * @param length how many
   * @throws IndexOutOfBoundsException if the part is not in the array
   */
  public void read(byte[] target, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, target.length);
    Request r = need(length);
    int wasPart = here();
    long wasAt = at;
    long wasLeft = left;
    long wasPosition = position;
    int done = 0;
    try {
      while (done < length) {
        if (left == 0) {
          nextPart(r);
        }
        int n = (int) Math.min(left, length - done);
        memory().read(at, target, offset + done, n);
        advance(n);
        done += n;
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
  }

  /**
   * Adds the next bytes to a vector, for a transfer to a file or a socket, and passes over them.
   *
   * @param vector the vector; after an exception it may have a part of them, to be cleared
   * @param length how many
   * @throws IllegalArgumentException also if the vector has no room for so many pieces
   */
  public void collect(GuestIoVector vector, long length) {
    collectInto(vector, length);
  }

  /**
   * Cuts what remains in two: this reader ends after {@code length} more bytes, another has the
   * rest.
   *
   * @param length how many bytes stay with this reader
   * @param rest becomes the reader of the rest
   */
  public void splitAt(long length, RequestReader rest) {
    split(length, rest);
  }
}
