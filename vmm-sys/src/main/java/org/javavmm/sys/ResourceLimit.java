// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A limit of this process: the soft one holds, and may be raised up to the hard one.
 *
 * @param soft the limit that holds; {@link #UNLIMITED} for none
 * @param hard what the soft limit may be raised to; {@link #UNLIMITED} for any
 */
public record ResourceLimit(long soft, long hard) {
  /** No limit. As all limits it is unsigned: larger than any other. */
  public static final long UNLIMITED = -1;

  /** What is limited; see {@code getrlimit(2)}. */
  public enum Resource {
    /** Processor time, in seconds. */
    CPU(0),
    /** The size of a file that is written, in bytes. */
    FSIZE(1),
    /** The data segment, in bytes. */
    DATA(2),
    /** The stack of the main thread, in bytes. */
    STACK(3),
    /** A core dump, in bytes. */
    CORE(4),
    /** Processes and threads of the user. */
    NPROC(6),
    /** One more than the largest number of a descriptor. */
    NOFILE(7),
    /** Locked memory, in bytes; registered buffers of io_uring count. */
    MEMLOCK(8),
    /** The address space, in bytes. */
    AS(9),
    /** Queued signals of the user. */
    SIGPENDING(11),
    /** 20 less the lowest nice value. */
    NICE(13),
    /** The highest real-time priority. */
    RTPRIO(14),
    /** Processor time that a real-time thread takes without waiting, in microseconds. */
    RTTIME(15);

    private final int number;

    Resource(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }
  }

  private static final MemorySegment PRLIMIT = Libc.function("prlimit");

  /** {@code struct rlimit}: soft, hard, an unsigned long each. */
  private static final int SIZEOF = 16;

  private static final int RLIM_MAX = 8;

  /**
   * {@return the limit of a resource}
   *
   * @param resource what is limited
   * @throws SystemCallException if the kernel refuses
   */
  public static ResourceLimit get(Resource resource) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment old = arena.allocate(SIZEOF, 8);
      int result = Libc.callInt(PRLIMIT, 0, resource.number(), 0, old.address());
      if (result < 0) {
        throw new SystemCallException("prlimit(RLIMIT_" + resource + ")", -result);
      }
      return new ResourceLimit(
          old.get(ValueLayout.JAVA_LONG, 0), old.get(ValueLayout.JAVA_LONG, RLIM_MAX));
    }
  }

  /**
   * Makes this the limit of a resource.
   *
   * @param resource what is limited
   * @throws SystemCallException {@code EINVAL} if the soft limit is above the hard one, {@code
   *     EPERM} if the hard limit would rise and this process may not
   */
  public void applyTo(Resource resource) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment limit = arena.allocate(SIZEOF, 8);
      limit.set(ValueLayout.JAVA_LONG, 0, soft);
      limit.set(ValueLayout.JAVA_LONG, RLIM_MAX, hard);
      int result = Libc.callInt(PRLIMIT, 0, resource.number(), limit.address(), 0);
      if (result < 0) {
        throw new SystemCallException("prlimit(RLIMIT_" + resource + ", " + this + ")", -result);
      }
    }
  }

  @Override
  public String toString() {
    return "soft=" + text(soft) + ", hard=" + text(hard);
  }

  private static String text(long limit) {
    return limit == UNLIMITED ? "unlimited" : Long.toUnsignedString(limit);
  }
}
