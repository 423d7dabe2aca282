// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Eight threads use, close and replace the same few descriptors and mappings. Each error must be a
 * clean one, and nobody may reach what another opened under a number or address that became free.
 */
@Timeout(300)
class CloseStressTest {
  private static final long SECONDS = Boolean.getBoolean("vmm.long") ? 60 : 2;
  private static final int SLOTS = 4;

  private static final AtomicInteger NAMES = new AtomicInteger();

  /** A file whose bytes are all its own number, and its mapping. */
  private record Thing(int number, MemFd file, Mapping mapping) implements AutoCloseable {
    static Thing create() throws IOException {
      int number = NAMES.incrementAndGet();
      MemFd file = MemFd.create("thing", 4096);
      Mapping mapping = file.mapping(0, 4096).build();
      mapping.segment().fill((byte) number);
      return new Thing(number, file, mapping);
    }

    @Override
    public void close() {
      file.close();
      mapping.close();
    }
  }

  @Test
  void useAndCloseMeetOnEightThreads() throws Exception {
    long before = Descriptors.open("/memfd:thing (deleted)");
    AtomicReferenceArray<Thing> slots = new AtomicReferenceArray<>(SLOTS);
    for (int i = 0; i < SLOTS; i++) {
      slots.set(i, Thing.create());
    }
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    AtomicLong used = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    long end = System.nanoTime() + SECONDS * 1_000_000_000;
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 8; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try (Arena arena = Arena.ofConfined()) {
                  MemorySegment buffer = arena.allocate(64);
                  while (System.nanoTime() < end && failure.get() == null) {
                    step(slots, buffer, used, refused);
                  }
                } catch (Throwable e) {
                  failure.set(e);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    Throwable failed = failure.get();
    if (failed != null) {
      throw new AssertionError(failed);
    }
    for (int i = 0; i < SLOTS; i++) {
      slots.get(i).close();
    }
    assertTrue(used.get() > 0 && refused.get() > 0, used + " used, " + refused + " refused");
    assertEquals(before, Descriptors.open("/memfd:thing (deleted)"));
  }

  private static void step(
      AtomicReferenceArray<Thing> slots, MemorySegment buffer, AtomicLong used, AtomicLong refused)
      throws IOException {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    int slot = random.nextInt(SLOTS);
    Thing thing = slots.get(slot);
    int kind = random.nextInt(10);
    if (kind == 0) {
      Thing fresh = Thing.create();
      Thing old = slots.getAndSet(slot, fresh);
      old.close();
      old.close();
      return;
    }
    // Most use what is in its slot; some hold on to it a little, to meet the close.
    if (kind < 3) {
      LockSupport.parkNanos(1000);
    }
    try {
      if (kind < 6) {
        long n = thing.file().fd().pread(buffer, random.nextInt(4000));
        if (n != 64 || buffer.get(ValueLayout.JAVA_BYTE, 63) != (byte) thing.number()) {
          throw new AssertionError("read " + n + " bytes of a stranger");
        }
      } else if (kind < 8) {
        thing.mapping().advise(Advice.POPULATE_WRITE);
        if (thing.mapping().segment().get(ValueLayout.JAVA_BYTE, 9) != (byte) thing.number()) {
          throw new AssertionError("memory of a stranger");
        }
      } else {
        try (OwnedFd copy = thing.file().fd().duplicate()) {
          if (FileStatus.of(copy).size() != 4096) {
            throw new AssertionError("a stranger's file");
          }
        }
      }
      used.incrementAndGet();
    } catch (IllegalStateException e) {
      String message = String.valueOf(e.getMessage());
      if (!message.contains("losed")) {
        throw e;
      }
      refused.incrementAndGet();
    }
  }
}
