// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.SystemCallException;

/** The memories and the addresses that all sides of the comparison use. */
final class Guest {
  /** The address of the first region. */
  static final long BASE = 0x10_0000;

  /** The size of a region, but for {@link #REGIONS}. */
  static final long REGION = 4 << 20;

  /** The bytes that small accesses walk through: they stay in the first-level cache. */
  static final long WINDOW = 16 << 10;

  /** How many regions a memory of many regions has. */
  static final int REGIONS = 256;

  /**
   * The operations of one invocation. JMH's own loop keeps what changes in memory, which costs as
   * much as a small access and hides it; so the benchmarks of small accesses have a loop inside,
   * which reads a stop flag after each operation: the compiler must take all that memory holds as
   * changed.
   */
  static final int BATCH = 256;

  private static final long MIB = 1 << 20;

  private static final int ORDER = 4096;

  private Guest() {}

  /**
   * {@return a memory of neighbouring regions, each page written once}
   *
   * @param regions how many
   */
  static GuestMemory memory(int regions) throws SystemCallException {
    GuestMemory.Builder builder = GuestMemory.builder();
    for (int i = 0; i < regions; i++) {
      builder.anonymous("ram" + i, BASE + i * REGION, REGION);
    }
    GuestMemory memory = builder.build();
    memory.fill(BASE, regions * REGION, (byte) 1);
    return memory;
  }

  /** {@return a memory of {@link #REGIONS} neighbouring regions of 1 MiB from address 0} */
  static GuestMemory manyRegions() throws SystemCallException {
    GuestMemory.Builder builder = GuestMemory.builder();
    for (int i = 0; i < REGIONS; i++) {
      builder.anonymous("ram" + i, i * MIB, MIB);
    }
    GuestMemory memory = builder.build();
    for (int i = 0; i < REGIONS; i++) {
      memory.putByte(i * MIB, (byte) 1);
    }
    return memory;
  }

  /**
   * {@return a page-aligned buffer outside the Java heap, each page written once}
   *
   * @param length its length in bytes
   */
  static MemorySegment buffer(long length) {
    return Arena.ofAuto().allocate(length, 4096).fill((byte) 1);
  }

  /** {@return an order in which to visit the regions: one after the other} */
  static char[] sequence() {
    char[] order = new char[ORDER];
    for (int i = 0; i < ORDER; i++) {
      order[i] = (char) (i % REGIONS);
    }
    return order;
  }

  /** {@return an order in which to visit the regions: at random, always the same} */
  static char[] random() {
    char[] order = new char[ORDER];
    long x = 0x9e37_79b9_7f4a_7c15L;
    for (int i = 0; i < ORDER; i++) {
      x ^= x << 13;
      x ^= x >>> 7;
      x ^= x << 17;
      order[i] = (char) ((x >>> 32) % REGIONS);
    }
    return order;
  }

  /** {@return an address in a region, on a cache line of the region's own} */
  static long addressIn(long region) {
    return region * MIB + region % 64 * 64;
  }
}
