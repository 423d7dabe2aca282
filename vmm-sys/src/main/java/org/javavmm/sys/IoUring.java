// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.javavmm.sys.IoUringLayout.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An {@code io_uring(7)}: operations are written into one ring shared with the kernel, results read
 * from another.
 *
 * <p>The {@code prepare} methods fill an entry and answer false if the ring is full: {@link
 * #submit} and go on. A result is fetched by {@link #next} and read by {@link #userData}, {@link
 * #result} and {@link #flags}; results come in any order. Nothing here allocates after construction
 * but the registrations.
 *
 * <p><b>Leases.</b> Between submission and {@link #next} the kernel reads and writes the memory
 * whose addresses it was given. Nothing here keeps that memory: whoever prepares an operation holds
 * a lease on its memory until its completion was fetched, and on registered buffers until they are
 * unregistered. {@link #close} cancels and waits until nothing is in flight, so afterwards all
 * leases may end. Descriptors need no such care: they are held until the kernel has taken its own
 * reference.
 *
 * <p>Used by one thread at a time; {@link #close} too. Needs Linux 6.0.
 */
public final class IoUring implements AutoCloseable {
  /** Flag of an entry: starts after all that were submitted before, and those after it wait. */
  public static final int IOSQE_IO_DRAIN = 1 << 1;

  /** Flag of an entry: the next one starts when this succeeded, and is cancelled if it did not. */
  public static final int IOSQE_IO_LINK = 1 << 2;

  /** Flag of an entry: the next one starts when this is over. */
  public static final int IOSQE_IO_HARDLINK = 1 << 3;

  /** Flag of an entry: straight to a worker thread of the kernel. */
  public static final int IOSQE_ASYNC = 1 << 4;

  private static final int IOSQE_FIXED_FILE = 1;

  private static final long SETUP = Libc.syscallNumber("io_uring_setup", 425);
  private static final long ENTER = Libc.syscallNumber("io_uring_enter", 426);
  private static final long REGISTER = Libc.syscallNumber("io_uring_register", 427);

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** An index of a ring that the kernel reads or writes at the same time. */
  private static final VarHandle INDEX = ValueLayout.JAVA_INT.varHandle();

  private static final int MAX_ENTRIES = 32768;
  private static final int OPCODES = 256;
  private static final int TIMESPEC = 16;
  private static final int RETRIES = 1000;

  private final OwnedFd fd;

  /** Held from construction to {@link #close}. */
  private final int number;

  private final int entries;
  private final int completionEntries;
  private final int features;
  private final boolean kernelPolls;
  private final boolean polled;
  private final Mapping ringMapping;
  private final Mapping sqeMapping;
  private final MemorySegment ring;
  private final MemorySegment sqes;
  private final long sqHead;
  private final long sqTail;
  private final long sqFlags;
  private final int sqMask;
  private final long cqHead;
  private final long cqTail;
  private final long cqes;
  private final int cqMask;

  /** One time per entry, for timeouts; then one for waiting, then the argument of waiting. */
  private final MemorySegment scratch;

  private final MemorySegment errno = Libc.newCaptureBuffer();

  /** Descriptors and vectors that the kernel has not taken yet, by entry. */
  private final @Nullable OwnedFd[] held;

  private final @Nullable IoVector[] heldVectors;

  private final boolean[] supported = new boolean[OPCODES];

  /** The next entry to fill. */
  private int tail;

  /** The first entry whose descriptor is still held. */
  private int releasedUpTo;

  /** How many operations are over; wraps as the kernel's indices do. */
  private int over;

  private long userData;
  private int result;
  private int flags;
  private boolean open = true;

  /** What a ring shall be. Not thread-safe. */
  public static final class Builder {
    private final int entries;
    private int completions;
    private int setup = IORING_SETUP_SUBMIT_ALL;
    private int idleMillis;

    private Builder(int entries) {
      this.entries = entries;
    }

    /**
     * Sets the room for completions; more are kept by the kernel until there is room. The default
     * is twice that for submissions.
     *
     * @param count how many, not less than submissions fit and at most 65,536; rounded up to a
     *     power of two
     * @return this
     * @throws IllegalArgumentException if {@code count} is out of range
     */
    public Builder completionEntries(int count) {
      if (count < entries || count > 2 * MAX_ENTRIES) {
        throw new IllegalArgumentException(
            "completionEntries=" + count + " is not in " + entries + ".." + 2 * MAX_ENTRIES);
      }
      completions = count;
      setup |= IORING_SETUP_CQSIZE;
      return this;
    }

    /**
     * Lets a thread of the kernel look for submissions ({@code IORING_SETUP_SQPOLL}), so that
     * submitting needs no system call while that thread is awake.
     *
     * @param idle after how many milliseconds without work it sleeps, at least 1
     * @return this
     * @throws IllegalArgumentException if {@code idle} is less than 1
     */
    public Builder kernelPolling(int idle) {
      if (idle < 1) {
        throw new IllegalArgumentException("idle=" + idle + " is less than 1");
      }
      idleMillis = idle;
      setup |= IORING_SETUP_SQPOLL;
      return this;
    }

    /**
     * Polls devices for completions instead of waiting for interrupts ({@code
     * IORING_SETUP_IOPOLL}). Only reads and writes of files opened with {@link OpenFlag#DIRECT}
     * work, on file systems and devices that can be polled.
     *
     * @return this
     */
    public Builder polledCompletions() {
      setup |= IORING_SETUP_IOPOLL;
      return this;
    }

    /**
     * Promises that one thread alone submits, which spares the kernel some work ({@code
     * IORING_SETUP_SINGLE_ISSUER}). The first to submit is that thread; others get {@code EEXIST}.
     *
     * @return this
     */
    public Builder singleIssuer() {
      setup |= IORING_SETUP_SINGLE_ISSUER;
      return this;
    }

    /**
     * Creates the ring.
     *
     * @return the ring
     * @throws SystemCallException if the kernel has no io_uring, has it switched off ({@code
     *     EPERM}), is too old, or the process has no descriptor or memory left
     */
    public IoUring build() throws SystemCallException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment params = arena.allocate(PARAMS_SIZEOF, 8);
        params.set(U32, CQ_ENTRIES, completions);
        params.set(U32, FLAGS, setup);
        params.set(U32, SQ_THREAD_IDLE, idleMillis);
        int number = Libc.syscall(SETUP, entries, params.address(), 0, 0, 0, 0);
        if (number < 0) {
          throw new SystemCallException(
              "io_uring_setup(entries=" + entries + ", flags=0x" + Integer.toHexString(setup) + ")",
              -number);
        }
        OwnedFd fd = OwnedFd.adopt(number, "io_uring");
        try {
          return mapped(fd, params);
        } catch (SystemCallException e) {
          fd.close();
          throw e;
        }
      }
    }

    private IoUring mapped(OwnedFd fd, MemorySegment params) throws SystemCallException {
      int needed =
          IORING_FEAT_SINGLE_MMAP
              | IORING_FEAT_NODROP
              | IORING_FEAT_SUBMIT_STABLE
              | IORING_FEAT_EXT_ARG;
      int features = params.get(U32, FEATURES);
      if ((features & needed) != needed) {
        throw new SystemCallException(
            "io_uring_setup(features=0x" + Integer.toHexString(features) + ")",
            Errno.EOPNOTSUPP,
            "this kernel is too old");
      }
      long sqSize =
          Integer.toUnsignedLong(params.get(U32, SQ_OFF + SQ_OFF_ARRAY))
              + 4L * params.get(U32, SQ_ENTRIES);
      long cqSize =
          Integer.toUnsignedLong(params.get(U32, CQ_OFF + CQ_OFF_CQES))
              + (long) CQE_SIZEOF * params.get(U32, CQ_ENTRIES);
      Mapping ring = Mapping.shared(fd, IORING_OFF_SQ_RING, Math.max(sqSize, cqSize));
      Mapping sqes;
      try {
        sqes = Mapping.shared(fd, IORING_OFF_SQES, (long) SQE_SIZEOF * params.get(U32, SQ_ENTRIES));
      } catch (SystemCallException e) {
        ring.close();
        throw e;
      }
      IoUring uring = new IoUring(fd, params, setup, ring, sqes);
      try {
        uring.probe();
        // What close() relies on: better known now than then.
        int result = uring.cancelAll();
        if (result < 0 && result != -Errno.ENOENT) {
          throw new SystemCallException("io_uring_register(IORING_REGISTER_SYNC_CANCEL)", -result);
        }
        return uring;
      } catch (SystemCallException e) {
        uring.close();
        throw e;
      }
    }
  }

  private IoUring(OwnedFd fd, MemorySegment params, int setup, Mapping ring, Mapping sqes) {
    this.fd = fd;
    this.number = fd.acquire();
    this.entries = params.get(U32, SQ_ENTRIES);
    this.completionEntries = params.get(U32, CQ_ENTRIES);
    this.features = params.get(U32, FEATURES);
    this.kernelPolls = (setup & IORING_SETUP_SQPOLL) != 0;
    this.polled = (setup & IORING_SETUP_IOPOLL) != 0;
    this.ringMapping = ring;
    this.sqeMapping = sqes;
    this.ring = ring.segment();
    this.sqes = sqes.segment();
    this.sqHead = params.get(U32, SQ_OFF + SQ_OFF_HEAD);
    this.sqTail = params.get(U32, SQ_OFF + SQ_OFF_TAIL);
    this.sqFlags = params.get(U32, SQ_OFF + SQ_OFF_FLAGS);
    this.sqMask = this.ring.get(U32, params.get(U32, SQ_OFF + SQ_OFF_RING_MASK));
    this.cqHead = params.get(U32, CQ_OFF + CQ_OFF_HEAD);
    this.cqTail = params.get(U32, CQ_OFF + CQ_OFF_TAIL);
    this.cqes = params.get(U32, CQ_OFF + CQ_OFF_CQES);
    this.cqMask = this.ring.get(U32, params.get(U32, CQ_OFF + CQ_OFF_RING_MASK));
    this.held = new OwnedFd[entries];
    this.heldVectors = new IoVector[entries];
    this.scratch = Arena.ofAuto().allocate((entries + 1L) * TIMESPEC + GETEVENTS_ARG_SIZEOF, 8);
    long array = params.get(U32, SQ_OFF + SQ_OFF_ARRAY);
    for (int i = 0; i < entries; i++) {
      // The indirection is never used: entry i of the ring is entry i of the array.
      this.ring.set(U32, array + 4L * i, i);
    }
    scratch.set(U64, argument() + GETEVENTS_ARG_TS, scratch.address() + (long) entries * TIMESPEC);
  }

  private long argument() {
    return (entries + 1L) * TIMESPEC;
  }

  /**
   * Creates a ring with room for twice as many completions as submissions.
   *
   * @param entries how many submissions fit, 1 to 32,768; rounded up to a power of two
   * @return the ring
   * @throws IllegalArgumentException if {@code entries} is out of range
   * @throws SystemCallException as {@link Builder#build} does
   */
  public static IoUring create(int entries) throws SystemCallException {
    return builder(entries).build();
  }

  /**
   * Starts a ring with more choices.
   *
   * @param entries how many submissions fit, 1 to 32,768; rounded up to a power of two
   * @return the builder
   * @throws IllegalArgumentException if {@code entries} is out of range
   */
  public static Builder builder(int entries) {
    if (entries < 1 || entries > MAX_ENTRIES) {
      throw new IllegalArgumentException("entries=" + entries + " is not in 1.." + MAX_ENTRIES);
    }
    return new Builder(entries);
  }

  private void probe() throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment probe = arena.allocate(PROBE_SIZEOF + (long) OPCODES * PROBE_OP_SIZEOF, 8);
      register(IORING_REGISTER_PROBE, probe.address(), OPCODES, "IORING_REGISTER_PROBE");
      for (int i = 0; i < OPCODES; i++) {
        long op = PROBE_SIZEOF + (long) i * PROBE_OP_SIZEOF;
        supported[i] = (probe.get(U16, op + PROBE_OP_FLAGS) & IO_URING_OP_SUPPORTED) != 0;
      }
    }
  }

  /** {@return the descriptor, which epoll can watch: readable when there are completions} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return how many submissions fit} */
  public int entries() {
    return entries;
  }

  /** {@return how many completions fit before the kernel keeps them elsewhere} */
  public int completionEntries() {
    return completionEntries;
  }

  /** {@return the kernel's {@code IORING_FEAT_} bits} */
  public int features() {
    return features;
  }

  /**
   * {@return whether this kernel knows an operation}
   *
   * @param opcode its number, {@code IORING_OP_}, 0 to 255
   * @throws IndexOutOfBoundsException if {@code opcode} is out of range
   */
  public boolean supports(int opcode) {
    return supported[opcode];
  }

  /**
   * {@return how many operations are prepared and not taken by the kernel yet}
   *
   * @throws IllegalStateException if closed
   */
  public int prepared() {
    return tail - (int) INDEX.getAcquire(ring, sqHead);
  }

  /**
   * {@return how many operations the kernel has taken whose last completion was not fetched yet}
   *
   * @throws IllegalStateException if closed
   */
  public int inFlight() {
    return (int) INDEX.getAcquire(ring, sqHead) - over;
  }

  // Preparing.

  /** The offset of the next entry, zeroed, or -1 if the ring is full. */
  private long entry(int opcode, long data) {
    int head = (int) INDEX.getAcquire(ring, sqHead);
    if (tail - head >= entries) {
      return -1;
    }
    if (releasedUpTo != head) {
      releaseUpTo(head);
    }
    long at = (long) (tail & sqMask) * SQE_SIZEOF;
    sqes.set(U64, at, opcode);
    for (int i = 8; i < SQE_SIZEOF; i += 8) {
      sqes.set(U64, at + i, 0);
    }
    sqes.set(U64, at + SQE_USER_DATA, data);
    return at;
  }

  private void releaseUpTo(int head) {
    for (; releasedUpTo != head; releasedUpTo++) {
      int i = releasedUpTo & sqMask;
      OwnedFd taken = held[i];
      if (taken != null) {
        held[i] = null;
        taken.release();
      }
      heldVectors[i] = null;
    }
  }

  private boolean on(long at, OwnedFd file) {
    sqes.set(U32, at + SQE_FD, file.acquire());
    held[tail & sqMask] = file;
    tail++;
    return true;
  }

  private boolean on(long at, int slot) {
    sqes.set(U32, at + SQE_FD, slot);
    sqes.set(U8, at + SQE_FLAGS, (byte) IOSQE_FIXED_FILE);
    tail++;
    return true;
  }

  private long transfer(int opcode, long address, int length, long offset, int buffer, long data) {
    if (length < 0) {
      throw new IllegalArgumentException("length=" + length + " is negative");
    }
    if ((buffer & 0xffff) != buffer) {
      throw new IllegalArgumentException("buffer=" + buffer + " is not in 0..65535");
    }
    long at = entry(opcode, data);
    if (at >= 0) {
      sqes.set(U64, at + SQE_OFF, offset);
      sqes.set(U64, at + SQE_ADDR, address);
      sqes.set(U32, at + SQE_LEN, length);
      sqes.set(U16, at + SQE_BUF_INDEX, (short) buffer);
    }
    return at;
  }

  private long vectored(int opcode, IoVector vector, long offset, long data) {
    vector.checkPassable(opcode == IORING_OP_READV);
    long at = transfer(opcode, vector.address(), vector.count(), offset, 0, data);
    if (at >= 0) {
      heldVectors[tail & sqMask] = vector;
    }
    return at;
  }

  /**
   * Prepares an operation that does nothing.
   *
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if closed
   */
  public boolean prepareNop(long data) {
    long at = entry(IORING_OP_NOP, data);
    return at >= 0 && on(at);
  }

  private boolean on(long at) {
    sqes.set(U32, at + SQE_FD, -1);
    tail++;
    return true;
  }

  /**
   * Prepares reading from a file into memory.
   *
   * @param file the file
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareRead(OwnedFd file, long address, int length, long offset, long data) {
    long at = transfer(IORING_OP_READ, address, length, offset, 0, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares reading from a registered file into memory.
   *
   * @param slot the file's place among the registered ones
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative
   * @throws IllegalStateException if closed
   */
  public boolean prepareRead(int slot, long address, int length, long offset, long data) {
    long at = transfer(IORING_OP_READ, address, length, offset, 0, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares writing memory to a file.
   *
   * @param file the file
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareWrite(OwnedFd file, long address, int length, long offset, long data) {
    long at = transfer(IORING_OP_WRITE, address, length, offset, 0, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares writing memory to a registered file.
   *
   * @param slot the file's place among the registered ones
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative
   * @throws IllegalStateException if closed
   */
  public boolean prepareWrite(int slot, long address, int length, long offset, long data) {
    long at = transfer(IORING_OP_WRITE, address, length, offset, 0, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares reading from a file into a registered buffer.
   *
   * @param file the file
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param buffer the place of the registered buffer that the bytes lie in, 0 to 65,535
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative or {@code buffer} out of range
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareReadFixed(
      OwnedFd file, long address, int length, long offset, int buffer, long data) {
    long at = transfer(IORING_OP_READ_FIXED, address, length, offset, buffer, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares reading from a registered file into a registered buffer.
   *
   * @param slot the file's place among the registered ones
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param buffer the place of the registered buffer that the bytes lie in, 0 to 65,535
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative or {@code buffer} out of range
   * @throws IllegalStateException if closed
   */
  public boolean prepareReadFixed(
      int slot, long address, int length, long offset, int buffer, long data) {
    long at = transfer(IORING_OP_READ_FIXED, address, length, offset, buffer, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares writing a registered buffer to a file.
   *
   * @param file the file
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param buffer the place of the registered buffer that the bytes lie in, 0 to 65,535
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative or {@code buffer} out of range
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareWriteFixed(
      OwnedFd file, long address, int length, long offset, int buffer, long data) {
    long at = transfer(IORING_OP_WRITE_FIXED, address, length, offset, buffer, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares writing a registered buffer to a registered file.
   *
   * @param slot the file's place among the registered ones
   * @param address the address of the first byte; see the lease rule of the class
   * @param length how many bytes
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param buffer the place of the registered buffer that the bytes lie in, 0 to 65,535
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code length} is negative or {@code buffer} out of range
   * @throws IllegalStateException if closed
   */
  public boolean prepareWriteFixed(
      int slot, long address, int length, long offset, int buffer, long data) {
    long at = transfer(IORING_OP_WRITE_FIXED, address, length, offset, buffer, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares reading from a file into pieces of memory.
   *
   * @param file the file
   * @param vector the pieces; left alone until submitted (and taken, with {@link
   *     Builder#kernelPolling})
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if {@code file} or this is closed
   */
  public boolean prepareReadv(OwnedFd file, IoVector vector, long offset, long data) {
    long at = vectored(IORING_OP_READV, vector, offset, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares reading from a registered file into pieces of memory.
   *
   * @param slot the file's place among the registered ones
   * @param vector the pieces; left alone until submitted (and taken, with {@link
   *     Builder#kernelPolling})
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalArgumentException if a piece is read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public boolean prepareReadv(int slot, IoVector vector, long offset, long data) {
    long at = vectored(IORING_OP_READV, vector, offset, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares writing pieces of memory to a file.
   *
   * @param file the file
   * @param vector the pieces; left alone until submitted (and taken, with {@link
   *     Builder#kernelPolling})
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalStateException if a piece was freed, or if {@code file} or this is closed
   */
  public boolean prepareWritev(OwnedFd file, IoVector vector, long offset, long data) {
    long at = vectored(IORING_OP_WRITEV, vector, offset, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares writing pieces of memory to a registered file.
   *
   * @param slot the file's place among the registered ones
   * @param vector the pieces; left alone until submitted (and taken, with {@link
   *     Builder#kernelPolling})
   * @param offset the position in the file, in bytes; -1 for the file's own
   * @param data what its completion carries; its result is the number of bytes
   * @return false if the ring is full
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public boolean prepareWritev(int slot, IoVector vector, long offset, long data) {
    long at = vectored(IORING_OP_WRITEV, vector, offset, data);
    return at >= 0 && on(at, slot);
  }

  /**
   * Prepares writing a file to the disk.
   *
   * @param file the file
   * @param dataOnly whether only the data, and what is needed to find it, must be there
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareFsync(OwnedFd file, boolean dataOnly, long data) {
    long at = fsync(dataOnly, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares writing a registered file to the disk.
   *
   * @param slot the file's place among the registered ones
   * @param dataOnly whether only the data, and what is needed to find it, must be there
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if closed
   */
  public boolean prepareFsync(int slot, boolean dataOnly, long data) {
    long at = fsync(dataOnly, data);
    return at >= 0 && on(at, slot);
  }

  private long fsync(boolean dataOnly, long data) {
    long at = entry(IORING_OP_FSYNC, data);
    if (at >= 0) {
      sqes.set(U32, at + SQE_OP_FLAGS, dataOnly ? IORING_FSYNC_DATASYNC : 0);
    }
    return at;
  }

  /**
   * Prepares {@code fallocate(2)}.
   *
   * @param file the file
   * @param mode {@code FALLOC_FL_} bits, or-ed; see {@link Fallocate}
   * @param offset the first byte
   * @param length how many bytes
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean prepareFallocate(OwnedFd file, int mode, long offset, long length, long data) {
    long at = fallocate(mode, offset, length, data);
    return at >= 0 && on(at, file);
  }

  /**
   * Prepares {@code fallocate(2)} on a registered file.
   *
   * @param slot the file's place among the registered ones
   * @param mode {@code FALLOC_FL_} bits, or-ed; see {@link Fallocate}
   * @param offset the first byte
   * @param length how many bytes
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if closed
   */
  public boolean prepareFallocate(int slot, int mode, long offset, long length, long data) {
    long at = fallocate(mode, offset, length, data);
    return at >= 0 && on(at, slot);
  }

  private long fallocate(int mode, long offset, long length, long data) {
    long at = entry(IORING_OP_FALLOCATE, data);
    if (at >= 0) {
      sqes.set(U64, at + SQE_OFF, offset);
      sqes.set(U64, at + SQE_ADDR, length);
      sqes.set(U32, at + SQE_LEN, mode);
    }
    return at;
  }

  /**
   * Prepares waiting until a file is ready.
   *
   * @param file the file
   * @param events {@code POLL} bits of {@link OwnedFd}, or-ed
   * @param again whether to complete each time; {@link #hasMore} then says whether it goes on
   * @param data what its completion carries; its result is the events that hold
   * @return false if the ring is full
   * @throws IllegalStateException if {@code file} or this is closed
   */
  public boolean preparePollAdd(OwnedFd file, int events, boolean again, long data) {
    long at = entry(IORING_OP_POLL_ADD, data);
    if (at < 0) {
      return false;
    }
    sqes.set(U32, at + SQE_OP_FLAGS, events);
    sqes.set(U32, at + SQE_LEN, again ? IORING_POLL_ADD_MULTI : 0);
    return on(at, file);
  }

  /**
   * Prepares the end of a {@link #preparePollAdd}, which then completes with {@code ECANCELED}.
   *
   * @param target the data of the operation that shall end
   * @param data what its completion carries; {@code ENOENT} if there is none
   * @return false if the ring is full
   * @throws IllegalStateException if closed
   */
  public boolean preparePollRemove(long target, long data) {
    return naming(IORING_OP_POLL_REMOVE, target, data);
  }

  /**
   * Prepares cancelling an operation. Both complete: the target with {@code ECANCELED}, {@code
   * EINTR} or its result, and this with 0, {@code ENOENT} if there is none, or {@code EALREADY} if
   * it could not be stopped any more.
   *
   * @param target the data of the operation that shall end
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalStateException if closed
   */
  public boolean prepareCancel(long target, long data) {
    return naming(IORING_OP_ASYNC_CANCEL, target, data);
  }

  private boolean naming(int opcode, long target, long data) {
    long at = entry(opcode, data);
    if (at < 0) {
      return false;
    }
    sqes.set(U64, at + SQE_ADDR, target);
    return on(at);
  }

  /**
   * Prepares a timeout, which completes with {@code ETIME} after the time, or with 0 after some
   * completions of others.
   *
   * @param nanos the time, at least 0
   * @param completions after how many completions it ends early; 0 for never
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code nanos} is negative
   * @throws IllegalStateException if closed
   */
  public boolean prepareTimeout(long nanos, int completions, long data) {
    if (nanos < 0) {
      throw new IllegalArgumentException("nanos=" + nanos + " is negative");
    }
    long at = entry(IORING_OP_TIMEOUT, data);
    if (at < 0) {
      return false;
    }
    // The kernel copies it when it takes the entry; until then the entry's own place is not reused.
    long time = (long) (tail & sqMask) * TIMESPEC;
    setTime(time, nanos);
    sqes.set(U64, at + SQE_ADDR, scratch.address() + time);
    sqes.set(U32, at + SQE_LEN, 1);
    sqes.set(U64, at + SQE_OFF, Integer.toUnsignedLong(completions));
    return on(at);
  }

  private void setTime(long at, long nanos) {
    scratch.set(U64, at, nanos / 1_000_000_000);
    scratch.set(U64, at + 8, nanos % 1_000_000_000);
  }

  /**
   * Prepares closing a registered file. (An {@link OwnedFd} is closed by its owner alone.)
   *
   * @param slot the file's place among the registered ones, which becomes empty
   * @param data what its completion carries
   * @return false if the ring is full
   * @throws IllegalArgumentException if {@code slot} is negative
   * @throws IllegalStateException if closed
   */
  public boolean prepareClose(int slot, long data) {
    if (slot < 0) {
      throw new IllegalArgumentException("slot=" + slot + " is negative");
    }
    long at = entry(IORING_OP_CLOSE, data);
    if (at < 0) {
      return false;
    }
    sqes.set(U32, at + SQE_FILE_INDEX, slot + 1);
    tail++;
    return true;
  }

  /**
   * Adds flags to the operation prepared last.
   *
   * @param iosqe {@code IOSQE_} bits, or-ed
   * @throws IllegalArgumentException if {@code iosqe} has other bits
   * @throws IllegalStateException if none is prepared, or if closed
   */
  public void addFlags(int iosqe) {
    int allowed = IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_ASYNC;
    if ((iosqe & ~allowed) != 0) {
      throw new IllegalArgumentException("iosqe=0x" + Integer.toHexString(iosqe) + " is unknown");
    }
    if (tail == (int) INDEX.getAcquire(ring, sqTail)) {
      throw new IllegalStateException("no operation is prepared");
    }
    long at = (long) ((tail - 1) & sqMask) * SQE_SIZEOF + SQE_FLAGS;
    sqes.set(U8, at, (byte) (sqes.get(U8, at) | iosqe));
  }

  // Submitting and waiting.

  /**
   * Gives what is prepared to the kernel.
   *
   * @return how many operations it took. Fewer than prepared if it has no memory for them, or keeps
   *     too many completions that nobody fetched: fetch some and submit again. With {@link
   *     Builder#kernelPolling} all prepared ones, which the kernel then takes by itself.
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public int submit() throws SystemCallException {
    return enter(0, -1);
  }

  /**
   * Gives what is prepared to the kernel and waits for completions.
   *
   * @param completions how many must be ready; a signal may end the wait before
   * @return how many operations the kernel took, as {@link #submit}
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public int submitAndWait(int completions) throws SystemCallException {
    return enter(completions, -1);
  }

  /**
   * Gives what is prepared to the kernel and waits for completions, for some time.
   *
   * @param completions how many must be ready; a signal may end the wait before
   * @param timeoutNanos how long to wait at most, at least 0
   * @return how many operations the kernel took, as {@link #submit}
   * @throws IllegalArgumentException if {@code timeoutNanos} is negative
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public int submitAndWait(int completions, long timeoutNanos) throws SystemCallException {
    if (timeoutNanos < 0) {
      throw new IllegalArgumentException("timeoutNanos=" + timeoutNanos + " is negative");
    }
    return enter(completions, timeoutNanos);
  }

  private int enter(int completions, long timeoutNanos) throws SystemCallException {
    checkOpen();
    INDEX.setRelease(ring, sqTail, tail);
    int head = (int) INDEX.getAcquire(ring, sqHead);
    int submit = tail - head;
    int enter = completions > 0 || polled ? IORING_ENTER_GETEVENTS : 0;
    if (kernelPolls) {
      // The tail must be seen before the flag is read, or both sides go to sleep.
      VarHandle.fullFence();
      if (((int) INDEX.getAcquire(ring, sqFlags) & IORING_SQ_NEED_WAKEUP) != 0) {
        enter |= IORING_ENTER_SQ_WAKEUP;
      }
      if (enter == 0) {
        return submit;
      }
    } else if (submit == 0 && enter == 0) {
      return 0;
    }
    int n = enter(submit, completions, enter, timeoutNanos);
    releaseUpTo((int) INDEX.getAcquire(ring, sqHead));
    if (kernelPolls && n >= 0) {
      return submit;
    }
    if (n >= 0) {
      return n;
    }
    return switch (-n) {
      // Nothing was taken, or the wait ended: what the caller sees in prepared() and next().
      case Errno.EINTR, Errno.EAGAIN, Errno.EBUSY, ETIME ->
          Math.max(0, (int) INDEX.getAcquire(ring, sqHead) - head);
      default ->
          throw new SystemCallException(
              "io_uring_enter(submit=" + submit + ", complete=" + completions + ")", -n);
    };
  }

  private static final int ETIME = 62;

  private int enter(int submit, int completions, int enterFlags, long timeoutNanos) {
    long arg = 0;
    long size = 0;
    int all = enterFlags;
    if (timeoutNanos >= 0) {
      setTime((long) entries * TIMESPEC, timeoutNanos);
      arg = scratch.address() + argument();
      size = GETEVENTS_ARG_SIZEOF;
      all |= IORING_ENTER_EXT_ARG;
    }
    try {
      return Libc.intResult(
          (int) Libc.call(errno, Libc.SYSCALL, ENTER, number, submit, completions, all, arg, size),
          errno);
    } finally {
      Reference.reachabilityFence(scratch);
    }
  }

  /**
   * Fetches the next completion. The operation it belongs to is over, unless {@link #hasMore}.
   *
   * @return whether there was one; if so the getters tell about it until the next call
   * @throws IllegalStateException if closed
   */
  public boolean next() {
    int head = (int) INDEX.get(ring, cqHead);
    if (head == (int) INDEX.getAcquire(ring, cqTail)) {
      boolean kept = ((int) INDEX.getAcquire(ring, sqFlags) & IORING_SQ_CQ_OVERFLOW) != 0;
      if (!kept && !(polled && inFlight() > 0)) {
        return false;
      }
      // Completions that found no room, or that only looking for makes: an error shows next time.
      var _ = enter(0, 0, IORING_ENTER_GETEVENTS, -1);
      if (head == (int) INDEX.getAcquire(ring, cqTail)) {
        return false;
      }
    }
    long at = cqes + (long) (head & cqMask) * CQE_SIZEOF;
    userData = ring.get(U64, at + CQE_USER_DATA);
    result = ring.get(U32, at + CQE_RES);
    flags = ring.get(U32, at + CQE_FLAGS);
    INDEX.setRelease(ring, cqHead, head + 1);
    if ((flags & IORING_CQE_F_MORE) == 0) {
      over++;
    }
    return true;
  }

  /** {@return the data that the operation of the completion fetched last was prepared with} */
  public long userData() {
    return userData;
  }

  /** {@return the result of the completion fetched last: the call's, or {@code -errno}} */
  public int result() {
    return result;
  }

  /** {@return the {@code IORING_CQE_F_} bits of the completion fetched last} */
  public int flags() {
    return flags;
  }

  /** {@return whether the operation of the completion fetched last goes on and completes again} */
  public boolean hasMore() {
    return (flags & IORING_CQE_F_MORE) != 0;
  }

  // Registering.

  /**
   * Registers files, so that operations name them by their places and the kernel need not look them
   * up. It keeps them open until they are unregistered.
   *
   * @param files the files, by place
   * @throws IllegalStateException if one of them or this is closed
   * @throws SystemCallException {@code EBUSY} if there are registered files already
   */
  public void registerFiles(OwnedFd... files) throws SystemCallException {
    int acquired = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(U32, Math.max(1, files.length));
      for (OwnedFd file : files) {
        numbers.setAtIndex(U32, acquired, file.acquire());
        acquired++;
      }
      register(
          IORING_REGISTER_FILES,
          numbers.address(),
          files.length,
          "IORING_REGISTER_FILES, " + files.length);
    } finally {
      for (int i = 0; i < acquired; i++) {
        files[i].release();
      }
    }
  }

  /**
   * Puts another file in the place of a registered one.
   *
   * @param slot the place
   * @param file the file
   * @throws IllegalStateException if {@code file} or this is closed
   * @throws SystemCallException {@code EINVAL} if there is no such place, {@code ENXIO} if no files
   *     are registered
   */
  public void updateFile(int slot, OwnedFd file) throws SystemCallException {
    int replacement = file.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment fds = arena.allocateFrom(U32, replacement);
      MemorySegment update = arena.allocate(FILES_UPDATE_SIZEOF, 8);
      update.set(U32, 0, slot);
      update.set(U64, FILES_UPDATE_FDS, fds.address());
      register(
          IORING_REGISTER_FILES_UPDATE,
          update.address(),
          1,
          "IORING_REGISTER_FILES_UPDATE, slot " + slot);
    } finally {
      file.release();
    }
  }

  /**
   * Unregisters all files, when the operations that use them are over.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ENXIO} if none are registered
   */
  public void unregisterFiles() throws SystemCallException {
    register(IORING_UNREGISTER_FILES, 0, 0, "IORING_UNREGISTER_FILES");
  }

  /**
   * Registers buffers: the kernel pins their pages, so that operations need not.
   *
   * @param buffers the buffers, by place; they must stay mapped until unregistered
   * @throws IllegalArgumentException if a buffer is read-only
   * @throws IllegalStateException if a buffer was freed, or if this is closed
   * @throws SystemCallException {@code ENOMEM} if more may not be locked, {@code EBUSY} if there
   *     are registered buffers already, {@code EFAULT} for an empty or unmapped one
   */
  public void registerBuffers(IoVector buffers) throws SystemCallException {
    buffers.checkPassable(true);
    try {
      register(
          IORING_REGISTER_BUFFERS,
          buffers.address(),
          buffers.count(),
          "IORING_REGISTER_BUFFERS, " + buffers);
    } finally {
      Reference.reachabilityFence(buffers);
    }
  }

  /**
   * Unregisters all buffers; the kernel lets go of each when the operations that use it are over.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ENXIO} if none are registered
   */
  public void unregisterBuffers() throws SystemCallException {
    register(IORING_UNREGISTER_BUFFERS, 0, 0, "IORING_UNREGISTER_BUFFERS");
  }

  /**
   * Has an event signalled for every completion.
   *
   * @param event the event
   * @throws IllegalStateException if {@code event} or this is closed
   * @throws SystemCallException {@code EBUSY} if there is one already
   */
  public void registerEventFd(EventFd event) throws SystemCallException {
    int target = event.fd().acquire();
    try (Arena arena = Arena.ofConfined()) {
      register(
          IORING_REGISTER_EVENTFD,
          arena.allocateFrom(U32, target).address(),
          1,
          "IORING_REGISTER_EVENTFD, " + event);
    } finally {
      event.fd().release();
    }
  }

  /**
   * Ends {@link #registerEventFd}.
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ENXIO} if there is none
   */
  public void unregisterEventFd() throws SystemCallException {
    register(IORING_UNREGISTER_EVENTFD, 0, 0, "IORING_UNREGISTER_EVENTFD");
  }

  private void register(int opcode, long argument, int count, String text)
      throws SystemCallException {
    checkOpen();
    int n = Libc.syscall(REGISTER, number, opcode, argument, count, 0, 0);
    if (n < 0) {
      throw new SystemCallException("io_uring_register(" + text + ")", -n);
    }
  }

  private void checkOpen() {
    if (!open) {
      throw new IllegalStateException("io_uring is closed");
    }
  }

  // Closing.

  private int cancelAll() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cancel = arena.allocate(SYNC_CANCEL_SIZEOF, 8);
      cancel.set(U32, SYNC_CANCEL_FD, -1);
      cancel.set(U32, SYNC_CANCEL_FLAGS, IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
      return Libc.syscall(REGISTER, number, IORING_REGISTER_SYNC_CANCEL, cancel.address(), 1, 0, 0);
    }
  }

  /**
   * Drops what is prepared, cancels what is in flight, waits until the kernel is done with all of
   * it, and closes the ring. Completions not fetched are lost. Closing twice is safe.
   *
   * @throws IllegalStateException if the kernel does not say so again and again: the ring is
   *     closed, but leases of what was in flight must not end, as it may still be written to
   */
  @Override
  public void close() {
    if (!open) {
      return;
    }
    int left = settle();
    open = false;
    releaseUpTo(tail);
    fd.release();
    fd.close();
    sqeMapping.close();
    ringMapping.close();
    if (left > 0) {
      throw new IllegalStateException("io_uring closed with " + left + " operations in flight");
    }
  }

  /** Brings {@link #inFlight} to 0 and returns it, or more than that if the kernel refuses. */
  private int settle() {
    int published = (int) INDEX.getAcquire(ring, sqTail);
    if (!kernelPolls) {
      // Nobody reads the ring but io_uring_enter: what was not taken never will be.
      INDEX.setRelease(ring, sqTail, (int) INDEX.getAcquire(ring, sqHead));
    }
    for (int i = 0; i < RETRIES; i++) {
      boolean taken = !kernelPolls || published == (int) INDEX.getAcquire(ring, sqHead);
      while (next()) {
        i = 0;
      }
      if (taken && inFlight() == 0) {
        return 0;
      }
      var _ = cancelAll();
      int wake = kernelPolls ? IORING_ENTER_SQ_WAKEUP : 0;
      if (enter(0, 1, IORING_ENTER_GETEVENTS | wake, 10_000_000) < 0) {
        // ETIME after the wait; anything else at once, so do not spin.
        LockSupport.parkNanos(100_000);
      }
    }
    return inFlight();
  }

  @Override
  public String toString() {
    return "io_uring of " + entries + " entries, " + fd;
  }
}
