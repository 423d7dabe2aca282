// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The door to libc: every native call of java-vmm goes through {@link #call}.
 *
 * <p>All functions are called through one shape, seven longs in and one long out. Linking a shape
 * costs about 10 ms of start-up, and the C calling conventions of Linux (System V, AAPCS64) let a
 * function of fewer or narrower integer arguments be called with more and wider ones. What comes
 * back in the upper half of an {@code int} result is undefined, hence {@link #intResult}. A result
 * is {@code >= 0} or {@code -errno}.
 */
final class Libc {
  /** {@code errno} is the only captured state, an {@code int} at offset 0 (checked by a test). */
  static final MemoryLayout CAPTURE_LAYOUT = Linker.Option.captureStateLayout();

  /** Whether tests may make calls fail; a constant, so that it costs nothing when they may not. */
  static final boolean FAULTS = Boolean.getBoolean("org.javavmm.sys.faultInjection");

  /** Some numbers of the kernel differ between x86-64 and arm64. */
  static final boolean X86_64 = System.getProperty("os.arch").equals("amd64");

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  @SuppressWarnings("restricted")
  private static final MethodHandle SEVEN_LONGS =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG),
              Linker.Option.captureCallState("errno"));

  /**
   * The class of every buffer for {@code errno}. The linker takes a slice of the buffer. Only if
   * the compiler knows the buffer's class is it sure to do without an object for that slice,
   * whatever kinds of segments the rest of the process uses.
   */
  private static final Class<?> BUFFER = newCaptureBuffer().getClass();

  private static final SymbolLookup SYMBOLS = Linker.nativeLinker().defaultLookup();

  /** One per thread: errno is captured right after the call, before the JVM can change it. */
  private static final ThreadLocal<MemorySegment> ERRNO =
      ThreadLocal.withInitial(Libc::newCaptureBuffer);

  /** {@code syscall(2)}, for what glibc has no function for; the first argument is the number. */
  static final MemorySegment SYSCALL = function("syscall");

  private Libc() {}

  /** {@return a function of libc; keep it in a {@code static final} field} */
  static MemorySegment function(String name) {
    MemorySegment function = SYMBOLS.findOrThrow(name);
    if (FAULTS) {
      FaultInjection.nameFunction(function.address(), name);
    }
    return function;
  }

  /** {@return the number of a system call that is the same on both architectures} */
  static long syscallNumber(String name, long number) {
    return syscallNumber(name, number, number);
  }

  /** {@return the number of a system call; keep it in a {@code static final} field} */
  static long syscallNumber(String name, long x86, long arm) {
    long number = X86_64 ? x86 : arm;
    if (FAULTS) {
      FaultInjection.nameSyscall(name, x86, arm);
    }
    return number;
  }

  /**
   * {@return a text for the kernel}
   *
   * @throws IllegalArgumentException if it contains a zero, at which the kernel would cut it
   */
  static MemorySegment text(Arena arena, String text) {
    int zero = text.indexOf('\0');
    if (zero >= 0) {
      throw new IllegalArgumentException("text for a system call has a zero at index " + zero);
    }
    return arena.allocateFrom(text);
  }

  /** A buffer for {@code errno} that one thread may keep for its hot calls. */
  static MemorySegment newCaptureBuffer() {
    return Arena.ofAuto().allocate(CAPTURE_LAYOUT);
  }

  /**
   * Checks memory whose address is about to be given to the kernel. What the kernel is told is only
   * a number: on freed memory it would work on whatever is there now.
   *
   * @throws IllegalArgumentException if it is not native memory
   * @throws IllegalStateException if it was freed
   */
  static void checkPassable(MemorySegment memory) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory for a system call must be native memory");
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("memory for a system call was freed");
    }
  }

  /** Calls a function that returns {@code int}. */
  static int callInt(MemorySegment f, long a, long b, long c, long d, long e, long g) {
    MemorySegment errno = ERRNO.get();
    return intResult((int) call(errno, f, a, b, c, d, e, g, 0), errno);
  }

  static int callInt(MemorySegment f, long a, long b, long c, long d) {
    return callInt(f, a, b, c, d, 0, 0);
  }

  static int callInt(MemorySegment f, long a, long b, long c) {
    return callInt(f, a, b, c, 0, 0, 0);
  }

  static int callInt(MemorySegment f, long a, long b) {
    return callInt(f, a, b, 0, 0, 0, 0);
  }

  static int callInt(MemorySegment f, long a) {
    return callInt(f, a, 0, 0, 0, 0, 0);
  }

  /** Makes a system call that returns {@code int}. */
  static int syscall(long number, long a, long b, long c, long d, long e, long g) {
    MemorySegment errno = ERRNO.get();
    return intResult((int) call(errno, SYSCALL, number, a, b, c, d, e, g), errno);
  }

  /** Calls a function that returns {@code long}, {@code ssize_t} or a pointer. */
  static long callLong(MemorySegment f, long a, long b, long c, long d, long e, long g) {
    MemorySegment errno = ERRNO.get();
    long result = call(errno, f, a, b, c, d, e, g, 0);
    return result == -1 ? -errno.get(ValueLayout.JAVA_INT, 0) : result;
  }

  /**
   * The door.
   *
   * @param errno where {@code errno} goes; belongs to the calling thread
   * @return what the function left in the result register
   */
  static long call(
      MemorySegment errno,
      MemorySegment f,
      long a,
      long b,
      long c,
      long d,
      long e,
      long g,
      long h) {
    if (FAULTS && FaultInjection.isActive()) {
      return FaultInjection.call(errno, f, a, b, c, d, e, g, h);
    }
    return invoke(errno, f, a, b, c, d, e, g, h);
  }

  /** The call itself, past the injection of faults. */
  static long invoke(
      MemorySegment errno,
      MemorySegment f,
      long a,
      long b,
      long c,
      long d,
      long e,
      long g,
      long h) {
    try {
      if (errno.getClass() != BUFFER) {
        throw new AssertionError("a buffer for errno of " + errno.getClass());
      }
      return (long) SEVEN_LONGS.invokeExact(f, errno, a, b, c, d, e, g, h);
    } catch (Error | RuntimeException t) {
      throw t;
    } catch (Throwable t) {
      throw new AssertionError("a downcall threw a checked exception", t);
    }
  }

  static int intResult(int result, MemorySegment errno) {
    return result == -1 ? -errno.get(ValueLayout.JAVA_INT, 0) : result;
  }
}
