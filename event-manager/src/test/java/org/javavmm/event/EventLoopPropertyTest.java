// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;

/** Random adding, removing, closing and reuse against a model that knows only names. */
class EventLoopPropertyTest {
  static final int FDS = 6;

  @Property(tries = 150)
  void everySignalReachesExactlyTheHandlerOfThatTime(
      @ForAll @Size(max = 60) List<@IntRange(max = 5 * FDS - 1) Integer> steps) throws Exception {
    try (EventLoop loop = EventLoop.create("model")) {
      loop.start();
      EventFd[] fds = new EventFd[FDS];
      Registration[] registrations = new Registration[FDS];
      int[] generation = new int[FDS];
      boolean[] signalled = new boolean[FDS];
      TreeMap<String, Integer> seen = new TreeMap<>();
      TreeMap<String, Integer> expected = new TreeMap<>();
      List<EventFd> opened = new ArrayList<>();
      for (int step : steps) {
        int i = step % FDS;
        // One step on the loop's thread, so that no event falls into the middle of it.
        loop.call(() -> {
          switch (step / FDS) {
            case 0 -> { // a new descriptor, often with a number used before
              if (fds[i] == null) {
                EventFd fd = EventFd.create("fd " + i);
                fds[i] = fd;
                opened.add(fd);
                signalled[i] = false;
              }
            }
            case 1 -> { // registered under a name of its own
              EventFd fd = fds[i];
              if (fd != null && registrations[i] == null) {
                String name = i + "." + generation[i]++;
                registrations[i] =
                    loop.register(
                        name,
                        fd.fd(),
                        Epoll.EPOLLIN,
                        events -> {
                          var _ = fd.drain();
                          seen.merge(name, 1, Integer::sum);
                        });
                if (signalled[i]) {
                  expected.merge(name, 1, Integer::sum);
                  signalled[i] = false;
                }
              }
            }
            case 2 -> { // signalled: now, or later to the one who registers
              EventFd fd = fds[i];
              if (fd != null) {
                fd.signal();
                if (registrations[i] == null) {
                  signalled[i] = true;
                } else {
                  expected.merge(registrations[i].name(), 1, Integer::sum);
                }
              }
            }
            case 3 -> {
              if (registrations[i] != null) {
                registrations[i].close();
                registrations[i] = null;
              }
            }
            default -> { // closed, in the wrong order if it is registered
              if (fds[i] != null) {
                fds[i].close();
                fds[i] = null;
                if (registrations[i] != null) {
                  registrations[i].close();
                  registrations[i] = null;
                }
              }
            }
          }
          return step;
        });
        // The events of the step are handled before the next one.
        loop.call(() -> step);
        loop.call(() -> step);
      }
      assertEquals(expected, loop.call(() -> new TreeMap<>(seen)));
      assertEquals(0, loop.failures());
      opened.forEach(EventFd::close);
    }
  }
}
