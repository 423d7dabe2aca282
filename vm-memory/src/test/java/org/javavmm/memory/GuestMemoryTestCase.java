// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** What both implementations must do. The last region of the memory ends at {@link #END}. */
@Timeout(120)
@SuppressWarnings("try") // closing early, and twice, is what is tested
abstract class GuestMemoryTestCase {
  /** A region [START, START + 0x3000) is there, with a hole below it. */
  static final long START = 0x10_0000;

  /** The end of the last region. */
  static final long END = START + 0x3000;

  private GuestMemory memory;

  /** Builds a memory that ends with a region [START, END), whatever it has below. */
  abstract GuestMemory build() throws Exception;

  /** The implementation under test. */
  abstract Class<? extends GuestMemory> implementation();

  GuestMemoryTestCase() {
    try {
      memory = build();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @BeforeEach
  void theFactoryChoseTheImplementation() {
    assertInstanceOf(implementation(), memory);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  static void assertFault(Reason reason, String message, Executable access) {
    GuestMemoryException e = assertThrows(GuestMemoryException.class, access);
    assertEquals(message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  /** Every access of one address, by what the fault's message calls it. */
  static Map<String, Executable> accesses(GuestMemory memory, long gpa) {
    String at = "(gpa=0x" + Long.toHexString(gpa) + ", length=";
    Map<String, Executable> all = new LinkedHashMap<>();
    all.put("getByte: guest memory read" + at + 1, () -> memory.getByte(gpa));
    all.put("getShort: guest memory read" + at + 2, () -> memory.getShort(gpa));
    all.put("getInt: guest memory read" + at + 4, () -> memory.getInt(gpa));
    all.put("getLong: guest memory read" + at + 8, () -> memory.getLong(gpa));
    all.put("putByte: guest memory write" + at + 1, () -> memory.putByte(gpa, (byte) 1));
    all.put("putShort: guest memory write" + at + 2, () -> memory.putShort(gpa, (short) 1));
    all.put("putInt: guest memory write" + at + 4, () -> memory.putInt(gpa, 1));
    all.put("putLong: guest memory write" + at + 8, () -> memory.putLong(gpa, 1));
    all.put("getShortAcquire: guest memory read" + at + 2, () -> memory.getShortAcquire(gpa));
    all.put("getIntAcquire: guest memory read" + at + 4, () -> memory.getIntAcquire(gpa));
    all.put(
        "putShortRelease: guest memory write" + at + 2,
        () -> memory.putShortRelease(gpa, (short) 1));
    all.put("putIntRelease: guest memory write" + at + 4, () -> memory.putIntRelease(gpa, 1));
    all.put("getByteAcquire: guest memory read" + at + 1, () -> memory.getByteAcquire(gpa));
    all.put("getLongAcquire: guest memory read" + at + 8, () -> memory.getLongAcquire(gpa));
    all.put(
        "putByteRelease: guest memory write" + at + 1, () -> memory.putByteRelease(gpa, (byte) 1));
    all.put("putLongRelease: guest memory write" + at + 8, () -> memory.putLongRelease(gpa, 1));
    all.put(
        "compareAndSetByte: guest memory write" + at + 1,
        () -> assertFalse(memory.compareAndSetByte(gpa, (byte) 1, (byte) 2)));
    all.put(
        "compareAndSetShort: guest memory write" + at + 2,
        () -> assertFalse(memory.compareAndSetShort(gpa, (short) 1, (short) 2)));
    all.put(
        "compareAndSetLong: guest memory write" + at + 8,
        () -> assertFalse(memory.compareAndSetLong(gpa, 1, 2)));
    all.put(
        "segment: guest memory read" + at + 7,
        () -> memory.read(gpa, MemorySegment.ofArray(new byte[7])));
    all.put(
        "fromSegment: guest memory write" + at + 7,
        () -> memory.write(gpa, MemorySegment.ofArray(new byte[7])));
    all.put("copy: guest memory read" + at + 9, () -> memory.copy(gpa, START, 9));
    all.put(
        "mismatch: guest memory read" + at + 10,
        () -> memory.mismatch(gpa, MemorySegment.ofArray(new byte[10])));
    all.put("view: guest memory read" + at + 12, () -> memory.view(gpa, 12, Access.READ));
    all.put("wview: guest memory write" + at + 12, () -> memory.view(gpa, 12, Access.WRITE));
    all.put(
        "borrow: guest memory write" + at + 13,
        () -> memory.borrow(gpa, 13, Access.WRITE, "test").close());
    all.put(
        "vector: guest memory write" + at + 14,
        () -> {
          try (GuestIoVector vector = new GuestIoVector(4)) {
            vector.add(memory, gpa, 14, Access.WRITE);
          }
        });
    all.put(
        "compareAndSetInt: guest memory write" + at + 4,
        () -> assertFalse(memory.compareAndSetInt(gpa, 1, 2)));
    all.put("read: guest memory read" + at + 3, () -> memory.read(gpa, new byte[3]));
    all.put("write: guest memory write" + at + 3, () -> memory.write(gpa, new byte[3]));
    all.put("fill: guest memory write" + at + 5, () -> memory.fill(gpa, 5, (byte) 1));
    all.put("slice: guest memory read" + at + 6, () -> memory.slice(gpa, 6));
    return all;
  }

  private static void assertAllFault(
      GuestMemory memory, long gpa, Reason reason, String explanation) {
    accesses(memory, gpa)
        .forEach((name, access) -> {
          String message = name.substring(name.indexOf(' ') + 1) + "): " + explanation;
          assertFault(reason, message, access);
        });
  }

  @Test
  void valuesAreLittleEndian() {
    memory.putLong(START + 1, 0x0102_0304_0506_0708L);
    byte[] bytes = new byte[8];
    memory.read(START + 1, bytes);
    assertArrayEquals(new byte[] {8, 7, 6, 5, 4, 3, 2, 1}, bytes);
    assertEquals(0x0102_0304_0506_0708L, memory.getLong(START + 1));
    assertEquals(0x0506_0708, memory.getInt(START + 1));
    assertEquals(0x0708, memory.getShort(START + 1));
    assertEquals(0x08, memory.getByte(START + 1));
    memory.putInt(START + 9, 0xa1b2_c3d4);
    memory.putShort(START + 13, (short) 0xe5f6);
    memory.putByte(START + 15, (byte) 0x77);
    byte[] more = new byte[7];
    memory.read(START + 9, more);
    assertArrayEquals(
        new byte[] {
          (byte) 0xd4, (byte) 0xc3, (byte) 0xb2, (byte) 0xa1, (byte) 0xf6, (byte) 0xe5, 0x77
        },
        more);
  }

  @Test
  void orderedValuesAreLittleEndianToo() {
    memory.putIntRelease(START + 4, 0x0102_0304);
    assertEquals(0x0102_0304, memory.getIntAcquire(START + 4));
    assertEquals(4, memory.getByte(START + 4));
    memory.putShortRelease(START + 2, (short) 0x0a0b);
    assertEquals((short) 0x0a0b, memory.getShortAcquire(START + 2));
    assertEquals(0x0b, memory.getByte(START + 2));
    assertFalse(memory.compareAndSetInt(START + 4, 0x0102_0305, 9));
    assertEquals(0x0102_0304, memory.getInt(START + 4));
    assertTrue(memory.compareAndSetInt(START + 4, 0x0102_0304, 0x0506_0708));
    assertEquals(8, memory.getByte(START + 4));
  }

  @Test
  void everyWidthIsOrderedAndComparedAndSet() {
    memory.putLongRelease(START + 8, 0x1122_3344_5566_7788L);
    assertEquals(0x1122_3344_5566_7788L, memory.getLongAcquire(START + 8));
    assertEquals((byte) 0x88, memory.getByteAcquire(START + 8));
    memory.putByteRelease(START + 15, (byte) 0x99);
    assertEquals(0x9922_3344_5566_7788L, memory.getLong(START + 8));
    assertFalse(memory.compareAndSetLong(START + 8, 0, 1));
    assertTrue(memory.compareAndSetLong(START + 8, 0x9922_3344_5566_7788L, -2));
    assertEquals(-2, memory.getLong(START + 8));
    // Narrow ones leave their neighbours alone, at each place of the word around them.
    for (int i = 0; i < 8; i++) {
      memory.putLong(START + 16, 0x0807_0605_0403_0201L);
      byte before = (byte) (i + 1);
      assertFalse(memory.compareAndSetByte(START + 16 + i, (byte) 0x81, (byte) 0));
      assertTrue(memory.compareAndSetByte(START + 16 + i, before, (byte) 0xf0));
      assertEquals(
          (0x0807_0605_0403_0201L & ~(0xffL << (8 * i))) | (0xf0L << (8 * i)),
          memory.getLong(START + 16));
    }
    for (int i = 0; i < 8; i += 2) {
      memory.putLong(START + 16, 0x8007_8005_8003_8001L);
      short before = memory.getShort(START + 16 + i);
      assertFalse(memory.compareAndSetShort(START + 16 + i, (short) 0, (short) 1));
      assertTrue(memory.compareAndSetShort(START + 16 + i, before, (short) 0xabcd));
      assertEquals(
          (0x8007_8005_8003_8001L & ~(0xffffL << (8 * i))) | (0xabcdL << (8 * i)),
          memory.getLong(START + 16));
    }
  }

  @Test
  void narrowCompareAndSetIsAtomic() throws Exception {
    int perThread = 20_000;
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      long gpa = START + 0x80 + 2L * (t & 1);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < perThread; i++) {
                  short seen;
                  do {
                    seen = memory.getShortAcquire(gpa);
                  } while (!memory.compareAndSetShort(gpa, seen, (short) (seen + 1)));
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals((short) (2 * perThread), memory.getShort(START + 0x80));
    assertEquals((short) (2 * perThread), memory.getShort(START + 0x82));
  }

  @Test
  void copiesWithinMemoryAsIfAtOnce() {
    byte[] bytes = new byte[0x1800];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31 + (i >> 8));
    }
    memory.write(START + 0x400, bytes);
    memory.copy(START + 0x400, START + 0x455, 0x1800);
    assertEquals(-1, memory.mismatch(START + 0x455, MemorySegment.ofArray(bytes)));
    memory.copy(START + 0x455, START + 0x3ff, 0x1800);
    assertEquals(-1, memory.mismatch(START + 0x3ff, MemorySegment.ofArray(bytes)));
    assertThrows(GuestMemoryException.class, () -> memory.copy(START, END - 0x1000, 0x1001));
    assertEquals(0, memory.getByte(END - 0x1000), "a refused copy moved a byte");
    assertThrows(GuestMemoryException.class, () -> memory.copy(START - 1, START, 2));
    memory.copy(0, -1, 0);
  }

  @Test
  void mismatchIsTheFirstDifference() {
    byte[] bytes = new byte[100];
    for (int length : new int[] {0, 1, 7, 8, 9, 64, 100}) {
      MemorySegment other = MemorySegment.ofArray(bytes).asSlice(0, length);
      memory.fill(START, 100, (byte) 0);
      assertEquals(-1, memory.mismatch(START + 1, other));
      for (int i = 0; i < length; i++) {
        memory.putByte(START + 1 + i, (byte) 0x80);
        assertEquals(i, memory.mismatch(START + 1, other));
        memory.putByte(START + 1 + i, (byte) 0);
      }
      memory.putByte(START + 1 + length, (byte) 1);
      assertEquals(-1, memory.mismatch(START + 1, other));
    }
  }

  @Test
  void partsOfArrays() {
    byte[] bytes = {1, 2, 3, 4, 5};
    memory.write(START + 1, bytes, 1, 3);
    assertEquals(0x0004_0302_00L, memory.getLong(START));
    byte[] back = new byte[5];
    memory.read(START + 1, back, 2, 2);
    assertArrayEquals(new byte[] {0, 0, 2, 3, 0}, back);
    assertThrows(IndexOutOfBoundsException.class, () -> memory.read(START, back, 3, 3));
    assertThrows(IndexOutOfBoundsException.class, () -> memory.write(START, back, -1, 1));
  }

  @Test
  void aViewIsResolvedOnce() {
    GuestView view = memory.view(START + 0x101, 0x40, Access.READ_WRITE);
    assertEquals(START + 0x101, view.gpa());
    assertEquals(0x40, view.length());
    assertEquals("view of guest memory [0x100101, 64 bytes]", view.toString());
    view.putLong(0, 0x0102_0304_0506_0708L);
    view.putInt(8, 0x1112_1314);
    view.putShort(12, (short) 0x2122);
    view.putByte(14, (byte) 0x31);
    assertEquals(0x0102_0304_0506_0708L, memory.getLong(START + 0x101));
    assertEquals(0x0102_0304_0506_0708L, view.getLong(0));
    assertEquals(0x1112_1314, view.getInt(8));
    assertEquals((short) 0x2122, view.getShort(12));
    assertEquals(0x31, view.getByte(14));
    view.putLongRelease(7, 5);
    view.putIntRelease(15, 6);
    view.putShortRelease(19, (short) 7);
    view.putByteRelease(21, (byte) 8);
    assertEquals(5, view.getLongAcquire(7));
    assertEquals(6, view.getIntAcquire(15));
    assertEquals(7, view.getShortAcquire(19));
    assertEquals(8, view.getByteAcquire(21));
    assertTrue(view.compareAndSetInt(15, 6, 9));
    assertFalse(view.compareAndSetInt(15, 6, 10));
    assertTrue(view.compareAndSetLong(7, 5, 11));
    assertFalse(view.compareAndSetLong(7, 5, 12));
    assertEquals(9, memory.getInt(START + 0x110));
    assertEquals(11, memory.getLong(START + 0x108));
    byte[] bytes = new byte[16];
    view.write(0x30, MemorySegment.ofArray(new byte[] {1, 2, 3}));
    view.read(0x30, MemorySegment.ofArray(bytes));
    assertEquals(3, bytes[2]);
    view.write(0x40, MemorySegment.ofArray(new byte[0]));

    assertFault(
        Reason.VIEW_BOUNDARY,
        "guest memory read(gpa=0x10013a, length=8): not in the view",
        () -> view.getLong(0x39));
    assertFault(
        Reason.VIEW_BOUNDARY,
        "guest memory write(gpa=0x100100, length=1): not in the view",
        () -> view.putByte(-1, (byte) 0));
    assertFault(
        Reason.ALIGNMENT,
        "guest memory read(gpa=0x100101, length=4): address is not a multiple of the width",
        () -> view.getIntAcquire(0));
    assertFault(
        Reason.VIEW_BOUNDARY,
        "guest memory write(gpa=0x100132, length=16): not in the view",
        () -> view.write(0x31, MemorySegment.ofArray(bytes)));
    assertFault(
        Reason.VIEW_BOUNDARY,
        "guest memory read(gpa=0x100100, length=16): not in the view",
        () -> view.read(-1, MemorySegment.ofArray(bytes)));

    GuestView reader = memory.view(START, 16, Access.READ);
    assertEquals("view of guest memory [0x100000, 16 bytes, for reading]", reader.toString());
    assertFault(
        Reason.PERMISSION,
        "guest memory write(gpa=0x100000, length=4): not permitted there",
        () -> reader.putInt(0, 1));
    assertFault(
        Reason.PERMISSION,
        "guest memory write(gpa=0x100000, length=16): not permitted there",
        () -> reader.write(0, MemorySegment.ofArray(bytes)));

    MemorySegment freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = arena.allocate(4);
    }
    assertEquals(
        IllegalStateException.class,
        assertThrows(IllegalStateException.class, () -> view.read(0, freed)).getClass());

    memory.close();
    assertFault(
        Reason.CLOSED,
        "guest memory read(gpa=0x100101, length=4): memory is closed",
        () -> view.getInt(0));
    assertFault(
        Reason.CLOSED,
        "guest memory write(gpa=0x100101, length=16): memory is closed",
        () -> view.write(0, MemorySegment.ofArray(bytes)));
  }

  @Test
  void aLoanKeepsTheMemory() {
    GuestRegion last = memory.regions().getLast();
    try (GuestLoan loan = memory.borrow(START + 0x20, 0x30, Access.WRITE, "io_uring read 1")) {
      assertEquals(START + 0x20, loan.gpa());
      assertEquals(0x30, loan.segment().byteSize());
      assertEquals(last.segment().address() + 0x20, loan.hva());
      assertEquals("loan of [0x100020, 48 bytes] to io_uring read 1", loan.toString());
      loan.segment().set(ValueLayout.JAVA_BYTE, 1, (byte) 7);
      assertEquals(7, memory.getByte(START + 0x21));
      assertEquals(List.of("io_uring read 1"), last.holders());
      assertThrows(IllegalStateException.class, memory::close);
      loan.close();
      assertEquals(List.of(), last.holders());
      assertThrows(IllegalStateException.class, loan::hva);
    }
    try (GuestLoan loan = memory.borrow(START, 8, Access.READ, "reader")) {
      assertTrue(loan.segment().isReadOnly());
    }
    try (GuestLoan loan = memory.borrow(START, 0, Access.WRITE, "nothing")) {
      assertEquals(0, loan.segment().byteSize());
    }
  }

  @Test
  void memoryStartsZeroedAndItsLastByteIsThere() {
    assertEquals(0, memory.getLong(END - 8));
    memory.putByte(END - 1, (byte) 5);
    assertEquals(5, memory.getByte(END - 1));
    assertEquals(0x0500_0000_0000_0000L, memory.getLong(END - 8));
  }

  @Test
  void beyondTheEnd() {
    assertAllFault(memory, END, Reason.END_OF_MEMORY, "beyond the end of memory");
    assertAllFault(memory, 1L << 62, Reason.END_OF_MEMORY, "beyond the end of memory");
    assertAllFault(memory, Long.MIN_VALUE, Reason.END_OF_MEMORY, "beyond the end of memory");
    assertFault(
        Reason.END_OF_MEMORY,
        "guest memory read(gpa=0x102fff, length=2): beyond the end of memory",
        () -> memory.getShort(END - 1));
    assertFault(
        Reason.END_OF_MEMORY,
        "guest memory write(gpa=0x102ffd, length=8): beyond the end of memory",
        () -> memory.putLong(END - 3, 1));
  }

  @Test
  void belowTheRegionIsAHole() {
    assertAllFault(memory, START - 0x1000, Reason.HOLE, "no memory there (hole)");
    assertFault(
        Reason.HOLE,
        "guest memory read(gpa=0xfffff, length=2): no memory there (hole)",
        () -> memory.getShort(START - 1));
    assertFault(
        Reason.HOLE,
        "guest memory write(gpa=0xffffe, length=3): no memory there (hole)",
        () -> memory.write(START - 2, new byte[3]));
  }

  @Test
  void addressPlusLengthOverflows() {
    assertFault(
        Reason.OVERFLOW,
        "guest memory read(gpa=0xffffffffffffffff, length=2): address + length exceeds 2^64",
        () -> memory.getShort(-1));
    assertFault(
        Reason.OVERFLOW,
        "guest memory write(gpa=0x100000, length=18446744073709551615): "
            + "address + length exceeds 2^64",
        () -> memory.fill(START, -1, (byte) 1));
    assertFault(
        Reason.OVERFLOW,
        "guest memory read(gpa=0x100000, length=18446744073708503041): "
            + "address + length exceeds 2^64",
        () -> memory.slice(START, 1 - START));
    assertFault(
        Reason.END_OF_MEMORY,
        "guest memory read(gpa=0x100000, length=18446744073708503040): beyond the end of memory",
        () -> memory.slice(START, -START));
    assertFault(
        Reason.END_OF_MEMORY,
        "guest memory read(gpa=0xffffffffffffffff, length=1): beyond the end of memory",
        () -> memory.getByte(-1));
    assertFalse(memory.contains(START, -1));
    assertEquals(0, memory.getByte(START), "nothing was filled");
  }

  @Test
  void orderedAccessesNeedAlignment() {
    String text = "address is not a multiple of the width";
    assertFault(
        Reason.ALIGNMENT,
        "guest memory read(gpa=0x100001, length=2): " + text,
        () -> memory.getShortAcquire(START + 1));
    for (long off = 1; off < 4; off++) {
      long gpa = START + off;
      String at = "(gpa=0x" + Long.toHexString(gpa) + ", length=4): " + text;
      assertFault(Reason.ALIGNMENT, "guest memory read" + at, () -> memory.getIntAcquire(gpa));
      assertFault(Reason.ALIGNMENT, "guest memory write" + at, () -> memory.putIntRelease(gpa, 1));
      assertFault(
          Reason.ALIGNMENT,
          "guest memory write" + at,
          () -> assertFalse(memory.compareAndSetInt(gpa, 0, 1)));
    }
    assertFault(
        Reason.ALIGNMENT,
        "guest memory write(gpa=0xffffffffffffffff, length=2): " + text,
        () -> memory.putShortRelease(-1, (short) 1));
    assertEquals(0, memory.getLong(START));
  }

  @Test
  void faultCarriesItsNumbersAndNoStackTrace() {
    GuestMemoryException e =
        assertThrows(GuestMemoryException.class, () -> memory.putInt(END - 2, 7));
    assertEquals(END - 2, e.address());
    assertEquals(4, e.length());
    assertEquals(Access.WRITE, e.access());
    assertEquals(Reason.END_OF_MEMORY, e.reason());
    assertEquals(0, e.getStackTrace().length);
  }

  @Test
  void copiesMoveAllOrNothing() {
    byte[] pattern = new byte[0x2000];
    for (int i = 0; i < pattern.length; i++) {
      pattern[i] = (byte) (i * 7 + 1);
    }
    memory.write(START + 0x800, pattern);
    byte[] back = new byte[pattern.length];
    memory.read(START + 0x800, back);
    assertArrayEquals(pattern, back);

    assertThrows(GuestMemoryException.class, () -> memory.write(END - 0x1000, new byte[0x1001]));
    byte[] target = new byte[0x1001];
    target[0] = 99;
    assertThrows(GuestMemoryException.class, () -> memory.read(END - 0x1000, target));
    assertEquals(99, target[0], "a failed read moved a byte");
    assertThrows(GuestMemoryException.class, () -> memory.fill(END - 0x1000, 0x1001, (byte) 0x33));
    assertThrows(GuestMemoryException.class, () -> memory.putLong(END - 7, -1));
    memory.read(START + 0x800, back);
    assertArrayEquals(pattern, back, "a failed access changed memory");
  }

  @Test
  void copiesToAndFromAnySegment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment nativeSource =
          arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2, (byte) 3);
      memory.write(START + 5, nativeSource.asReadOnly());
      MemorySegment ints = MemorySegment.ofArray(new int[1]);
      memory.read(START + 5, ints);
      assertEquals(
          0x0003_0201, ints.get(ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN), 0));
      // Within the memory itself, overlapping.
      memory.write(START + 6, memory.slice(START + 5, 3));
      byte[] moved = new byte[4];
      memory.read(START + 5, moved);
      assertArrayEquals(new byte[] {1, 1, 2, 3}, moved);
      assertThrows(
          IllegalArgumentException.class, () -> memory.read(START, arena.allocate(4).asReadOnly()));
    }
  }

  @Test
  void theOtherSidesMistakesAreNotTheGuests() {
    MemorySegment freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = arena.allocate(8);
    }
    assertEquals(
        IllegalStateException.class,
        assertThrows(IllegalStateException.class, () -> memory.read(START, freed)).getClass());
    assertThrows(IllegalStateException.class, () -> memory.write(START, freed));
  }

  @Test
  void fillCoversItsRangeExactly() {
    memory.fill(START + 3, 0x1ffe, (byte) 0x5a);
    assertEquals(0, memory.getByte(START + 2));
    assertEquals(0x5a, memory.getByte(START + 3));
    assertEquals(0x5a, memory.getByte(START + 0x2000));
    assertEquals(0, memory.getByte(START + 0x2001));
  }

  @Test
  void nothingAtAllIsPossibleAnywhere() {
    for (long gpa : new long[] {0, START, END, END + 1, -1L, Long.MIN_VALUE}) {
      assertDoesNotThrow(() -> memory.read(gpa, new byte[0]));
      assertDoesNotThrow(() -> memory.write(gpa, new byte[0]));
      assertDoesNotThrow(() -> memory.fill(gpa, 0, (byte) 1));
      assertEquals(0, memory.slice(gpa, 0).byteSize());
      assertTrue(memory.contains(gpa, 0));
    }
  }

  @Test
  void containsKnowsTheEdges() {
    assertTrue(memory.contains(START, 0x3000));
    assertFalse(memory.contains(START, 0x3001));
    assertFalse(memory.contains(START - 1, 2));
    assertTrue(memory.contains(END - 1, 1));
    assertFalse(memory.contains(END, 1));
    assertFalse(memory.contains(START + 1, -1L));
    assertFalse(memory.contains(-1L, 1));
  }

  @Test
  void sliceIsAViewOfItsRange() {
    MemorySegment slice = memory.slice(START + 0x10, 0x20);
    assertEquals(0x20, slice.byteSize());
    memory.putByte(START + 0x2f, (byte) 9);
    assertEquals(9, slice.get(ValueLayout.JAVA_BYTE, 0x1f));
    assertTrue(slice.isReadOnly());
    memory.putByte(START + 0x10, (byte) 8);
    assertEquals(8, slice.get(ValueLayout.JAVA_BYTE, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0x20));
  }

  @Test
  void closedMemoryFaultsEverywhere() {
    MemorySegment slice = memory.slice(START, 8);
    memory.close();
    memory.close();
    for (long gpa : new long[] {START, 0, END, START - 0x1000}) {
      assertAllFault(memory, gpa, Reason.CLOSED, "memory is closed");
    }
    assertThrows(IllegalStateException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0));
    byte[] target = {1, 2, 3};
    assertThrows(GuestMemoryException.class, () -> memory.read(START, target));
    assertArrayEquals(new byte[] {1, 2, 3}, target);
  }

  @Test
  void leasedMemoryStaysOpenAndNamesTheHolders() {
    GuestRegion last = memory.regions().getLast();
    Lease slot = last.lease("KVM slot 3");
    Lease io = last.lease("io_uring read 7");
    assertEquals(List.of("KVM slot 3", "io_uring read 7"), last.holders());
    assertEquals(last.segment().address(), slot.hva());
    assertEquals(last, slot.region());
    assertEquals("KVM slot 3", slot.holder());
    String region = "region " + last.name() + " [0x100000..0x102fff]";
    assertEquals("lease of " + region + " by KVM slot 3", slot.toString());
    assertEquals(
        region + " is still leased by KVM slot 3, io_uring read 7",
        assertThrows(IllegalStateException.class, memory::close).getMessage());
    memory.putByte(START, (byte) 1);
    assertEquals(1, memory.getByte(START), "a refused close must leave the memory open");
    slot.close();
    slot.close();
    assertEquals(
        "lease of " + region + " by KVM slot 3 has ended",
        assertThrows(IllegalStateException.class, slot::hva).getMessage());
    assertEquals(
        region + " is still leased by io_uring read 7",
        assertThrows(IllegalStateException.class, memory::close).getMessage());
    // A refused close must not forbid later leases.
    last.lease("late").close();
    io.close();
    memory.close();
    assertEquals(
        region + " is closed; no lease for x",
        assertThrows(IllegalStateException.class, () -> last.lease("x")).getMessage());
    assertEquals(List.of(), last.holders());
  }

  @Test
  void aLeaseRacingWithCloseGetsMemoryOrARefusal() throws Exception {
    for (int round = 0; round < 50; round++) {
      GuestMemory other = build();
      GuestRegion region = other.regions().getLast();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread taker =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  while (true) {
                    try (Lease lease = region.lease("racer")) {
                      region.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
                      assertTrue(lease.hva() != 0);
                    }
                  }
                } catch (IllegalStateException e) {
                  if (!String.valueOf(e.getMessage()).endsWith("; no lease for racer")) {
                    failure.set(e);
                  }
                } catch (Throwable t) {
                  failure.set(t);
                }
              });
      while (taker.isAlive()) {
        try {
          other.close();
          taker.join();
        } catch (IllegalStateException e) {
          assertTrue(String.valueOf(e.getMessage()).endsWith(" is still leased by racer"));
        }
      }
      assertEquals(null, failure.get());
    }
  }

  @Test
  void accessesRacingWithCloseEndInCleanFaults() throws Exception {
    // JDK 25.0.3 can crash if an arena is closed at the moment in which one of its own accessors,
    // called from the interpreter, is counted for compilation (seen once here).
    byte[] block = new byte[0x2000];
    for (int i = 0; i < 20_000; i++) {
      memory.putLong(START + 8, 1);
      var _ = memory.getIntAcquire(START + 4);
      memory.read(START, block);
      memory.fill(START, 0x3000, (byte) 2);
    }
    for (int round = 0; round < 20; round++) {
      GuestMemory other = build();
      List<AtomicReference<Throwable>> ends = new ArrayList<>();
      List<Thread> threads = new ArrayList<>();
      byte[] bytes = new byte[0x2000];
      List<Executable> steps =
          List.of(
              () -> other.putLong(START + 8, 1),
              () -> other.getIntAcquire(START + 4),
              () -> other.read(START, bytes),
              () -> other.fill(START, 0x3000, (byte) 2));
      for (Executable step : steps) {
        AtomicReference<Throwable> end = new AtomicReference<>();
        ends.add(end);
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    while (true) {
                      step.execute();
                    }
                  } catch (Throwable t) {
                    end.set(t);
                  }
                }));
      }
      other.close();
      for (Thread thread : threads) {
        thread.join();
      }
      for (AtomicReference<Throwable> end : ends) {
        assertEquals(
            Reason.CLOSED, assertInstanceOf(GuestMemoryException.class, end.get()).reason());
      }
    }
  }

  @Test
  void compareAndSetIsAtomic() throws Exception {
    int perThread = 50_000;
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < perThread; i++) {
                  int seen;
                  do {
                    seen = memory.getIntAcquire(START + 0x40);
                  } while (!memory.compareAndSetInt(START + 0x40, seen, seen + 1));
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(4 * perThread, memory.getInt(START + 0x40));
  }

  @Test
  void accessorsAllocateNothing() throws Exception {
    byte[] buffer = new byte[100];
    MemorySegment segment = MemorySegment.ofArray(new byte[33]);
    GuestView view = memory.view(START + 0x2800, 0x800, Access.READ_WRITE);
    long bytes =
        Allocation.bytes(
            1_000_000,
            i -> {
              long gpa = START + ((i * 8L) & 0x1ff8);
              memory.putLong(gpa, i);
              memory.putInt(gpa, memory.getInt(gpa) + 1);
              memory.putShort(gpa, memory.getShort(gpa));
              memory.putByte(gpa, memory.getByte(gpa));
              memory.putIntRelease(gpa, memory.getIntAcquire(gpa));
              memory.putShortRelease(gpa, memory.getShortAcquire(gpa));
              memory.putByteRelease(gpa, memory.getByteAcquire(gpa));
              memory.putLongRelease(gpa, memory.getLongAcquire(gpa));
              memory.read(gpa, buffer, 0, 100);
              memory.write(gpa, buffer, 0, 100);
              memory.read(gpa, segment);
              memory.write(gpa, segment);
              memory.fill(gpa + 0x100, 64, (byte) i);
              memory.copy(gpa + 0x100, gpa + 0x200, 64);
              view.putLong(8, view.getLong(0) + view.getIntAcquire(4));
              view.putShortRelease(16, view.getShort(2));
              if (memory.getLong(gpa) != i + 1L || memory.compareAndSetInt(gpa, i, 0)) {
                throw new AssertionError("wrong value at " + i);
              }
            });
    assertTrue(bytes < 50_000, bytes + " bytes for 1,000,000 rounds");
  }
}
