// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemoryException;

/**
 * Writes the device-writable bytes of a request in order, wherever the driver cut them into
 * descriptors (VIRTIO 1.4 §2.7.4.1). Values are little-endian. Allocates nothing; for the queue's
 * thread, or the one that the request was handed to.
 *
 * <p>All methods that write throw {@link IllegalStateException} if the request was completed or its
 * queue reset, {@link IllegalArgumentException} with the numbers if fewer bytes remain than asked
 * for, and {@link QueueFaultException} if the memory is gone since the request was taken; what was
 * to be written is then still to be written, though a part may be.
 *
 * <p>There is no way to write a device-readable byte.
 */
public final class RequestWriter extends RequestCursor {
  /** Creates a writer of nothing, to be made one by {@link #splitAt}. */
  public RequestWriter() {
    super(Access.WRITE);
  }

  RequestWriter(Request request) {
    super(Access.WRITE);
    this.request = request;
    this.memory = request.queue.memory;
  }

  private void wrote(int length) {
    Request r = request;
    if (r != null) {
      r.wrote(position, length);
    }
    advance(length);
  }

  /**
   * Writes the next byte.
   *
   * @param value the value
   */
  public void putByte(byte value) {
    if (!has(1)) {
      scatter(1, value);
      return;
    }
    try {
      memory().putByte(at, value);
    } catch (GuestMemoryException e) {
      throw gone(e);
    }
    wrote(1);
  }

  /**
   * Writes the next two bytes.
   *
   * @param value the value
   */
  public void putShort(short value) {
    if (!has(2)) {
      scatter(2, value);
      return;
    }
    try {
      memory().putShort(at, value);
    } catch (GuestMemoryException e) {
      across(2, value, e);
      return;
    }
    wrote(2);
  }

  /**
   * Writes the next four bytes.
   *
   * @param value the value
   */
  public void putInt(int value) {
    if (!has(4)) {
      scatter(4, value);
      return;
    }
    try {
      memory().putInt(at, value);
    } catch (GuestMemoryException e) {
      across(4, value, e);
      return;
    }
    wrote(4);
  }

  /**
   * Writes the next eight bytes.
   *
   * @param value the value
   */
  public void putLong(long value) {
    if (!has(8)) {
      scatter(8, value);
      return;
    }
    try {
      memory().putLong(at, value);
    } catch (GuestMemoryException e) {
      across(8, value, e);
      return;
    }
    wrote(8);
  }

  /** A value at the border of two regions: legal, for a buffer may cross it. */
  private void across(int width, long value, GuestMemoryException e) {
    if (e.reason() != GuestMemoryException.Reason.REGION_BOUNDARY) {
      throw gone(e);
    }
    bytes(need(width), width, value);
  }

  /** A value that begins a part, or that the driver cut. */
  private void scatter(int width, long value) {
    Request r = need(width);
    if (left == 0) {
      nextPart(r);
      if (left >= width) {
        switch (width) {
          case 1 -> putByte((byte) value);
          case 2 -> putShort((short) value);
          case 4 -> putInt((int) value);
          default -> putLong(value);
        }
        return;
      }
    }
    bytes(r, width, value);
  }

  private void bytes(Request r, int width, long value) {
    int wasPart = here();
    long wasAt = at;
    long wasLeft = left;
    long wasPosition = position;
    try {
      for (int i = 0; i < width; i++) {
        if (left == 0) {
          nextPart(r);
        }
        memory().putByte(at, (byte) (value >>> (8 * i)));
        advance(1);
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
    r.wrote(wasPosition, width);
  }

  /**
   * Copies the next bytes in.
   *
   * @param source the bytes; copied whole
   */
  public void write(MemorySegment source) {
    long length = source.byteSize();
    Request r = need(length);
    if (left == 0 && length != 0) {
      nextPart(r);
    }
    if (length <= left) {
      try {
        memory().write(at, source);
      } catch (GuestMemoryException e) {
        throw gone(e);
      }
      r.wrote(position, length);
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
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, done, bytes, 0, n);
        memory().write(at, bytes, 0, n);
        advance(n);
        done += n;
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
    r.wrote(wasPosition, length);
  }

  /**
   * Copies the next bytes in from a part of an array.
   *
   * @param source the bytes
   * @param offset the index of the first of them
   * @param length how many
   * @throws IndexOutOfBoundsException if the part is not in the array
   */
  public void write(byte[] source, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, source.length);
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
        memory().write(at, source, offset + done, n);
        advance(n);
        done += n;
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
    r.wrote(wasPosition, length);
  }

  /**
   * Fills the next bytes with one value.
   *
   * @param length how many
   * @param value the value of each
   */
  public void fill(long length, byte value) {
    Request r = need(length);
    int wasPart = here();
    long wasAt = at;
    long wasLeft = left;
    long wasPosition = position;
    long done = 0;
    try {
      while (done < length) {
        if (left == 0) {
          nextPart(r);
        }
        long n = Math.min(left, length - done);
        memory().fill(at, n, value);
        advance(n);
        done += n;
      }
    } catch (GuestMemoryException e) {
      QueueFaultException fault = gone(e);
      back(wasPart, wasAt, wasLeft, wasPosition);
      throw fault;
    }
    r.wrote(wasPosition, length);
  }

  /**
   * Adds the next bytes to a vector, for a transfer from a file or a socket, and passes over them
   * without counting them as {@link Request#written}: {@link #wrote(long, long)} says what arrived.
   *
   * @param vector the vector; after an exception it may have a part of them, to be cleared
   * @param length how many
   * @throws IllegalArgumentException also if the vector has no room for so many pieces
   */
  public void collect(GuestIoVector vector, long length) {
    collectInto(vector, length);
  }

  /**
   * Says that bytes which were collected into a vector have been written.
   *
   * @param from the {@link #position} of the first of them
   * @param length how many
   * @throws IllegalStateException if the request was completed, or its queue reset
   * @throws IllegalArgumentException if they are not all before the next byte to write
   */
  public void wrote(long from, long length) {
    Request r = live();
    if (from < 0 || length < 0 || length > position - from) {
      throw new IllegalArgumentException(
          "from="
              + from
              + ", length="
              + length
              + " is not within the "
              + position
              + " bytes before");
    }
    r.wrote(from, length);
  }

  /**
   * Cuts what remains in two: this writer ends after {@code length} more bytes, another has the
   * rest.
   *
   * @param length how many bytes stay with this writer
   * @param rest becomes the writer of the rest
   */
  public void splitAt(long length, RequestWriter rest) {
    split(length, rest);
  }
}
