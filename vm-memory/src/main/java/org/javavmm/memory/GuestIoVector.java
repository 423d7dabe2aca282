// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.io.EOFException;
import java.io.IOException;
import org.javavmm.sys.Errno;
import org.javavmm.sys.IoVector;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * Ranges of guest memory, in order, for one transfer between them and a file or a socket without a
 * copy: what {@code readv(2)} and {@code io_uring} take. Ranges may lie anywhere, and cross
 * regions.
 *
 * <p>From {@link #add} to {@link #clear} the regions cannot be unmapped. What a transfer wrote is
 * marked dirty when the system call returns; who gives {@link #vector} to the kernel in another way
 * says so by {@link #transferred}.
 *
 * <p>Made once and used again and again: nothing is allocated after construction. For one thread at
 * a time.
 */
public final class GuestIoVector implements AutoCloseable {
  /** The most pieces that Linux takes in one call ({@code IOV_MAX}). */
  public static final int MAX_PIECES = 1024;

  private final IoVector vector;
  private final @Nullable GuestRegion[] regions;
  private final long[] offsets;
  private final long[] lengths;
  private int pieces;
  private long size;

  /** Whether {@link #vector} holds what was added. */
  private boolean prepared;

  /** How much was transferred: the first {@code piece} pieces, and {@code inPiece} bytes more. */
  private long done;

  private int piece;
  private long inPiece;
  private @Nullable Access access;

  /**
   * Creates an empty vector.
   *
   * @param capacity how many pieces it can hold, 1 to {@link #MAX_PIECES}; a range is a piece for
   *     each region it touches, and joins the piece before it if that ends where it begins
   * @throws IllegalArgumentException if {@code capacity} is out of range
   */
  public GuestIoVector(int capacity) {
    if (capacity < 1 || capacity > MAX_PIECES) {
      throw new IllegalArgumentException("capacity=" + capacity + " is not in 1.." + MAX_PIECES);
    }
    vector = new IoVector(capacity);
    regions = new GuestRegion[capacity];
    offsets = new long[capacity];
    lengths = new long[capacity];
  }

  /**
   * Adds a range. If it does not fit, or faults, the vector stays as it was.
   *
   * @param memory where the range lies
   * @param address its first address
   * @param length its length in bytes; an empty range adds nothing
   * @param wanted {@code READ} for a transfer out of guest memory, {@code WRITE} for one into it;
   *     the same for all ranges of a vector
   * @throws IllegalStateException if a transfer has begun; {@link #clear} comes first
   * @throws IllegalArgumentException if {@code wanted} is both, or differs from that of the ranges
   *     before, or if there are more pieces than the capacity
   * @throws GuestMemoryException if the range cannot be accessed so
   */
  public void add(AddressSpace memory, long address, long length, Access wanted) {
    if (done != 0) {
      throw new IllegalStateException("a transfer of this vector has begun");
    }
    if (access != null && access != wanted) {
      throw new IllegalArgumentException(
          "a vector for " + access + " takes no range for " + wanted);
    }
    if (wanted == Access.READ_WRITE) {
      throw new IllegalArgumentException("a vector is for READ or for WRITE, not for both");
    }
    if (length == 0) {
      return;
    }
    int piecesBefore = pieces;
    long lastBefore = pieces == 0 ? 0 : lengths[pieces - 1];
    long sizeBefore = size;
    boolean added = false;
    access = wanted;
    prepared = false;
    try {
      memory.collect(address, length, wanted, this);
      added = true;
    } finally {
      if (!added) {
        truncate(piecesBefore, lastBefore, sizeBefore);
      }
    }
  }

  private void truncate(int toPieces, long lastLength, long toSize) {
    while (pieces > toPieces) {
      pieces--;
      release(pieces);
    }
    if (pieces > 0) {
      lengths[pieces - 1] = lastLength;
    } else {
      access = null;
    }
    size = toSize;
    prepared = false;
  }

  private void release(int i) {
    GuestRegion region = regions[i];
    if (region != null) {
      region.unhold();
      regions[i] = null;
    }
  }

  /** Adds a piece of one region; whether the region was still there. */
  boolean addPiece(GuestRegion region, long offset, long length) {
    int last = pieces - 1;
    if (last >= 0 && regions[last] == region && offsets[last] + lengths[last] == offset) {
      lengths[last] += length;
      size += length;
      return true;
    }
    if (pieces == regions.length) {
      throw new IllegalArgumentException(
          "more pieces than the vector's capacity of " + regions.length);
    }
    if (!region.hold()) {
      return false;
    }
    regions[pieces] = region;
    offsets[pieces] = offset;
    lengths[pieces] = length;
    pieces++;
    size += length;
    return true;
  }

  /** {@return the number of bytes of all ranges} */
  public long size() {
    return size;
  }

  /** {@return the number of bytes not transferred yet} */
  public long remaining() {
    return size - done;
  }

  /** {@return the pieces not transferred yet, for a system call} */
  public IoVector vector() {
    if (!prepared) {
      vector.clear();
      for (int i = 0; i < pieces; i++) {
        GuestRegion region = regions[i];
        if (region != null) {
          vector.add(region.hva() + offsets[i], lengths[i]);
        }
      }
      prepared = true;
    }
    return vector;
  }

  /**
   * Says that the kernel has transferred the next bytes: they are marked dirty if they were
   * written, and the rest is what is transferred next.
   *
   * @param bytes how many, 0 to {@link #remaining}
   * @throws IllegalArgumentException if {@code bytes} is out of range
   */
  public void transferred(long bytes) {
    if (bytes < 0 || bytes > remaining()) {
      throw new IllegalArgumentException("bytes=" + bytes + " is not in 0.." + remaining());
    }
    boolean written = access == Access.WRITE;
    long left = bytes;
    while (left > 0) {
      long n = Math.min(left, lengths[piece] - inPiece);
      GuestRegion region = regions[piece];
      if (written && n != 0 && region != null) {
        region.wrote(offsets[piece] + inPiece, n);
      }
      inPiece += n;
      left -= n;
      if (inPiece == lengths[piece]) {
        piece++;
        inPiece = 0;
      }
    }
    done += bytes;
    vector().advance(bytes);
  }

  /**
   * Reads from a stream (a socket, a pipe) into guest memory, by one system call.
   *
   * @param fd the stream
   * @return the number of bytes, which may be fewer than {@link #remaining}; 0 at the end of the
   *     stream or if nothing remains; or {@code -errno}
   * @throws IllegalStateException if {@code fd} is closed, or if the ranges were added for reading
   */
  public long readFrom(OwnedFd fd) {
    require(Access.WRITE);
    return count(remaining() == 0 ? 0 : fd.readv(vector()));
  }

  /**
   * Reads from a place of a file into guest memory, by one system call.
   *
   * @param fd the file
   * @param offset where in the file, in bytes
   * @return the number of bytes, which may be fewer than {@link #remaining}; 0 at the end of the
   *     file or if nothing remains; or {@code -errno}
   * @throws IllegalStateException if {@code fd} is closed, or if the ranges were added for reading
   */
  public long readFrom(OwnedFd fd, long offset) {
    require(Access.WRITE);
    return count(remaining() == 0 ? 0 : fd.preadv(vector(), offset));
  }

  /**
   * Writes guest memory to a stream, by one system call.
   *
   * @param fd the stream
   * @return the number of bytes, which may be fewer than {@link #remaining}; or {@code -errno}
   * @throws IllegalStateException if {@code fd} is closed, or if the ranges were added for writing
   */
  public long writeTo(OwnedFd fd) {
    require(Access.READ);
    return count(remaining() == 0 ? 0 : fd.writev(vector()));
  }

  /**
   * Writes guest memory to a place of a file, by one system call.
   *
   * @param fd the file
   * @param offset where in the file, in bytes
   * @return the number of bytes, which may be fewer than {@link #remaining}; or {@code -errno}
   * @throws IllegalStateException if {@code fd} is closed, or if the ranges were added for writing
   */
  public long writeTo(OwnedFd fd, long offset) {
    require(Access.READ);
    return count(remaining() == 0 ? 0 : fd.pwritev(vector(), offset));
  }

  /**
   * Reads all that remains from a place of a file, by as many system calls as it takes.
   *
   * @param fd the file
   * @param offset where in the file, in bytes
   * @throws EOFException if the file ends before; {@link #remaining} says how much is missing
   * @throws SystemCallException if a call fails
   * @throws IllegalStateException as {@link #readFrom(OwnedFd, long)} does
   */
  public void readFully(OwnedFd fd, long offset) throws IOException {
    long start = offset - done;
    while (remaining() > 0) {
      if (checked(readFrom(fd, start + done), "preadv", fd, start + done) == 0) {
        throw new EOFException(
            fd + " ends at " + (start + done) + ", " + remaining() + " bytes too early");
      }
    }
  }

  /**
   * Writes all that remains to a place of a file, by as many system calls as it takes.
   *
   * @param fd the file
   * @param offset where in the file, in bytes
   * @throws SystemCallException if a call fails; {@link #remaining} says how much is missing
   * @throws IllegalStateException as {@link #writeTo(OwnedFd, long)} does
   */
  public void writeFully(OwnedFd fd, long offset) throws IOException {
    long start = offset - done;
    while (remaining() > 0) {
      // A file that takes nothing any more would be asked for ever.
      if (checked(writeTo(fd, start + done), "pwritev", fd, start + done) == 0) {
        throw new SystemCallException(call("pwritev", fd, start + done), Errno.EIO);
      }
    }
  }

  private long checked(long result, String name, OwnedFd fd, long offset) throws IOException {
    if (result >= 0) {
      return result;
    }
    if (result == -Errno.EINTR) {
      return 1; // nothing was transferred, and the call is to be repeated
    }
    if (result == -Errno.EFAULT) {
      for (int i = piece; i < pieces; i++) {
        GuestRegion region = regions[i];
        String problem = region == null ? "" : region.backingProblem();
        if (!problem.isEmpty()) {
          throw new SystemCallException(
              call(name, fd, offset), Errno.EFAULT, region + ": " + problem);
        }
      }
    }
    throw new SystemCallException(call(name, fd, offset), (int) -result);
  }

  private String call(String name, OwnedFd fd, long offset) {
    return name + "(" + fd + ", " + remaining() + " bytes, offset=" + offset + ")";
  }

  private void require(Access wanted) {
    if (access != null && access != wanted) {
      throw new IllegalStateException("the ranges were added for " + access + ", not " + wanted);
    }
  }

  private long count(long result) {
    if (result > 0) {
      transferred(result);
    }
    return result;
  }

  /** Forgets all ranges and lets go of their regions, after the kernel has. */
  public void clear() {
    truncate(0, 0, 0);
    done = 0;
    piece = 0;
    inPiece = 0;
  }

  /** As {@link #clear}; the vector can be used again. */
  @Override
  public void close() {
    clear();
  }

  @Override
  public String toString() {
    return "I/O vector of " + size + " bytes in " + pieces + " pieces, " + done + " done";
  }
}
