// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.function.Executable;

/** Any memory against a model: arrays of bytes, with holes, compared byte by byte. */
class GuestMemoryPropertyTest {
  private static final int PAGE = 4096;

  /** Where a region may start, and how long it is then. Some are adjacent, one is at the top. */
  private static final long[][] SLOTS = {
    {0, 1},
    {1, 1},
    {2, 2},
    {5, 1},
    {0xc_0000, 1},
    {0x10_0000, 2},
    {0x10_0002, 1},
    {0xf_ffff_ffff_fffeL, 1},
    {0xf_ffff_ffff_ffffL, 1}
  };

  @Provide
  Arbitrary<Set<Integer>> layouts() {
    return Arbitraries.integers().between(0, SLOTS.length - 1).set().ofMinSize(1).ofMaxSize(5);
  }

  /** The memory as an array for each slot, empty for a hole. */
  private static final class Model {
    private final byte[][] bytes = new byte[SLOTS.length][0];
    private long end;

    Model(Set<Integer> slots) {
      for (int slot : slots) {
        bytes[slot] = new byte[(int) SLOTS[slot][1] * PAGE];
        long last = (SLOTS[slot][0] + SLOTS[slot][1]) * PAGE - 1;
        if (Long.compareUnsigned(last, end) > 0) {
          end = last;
        }
      }
    }

    int slot(long gpa) {
      for (int i = 0; i < SLOTS.length; i++) {
        long offset = gpa - SLOTS[i][0] * PAGE;
        if (bytes[i].length != 0 && offset >= 0 && offset < SLOTS[i][1] * PAGE) {
          return i;
        }
      }
      return -1;
    }

    byte get(long gpa) {
      int slot = slot(gpa);
      return bytes[slot][(int) (gpa - SLOTS[slot][0] * PAGE)];
    }

    void put(long gpa, byte value) {
      int slot = slot(gpa);
      bytes[slot][(int) (gpa - SLOTS[slot][0] * PAGE)] = value;
    }

    /** Why an access must fail, or null if it must not. */
    @Nullable Reason reason(long gpa, int length, boolean oneRegion) {
      if (length == 0) {
        return null;
      }
      boolean hole = false;
      boolean crosses = false;
      for (int i = 0; i < length; i++) {
        long at = gpa + i;
        if (Long.compareUnsigned(at, gpa) < 0) {
          return Reason.OVERFLOW;
        }
        hole |= slot(at) < 0;
        crosses |= slot(at) != slot(gpa);
      }
      if (Long.compareUnsigned(gpa + (length - 1), end) > 0) {
        return Reason.END_OF_MEMORY;
      }
      return hole ? Reason.HOLE : (crosses && oneRegion) ? Reason.REGION_BOUNDARY : null;
    }

    byte[] read(long gpa, int length) {
      byte[] read = new byte[length];
      for (int i = 0; i < length; i++) {
        read[i] = get(gpa + i);
      }
      return read;
    }

    void write(long gpa, byte[] source) {
      for (int i = 0; i < source.length; i++) {
        put(gpa + i, source[i]);
      }
    }
  }

  private static GuestMemory memory(Set<Integer> slots) throws Exception {
    GuestMemory.Builder builder = GuestMemory.builder();
    for (int slot : slots) {
      builder.anonymous("slot" + slot, SLOTS[slot][0] * PAGE, SLOTS[slot][1] * PAGE);
    }
    return builder.build();
  }

  /** An address near an edge of some slot, present or not. */
  private static long address(SplittableRandom random) {
    long[] slot = SLOTS[random.nextInt(SLOTS.length)];
    long edge = (slot[0] + (random.nextBoolean() ? 0 : slot[1])) * PAGE;
    return edge + random.nextInt(-20, 20);
  }

  private static long littleEndian(byte[] bytes) {
    long value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = (value << 8) | (bytes[i] & 0xff);
    }
    return value;
  }

  private static byte[] littleEndian(long value, int width) {
    byte[] bytes = new byte[width];
    for (int i = 0; i < width; i++) {
      bytes[i] = (byte) (value >>> (8 * i));
    }
    return bytes;
  }

  @Property(tries = 300)
  void agreesWithTheModel(@ForAll("layouts") Set<Integer> slots, @ForAll long seed)
      throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    Model model = new Model(slots);
    try (GuestMemory memory = memory(slots)) {
      for (int i = 0; i < 200; i++) {
        step(memory, model, random);
      }
      for (int slot : slots) {
        byte[] all = new byte[(int) SLOTS[slot][1] * PAGE];
        memory.read(SLOTS[slot][0] * PAGE, all);
        assertArrayEquals(model.bytes[slot], all);
      }
    }
  }

  private static void step(GuestMemory memory, Model model, SplittableRandom random) {
    long gpa = address(random);
    int width = 1 << random.nextInt(4);
    int length = random.nextInt(10) == 0 ? random.nextInt(3 * PAGE) : random.nextInt(40);
    long value = random.nextLong();
    switch (random.nextInt(12)) {
      case 0 -> {
        if (expect(model, gpa, width, true, () -> get(memory, gpa, width))) {
          assertEquals(littleEndian(model.read(gpa, width)), get(memory, gpa, width));
        }
      }
      case 1 -> {
        if (expect(model, gpa, width, true, () -> put(memory, gpa, width, value))) {
          put(memory, gpa, width, value);
          model.write(gpa, littleEndian(value, width));
        }
      }
      case 2 -> {
        byte[] target = new byte[length];
        Arrays.fill(target, (byte) value);
        byte[] before = target.clone();
        if (expect(model, gpa, length, false, () -> memory.read(gpa, target))) {
          memory.read(gpa, target);
          assertArrayEquals(model.read(gpa, length), target);
        } else {
          assertArrayEquals(before, target);
        }
      }
      case 3 -> {
        byte[] source = new byte[length];
        for (int i = 0; i < length; i++) {
          source[i] = (byte) random.nextInt();
        }
        if (expect(model, gpa, length, false, () -> memory.write(gpa, source))) {
          memory.write(gpa, source);
          model.write(gpa, source);
        }
      }
      case 4 -> {
        if (expect(model, gpa, length, false, () -> memory.fill(gpa, length, (byte) value))) {
          memory.fill(gpa, length, (byte) value);
          byte[] filled = new byte[length];
          Arrays.fill(filled, (byte) value);
          model.write(gpa, filled);
        }
      }
      case 5 -> {
        if (expect(model, gpa, length, true, () -> memory.slice(gpa, length))) {
          assertArrayEquals(
              model.read(gpa, length), memory.slice(gpa, length).toArray(ValueLayout.JAVA_BYTE));
        }
      }
      case 6 ->
          assertEquals(model.reason(gpa, length, false) == null, memory.contains(gpa, length));
      case 7 -> ordered(memory, model, gpa, (int) value);
      case 8 -> copy(memory, model, gpa, address(random), length);
      case 9 -> copy(memory, model, gpa, gpa + random.nextInt(-30, 30), length);
      case 10 -> {
        byte[] other = new byte[length];
        if (expect(
            model, gpa, length, false, () -> memory.mismatch(gpa, MemorySegment.ofArray(other)))) {
          byte[] there = model.read(gpa, length);
          assertEquals(
              Arrays.mismatch(other, there), memory.mismatch(gpa, MemorySegment.ofArray(other)));
          if (length > 0) {
            there[random.nextInt(length)] ^= 4;
            assertEquals(
                Arrays.mismatch(there, model.read(gpa, length)),
                memory.mismatch(gpa, MemorySegment.ofArray(there)));
          }
        }
      }
      case 11 -> {
        if (expect(model, gpa, length, true, () -> memory.view(gpa, length, Access.WRITE))
            && length >= width) {
          GuestView view = memory.view(gpa, length, Access.READ_WRITE);
          long at = random.nextInt(length - width + 1);
          view.write(at, MemorySegment.ofArray(littleEndian(value, width)));
          model.write(gpa + at, littleEndian(value, width));
        }
      }
      default -> throw new AssertionError();
    }
  }

  private static void copy(GuestMemory memory, Model model, long source, long target, int length) {
    if (expect(model, source, length, false, () -> memory.copy(source, target, length))
        && expect(model, target, length, false, () -> memory.copy(source, target, length))) {
      memory.copy(source, target, length);
      model.write(target, model.read(source, length));
    }
  }

  private static void ordered(GuestMemory memory, Model model, long gpa, int value) {
    if ((gpa & 3) != 0) {
      assertEquals(
          Reason.ALIGNMENT,
          assertThrows(GuestMemoryException.class, () -> memory.putIntRelease(gpa, value))
              .reason());
    } else if (expect(model, gpa, 4, true, () -> memory.putIntRelease(gpa, value))) {
      int before = (int) littleEndian(model.read(gpa, 4));
      assertEquals(before, memory.getIntAcquire(gpa));
      memory.putIntRelease(gpa, value);
      assertEquals(false, memory.compareAndSetInt(gpa, value + 1, 0));
      assertEquals(true, memory.compareAndSetInt(gpa, value, value ^ 0x55));
      assertEquals((short) (value ^ 0x55), memory.getShortAcquire(gpa));
      memory.putShortRelease(gpa + 2, (short) 0x1234);
      model.write(gpa, littleEndian(((value ^ 0x55) & 0xffff) | 0x1234_0000, 4));
    }
  }

  private static long get(GuestMemory memory, long gpa, int width) {
    return switch (width) {
      case 1 -> Byte.toUnsignedLong(memory.getByte(gpa));
      case 2 -> Short.toUnsignedLong(memory.getShort(gpa));
      case 4 -> Integer.toUnsignedLong(memory.getInt(gpa));
      default -> memory.getLong(gpa);
    };
  }

  private static void put(GuestMemory memory, long gpa, int width, long value) {
    switch (width) {
      case 1 -> memory.putByte(gpa, (byte) value);
      case 2 -> memory.putShort(gpa, (short) value);
      case 4 -> memory.putInt(gpa, (int) value);
      default -> memory.putLong(gpa, value);
    }
  }

  /** Whether the access is possible; if not, it must fail as the model says. */
  private static boolean expect(
      Model model, long gpa, int length, boolean oneRegion, Executable access) {
    Reason reason = model.reason(gpa, length, oneRegion);
    if (reason == null) {
      return true;
    }
    GuestMemoryException e = assertThrows(GuestMemoryException.class, access);
    assertEquals(reason, e.reason(), e.getMessage());
    assertEquals(gpa, e.address());
    assertEquals(length, e.length());
    return false;
  }
}
