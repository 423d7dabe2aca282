// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.util.concurrent.locks.LockSupport;

/**
 * A file descriptor that somebody owns and closes exactly once.
 *
 * <p>A closed number is soon another file's, so a call on a stale number would reach a stranger.
 * Each call here therefore counts itself in and out: {@link #close} refuses calls that come later
 * and leaves the closing of the number to the last call still inside. A blocking call keeps the
 * number alive; wake it before waiting for the close to take effect.
 *
 * <p>Thread-safe.
 */
public final class OwnedFd implements AutoCloseable {
  private static final MemorySegment OPEN = Libc.function("open");
  private static final MemorySegment CLOSE = Libc.function("close");
  private static final MemorySegment READ = Libc.function("read");
  private static final MemorySegment WRITE = Libc.function("write");

  private static final MemorySegment PREAD = Libc.function("pread");
  private static final MemorySegment PWRITE = Libc.function("pwrite");
  private static final MemorySegment READV = Libc.function("readv");
  private static final MemorySegment WRITEV = Libc.function("writev");
  private static final MemorySegment PREADV = Libc.function("preadv");
  private static final MemorySegment PWRITEV = Libc.function("pwritev");
  private static final MemorySegment PREADV2 = Libc.function("preadv2");
  private static final MemorySegment PWRITEV2 = Libc.function("pwritev2");
  private static final MemorySegment FTRUNCATE = Libc.function("ftruncate");
  private static final MemorySegment FSYNC = Libc.function("fsync");
  private static final MemorySegment FDATASYNC = Libc.function("fdatasync");
  private static final MemorySegment FCNTL = Libc.function("fcntl");
  private static final MemorySegment POLL = Libc.function("poll");

  /** {@link #preadv2} and {@link #pwritev2}: poll the device for the completion (O_DIRECT only). */
  public static final int RWF_HIPRI = 1;

  /** {@link #pwritev2}: wait until the data is on the disk. */
  public static final int RWF_DSYNC = 2;

  /** {@link #pwritev2}: wait until the data and everything about the file is on the disk. */
  public static final int RWF_SYNC = 4;

  /** {@link #preadv2} and {@link #pwritev2}: {@code EAGAIN} rather than wait. */
  public static final int RWF_NOWAIT = 8;

  /** {@link #pwritev2}: at the end of the file. */
  public static final int RWF_APPEND = 0x10;

  /** {@link #poll}: readable. */
  public static final int POLLIN = 1;

  /** {@link #poll}: writable. */
  public static final int POLLOUT = 4;

  /** {@link #poll}: an error; reported whether asked for or not. */
  public static final int POLLERR = 8;

  /** {@link #poll}: hung up; reported whether asked for or not. */
  public static final int POLLHUP = 0x10;

  static final int O_NONBLOCK = 0x800;
  static final int F_GETFL = 3;
  static final int F_SETFL = 4;
  static final int F_GETFD = 1;
  static final int F_DUPFD_CLOEXEC = 1030;

  /** How long to wait before looking for an interrupt, in milliseconds: poll(2) does not see it. */
  private static final int LOOK_UP = 10;

  /** {@code struct pollfd}: descriptor, events, what happened. One per thread. */
  private static final ThreadLocal<MemorySegment> POLLFD =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(8, 8));

  /** Between two looks whether others have left. */
  private static final long AWAIT_NANOS = 50_000;

  /** Set in {@link #state} once closed; the bits below count calls in progress. */
  private static final int CLOSED = 0x8000_0000;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(OwnedFd.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int number;
  private final String name;

  /** False for a view of what belongs to the process as a whole. */
  private final boolean owned;

  @SuppressWarnings("UnusedVariable") // through STATE
  private volatile int state;

  /** Whether the kernel has the number back. */
  private volatile boolean gone;

  private OwnedFd(int number, String name, boolean owned) {
    this.number = number;
    this.name = name;
    this.owned = owned;
  }

  /**
   * Opens a file read-write and close-on-exec.
   *
   * @param path the file's path
   * @return the descriptor
   * @throws SystemCallException if the file cannot be opened
   */
  public static OwnedFd openReadWrite(String path) throws SystemCallException {
    return open(path, OpenFlag.READ_WRITE);
  }

  /**
   * Opens a terminal or another file that may block, read-write, close-on-exec and non-blocking. A
   * terminal opened so does not become the process's controlling terminal.
   *
   * @param path the file's path
   * @return the descriptor
   * @throws SystemCallException if the file cannot be opened
   */
  public static OwnedFd openNonBlocking(String path) throws SystemCallException {
    return open(path, OpenFlag.READ_WRITE, OpenFlag.NON_BLOCKING, OpenFlag.NO_CONTROLLING_TERMINAL);
  }

  /**
   * Opens a file read-only and close-on-exec.
   *
   * @param path the file's path
   * @return the descriptor
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws SystemCallException if the file cannot be opened
   */
  public static OwnedFd openReadOnly(String path) throws SystemCallException {
    return open(path);
  }

  /**
   * Creates a file that must be absent, read-write and close-on-exec.
   *
   * @param path the file's path
   * @return the descriptor; only its owner may read and write the file
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws SystemCallException {@code EEXIST} if there is something already, even a broken link
   */
  public static OwnedFd create(String path) throws SystemCallException {
    return open(path, OpenFlag.READ_WRITE, OpenFlag.CREATE, OpenFlag.EXCLUSIVE);
  }

  /**
   * Opens a file close-on-exec.
   *
   * @param path the file's path; for {@link OpenFlag#TEMPORARY} a folder's
   * @param flags how; a file that it creates only its owner may read and write
   * @return the descriptor
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws SystemCallException if the file cannot be opened so
   */
  public static OwnedFd open(String path, OpenFlag... flags) throws SystemCallException {
    int fd;
    try (Arena arena = Arena.ofConfined()) {
      fd = Libc.callInt(OPEN, Libc.text(arena, path).address(), OpenFlag.bits(flags), 0600);
    }
    if (fd < 0) {
      throw new SystemCallException("open(" + path + ", " + OpenFlag.names(flags) + ")", -fd);
    }
    return new OwnedFd(fd, path, true);
  }

  /**
   * Takes ownership of a descriptor that a system call returned.
   *
   * @param number the descriptor, which nothing else closes
   * @param name what it is, for messages
   * @return the owner
   * @throws IllegalArgumentException if {@code number} is negative
   */
  public static OwnedFd adopt(int number, String name) {
    if (number < 0) {
      throw new IllegalArgumentException("not a file descriptor: " + number + " (" + name + ")");
    }
    return new OwnedFd(number, name, true);
  }

  /**
   * A view of a standard stream, which is never closed.
   *
   * @param number 0, 1 or 2
   * @return a descriptor whose {@link #close} leaves the stream open
   * @throws IllegalArgumentException if {@code number} is not a standard stream
   */
  public static OwnedFd standardStream(int number) {
    return switch (number) {
      case 0 -> new OwnedFd(0, "standard input", false);
      case 1 -> new OwnedFd(1, "standard output", false);
      case 2 -> new OwnedFd(2, "standard error", false);
      default -> throw new IllegalArgumentException("not a standard stream: " + number);
    };
  }

  /** {@return what this descriptor is, for messages} */
  public String name() {
    return name;
  }

  /**
   * {@return the number}, for registrations and messages. It stays valid only while the owner does
   * not close it; calls that must not meet a stranger use {@link #acquire}.
   *
   * @throws IllegalStateException if closed
   */
  public int number() {
    if (state < 0) {
      throw closed();
    }
    return number;
  }

  /** {@return whether {@link #close} was called} */
  public boolean isClosed() {
    return state < 0;
  }

  /**
   * Enters a call: until {@link #release} the number stays this file's.
   *
   * @return the number
   * @throws IllegalStateException if closed
   */
  public int acquire() {
    int s;
    do {
      s = state;
      if (s < 0) {
        throw closed();
      }
    } while (!STATE.compareAndSet(this, s, s + 1));
    return number;
  }

  /**
   * Leaves a call entered by {@link #acquire}; the last one out closes a closed descriptor. To be
   * called once for each {@link #acquire}.
   */
  public void release() {
    int before = (int) STATE.getAndAdd(this, -1);
    if (before == (CLOSED | 1)) {
      closeNumber();
    }
  }

  /**
   * Reads into memory.
   *
   * @param buffer where the bytes go; native memory, which nobody may free during the call
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is not native memory or is read-only
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long read(MemorySegment buffer) {
    checkWritable(buffer);
    return transfer(READ, buffer, 0);
  }

  private static void checkWritable(MemorySegment buffer) {
    if (buffer.isReadOnly()) {
      throw new IllegalArgumentException("a buffer to read into must not be read-only");
    }
  }

  /**
   * Writes memory.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long write(MemorySegment buffer) {
    return transfer(WRITE, buffer, 0);
  }

  private long transfer(MemorySegment function, MemorySegment buffer, long offset) {
    Libc.checkPassable(buffer);
    int fd = acquire();
    try {
      return Libc.callLong(function, fd, buffer.address(), buffer.byteSize(), offset, 0, 0);
    } finally {
      release();
      // The kernel saw only the address: keep the memory alive until the call is over.
      Reference.reachabilityFence(buffer);
    }
  }

  /**
   * Reads from a position, which the file's own position neither gives nor follows.
   *
   * @param buffer where the bytes go; native memory, which nobody may free during the call
   * @param offset the position in the file, in bytes
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is read-only or is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long pread(MemorySegment buffer, long offset) {
    checkWritable(buffer);
    return transfer(PREAD, buffer, offset);
  }

  /**
   * Writes at a position, which the file's own position neither gives nor follows.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @param offset the position in the file, in bytes
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   */
  public long pwrite(MemorySegment buffer, long offset) {
    return transfer(PWRITE, buffer, offset);
  }

  /**
   * Reads into pieces of memory. The vector is left as it is; see {@link IoVector#advance}.
   *
   * @param vector where the bytes go
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long readv(IoVector vector) {
    return transfer(READV, vector, true, 0, 0);
  }

  /**
   * Writes pieces of memory. The vector is left as it is; see {@link IoVector#advance}.
   *
   * @param vector the bytes
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long writev(IoVector vector) {
    return transfer(WRITEV, vector, false, 0, 0);
  }

  /**
   * Reads from a position into pieces of memory. The vector is left as it is.
   *
   * @param vector where the bytes go
   * @param offset the position in the file, in bytes
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long preadv(IoVector vector, long offset) {
    return transfer(PREADV, vector, true, offset, 0);
  }

  /**
   * Writes pieces of memory at a position. The vector is left as it is.
   *
   * @param vector the bytes
   * @param offset the position in the file, in bytes
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long pwritev(IoVector vector, long offset) {
    return transfer(PWRITEV, vector, false, offset, 0);
  }

  /**
   * Reads from a position into pieces of memory, with flags for this one read.
   *
   * @param vector where the bytes go; left as it is
   * @param offset the position in the file, in bytes; -1 for the file's own, which then moves
   * @param flags {@code RWF_} bits, or-ed
   * @return the number of bytes, 0 at the end of the file, or {@code -errno}: {@code EOPNOTSUPP} if
   *     the file does not know a flag
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long preadv2(IoVector vector, long offset, int flags) {
    return transfer(PREADV2, vector, true, offset, flags);
  }

  /**
   * Writes pieces of memory at a position, with flags for this one write.
   *
   * @param vector the bytes; left as it is
   * @param offset the position in the file, in bytes; -1 for the file's own, which then moves
   * @param flags {@code RWF_} bits, or-ed
   * @return the number of bytes written, which may be fewer than given, or {@code -errno}: {@code
   *     EOPNOTSUPP} if the file does not know a flag
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public long pwritev2(IoVector vector, long offset, int flags) {
    return transfer(PWRITEV2, vector, false, offset, flags);
  }

  private long transfer(
      MemorySegment function, IoVector vector, boolean forReading, long offset, int flags) {
    vector.checkPassable(forReading);
    int fd = acquire();
    try {
      // preadv2 has its flags fifth in the C library: on 64 bits the offset is one argument.
      return Libc.callLong(function, fd, vector.address(), vector.count(), offset, flags, 0);
    } finally {
      release();
      Reference.reachabilityFence(vector);
    }
  }

  /** One of the transfers, so that one loop serves them all. */
  private enum Kind {
    READ("read", true, false),
    WRITE("write", false, false),
    PREAD("pread", true, true),
    PWRITE("pwrite", false, true),
    READV("readv", true, false),
    WRITEV("writev", false, false),
    PREADV("preadv", true, true),
    PWRITEV("pwritev", false, true);

    private final String call;
    private final boolean reading;
    private final boolean positioned;

    Kind(String call, boolean reading, boolean positioned) {
      this.call = call;
      this.reading = reading;
      this.positioned = positioned;
    }
  }

  /**
   * Writes all of the memory, waiting if the descriptor is non-blocking and full.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   * @throws SystemCallException if a write fails; earlier parts may have been written
   * @throws InterruptedIOException if the thread is interrupted while it waits; the interrupt stays
   *     set, and {@code bytesTransferred} says how much was written
   */
  public void writeFully(MemorySegment buffer) throws IOException {
    fully(Kind.WRITE, buffer, 0);
  }

  /**
   * Fills all of the memory, waiting if the descriptor is non-blocking and empty.
   *
   * @param buffer where the bytes go; native memory, which nobody may free during the call
   * @throws IllegalArgumentException if {@code buffer} is read-only or is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   * @throws EOFException if the file ends before
   * @throws SystemCallException if a read fails; earlier parts may have been read
   * @throws InterruptedIOException if the thread is interrupted while it waits; the interrupt stays
   *     set, and {@code bytesTransferred} says how much was read
   */
  public void readFully(MemorySegment buffer) throws IOException {
    fully(Kind.READ, buffer, 0);
  }

  /**
   * Fills all of the memory from a position.
   *
   * @param buffer where the bytes go; native memory, which nobody may free during the call
   * @param offset the position in the file, in bytes
   * @throws IllegalArgumentException if {@code buffer} is read-only or is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   * @throws EOFException if the file ends before
   * @throws SystemCallException if a read fails; earlier parts may have been read
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void preadFully(MemorySegment buffer, long offset) throws IOException {
    fully(Kind.PREAD, buffer, offset);
  }

  /**
   * Writes all of the memory at a position.
   *
   * @param buffer the bytes; native memory, which nobody may free during the call
   * @param offset the position in the file, in bytes
   * @throws IllegalArgumentException if {@code buffer} is not native memory
   * @throws IllegalStateException if {@code buffer} was freed, or if closed
   * @throws SystemCallException if a write fails; earlier parts may have been written
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void pwriteFully(MemorySegment buffer, long offset) throws IOException {
    fully(Kind.PWRITE, buffer, offset);
  }

  /**
   * Fills all pieces, waiting if the descriptor is non-blocking and empty. The vector {@linkplain
   * IoVector#advance advances} past what was done: it ends without pieces, or says where it failed.
   *
   * @param vector where the bytes go
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   * @throws EOFException if the file ends before
   * @throws SystemCallException if a read fails
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void readvFully(IoVector vector) throws IOException {
    fully(Kind.READV, vector, 0);
  }

  /**
   * Writes all pieces, waiting if the descriptor is non-blocking and full. The vector {@linkplain
   * IoVector#advance advances} past what was done.
   *
   * @param vector the bytes
   * @throws IllegalStateException if a piece was freed, or if closed
   * @throws SystemCallException if a write fails
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void writevFully(IoVector vector) throws IOException {
    fully(Kind.WRITEV, vector, 0);
  }

  /**
   * Fills all pieces from a position. The vector {@linkplain IoVector#advance advances} past what
   * was done.
   *
   * @param vector where the bytes go
   * @param offset the position in the file, in bytes
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   * @throws EOFException if the file ends before
   * @throws SystemCallException if a read fails
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void preadvFully(IoVector vector, long offset) throws IOException {
    fully(Kind.PREADV, vector, offset);
  }

  /**
   * Writes all pieces at a position. The vector {@linkplain IoVector#advance advances} past what
   * was done.
   *
   * @param vector the bytes
   * @param offset the position in the file, in bytes
   * @throws IllegalStateException if a piece was freed, or if closed
   * @throws SystemCallException if a write fails
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  public void pwritevFully(IoVector vector, long offset) throws IOException {
    fully(Kind.PWRITEV, vector, offset);
  }

  private void fully(Kind kind, MemorySegment buffer, long offset) throws IOException {
    long size = buffer.byteSize();
    long done = 0;
    while (done < size) {
      MemorySegment rest = done == 0 ? buffer : buffer.asSlice(done);
      long n =
          switch (kind) {
            case READ -> read(rest);
            case WRITE -> write(rest);
            case PREAD -> pread(rest, offset + done);
            default -> pwrite(rest, offset + done);
          };
      done += step(kind, n, done, size, offset);
    }
  }

  private void fully(Kind kind, IoVector vector, long offset) throws IOException {
    long size = vector.byteCount();
    long done = 0;
    while (done < size) {
      long n =
          switch (kind) {
            case READV -> readv(vector);
            case WRITEV -> writev(vector);
            case PREADV -> preadv(vector, offset + done);
            default -> pwritev(vector, offset + done);
          };
      long step = step(kind, n, done, size, offset);
      vector.advance(step);
      done += step;
    }
  }

  /** Judges one transfer: how many bytes it did, having waited if it did none. */
  private long step(Kind kind, long n, long done, long size, long offset) throws IOException {
    if (n > 0) {
      return n;
    }
    if (n == 0 && kind.reading) {
      throw new EOFException(
          kind.call + "(" + name + ") reached the end of the file after " + done + " of " + size);
    }
    if (n == 0 || n == -Errno.EAGAIN) {
      if (Thread.currentThread().isInterrupted()) {
        // Waiting would end at once from here on: a busy loop that nobody could end.
        InterruptedIOException e =
            new InterruptedIOException(
                kind.call + "(" + name + ") interrupted after " + done + " of " + size);
        e.bytesTransferred = (int) Math.min(done, Integer.MAX_VALUE);
        throw e;
      }
      if (n == 0) {
        // Nothing written and no reason given: there is nothing to poll for.
        LockSupport.parkNanos(200_000);
      } else {
        var _ = poll(kind.reading ? POLLIN : POLLOUT, LOOK_UP);
      }
    } else if (n != -Errno.EINTR) {
      String where = kind.positioned ? " at " + (offset + done) : "";
      throw new SystemCallException(
          kind.call + "(" + name + ", " + (size - done) + " bytes" + where + ")", (int) -n);
    }
    return 0;
  }

  /**
   * Waits until the descriptor is ready. A platform thread is blocked, and does not hear an
   * interrupt.
   *
   * @param events what to wait for: {@code POLL} bits, or-ed
   * @param timeoutMillis how long to wait at most; 0 does not wait, -1 waits without end
   * @return the events that hold, or-ed; 0 after the timeout or when a signal interrupted the wait
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public int poll(int events, int timeoutMillis) throws SystemCallException {
    MemorySegment pollfd = POLLFD.get();
    int fd = acquire();
    int n;
    try {
      pollfd.set(ValueLayout.JAVA_INT, 0, fd);
      pollfd.set(ValueLayout.JAVA_SHORT, 4, (short) events);
      pollfd.set(ValueLayout.JAVA_SHORT, 6, (short) 0);
      n = Libc.callInt(POLL, pollfd.address(), 1, timeoutMillis);
    } finally {
      release();
    }
    if (n >= 0) {
      return Short.toUnsignedInt(pollfd.get(ValueLayout.JAVA_SHORT, 6));
    }
    if (n == -Errno.EINTR) {
      return 0;
    }
    throw new SystemCallException("poll(" + name + ", timeout=" + timeoutMillis + " ms)", -n);
  }

  /**
   * Sets the file's length: what is new reads as zero.
   *
   * @param length the length in bytes
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses: {@code EPERM} if sealed, {@code EINVAL} if
   *     {@code length} is negative or it is not a plain file opened for writing
   */
  public void truncate(long length) throws SystemCallException {
    int fd = acquire();
    int result;
    try {
      result = Libc.callInt(FTRUNCATE, fd, length);
    } finally {
      release();
    }
    if (result < 0) {
      throw new SystemCallException("ftruncate(" + name + ", length=" + length + ")", -result);
    }
  }

  /**
   * Waits until data and everything about the file is on the disk.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if it cannot be written, or the file knows no such thing
   */
  public void sync() throws SystemCallException {
    sync(FSYNC, "fsync");
  }

  /**
   * Waits until the data, and what is needed to find it, is on the disk.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if it cannot be written, or the file knows no such thing
   */
  public void dataSync() throws SystemCallException {
    sync(FDATASYNC, "fdatasync");
  }

  private void sync(MemorySegment function, String call) throws SystemCallException {
    int fd = acquire();
    int result;
    try {
      do {
        result = Libc.callInt(function, fd);
      } while (result == -Errno.EINTR);
    } finally {
      release();
    }
    if (result < 0) {
      throw new SystemCallException(call + "(" + name + ")", -result);
    }
  }

  /**
   * Opens the same file once more: both share position and state, each is closed on its own.
   *
   * @return the other descriptor, close-on-exec
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the process has no descriptor left
   */
  public OwnedFd duplicate() throws SystemCallException {
    return new OwnedFd(control(F_DUPFD_CLOEXEC, 0, "F_DUPFD_CLOEXEC"), name, true);
  }

  /**
   * Says whether calls that would wait fail with {@code EAGAIN} instead. It is the open file's
   * state: {@linkplain #duplicate duplicates} and other processes that have it change with it.
   *
   * @param value true for failing
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public void setNonBlocking(boolean value) throws SystemCallException {
    int flags = control(F_GETFL, 0, "F_GETFL");
    int wanted = value ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags) {
      var _ = control(F_SETFL, wanted, "F_SETFL, 0x" + Integer.toHexString(wanted));
    }
  }

  /**
   * {@return whether calls that would wait fail with {@code EAGAIN} instead}
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public boolean isNonBlocking() throws SystemCallException {
    return (control(F_GETFL, 0, "F_GETFL") & O_NONBLOCK) != 0;
  }

  /**
   * {@return whether a program that this process starts does not get the descriptor}
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public boolean isCloseOnExec() throws SystemCallException {
    return (control(F_GETFD, 0, "F_GETFD") & 1) != 0;
  }

  /** {@code fcntl(2)}. */
  int control(int command, long argument, String text) throws SystemCallException {
    int fd = acquire();
    int result;
    try {
      result = Libc.callInt(FCNTL, fd, command, argument);
    } finally {
      release();
    }
    if (result < 0) {
      throw new SystemCallException("fcntl(" + name + ", " + text + ")", -result);
    }
    return result;
  }

  /** Closes the descriptor; further calls throw. Closing twice is safe. */
  @Override
  public void close() {
    int before = (int) STATE.getAndBitwiseOr(this, CLOSED);
    if (before == 0) {
      closeNumber();
    }
  }

  /**
   * As {@link #close}, and waits until the calls that other threads are inside have ended: when
   * this returns the kernel has closed the file, unless it was duplicated. For files that keep
   * something else in use, such as memory. Must not be called between {@link #acquire} and {@link
   * #release} of the same thread.
   */
  public void closeAndAwait() {
    close();
    while (!gone) {
      LockSupport.parkNanos(AWAIT_NANOS);
    }
  }

  /**
   * Gives the descriptor the lifetime of an arena: it is closed when the arena is closed or, if
   * that is an automatic one, when the garbage collector finds that neither the arena nor what this
   * method returned is in use. Calls that other threads are inside at that moment end as after
   * {@link #close}. It may still be closed before.
   *
   * @param arena the arena
   * @return an empty segment of the arena; who counts on an automatic arena keeps it reachable for
   *     as long as the descriptor is used
   * @throws IllegalStateException if the arena is closed; then the descriptor is not
   * @throws WrongThreadException if the arena is confined to another thread; then the descriptor is
   *     not closed
   */
  @SuppressWarnings("restricted")
  public MemorySegment closeWith(Arena arena) {
    return MemorySegment.NULL.reinterpret(arena, _ -> close());
  }

  private void closeNumber() {
    if (owned) {
      // The number is free whatever close(2) answers, so there is nothing to do about an error.
      var _ = Libc.callInt(CLOSE, number);
    }
    gone = true;
  }

  private IllegalStateException closed() {
    return new IllegalStateException("file descriptor is closed: " + name);
  }

  @Override
  public String toString() {
    return "fd " + number + " (" + name + (isClosed() ? ", closed)" : ")");
  }
}
