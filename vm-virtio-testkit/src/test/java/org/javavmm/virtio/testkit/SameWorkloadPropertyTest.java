// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;

/**
 * The same work over every kind of ring: the device sees the same, and the driver gets the same.
 */
class SameWorkloadPropertyTest {
  /** A request: what is asked, how much may be answered, how both are cut, and what is answered. */
  record Work(int number, List<Integer> readable, List<Integer> writable, int answer) {}

  /** How a queue is used. */
  record Way(long features, boolean indirect, boolean batched, boolean cut) {}

  private static final long BOTH = RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;

  private static final List<Way> WAYS =
      List.of(
          new Way(Fixture.VERSION_1, false, false, false),
          new Way(Fixture.VERSION_1 | BOTH, true, false, true),
          new Way(Fixture.VERSION_1 | RingFeatures.IN_ORDER, false, true, true),
          new Way(Fixture.VERSION_1 | RingFeatures.IN_ORDER | BOTH, true, true, false),
          new Way(Fixture.PACKED, false, false, true),
          new Way(Fixture.PACKED | BOTH, true, false, false),
          new Way(Fixture.PACKED | BOTH, false, true, false),
          new Way(Fixture.PACKED | RingFeatures.IN_ORDER, false, true, true),
          new Way(Fixture.PACKED | RingFeatures.IN_ORDER | BOTH, true, false, false));

  @Provide
  Arbitrary<List<Work>> works() {
    Arbitrary<List<Integer>> lengths = Arbitraries.integers().between(0, 40).list().ofMaxSize(3);
    return Combinators.combine(lengths, lengths, Arbitraries.integers().between(0, 40))
        .as((r, w, answer) -> new Work(0, r, w, answer))
        .list()
        .ofMinSize(1)
        .ofMaxSize(60);
  }

  @Property(tries = 60)
  @Clause({"SPLIT-01", "PACKED-01", "PACKED-08", "PACKED-D05", "PACKED-D08"})
  void everyRingGivesTheSame(@ForAll("works") List<Work> works, @ForAll long seed)
      throws Exception {
    List<Integer> sizes = List.of(8, 16);
    List<String> expected = List.of();
    for (Way way : WAYS) {
      for (int size : sizes) {
        List<String> got = run(works, way, size, seed);
        if (expected.isEmpty()) {
          expected = got;
        }
        assertEquals(expected, got, way.toString());
      }
    }
  }

  private static int sum(List<Integer> lengths) {
    return lengths.stream().mapToInt(Integer::intValue).sum();
  }

  /** What the device read and what the driver got, by request. */
  private static List<String> run(List<Work> works, Way way, int size, long seed) throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    String[] log = new String[works.size()];
    try (Fixture f = new Fixture(size, way.features)) {
      Deque<Integer> todo = new ArrayDeque<>();
      for (int i = 0; i < works.size(); i++) {
        todo.add(i);
      }
      Map<Integer, Integer> byId = new HashMap<>();
      List<Integer> offered = new ArrayList<>();
      int served = 0;
      List<Request> held = new ArrayList<>();
      List<Integer> heldNumbers = new ArrayList<>();
      int done = 0;
      while (done < works.size()) {
        // The driver offers what fits.
        boolean any = false;
        while (!todo.isEmpty() && random.nextInt(4) != 0) {
          int n = todo.getFirst();
          List<Buffer> buffers = buffers(f, works.get(n), n, way);
          if (!f.driver.fits(way.indirect ? 1 : buffers.size()) || buffers.size() > size) {
            break;
          }
          todo.removeFirst();
          int id =
              way.indirect
                  ? f.driver.offerIndirect(buffers, Fixture.TABLES + 256L * n)
                  : f.driver.offer(buffers);
          byId.put(id, n);
          offered.add(n);
          any = true;
        }
        if (any) {
          f.driver.expose();
        }
        if (random.nextBoolean()) {
          f.driver.wantNotifications();
        } else if ((way.features & RingFeatures.EVENT_IDX) != 0) {
          f.driver.wantNotificationAfter(1 + random.nextInt(size));
        } else {
          f.driver.refuseNotifications();
        }
        // The device takes some, and completes some in any order.
        while (random.nextInt(5) != 0 && f.queue.take() == Taken.REQUEST) {
          Request r = f.queue.request();
          int n = offered.get(served++);
          byte[] asked = new byte[(int) r.readable()];
          r.reader().read(asked, 0, asked.length);
          log[n] =
              "asked "
                  + new String(asked, ISO_8859_1)
                  + " of "
                  + r.readable()
                  + ", "
                  + r.writable();
          held.add(r);
          heldNumbers.add(n);
        }
        while (!held.isEmpty() && random.nextInt(4) != 0) {
          int i = random.nextInt(held.size());
          Request r = held.remove(i);
          int n = heldNumbers.get(i);
          heldNumbers.subList(i, i + 1).clear();
          int answer = Math.min(works.get(n).answer, (int) r.writable());
          byte[] bytes = new byte[answer];
          Arrays.fill(bytes, (byte) ('a' + n % 26));
          r.writer().write(bytes, 0, answer);
          assertTrue(way.batched ? f.queue.stage(r, answer) : f.queue.complete(r));
        }
        if (way.batched) {
          assertTrue(f.queue.publish());
        }
        List<Used> used = f.driver.collect();
        boolean notified = f.queue.needsNotification();
        boolean due = f.driver.isNotificationDue();
        assertEquals(due, notified, way + " " + used);
        for (Used u : used) {
          int n = Objects.requireNonNull(byId.get(u.id()));
          log[n] += ", answered " + u.written() + " " + answer(f, works.get(n), n);
          done++;
        }
      }
      assertEquals(0, f.driver.inFlight());
    }
    return List.of(log);
  }

  private static long data(int n) {
    return Fixture.DATA + 512L * n;
  }

  /** The request's bytes, one buffer a kind or cut as the work says; at least one of either. */
  private static List<Buffer> buffers(Fixture f, Work work, int n, Way way) {
    int asked = sum(work.readable);
    int room = sum(work.writable);
    for (int i = 0; i < asked; i++) {
      f.memory.putByte(data(n) + i, (byte) ('A' + (n + i) % 26));
    }
    f.memory.fill(data(n) + 256, 256, (byte) '.');
    List<Buffer> buffers = new ArrayList<>();
    long at = data(n);
    for (int length : way.cut ? work.readable : List.of(asked)) {
      buffers.add(Buffer.readable(at, length));
      at += length;
    }
    at = data(n) + 256;
    for (int length : way.cut ? work.writable : List.of(room)) {
      buffers.add(Buffer.writable(at, length));
      at += length;
    }
    return buffers.isEmpty() ? Collections.singletonList(Buffer.readable(0, 0)) : buffers;
  }

  private static String answer(Fixture f, Work work, int n) {
    byte[] bytes = new byte[sum(work.writable)];
    f.memory.read(data(n) + 256, bytes);
    return new String(bytes, ISO_8859_1);
  }
}
