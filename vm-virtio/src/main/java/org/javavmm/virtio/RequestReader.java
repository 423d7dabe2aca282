// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.foreign.MemorySegment;
import org.javavmm.memory.GuestIoVector;

/**
 * Reads the device-readable bytes of a request in order, wherever the driver cut them into
 * descriptors (VIRTIO 1.4 §2.7.4.1). Values are little-endian. Allocates nothing; for the queue's
 * thread, or the one that the request was handed to.
 *
 * <p>All methods that read throw {@link IllegalStateException} if the request was completed or its
 * queue reset, {@link IllegalArgumentException} with the numbers if fewer bytes remain than asked
 * for, and {@link QueueFaultException} if the memory is gone since the request was taken.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class RequestReader {
  /** Creates a reader of nothing, to be made one by {@link #splitAt}. */
  public RequestReader() {}

  /** {@return the number of bytes not read yet} */
  public long remaining() {
    throw new UnsupportedOperationException();
  }

  /** {@return the number of bytes read or skipped} */
  public long position() {
    throw new UnsupportedOperationException();
  }

  /** Goes back to the first byte. */
  public void rewind() {
    throw new UnsupportedOperationException();
  }

  /** {@return the next byte} */
  public byte getByte() {
    throw new UnsupportedOperationException();
  }

  /** {@return the next two bytes} */
  public short getShort() {
    throw new UnsupportedOperationException();
  }

  /** {@return the next four bytes} */
  public int getInt() {
    throw new UnsupportedOperationException();
  }

  /** {@return the next eight bytes} */
  public long getLong() {
    throw new UnsupportedOperationException();
  }

  /**
   * Copies the next bytes out.
   *
   * @param target where they go; filled whole
   */
  public void read(MemorySegment target) {
    throw new UnsupportedOperationException();
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
   * Adds the next bytes to a vector, for a transfer to a file or a socket, and passes over them.
   *
   * @param vector the vector, whose capacity bounds the number of pieces
   * @param length how many
   */
  public void collect(GuestIoVector vector, long length) {
    throw new UnsupportedOperationException();
  }

  /**
   * Cuts what remains in two: this reader ends after {@code length} more bytes, another has the
   * rest.
   *
   * @param length how many bytes stay with this reader
   * @param rest becomes the reader of the rest
   */
  public void splitAt(long length, RequestReader rest) {
    throw new UnsupportedOperationException();
  }
}
