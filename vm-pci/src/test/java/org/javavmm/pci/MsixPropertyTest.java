// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/**
 * Any sequence of triggers and of the guest's writes, against a model that knows for each vector
 * whether a message waits and how many were sent, and decides anew at each step who may send.
 */
class MsixPropertyTest {
  @Property(tries = 300)
  void agreesWithTheModel(@ForAll long seed) {
    new Model().run(seed);
  }

  private static final class Model {
    private static final int[] COUNTS = {1, 2, 3, 33, 64, 65, 130};
    private static final int[] SIZES = {4, 8, 4, 8, 4, 1, 2};

    private final FakeMsi host = new FakeMsi();
    private int count;
    private boolean enabled;
    private boolean functionMask;
    private boolean held = true;
    private byte[] table = new byte[0];
    private boolean[] pending = new boolean[0];
    private int[] sent = new int[0];

    void run(long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      count = COUNTS[random.nextInt(COUNTS.length)];
      Msix msix = new Msix("f", count, host);
      table = new byte[16 * count];
      pending = new boolean[count];
      sent = new int[count];
      for (int v = 0; v < count; v++) {
        table[16 * v + 12] = 1;
      }
      for (int i = 0; i < 400; i++) {
        step(msix, random);
        settle();
        compare(msix, random);
      }
      msix.close();
      assertEquals(
          0, host.vectors.stream().filter(v -> !v.closed).count(), "vectors that were not closed");
    }

    private void step(Msix msix, SplittableRandom random) {
      int v = random.nextInt(Math.min(count, 4)) * (count / Math.min(count, 4));
      switch (random.nextInt(10)) {
        case 0 -> {
          enabled = random.nextInt(4) != 0;
          functionMask = random.nextInt(3) == 0;
          msix.control(enabled, functionMask);
        }
        case 1 -> {
          held = random.nextInt(3) == 0;
          msix.hold(held);
        }
        case 2 -> {
          host.exhausted = random.nextInt(3) == 0;
          // The module asks again at a write only: write something.
          write(msix, 16 * v + 12, 4, 1);
          settle();
          write(msix, 16 * v + 12, 4, 0);
        }
        case 3, 4 -> {
          msix.trigger(v);
          if (enabled) {
            pending[v] = true;
          }
        }
        case 5 -> {
          msix.clearPending(v);
          pending[v] = false;
        }
        case 6, 7 -> write(msix, 16 * v + 12, 4, random.nextInt());
        default -> {
          int size = SIZES[random.nextInt(SIZES.length)];
          int offset =
              16 * v + (random.nextInt(8) == 0 ? random.nextInt(-9, 17) : 4 * random.nextInt(4));
          long value = random.nextInt(4) == 0 ? FakeMsi.REFUSED_ADDRESS : random.nextLong();
          write(msix, offset, size, value);
        }
      }
    }

    private void write(Msix msix, int offset, int size, long value) {
      msix.writeTable(offset, size, value);
      if ((size == 4 || size == 8)
          && offset >= 0
          && offset % size == 0
          && offset + size <= table.length) {
        for (int i = 0; i < size; i++) {
          int at = offset + i;
          int mask = at % 16 == 0 ? 0xfc : at % 16 == 12 ? 1 : at % 16 > 12 ? 0 : 0xff;
          table[at] = (byte) ((value >>> (8 * i)) & mask);
        }
      }
    }

    /** Whoever waits and may send does. */
    private void settle() {
      for (int v = 0; v < count; v++) {
        if (pending[v] && maySend(v) && !isRefused(v)) {
          pending[v] = false;
          sent[v]++;
        }
      }
    }

    private boolean maySend(int v) {
      return enabled && !functionMask && !held && table[16 * v + 12] == 0;
    }

    private long entry(int v, int offset, int size) {
      long value = 0;
      for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | (table[16 * v + offset + i] & 0xff);
      }
      return value;
    }

    private boolean isRefused(int v) {
      if (entry(v, 0, 8) == FakeMsi.REFUSED_ADDRESS) {
        return true;
      }
      return find(v) == null;
    }

    /** The host's vector there is last for a number. */
    private FakeMsi.@Nullable Vector find(int v) {
      FakeMsi.Vector found = null;
      for (FakeMsi.Vector vector : host.vectors) {
        if (vector.name.equals("f MSI-X " + v)) {
          found = vector;
        }
      }
      return found;
    }

    private void compare(Msix msix, SplittableRandom random) {
      assertEquals(enabled, msix.isEnabled());
      for (int v = 0; v < count; v++) {
        FakeMsi.Vector vector = find(v);
        assertEquals(sent[v], vector == null ? 0 : vector.sent, "sent by " + v);
        assertEquals(pending[v], msix.isPending(v), "pending " + v);
        if (maySend(v) && !isRefused(v) && vector != null) {
          assertEquals(entry(v, 0, 8), vector.address);
          assertEquals((int) entry(v, 8, 4), vector.data);
        }
      }
      int size = SIZES[random.nextInt(SIZES.length)];
      int offset = random.nextInt(-2, table.length / 4 + 2) * 4 + (random.nextInt(9) == 0 ? 1 : 0);
      long expected = size == 8 ? -1 : (1L << (8 * size)) - 1;
      if ((size == 4 || size == 8)
          && offset >= 0
          && offset % size == 0
          && offset + size <= table.length) {
        expected = entry(0, offset, size);
      }
      assertEquals(expected, msix.readTable(offset, size), "table " + offset + "/" + size);
      for (int at = 0; at < msix.pbaSize(); at += 8) {
        long bits = 0;
        for (int b = 0; b < 64 && at * 8 + b < count; b++) {
          bits |= pending[at * 8 + b] ? 1L << b : 0;
        }
        assertEquals(bits, msix.readPba(at, 8));
        assertEquals(bits >>> 32, msix.readPba(at + 4, 4));
        assertEquals(bits & 0xffff_ffffL, msix.readPba(at, 4));
      }
      assertEquals(0xff, msix.readPba(0, 1));
      assertEquals(-1, msix.readPba(4, 8));
      assertEquals(-1, msix.readPba(msix.pbaSize(), 8));
    }
  }
}
