// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Comparator;
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
      @ForAll @Size(max = 60) List<@IntRange(max = 6 * FDS - 1) Integer> steps) throws Exception {
    try (EventLoop loop = EventLoop.create("model")) {
      loop.start();
      EventFd[] fds = new EventFd[FDS];
      Registration[] registrations = new Registration[FDS];
      int[] generation = new int[FDS];
      boolean[] signalled = new boolean[FDS];
      boolean[] muted = new boolean[FDS];
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
                muted[i] = false;
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
                if (registrations[i] == null || muted[i]) {
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
            case 4 -> { // not interested, or again so
              Registration r = registrations[i];
              if (r != null && muted[i]) {
                r.addInterest(Epoll.EPOLLIN);
                muted[i] = false;
                if (signalled[i]) {
                  expected.merge(r.name(), 1, Integer::sum);
                  signalled[i] = false;
                }
              } else if (r != null) {
                r.removeInterest(Epoll.EPOLLIN);
                muted[i] = true;
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

  /** What a timer was told last. */
  private record Armed(int timer, long offset, int sequence) {}

  /**
   * Steps of three numbers: which timer; 0 to 3 arm it, 4 cancels, 5 closes and replaces it; and
   * when. All happen in one task, so that no timer expires before the last step.
   */
  @Property(tries = 300)
  void timersExpireInTheOrderOfAModel(
      @ForAll @Size(max = 80) List<@IntRange(max = 8 * 6 * 5 - 1) Integer> steps) throws Exception {
    try (EventLoop loop = EventLoop.create("model")) {
      loop.start();
      List<Integer> seen = new ArrayList<>();
      TreeMap<Integer, Armed> model = new TreeMap<>();
      loop.call(() -> {
        LoopTimer[] timers = new LoopTimer[8];
        for (int i = 0; i < timers.length; i++) {
          int number = i;
          timers[i] = loop.timer("t" + i, n -> seen.add(number));
        }
        long base = System.nanoTime();
        int sequence = 0;
        for (int step : steps) {
          int i = step % 8;
          int action = step / 8 % 6;
          long offset = step / 48 * 1000L; // few times, so that many are the same
          assertEquals(model.containsKey(i), timers[i].isArmed());
          if (action < 4) {
            timers[i].armAt(base + offset);
            model.put(i, new Armed(i, offset, sequence++));
          } else if (action == 4) {
            assertEquals(model.remove(i) != null, timers[i].cancel());
          } else {
            timers[i].close();
            timers[i] = loop.timer("t" + i, n -> seen.add(i));
            model.remove(i);
          }
        }
        while (System.nanoTime() - base <= 5000) {
          Thread.onSpinWait();
        }
        return 0;
      });
      while (loop.call(seen::size) < model.size()) {
        Thread.onSpinWait();
      }
      loop.call(() -> 0);
      List<Integer> expected =
          model.values().stream()
              .sorted(Comparator.comparingLong(Armed::offset).thenComparingInt(Armed::sequence))
              .map(Armed::timer)
              .toList();
      assertEquals(expected, loop.call(() -> List.copyOf(seen)));
      assertEquals(0, loop.failures());
    }
  }
}
