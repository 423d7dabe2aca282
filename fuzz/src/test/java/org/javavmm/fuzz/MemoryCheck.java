// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.javavmm.memory.Access;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.memory.IommuView;
import org.javavmm.memory.RegionSpec;
import org.javavmm.memory.Translation;

/**
 * Runs a program of device accesses, any bytes at all, on guest memory and on a view of it behind
 * an IOMMU, beside a model that looks at one byte at a time.
 */
final class MemoryCheck implements AutoCloseable {
  private static final int PAGE = 4096;
  private static final int STEPS = 200;

  /** First page, pages, writable. Two adjacent ones, a hole, one more, and the last page of all. */
  private static final long[][] REGIONS = {{0, 2, 1}, {2, 2, 0}, {6, 1, 1}, {-1, 1, 1}};

  private record Entry(long gpaPage, Access access) {}

  private final GuestMemory memory;
  private final IommuView view;
  private final byte[][] model = new byte[REGIONS.length][];
  private final Map<Long, Entry> table = new HashMap<>();

  MemoryCheck() throws Exception {
    GuestMemory.Builder builder = GuestMemory.builder();
    for (int i = 0; i < REGIONS.length; i++) {
      long[] region = REGIONS[i];
      RegionSpec spec = RegionSpec.anonymous("r" + i, region[0] * PAGE, region[1] * PAGE);
      builder.region(region[2] == 1 ? spec.dirtyLog() : spec.readOnly());
    }
    memory = builder.build();
    view = new IommuView(memory, this::translate, 3);
  }

  @Override
  public void close() {
    memory.close();
  }

  private boolean translate(long iova, Access access, Translation found) {
    Entry entry = table.get(iova >> 12);
    if (entry == null) {
      return false;
    }
    found.set(iova & -PAGE, PAGE, entry.gpaPage * PAGE, entry.access);
    return true;
  }

  // ---- the model ---------------------------------------------------------------------------

  private int region(long gpa) {
    for (int i = 0; i < REGIONS.length; i++) {
      long offset = gpa - REGIONS[i][0] * PAGE;
      if (offset >= 0 && offset < REGIONS[i][1] * PAGE) {
        return i;
      }
    }
    return -1;
  }

  /** The place a byte of a space is at, if an access may touch it; else empty. */
  private long[] place(boolean translated, long address, Access access) {
    long gpa = address;
    if (translated) {
      Entry entry = table.get(address >> 12);
      if (entry == null || !entry.access.covers(access)) {
        return new long[0];
      }
      gpa = entry.gpaPage * PAGE + (address & (PAGE - 1));
    }
    int region = region(gpa);
    return region < 0 || (access.writes() && REGIONS[region][2] == 0)
        ? new long[0]
        : new long[] {region, gpa - REGIONS[region][0] * PAGE};
  }

  private boolean possible(
      boolean translated, long address, long length, Access access, boolean inARow) {
    if (length != 0 && Long.compareUnsigned(address + (length - 1), address) < 0) {
      return false;
    }
    long[] first = new long[0];
    for (long i = 0; i < length; i++) {
      long[] place = place(translated, address + i, access);
      if (place.length == 0) {
        return false;
      }
      if (i == 0) {
        first = place;
      } else if (inARow && (place[0] != first[0] || place[1] != first[1] + i)) {
        return false;
      }
    }
    return true;
  }

  private byte[] read(boolean translated, long address, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      long[] place = place(translated, address + i, Access.READ);
      bytes[i] = model[(int) place[0]][(int) place[1]];
    }
    return bytes;
  }

  private void write(boolean translated, long address, byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      long[] place = place(translated, address + i, Access.WRITE);
      model[(int) place[0]][(int) place[1]] = bytes[i];
    }
  }

  // ---- the program -------------------------------------------------------------------------

  /**
   * Runs a program from cleared memory.
   *
   * @throws AssertionError if memory and model differ
   */
  void check(byte[] program) {
    table.clear();
    view.invalidateAll();
    for (int i = 0; i < REGIONS.length; i++) {
      model[i] = new byte[(int) REGIONS[i][1] * PAGE];
      if (REGIONS[i][2] == 1) {
        memory.fill(REGIONS[i][0] * PAGE, REGIONS[i][1] * PAGE, (byte) 0);
      }
    }
    ByteBuffer in = ByteBuffer.wrap(program);
    for (int step = 0; step < STEPS && in.remaining() >= 8; step++) {
      step(in);
    }
    for (int i = 0; i < REGIONS.length; i++) {
      if (memory.mismatch(REGIONS[i][0] * PAGE, MemorySegment.ofArray(model[i])) >= 0) {
        throw new AssertionError("region " + i + " differs from the model");
      }
    }
  }

  /** Near the pages there are, at both ends of the address space, now and then anywhere. */
  private static long address(ByteBuffer in) {
    short where = in.getShort();
    return where == 0x7fff && in.remaining() >= 8 ? in.getLong() : where * 3L;
  }

  private void step(ByteBuffer in) {
    int code = in.get();
    boolean translated = (code & 0x80) != 0;
    AddressSpace space = translated ? view : memory;
    long address = address(in);
    int length = in.remaining() >= 2 ? in.getShort() & 0x1fff : 0;
    byte value = in.hasRemaining() ? in.get() : 1;
    switch (code & 7) {
      case 0 -> {
        long page = address >> 12;
        if ((value & 15) == 15) {
          table.remove(page);
        } else {
          Access access =
              switch (value & 3) {
                case 0 -> Access.READ;
                case 1 -> Access.WRITE;
                default -> Access.READ_WRITE;
              };
          table.put(page, new Entry(((value >> 2) & 15) - 2, access));
        }
        view.invalidate(page * PAGE, PAGE);
      }
      case 1 -> {
        byte[] target = new byte[length];
        Arrays.fill(target, value);
        byte[] before = target.clone();
        boolean done =
            run(
                possible(translated, address, length, Access.READ, false),
                () -> space.read(address, target));
        require(
            Arrays.equals(target, done ? read(translated, address, length) : before),
            "what was read");
      }
      case 2 -> {
        byte[] source = new byte[length];
        for (int i = 0; i < length; i++) {
          source[i] = (byte) (value + i);
        }
        if (run(
            possible(translated, address, length, Access.WRITE, false),
            () -> space.write(address, source))) {
          write(translated, address, source);
        }
      }
      case 3 -> {
        if (run(
            possible(translated, address, length, Access.WRITE, false),
            () -> space.fill(address, length, value))) {
          byte[] filled = new byte[length];
          Arrays.fill(filled, value);
          write(translated, address, filled);
        }
      }
      case 4 -> {
        int[] got = new int[1];
        if (run(
            possible(translated, address, 4, Access.READ, true),
            () -> got[0] = space.getInt(address))) {
          byte[] bytes = read(translated, address, 4);
          int expected = 0;
          for (int i = 3; i >= 0; i--) {
            expected = (expected << 8) | (bytes[i] & 0xff);
          }
          require(got[0] == expected, "getInt");
        }
      }
      case 5 -> {
        if (run(
            possible(translated, address, 8, Access.WRITE, true),
            () -> space.putLong(address, 0x0101_0101_0101_0101L * value))) {
          byte[] bytes = new byte[8];
          for (int i = 0; i < 8; i++) {
            bytes[i] = (byte) ((0x0101_0101_0101_0101L * value) >>> (8 * i));
          }
          write(translated, address, bytes);
        }
      }
      case 6 -> {
        // Two addresses behind an IOMMU may be one place, and then a copy is undefined.
        long target = address + (value << 4);
        if (!translated
            && run(
                possible(false, address, length, Access.READ, false)
                    && possible(false, target, length, Access.WRITE, false),
                () -> space.copy(address, target, length))) {
          write(false, target, read(false, address, length));
        }
      }
      default -> {
        Access access = (value & 1) == 0 ? Access.READ : Access.WRITE;
        try (GuestIoVector vector = new GuestIoVector(16)) {
          boolean done =
              run(
                  possible(translated, address, length, access, false),
                  () -> vector.add(space, address, length, access));
          require(vector.size() == (done ? length : 0), "the vector's size");
        }
      }
    }
  }

  /** Runs an access; whether it was done, which must be what the model says. */
  private static boolean run(boolean possible, Runnable access) {
    try {
      access.run();
    } catch (GuestMemoryException e) {
      require(!possible, "refused: " + e.getMessage());
      return false;
    }
    require(possible, "done, though it is not possible");
    return true;
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
