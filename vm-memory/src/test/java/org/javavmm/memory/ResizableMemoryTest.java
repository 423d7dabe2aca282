// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Regions that come and go. What both shapes must do is in {@link GuestMemoryTestCase}. */
@Timeout(600)
@SuppressWarnings("try") // closing early, and twice, is what is tested
class ResizableMemoryTest extends GuestMemoryTestCase {
  @Override
  GuestMemory build() throws Exception {
    GuestMemory memory = GuestMemory.builder().resizable().build();
    memory.addRegion(RegionSpec.anonymous("high", START, END - START));
    return memory;
  }

  @Override
  Class<? extends GuestMemory> implementation() {
    return MultiRegionMemory.class;
  }

  @Test
  void startsEmptyAndEndsEmpty() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().resizable().build()) {
      assertEquals(List.of(), memory.regions());
      assertEquals(0, memory.size());
      assertEquals(-1, memory.lastGpa());
      assertEquals("no regions\n", memory.describe());
      assertFault(
          Reason.END_OF_MEMORY,
          "guest memory read(gpa=0x0, length=1): beyond the end of memory",
          () -> memory.getByte(0));
      assertFault(
          Reason.END_OF_MEMORY,
          "guest memory read(gpa=0xffffffffffffffff, length=1): beyond the end of memory",
          () -> memory.getByte(-1));
      GuestRegion a = memory.addRegion(RegionSpec.anonymous("a", 0x1000, 0x1000));
      GuestRegion top = memory.addRegion(RegionSpec.anonymous("top", -4096, 4096));
      GuestRegion b = memory.addRegion(RegionSpec.anonymous("b", 0x2000, 0x2000));
      assertEquals(List.of(a, b, top), memory.regions());
      memory.putShort(0x1fff - 1, (short) 1);
      memory.write(0x1ffc, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
      memory.putByte(-1, (byte) 9);
      assertEquals(0x4000, memory.size());
      memory.removeRegion(b);
      assertFault(
          Reason.HOLE,
          "guest memory read(gpa=0x2000, length=1): no memory there (hole)",
          () -> memory.getByte(0x2000));
      assertEquals(1, memory.getByte(0x1ffc));
      memory.removeRegion(top);
      assertFault(
          Reason.END_OF_MEMORY,
          "guest memory read(gpa=0xffffffffffffffff, length=1): beyond the end of memory",
          () -> memory.getByte(-1));
      assertThrows(IllegalArgumentException.class, () -> memory.removeRegion(top));
      memory.removeRegion(a);
      assertThrows(IllegalStateException.class, () -> a.segment().toArray(LittleEndian.BYTE));
      assertEquals(List.of(), memory.regions());
    }
  }

  @Test
  void changesAreChecked() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().resizable().build()) {
      GuestRegion a = memory.addRegion(RegionSpec.anonymous("a", 0x1000, 0x2000));
      assertEquals(
          "region b(gpa=0x2000, size=4096): overlaps region a(gpa=0x1000, size=8192)",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> memory.addRegion(RegionSpec.anonymous("b", 0x2000, 0x1000)))
              .getMessage());
      try (Lease _ = a.lease("KVM slot 1")) {
        assertEquals(
            "region a [0x1000..0x2fff] is still leased by KVM slot 1",
            assertThrows(IllegalStateException.class, () -> memory.removeRegion(a)).getMessage());
        assertEquals(
            "region a [0x1000..0x2fff] is still leased by KVM slot 1",
            assertThrows(
                    IllegalStateException.class,
                    () -> memory.replaceRegion(a, RegionSpec.anonymous("b", 0x2000, 0x1000)))
                .getMessage());
        assertSame(a, memory.regions().getFirst());
        memory.putByte(0x1000, (byte) 1);
      }
      try (GuestIoVector vector = new GuestIoVector(1)) {
        vector.add(memory, 0x1000, 10, Access.READ);
        assertEquals(
            "region a [0x1000..0x2fff] is still leased by a transfer under way",
            assertThrows(IllegalStateException.class, () -> memory.removeRegion(a)).getMessage());
        try (GuestIoVector other = new GuestIoVector(1);
            Lease _ = a.lease("x")) {
          other.add(memory, 0x2000, 10, Access.READ);
          assertEquals(List.of("x", "2 transfers under way"), a.holders());
        }
      }
      assertThrows(
          java.io.IOException.class,
          () -> memory.replaceRegion(a, RegionSpec.anonymous("huge", 0, 1L << 62)));
      assertEquals(1, memory.getByte(0x1000), "the old one stays");
      GuestRegion b = memory.replaceRegion(a, RegionSpec.anonymous("b", 0x2000, 0x2000));
      assertEquals(List.of(b), memory.regions());
      assertThrows(
          IllegalArgumentException.class,
          () -> memory.replaceRegion(a, RegionSpec.anonymous("c", 0, 0x1000)));
      memory.close();
      assertEquals(
          "guest memory is closed",
          assertThrows(
                  IllegalStateException.class,
                  () -> memory.addRegion(RegionSpec.anonymous("c", 0x8000, 0x1000)))
              .getMessage());
    }
    try (GuestMemory fixed = GuestMemory.builder().anonymous("a", 0, 4096).build();
        GuestMemory two =
            GuestMemory.builder().anonymous("a", 0, 4096).anonymous("b", 4096, 4096).build()) {
      for (GuestMemory memory : List.of(fixed, two)) {
        assertEquals(
            "guest memory was not built as resizable",
            assertThrows(
                    IllegalStateException.class,
                    () -> memory.addRegion(RegionSpec.anonymous("c", 0x8000, 0x1000)))
                .getMessage());
        assertThrows(
            IllegalStateException.class, () -> memory.removeRegion(memory.regions().getFirst()));
      }
    }
  }

  @Test
  void theMapIsDescribed() throws Exception {
    try (GuestMemory memory =
        GuestMemory.builder()
            .region(RegionSpec.anonymous("low", 0, 640 << 10).dirtyLog())
            .region(RegionSpec.anonymous("high", 1 << 20, 3 << 20).mergeable().dump(false))
            .region(RegionSpec.memfd("shared", 0x1_0000_0000L, 4096).guardPages(4096))
            .build()) {
      assertEquals(
          """
          0000000000000000-000000000009ffff     640 KiB  low  anonymous, dirty log
          00000000000a0000-00000000000fffff     384 KiB  -
          0000000000100000-00000000003fffff       3 MiB  high  anonymous, mergeable, not dumped
          0000000000400000-00000000ffffffff    4092 MiB  -
          0000000100000000-0000000100000fff       4 KiB  shared  memfd, sealed, guarded
          """,
          memory.describe());
    }
  }

  /** Two regions are exchanged all the time: a reader finds one or the other. */
  @Test
  void readersSeeTheOldOrTheNewMap() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().resizable().build()) {
      memory.addRegion(RegionSpec.anonymous("fixed", 0, 0x1000));
      GuestRegion current = memory.addRegion(filled(0));
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      List<Thread> readers = new ArrayList<>();
      long[] counts = new long[2];
      for (int t = 0; t < 2; t++) {
        int reader = t;
        readers.add(
            Thread.ofPlatform()
                .start(() -> {
                  byte[] bytes = new byte[0x1800];
                  try {
                    while (!stop.get()) {
                      read(memory, bytes);
                      counts[reader]++;
                    }
                  } catch (Throwable t1) {
                    failure.set(t1);
                  }
                }));
      }
      for (int i = 1; i < 2000 && failure.get() == null; i++) {
        current = memory.replaceRegion(current, filled(i));
      }
      stop.set(true);
      for (Thread reader : readers) {
        reader.join();
      }
      if (failure.get() != null) {
        throw new AssertionError(failure.get());
      }
      assertTrue(counts[0] > 0 && counts[1] > 0);
    }
  }

  /** A long copy to or from a segment while its region goes: a fault, not the JDK's own error. */
  @Test
  void copiesUnderARemovalFault() throws Exception {
    long size = 1 << 20;
    try (GuestMemory memory = GuestMemory.builder().resizable().build();
        Arena arena = Arena.ofShared()) {
      AtomicBoolean stop = new AtomicBoolean();
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      List<Thread> copiers = new ArrayList<>();
      for (boolean write : new boolean[] {false, true}) {
        MemorySegment buffer = arena.allocate(size);
        copiers.add(
            Thread.ofPlatform()
                .start(() -> {
                  while (!stop.get()) {
                    try {
                      if (write) {
                        memory.write(0, buffer);
                      } else {
                        memory.read(0, buffer);
                      }
                    } catch (GuestMemoryException e) {
                      // No region, or none any more.
                    } catch (Throwable t) {
                      failure.set(t);
                      return;
                    }
                  }
                }));
      }
      for (int i = 0; i < 2000 && failure.get() == null; i++) {
        memory.removeRegion(memory.addRegion(RegionSpec.anonymous("r", 0, size)));
      }
      stop.set(true);
      for (Thread copier : copiers) {
        copier.join();
      }
      if (failure.get() != null) {
        throw new AssertionError(failure.get());
      }
    }
  }

  @Test
  void anErrorWhileReplacingLeavesTheOldRegion() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().resizable().build()) {
      GuestRegion a = memory.addRegion(RegionSpec.anonymous("a", 0, 4096));
      assertThrows(
          AssertionError.class,
          () ->
              memory.replaceRegion(
                  a,
                  RegionSpec.anonymous("b", 0, 4096)
                      .contents(segment -> {
                        throw new AssertionError("by the caller");
                      })));
      a.lease("still possible").close();
      memory.putByte(0, (byte) 1);
    }
  }

  private static RegionSpec filled(int i) {
    // At one place or the other, overlapping both: adjacent to "fixed" or not.
    return RegionSpec.anonymous("moving", (i & 1) == 0 ? 0x1000 : 0x2000, 0x2000)
        .contents(segment -> segment.fill((byte) (i & 1)));
  }

  private static void read(GuestMemory memory, byte[] bytes) {
    try {
      memory.read(0x1800, bytes);
      // Only the map whose region begins at 0x1000 has the whole range.
      for (byte b : bytes) {
        assertEquals(0, b);
      }
    } catch (GuestMemoryException e) {
      assertTrue(
          e.reason() == Reason.HOLE
              || e.reason() == Reason.END_OF_MEMORY
              || e.reason() == Reason.CLOSED,
          e.getMessage());
    }
    try {
      byte there = memory.getByte(0x2800);
      assertTrue(there == 0 || there == 1);
    } catch (GuestMemoryException e) {
      // Its region was unmapped between the look-up and the access.
      assertInstanceOf(GuestMemoryException.class, e);
      assertEquals(Reason.CLOSED, e.reason());
    }
  }
}
