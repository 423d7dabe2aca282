// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.Test;

class EventFdTest {
  @Test
  void countsSignalsAndForgetsThemWhenDrained() throws SystemCallException {
    try (EventFd event = EventFd.create("count")) {
      assertEquals(0, event.drain());
      event.signal();
      event.signal();
      event.signal();
      assertEquals(3, event.drain());
      assertEquals(0, event.drain());
    }
  }

  @Test
  void aFullCounterStaysFull() throws SystemCallException {
    try (EventFd event = EventFd.create("full");
        Arena arena = Arena.ofConfined()) {
      MemorySegment most = arena.allocateFrom(ValueLayout.JAVA_LONG, -2L);
      assertEquals(8, event.fd().write(most));
      event.signal();
      assertEquals(-2L, event.drain());
    }
  }

  @Test
  void noSignalOfSeveralThreadsIsLost() throws Exception {
    try (EventFd event = EventFd.create("threads")) {
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  for (int i = 0; i < 10_000; i++) {
                    event.signal();
                  }
                }));
      }
      long seen = 0;
      for (Thread thread : threads) {
        seen += event.drain();
        thread.join();
      }
      assertEquals(40_000, seen + event.drain());
    }
  }

  @Test
  void closedEventRefuses() throws SystemCallException {
    EventFd event = EventFd.create("gone");
    assertEquals("eventfd fd " + event.fd().number() + " (gone)", event.toString());
    event.close();
    event.close();
    assertEquals(
        "file descriptor is closed: gone",
        assertThrows(IllegalStateException.class, event::signal).getMessage());
    assertThrows(IllegalStateException.class, event::drain);
  }

  @Test
  void signalAndDrainAllocateNothing() throws Exception {
    try (EventFd event = EventFd.create("hot")) {
      long bytes =
          Allocation.bytes(
              200_000,
              i -> {
                event.signal();
                assertTrue(event.drain() == 1);
              });
      assertTrue(bytes < 10_000, bytes + " bytes for 200,000 rounds");
    }
  }

  @Test
  void isNonBlockingAndClosedOnExec() throws Exception {
    try (EventFd event = EventFd.create("flags")) {
      String info =
          java.nio.file.Files.readString(
              java.nio.file.Path.of("/proc/self/fdinfo/" + event.fd().number()));
      int flags = Integer.parseInt(info.replaceFirst("(?s).*flags:\\s*(\\d+).*", "$1"), 8);
      assertEquals(linux_h.O_NONBLOCK(), flags & linux_h.O_NONBLOCK());
      assertEquals(linux_h.O_CLOEXEC(), flags & linux_h.O_CLOEXEC());
    }
  }
}
