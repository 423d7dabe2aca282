// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class KickSignalTest {
  private static final MemorySegment SIGACTION = Libc.function("sigaction");
  private static final MemorySegment SIGISMEMBER = Libc.function("sigismember");
  private static final int SIGNAL = 40;

  /** {@code struct sigaction} of glibc: 8 bytes handler, 128 bytes mask, int flags, restorer. */
  private static final long SA_MASK = 8;

  private static final long SA_FLAGS = 136;
  private static final long SIZEOF = 152;

  /** {@code <asm/signal.h>}: the kernel's own, which glibc always sets on x86-64. */
  private static final int SA_RESTORER = 0x0400_0000;

  @Test
  void tenThousandKicksEachEndABlockingRead() throws Exception {
    int kicks = 10_000;
    AtomicInteger id = new AtomicInteger();
    AtomicInteger seen = new AtomicInteger();
    AtomicReference<String> unexpected = new AtomicReference<>();
    try (Descriptors.Pipe pipe = Descriptors.pipe();
        Arena arena = Arena.ofShared()) {
      MemorySegment buffer = arena.allocate(1);
      Thread reader =
          Thread.ofPlatform()
              .start(() -> {
                id.set(KickSignal.currentThreadId());
                while (true) {
                  long n = pipe.reader().read(buffer);
                  if (n == -Errno.EINTR) {
                    seen.incrementAndGet();
                  } else {
                    if (n != 1) {
                      unexpected.set("read: " + n);
                    }
                    return;
                  }
                }
              });
      while (id.get() == 0 && reader.isAlive()) {
        LockSupport.parkNanos(10_000);
      }
      for (int i = 1; i <= kicks; i++) {
        if (i % 500 == 0) {
          System.gc();
        }
        int before = seen.get();
        // A kick between two reads ends none of them: repeat it until one is seen.
        do {
          assertEquals(0, KickSignal.send(id.get()));
          for (int spin = 0; spin < 100 && seen.get() == before; spin++) {
            LockSupport.parkNanos(10_000);
          }
        } while (seen.get() == before
            && reader.isAlive()
            && !Thread.currentThread().isInterrupted());
      }
      // Whatever happened, let the reader end.
      assertEquals(1, pipe.writer().write(arena.allocate(1)));
      reader.join();
    }
    assertEquals(null, unexpected.get());
    assertTrue(seen.get() >= kicks, "seen: " + seen);
  }

  @Test
  void aVirtualThreadIsRefused() throws Exception {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread.ofVirtual()
        .start(() -> {
          try {
            var _ = KickSignal.currentThreadId();
          } catch (Throwable t) {
            thrown.set(t);
          }
        })
        .join();
    assertEquals(
        "a virtual thread cannot be kicked; use a platform thread",
        assertInstanceOf(IllegalStateException.class, thrown.get()).getMessage());
  }

  @Test
  void anEndedThreadIsNoSuchProcess() throws Exception {
    AtomicInteger id = new AtomicInteger();
    Thread thread = Thread.ofPlatform().start(() -> id.set(KickSignal.currentThreadId()));
    thread.join();
    // join() returns before the kernel's thread is gone.
    while (Files.exists(Path.of("/proc/self/task/" + id.get()))) {
      Thread.onSpinWait();
    }
    assertEquals(-Errno.ESRCH, KickSignal.send(id.get()));
  }

  @Test
  void threadIdIsTheKernels() throws Exception {
    int id = KickSignal.currentThreadId();
    assertTrue(Files.exists(Path.of("/proc/self/task/" + id)));
    assertEquals(
        id,
        Integer.parseInt(Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName() + ""));
  }

  @Test
  void installedActionIsAHarmlessFunctionWithoutRestart() {
    var _ = KickSignal.currentThreadId();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(SIZEOF, 8);
      assertEquals(0, Libc.callInt(SIGACTION, SIGNAL, 0, action.address()));
      assertEquals(Libc.function("getpid").address(), action.get(ValueLayout.JAVA_LONG, 0));
      assertEquals(0, action.get(ValueLayout.JAVA_INT, SA_FLAGS) & ~SA_RESTORER);
      for (int signal = 1; signal <= 64; signal++) {
        if (signal != 32 && signal != 33) {
          assertEquals(0, Libc.callInt(SIGISMEMBER, action.address() + SA_MASK, signal));
        }
      }
    }
  }

  /** The offsets: what is written there, glibc and the kernel give back there and nowhere else. */
  @Test
  void offsetsOfStructSigaction() {
    int other = SIGNAL + 1;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(SIZEOF, 8);
      long handler = Libc.function("getpid").address();
      action.set(ValueLayout.JAVA_LONG, 0, handler);
      assertEquals(0, Libc.callInt(Libc.function("sigaddset"), action.address() + SA_MASK, 10));
      action.set(ValueLayout.JAVA_INT, SA_FLAGS, linux_h.SA_RESTART() | linux_h.SA_NODEFER());
      assertEquals(0, Libc.callInt(SIGACTION, other, action.address(), 0));
      MemorySegment back = arena.allocate(SIZEOF + 64, 8).fill((byte) 0x5a);
      assertEquals(0, Libc.callInt(SIGACTION, other, 0, back.address()));
      assertEquals(handler, back.get(ValueLayout.JAVA_LONG, 0));
      assertEquals(1L << 9, back.get(ValueLayout.JAVA_LONG, SA_MASK));
      assertEquals(
          linux_h.SA_RESTART() | linux_h.SA_NODEFER(),
          back.get(ValueLayout.JAVA_INT, SA_FLAGS) & ~SA_RESTORER);
      for (long i = SIZEOF; i < back.byteSize(); i++) {
        assertEquals(0x5a, back.get(ValueLayout.JAVA_BYTE, i), "written beyond the structure");
      }
      assertEquals(
          0, Libc.callInt(SIGACTION, other, arena.allocate(SIZEOF, 8).address(), 0), "restore");
    }
  }
}
