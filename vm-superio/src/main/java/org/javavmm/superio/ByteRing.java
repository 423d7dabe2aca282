// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/** A bounded queue of bytes. Not thread-safe. */
final class ByteRing {
  private final byte[] bytes;
  private int head;
  private int count;

  ByteRing(int capacity) {
    bytes = new byte[capacity];
  }

  boolean isEmpty() {
    return count == 0;
  }

  boolean isFull() {
    return count == bytes.length;
  }

  int count() {
    return count;
  }

  /** Appends a byte; there must be space. */
  void put(byte value) {
    int at = head + count;
    bytes[at < bytes.length ? at : at - bytes.length] = value;
    count++;
  }

  /** Copies the first bytes without removing them, and returns how many. */
  int peek(byte[] target) {
    int n = Math.min(count, target.length);
    int first = Math.min(n, bytes.length - head);
    System.arraycopy(bytes, head, target, 0, first);
    System.arraycopy(bytes, 0, target, first, n - first);
    return n;
  }

  /** Removes the first {@code n} bytes. */
  void drop(int n) {
    head = (head + n) % bytes.length;
    count -= n;
  }
}
