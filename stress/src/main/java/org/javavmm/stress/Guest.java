// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.RegionSpec;

/** Memory that the tests share: each state has a cache line of its own in it. */
final class Guest {
  /** The first address; also of the memories that a state has to itself. */
  static final long BASE = 0x10_0000;

  /** The size of the memories that a state has to itself, and of their regions. */
  static final long PAGE = 4096;

  private static final long SIZE = 8 << 20;
  private static final int LINE = 64;
  private static final AtomicInteger NEXT = new AtomicInteger();

  private Guest() {}

  /** Built by the tests that use it alone. */
  static final class Single {
    static final GuestMemory MEMORY = build(GuestMemory.builder().anonymous("ram", BASE, SIZE));

    private Single() {}
  }

  /** The same addresses in two regions that meet in the middle. */
  static final class Multi {
    static final GuestMemory MEMORY =
        build(
            GuestMemory.builder()
                .anonymous("low", BASE, SIZE / 2)
                .anonymous("high", BASE + SIZE / 2, SIZE / 2));

    private Multi() {}
  }

  /**
   * {@return the address of the next cache line, zeroed; far fewer states than lines live at once}
   */
  static long line(GuestMemory memory) {
    long gpa = BASE + (NEXT.getAndIncrement() & (SIZE / LINE - 1)) * LINE;
    memory.fill(gpa, LINE, (byte) 0);
    return gpa;
  }

  static GuestMemory build(GuestMemory.Builder builder) {
    try {
      return builder.build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return a region of one page, each byte of which is the same} */
  static RegionSpec page(String name, long gpa, byte content) {
    return RegionSpec.anonymous(name, gpa, PAGE)
        .contents(segment -> {
          var _ = segment.fill(content);
        });
  }
}
