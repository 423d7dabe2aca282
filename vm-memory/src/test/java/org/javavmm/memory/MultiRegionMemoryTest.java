// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.junit.jupiter.api.Test;

class MultiRegionMemoryTest extends GuestMemoryTestCase {
  @Override
  GuestMemory build() throws Exception {
    return GuestMemory.builder()
        .anonymous("high", START, END - START)
        .anonymous("low", 0x8000, 0x2000)
        .build();
  }

  @Override
  Class<? extends GuestMemory> implementation() {
    return MultiRegionMemory.class;
  }

  /** [0, 0x1000) a, [0x1000, 0x3000) b, hole, [0x5000, 0x6000) c, then the top page. */
  private static GuestMemory several() throws Exception {
    return GuestMemory.builder()
        .anonymous("top", -4096, 4096)
        .anonymous("b", 0x1000, 0x2000)
        .anonymous("c", 0x5000, 0x1000)
        .anonymous("a", 0, 0x1000)
        .build();
  }

  @Test
  void copiesCrossIntoTheAdjacentRegion() throws Exception {
    try (GuestMemory memory = several()) {
      byte[] bytes = new byte[0x3000];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (i * 13 + 5);
      }
      memory.write(0, bytes);
      byte[] back = new byte[0x3000];
      memory.read(0, back);
      assertArrayEquals(bytes, back);
      assertEquals(bytes[0xfff], memory.getByte(0xfff));
      assertEquals(bytes[0x1000], memory.getByte(0x1000));
      memory.fill(0xffe, 4, (byte) 0);
      assertEquals(bytes[0xffd], memory.getByte(0xffd));
      assertEquals(0, memory.getShort(0xffe));
      assertEquals(0, memory.getShort(0x1000));
      assertEquals(bytes[0x1002], memory.getByte(0x1002));
    }
  }

  @Test
  void scalarsAndSlicesDoNotCross() throws Exception {
    try (GuestMemory memory = several()) {
      String text = "crosses from one region into another";
      assertFault(
          Reason.REGION_BOUNDARY,
          "guest memory read(gpa=0xfff, length=2): " + text,
          () -> memory.getShort(0xfff));
      assertFault(
          Reason.REGION_BOUNDARY,
          "guest memory write(gpa=0xffd, length=4): " + text,
          () -> memory.putInt(0xffd, -1));
      assertFault(
          Reason.REGION_BOUNDARY,
          "guest memory write(gpa=0xff9, length=8): " + text,
          () -> memory.putLong(0xff9, -1));
      assertFault(
          Reason.REGION_BOUNDARY,
          "guest memory read(gpa=0x0, length=4097): " + text,
          () -> memory.slice(0, 0x1001));
      assertEquals(0, memory.getLong(0xff8));
      assertEquals(0, memory.getLong(0x1000));
    }
  }

  @Test
  void rangesThatMeetAHoleMoveNothing() throws Exception {
    try (GuestMemory memory = several()) {
      byte[] ones = new byte[0x2001];
      Arrays.fill(ones, (byte) 1);
      assertFault(
          Reason.HOLE,
          "guest memory write(gpa=0x1000, length=8193): no memory there (hole)",
          () -> memory.write(0x1000, ones));
      assertFault(
          Reason.HOLE,
          "guest memory write(gpa=0x2fff, length=8194): no memory there (hole)",
          () -> memory.fill(0x2fff, 0x2002, (byte) 1));
      assertFault(
          Reason.HOLE,
          "guest memory read(gpa=0x2fff, length=2): no memory there (hole)",
          () -> memory.getShort(0x2fff));
      assertFault(
          Reason.HOLE,
          "guest memory read(gpa=0x1000, length=20480): no memory there (hole)",
          () -> memory.slice(0x1000, 0x5000));
      assertEquals(0, memory.getByte(0x1000));
      assertEquals(0, memory.getByte(0x2fff));
    }
  }

  @Test
  void theTopOfTheAddressSpace() throws Exception {
    try (GuestMemory memory = several()) {
      memory.putLong(-8, 0x0102_0304_0506_0708L);
      assertEquals(1, memory.getByte(-1));
      assertFault(
          Reason.OVERFLOW,
          "guest memory read(gpa=0xfffffffffffffff9, length=8): address + length exceeds 2^64",
          () -> memory.getLong(-7));
      assertFault(
          Reason.OVERFLOW,
          "guest memory write(gpa=0xfffffffffffffffe, length=3): address + length exceeds 2^64",
          () -> memory.write(-2, new byte[3]));
      // The top is not adjacent to address 0.
      assertEquals(false, memory.contains(-1, 2));
      memory.fill(-4096, 4096, (byte) 7);
      assertEquals(7, memory.getByte(-4096));
    }
  }

  @Test
  void regionsAreSortedAndDescribed() throws Exception {
    try (GuestMemory memory = several()) {
      assertEquals(
          List.of("a", "b", "c", "top"), memory.regions().stream().map(GuestRegion::name).toList());
      assertEquals(0x5000, memory.size());
      assertEquals(
          "guest memory, 20480 bytes: region a [0x0..0xfff] region b [0x1000..0x2fff]"
              + " region c [0x5000..0x5fff]"
              + " region top [0xfffffffffffff000..0xffffffffffffffff]",
          memory.toString());
    }
  }

  @Test
  void oneLeaseKeepsAllRegions() throws Exception {
    try (GuestMemory memory = several()) {
      try (Lease lease = memory.regions().get(2).lease("disk")) {
        assertEquals(
            lease.region() + " is still leased by disk",
            assertThrows(IllegalStateException.class, memory::close).getMessage());
        memory.putByte(0, (byte) 1);
        memory.putByte(-1, (byte) 1);
        memory.regions().getFirst().lease("later").close();
      }
    }
  }

  @Test
  void aRegionThatTheJdkUsesIsUnmappedByALaterClose() throws Exception {
    GuestMemory memory = several();
    GuestRegion busy = memory.regions().get(1);
    // A channel's read blocks with the buffer's memory held.
    Pipe pipe = Pipe.open();
    CountDownLatch started = new CountDownLatch(1);
    Thread reader =
        Thread.ofPlatform()
            .start(() -> {
              try {
                started.countDown();
                var _ = pipe.source().read(busy.segment().asByteBuffer());
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    started.await();
    // Until the read is in the kernel; the state of a thread in a system call is RUNNABLE.
    while (true) {
      boolean inRead = false;
      for (StackTraceElement frame : reader.getStackTrace()) {
        inRead |= frame.getMethodName().equals("read0");
      }
      if (inRead) {
        break;
      }
      Thread.onSpinWait();
    }
    assertEquals(
        "region b [0x1000..0x2fff] is in use by the JDK",
        assertThrows(IllegalStateException.class, memory::close).getMessage());
    assertFault(
        Reason.CLOSED,
        "guest memory read(gpa=0x0, length=1): memory is closed",
        () -> memory.getByte(0));
    assertThrows(IllegalStateException.class, () -> busy.lease("late"));
    var _ = pipe.sink().write(ByteBuffer.wrap(new byte[] {1}));
    reader.join();
    memory.close();
    assertEquals(false, busy.segment().scope().isAlive());
    pipe.sink().close();
    pipe.source().close();
  }
}
