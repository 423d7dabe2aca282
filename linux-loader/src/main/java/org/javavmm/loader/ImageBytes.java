// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.Errno;
import org.javavmm.sys.FileStatus;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * The bytes of an image, or a part of them. Either they lie in memory, or in an open file, which is
 * never mapped: what is looked at is copied by a read, and what the guest gets is read from the
 * file into its memory. So a file that is cut short is a short read, and no SIGBUS. Immutable and
 * thread-safe.
 */
abstract sealed class ImageBytes {
  private final String name;
  private final long size;

  private ImageBytes(String name, long size) {
    this.name = name;
    this.size = size;
  }

  /**
   * {@return bytes in memory, for reading only}
   *
   * @param name whose they are, for messages
   * @param bytes the bytes, which may be a mapping of the caller's
   */
  static ImageBytes of(String name, MemorySegment bytes) {
    return new InMemory(name, bytes.asReadOnly());
  }

  /**
   * {@return the bytes of a file}
   *
   * @param name the file's name
   * @param fd the file
   * @param lifetime what keeps it open as long as it is reachable
   * @param size the number of its bytes
   */
  static ImageBytes of(String name, OwnedFd fd, MemorySegment lifetime, long size) {
    return new InFile(name, fd, lifetime, size, 0, size);
  }

  /** {@return whose bytes these are: the file's name} */
  final String name() {
    return name;
  }

  /** {@return the number of bytes} */
  final long size() {
    return size;
  }

  /** {@return whether they can still be used: the arena is not closed} */
  abstract boolean isAlive();

  /**
   * Looks whether the file still has all of its bytes.
   *
   * @throws LoaderException {@code FILE} if it was cut short
   */
  abstract void checkComplete() throws LoaderException;

  /**
   * {@return a part}
   *
   * @throws IndexOutOfBoundsException if it is not a part of these bytes
   */
  abstract ImageBytes slice(long offset, long length);

  /**
   * Copies a part.
   *
   * @throws LoaderException {@code FILE} if the file was cut short or cannot be read
   */
  abstract void copyTo(long offset, byte[] target, int length) throws LoaderException;

  /**
   * {@return a copy of a part, little-endian, which nobody can change any more}
   *
   * @throws LoaderException {@code FILE} if the file was cut short or cannot be read
   */
  final ByteBuffer copy(long offset, long length) throws LoaderException {
    byte[] bytes = new byte[Math.toIntExact(length)];
    copyTo(offset, bytes, bytes.length);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * {@return all bytes in memory, read-only: a copy, if they are in a file}
   *
   * @param arena how long a copy lives
   * @throws LoaderException {@code FILE} if the file was cut short or cannot be read
   */
  abstract MemorySegment toMemory(Arena arena) throws LoaderException;

  /**
   * {@return all bytes, read-only}
   *
   * @throws IllegalStateException if they are in a file
   */
  final MemorySegment inMemory() {
    if (this instanceof InMemory memory) {
      return memory.bytes;
    }
    throw new IllegalStateException(name + " was not read into memory");
  }

  /**
   * Writes all bytes into guest memory.
   *
   * @throws LoaderException {@code FILE} if the file was cut short or cannot be read; a part may be
   *     written
   * @throws org.javavmm.memory.GuestMemoryException if the guest memory cannot be written
   */
  abstract void writeTo(GuestMemory memory, long gpa) throws LoaderException;

  /**
   * Bytes in memory. It may be a mapping of a file: if that is cut short the host raises SIGBUS.
   */
  private static final class InMemory extends ImageBytes {
    private final MemorySegment bytes;

    InMemory(String name, MemorySegment bytes) {
      super(name, bytes.byteSize());
      this.bytes = bytes;
    }

    @Override
    boolean isAlive() {
      return bytes.scope().isAlive();
    }

    @Override
    void checkComplete() {
      // Only touching it could tell.
    }

    @Override
    ImageBytes slice(long offset, long length) {
      return new InMemory(name(), bytes.asSlice(offset, length));
    }

    @Override
    void copyTo(long offset, byte[] target, int length) throws LoaderException {
      try {
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, offset, target, 0, length);
      } catch (InternalError e) {
        throw becameShorter(name(), e);
      }
    }

    @Override
    MemorySegment toMemory(Arena arena) {
      return bytes;
    }

    @Override
    void writeTo(GuestMemory memory, long gpa) throws LoaderException {
      try {
        memory.write(gpa, bytes);
      } catch (InternalError e) {
        throw becameShorter(name(), e);
      }
    }
  }

  /** {@return the error for a mapping whose file has become shorter} */
  static LoaderException becameShorter(String name, InternalError cause) {
    return LoaderException.of(
        Reason.FILE, name, "file", "shorter than when it was mapped", "must not change", cause);
  }

  /** A part of an open file. */
  private static final class InFile extends ImageBytes {
    /** What is copied at once where the kernel cannot read into guest memory. */
    private static final int CHUNK = 1 << 20;

    private final OwnedFd fd;
    private final MemorySegment lifetime;
    private final long fileSize;
    private final long start;

    InFile(String name, OwnedFd fd, MemorySegment lifetime, long fileSize, long start, long size) {
      super(name, size);
      this.fd = fd;
      this.lifetime = lifetime;
      this.fileSize = fileSize;
      this.start = start;
    }

    @Override
    boolean isAlive() {
      return !fd.isClosed();
    }

    @Override
    void checkComplete() throws LoaderException {
      try {
        long now = FileStatus.of(fd).size();
        if (now < fileSize) {
          throw cutShort(now);
        }
      } catch (SystemCallException e) {
        throw unreadable(e);
      } finally {
        Reference.reachabilityFence(lifetime);
      }
    }

    @Override
    ImageBytes slice(long offset, long length) {
      if (offset < 0 || length < 0 || offset > size() || length > size() - offset) {
        throw outOfBounds(offset, length);
      }
      return new InFile(name(), fd, lifetime, fileSize, start + offset, length);
    }

    private IndexOutOfBoundsException outOfBounds(long offset, long length) {
      return new IndexOutOfBoundsException(
          length + " bytes at " + offset + " of " + size() + " in " + name());
    }

    @Override
    void copyTo(long offset, byte[] target, int length) throws LoaderException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(length);
        readInto(buffer, offset);
        MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, target, 0, length);
      }
    }

    @Override
    MemorySegment toMemory(Arena arena) throws LoaderException {
      MemorySegment copy = arena.allocate(size());
      readInto(copy, 0);
      return copy.asReadOnly();
    }

    private void readInto(MemorySegment buffer, long offset) throws LoaderException {
      long length = buffer.byteSize();
      if (offset < 0 || offset > size() || length > size() - offset) {
        throw outOfBounds(offset, length);
      }
      try {
        long done = 0;
        while (done < length) {
          long position = start + offset + done;
          done += checked(fd.pread(buffer.asSlice(done), position), position);
        }
      } finally {
        Reference.reachabilityFence(lifetime);
      }
    }

    @Override
    void writeTo(GuestMemory memory, long gpa) throws LoaderException {
      int regions = memory.regions().size();
      if (regions > GuestIoVector.MAX_PIECES) {
        writeThrough(memory, gpa, 0);
        return;
      }
      long done = 0;
      try (GuestIoVector vector = new GuestIoVector(Math.max(regions, 1))) {
        vector.add(memory, gpa, size(), Access.WRITE);
        while (vector.remaining() > 0) {
          long count = vector.readFrom(fd, start + done);
          if (count == -Errno.EFAULT) {
            break;
          }
          done += checked(count, start + done);
        }
      } finally {
        Reference.reachabilityFence(lifetime);
      }
      if (done < size()) {
        // The memory does not take it: writing it tells why.
        writeThrough(memory, gpa, done);
      }
    }

    private void writeThrough(GuestMemory memory, long gpa, long from) throws LoaderException {
      byte[] chunk = new byte[(int) Math.min(CHUNK, size() - from)];
      for (long done = from; done < size(); done += chunk.length) {
        int length = (int) Math.min(chunk.length, size() - done);
        copyTo(done, chunk, length);
        memory.write(gpa + done, chunk, 0, length);
      }
    }

    /** {@return the number of bytes that a call has read, 0 if it is to be repeated} */
    private long checked(long count, long position) throws LoaderException {
      if (count > 0) {
        return count;
      }
      if (count == 0) {
        throw cutShort(Math.min(position, sizeNow()));
      }
      if (count != -Errno.EINTR) {
        throw unreadable(
            new SystemCallException("pread(" + fd + ", offset=" + position + ")", (int) -count));
      }
      return 0;
    }

    private long sizeNow() {
      try {
        return FileStatus.of(fd).size();
      } catch (SystemCallException e) {
        return Long.MAX_VALUE; // the position tells enough
      }
    }

    private LoaderException cutShort(long now) {
      return LoaderException.of(
          Reason.FILE,
          name(),
          "size",
          now + " bytes",
          "must be at least " + fileSize + ", as when it was opened");
    }

    private LoaderException unreadable(IOException e) {
      return ImageFile.unreadable(name(), e);
    }
  }
}
