// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import org.javavmm.memory.Access;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemoryException;
import org.jspecify.annotations.Nullable;

/** What readers and writers of a request share: a place in its bytes of one kind. */
abstract sealed class RequestCursor permits RequestReader, RequestWriter {
  private static final int SCRATCH = 4096;

  private final Access access;

  /** Null until it is made part of a request. */
  @Nullable Request request;

  @Nullable AddressSpace memory;

  /** The request's generation that the cursor is of. */
  private int generation;

  /** The part after the current one. */
  private int nextPart;

  /** The address of the next byte, and how many there are in its part. */
  long at;

  long left;

  /** How many bytes there are before and after the next one, up to the cursor's end. */
  long position;

  long remaining;

  /** Through which copies go that cross parts, for a slice of a segment would be an object. */
  private byte @Nullable [] scratch;

  /** Where the cursor began. */
  private int firstPart;

  private long firstAt;
  private long firstLeft;
  private long firstPosition;

  RequestCursor(Access access) {
    this.access = access;
  }

  /** Puts a request's own cursor at its start. */
  final void start(long length) {
    Request r = request;
    if (r == null) {
      throw new AssertionError("not a request's own");
    }
    generation = r.generation;
    nextPart = access == Access.READ ? 0 : r.readableParts;
    at = 0;
    left = 0;
    position = 0;
    remaining = length;
    mark();
  }

  private void mark() {
    firstPart = nextPart;
    firstAt = at;
    firstLeft = left;
    firstPosition = position;
  }

  /** {@return the number of bytes from here to this one's end} */
  public final long remaining() {
    return remaining;
  }

  /** {@return how many of the request's bytes of this kind are before the next one} */
  public final long position() {
    return position;
  }

  /** Goes back to where this one began. */
  public final void rewind() {
    live();
    remaining += position - firstPosition;
    nextPart = firstPart;
    at = firstAt;
    left = firstLeft;
    position = firstPosition;
  }

  /**
   * Passes over the next bytes.
   *
   * @param length how many
   */
  public final void skip(long length) {
    Request r = need(length);
    long todo = length;
    while (todo != 0) {
      if (left == 0) {
        nextPart(r);
      }
      long n = Math.min(todo, left);
      advance(n);
      todo -= n;
    }
  }

  final void split(long length, RequestCursor rest) {
    if (rest == this) {
      throw new IllegalArgumentException("the rest needs another one");
    }
    Request r = need(length);
    int part = nextPart;
    long address = at;
    long inPart = left;
    long todo = length;
    while (todo > inPart) {
      todo -= inPart;
      address = r.addresses[part];
      inPart = r.lengths[part];
      part++;
    }
    rest.request = r;
    rest.memory = memory;
    rest.generation = generation;
    rest.nextPart = part;
    rest.at = address + todo;
    rest.left = inPart - todo;
    rest.position = position + length;
    rest.remaining = remaining - length;
    rest.mark();
    remaining = length;
  }

  final void collectInto(GuestIoVector vector, long length) {
    Request r = need(length);
    int part = nextPart;
    long address = at;
    long inPart = left;
    long todo = length;
    while (todo != 0) {
      if (inPart == 0) {
        address = r.addresses[part];
        inPart = r.lengths[part];
        part++;
      }
      long n = Math.min(todo, inPart);
      try {
        vector.add(memory(), address, n, access);
      } catch (GuestMemoryException e) {
        throw gone(e);
      }
      address += n;
      inPart -= n;
      todo -= n;
    }
    skip(length);
  }

  // ---- for the accessors -------------------------------------------------------------------

  /** Whether the next bytes are in the current part, and still the device's. */
  final boolean has(long length) {
    Request r = request;
    return left >= length && remaining >= length && r != null && r.generation == generation;
  }

  final AddressSpace memory() {
    AddressSpace m = memory;
    if (m == null) {
      throw new IllegalStateException("this one belongs to no request");
    }
    return m;
  }

  final Request live() {
    Request r = request;
    if (r == null) {
      throw new IllegalStateException("this one belongs to no request");
    }
    if (r.generation != generation) {
      throw new IllegalStateException("the request was completed, or its queue reset");
    }
    return r;
  }

  /** Checks that the request is live and has so many bytes left. */
  final Request need(long length) {
    Request r = live();
    if (length < 0 || length > remaining) {
      throw new IllegalArgumentException(
          "length="
              + length
              + " is not in 0.."
              + remaining
              + ", what remains at position "
              + position
              + " of the device-"
              + (access == Access.READ ? "readable" : "writable")
              + " bytes");
    }
    return r;
  }

  final byte[] scratch() {
    byte[] bytes = scratch;
    if (bytes == null) {
      bytes = new byte[SCRATCH];
      scratch = bytes;
    }
    return bytes;
  }

  /** Goes to the next part; there is one while bytes remain. */
  final void nextPart(Request r) {
    at = r.addresses[nextPart];
    left = r.lengths[nextPart];
    nextPart++;
  }

  /** With {@link #at} and {@link #left}, what {@link #back} needs. */
  final int here() {
    return nextPart;
  }

  /** Goes back to where a copy began. */
  final void back(int part, long address, long inPart, long wasPosition) {
    nextPart = part;
    at = address;
    left = inPart;
    remaining += position - wasPosition;
    position = wasPosition;
  }

  final void advance(long length) {
    at += length;
    left -= length;
    position += length;
    remaining -= length;
  }

  /** The one place where a fault of guest memory in a request becomes a queue's fault. */
  final QueueFaultException gone(GuestMemoryException e) {
    Request r = live();
    return new QueueFaultException(
        new QueueFault.RequestAccess(r.head, e.address(), e.length(), e.access(), e.reason()));
  }
}
