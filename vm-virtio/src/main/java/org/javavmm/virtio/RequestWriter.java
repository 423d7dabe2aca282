// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.foreign.MemorySegment;
import org.javavmm.memory.GuestIoVector;

/**
 * Writes the device-writable bytes of a request in order, wherever the driver cut them into
 * descriptors (VIRTIO 1.4 §2.7.4.1). Values are little-endian. Allocates nothing; for the queue's
 * thread, or the one that the request was handed to.
 *
 * <p>All methods that write throw {@link IllegalStateException} if the request was completed or its
 * queue reset, {@link IllegalArgumentException} with the numbers if fewer bytes remain than asked
 * for, and {@link QueueFaultException} if the memory is gone since the request was taken.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class RequestWriter {
  /** Creates a writer of nothing, to be made one by {@link #splitAt}. */
  public RequestWriter() {}

  /** {@return the number of bytes not written yet} */
  public long remaining() {
    throw new UnsupportedOperationException();
  }

  /** {@return the number of bytes written or skipped} */
  public long position() {
    throw new UnsupportedOperationException();
  }

  /** Goes back to the first byte. */
  public void rewind() {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes the next byte.
   *
   * @param value the value
   */
  public void putByte(byte value) {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes the next two bytes.
   *
   * @param value the value
   */
  public void putShort(short value) {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes the next four bytes.
   *
   * @param value the value
   */
  public void putInt(int value) {
    throw new UnsupportedOperationException();
  }

  /**
   * Writes the next eight bytes.
   *
   * @param value the value
   */
  public void putLong(long value) {
    throw new UnsupportedOperationException();
  }

  /**
   * Copies the next bytes in.
   *
   * @param source the bytes; copied whole
   */
  public void write(MemorySegment source) {
    throw new UnsupportedOperationException();
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
    throw new UnsupportedOperationException();
  }

  /**
   * Passes over the next bytes.
   *
   * @param length how many
   */
  public void skip(long length) {
    throw new UnsupportedOperationException();
  }

  /**
   * Fills the next bytes with one value.
   *
   * @param length how many
   * @param value the value of each
   */
  public void fill(long length, byte value) {
    throw new UnsupportedOperationException();
  }

  /**
   * Adds the next bytes to a vector, for a transfer from a file or a socket, and passes over them
   * as if they were written: call {@link Virtqueue#complete(Request, long)} with what arrived.
   *
   * @param vector the vector, whose capacity bounds the number of pieces
   * @param length how many
   */
  public void collect(GuestIoVector vector, long length) {
    throw new UnsupportedOperationException();
  }

  /**
   * Cuts what remains in two: this writer ends after {@code length} more bytes, another has the
   * rest.
   *
   * @param length how many bytes stay with this writer
   * @param rest becomes the writer of the rest
   */
  public void splitAt(long length, RequestWriter rest) {
    throw new UnsupportedOperationException();
  }
}
