// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Any sequence of accesses against an array of bits. */
class ConfigurationSpacePropertyTest {
  @Property(tries = 200)
  void agreesWithBits(@ForAll long seed) {
    new Model().run(seed);
  }

  private static final class Model {
    private static final int[] SIZES = {1, 2, 4, 1, 2, 4, 8, 3, 0, -1, 5, 9};

    /** Bits, and what the guest may do to each: 0 nothing, 1 write, 2 clear. */
    private final boolean[] bits = new boolean[4096 * 8];

    private final int[] kinds = new int[4096 * 8];

    void run(long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      ConfigurationSpace space = new ConfigurationSpace();
      for (int i = 0; i < 60; i++) {
        define(space, random);
      }
      for (int i = 0; i < 1500; i++) {
        int size = SIZES[random.nextInt(SIZES.length)];
        int offset = random.nextInt(10) == 0 ? random.nextInt(-4, 4100) : random.nextInt(-1, 32);
        offset = random.nextInt(5) == 0 ? 4096 - offset : offset;
        switch (random.nextInt(3)) {
          case 0 -> assertEquals(read(offset, size), space.read(offset, size), offset + "/" + size);
          case 1 -> {
            long value = random.nextInt(3) == 0 ? -1 : random.nextLong();
            assertEquals(write(offset, size, value), space.write(offset, size, value));
          }
          default -> {
            if (isValid(offset, size)) {
              int value = random.nextInt();
              space.set(offset, size, value);
              for (int b = 0; b < 8 * size; b++) {
                bits[8 * offset + b] = (value >>> b & 1) != 0;
              }
            }
          }
        }
      }
      for (int offset = 0; offset < 4096; offset += 4) {
        assertEquals((int) read(offset, 4), space.get(offset, 4));
      }
    }

    private void define(ConfigurationSpace space, SplittableRandom random) {
      int size = 1 << random.nextInt(3);
      int offset = random.nextInt(32 / size) * size + (random.nextBoolean() ? 0 : 4064);
      int value = random.nextInt();
      int writable = random.nextInt();
      int cleared = random.nextInt() & ~writable;
      space.define(offset, size, value, writable, cleared);
      for (int b = 0; b < 8 * size; b++) {
        bits[8 * offset + b] = (value >>> b & 1) != 0;
        kinds[8 * offset + b] = (writable >>> b & 1) != 0 ? 1 : (cleared >>> b & 1) != 0 ? 2 : 0;
      }
    }

    private static boolean isValid(int offset, int size) {
      if (size != 1 && size != 2 && size != 4) {
        return false;
      }
      for (int i = 0; i < size; i++) {
        if (offset + i < 0 || offset + i > 4095 || (offset + i) / 4 != offset / 4) {
          return false;
        }
      }
      return true;
    }

    private long read(int offset, int size) {
      if (!isValid(offset, size)) {
        return size < 1 || size > 7 ? -1 : (1L << (8 * size)) - 1;
      }
      long value = 0;
      for (int b = 0; b < 8 * size; b++) {
        value |= bits[8 * offset + b] ? 1L << b : 0;
      }
      return value;
    }

    private boolean write(int offset, int size, long value) {
      if (!isValid(offset, size)) {
        return false;
      }
      for (int b = 0; b < 8 * size; b++) {
        boolean one = (value >>> b & 1) != 0;
        int bit = 8 * offset + b;
        if (kinds[bit] == 1) {
          bits[bit] = one;
        } else if (kinds[bit] == 2 && one) {
          bits[bit] = false;
        }
      }
      return true;
    }
  }
}
