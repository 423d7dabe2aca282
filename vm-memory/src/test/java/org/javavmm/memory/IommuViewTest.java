// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Memory behind an IOMMU, against a tree map of pages and an array of bytes. */
class IommuViewTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 16;
  private static final long BASE = 0x4000_0000;
  private static final List<Access> ACCESSES = List.of(Access.values());

  private record Entry(long gpa, Access access) {}

  private final TreeMap<Long, Entry> table = new TreeMap<>();
  private int questions;

  private final GuestMemory memory;
  private final IommuView view;

  IommuViewTest() throws Exception {
    memory = GuestMemory.builder().anonymous("ram", BASE, PAGES * PAGE).build();
    view = new IommuView(memory, this::translate, 4);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private boolean translate(long iova, Access access, Translation found) {
    questions++;
    long page = iova & -PAGE;
    Entry entry = table.get(page);
    if (entry == null) {
      return false;
    }
    found.set(page, PAGE, entry.gpa, entry.access);
    return true;
  }

  private void map(long iova, long gpa, Access access) {
    table.put(iova, new Entry(gpa, access));
  }

  private static void assertFault(Reason reason, String message, Executable access) {
    GuestMemoryException e = assertThrows(GuestMemoryException.class, access);
    assertEquals(message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void everyAccessIsTranslated() {
    map(0x1000, BASE + 5 * PAGE, Access.READ_WRITE);
    long to = BASE + 5 * PAGE - 0x1000;
    view.putByte(0x1000, (byte) 1);
    view.putShort(0x1002, (short) 2);
    view.putInt(0x1004, 3);
    view.putLong(0x1008, 4);
    assertEquals(1, memory.getByte(to + 0x1000));
    assertEquals(2, memory.getShort(to + 0x1002));
    assertEquals(3, memory.getInt(to + 0x1004));
    assertEquals(4, memory.getLong(to + 0x1008));
    assertEquals(1, view.getByte(0x1000));
    assertEquals(2, view.getShort(0x1002));
    assertEquals(3, view.getInt(0x1004));
    assertEquals(4, view.getLong(0x1008));
    view.putByteRelease(0x1010, (byte) 5);
    view.putShortRelease(0x1012, (short) 6);
    view.putIntRelease(0x1014, 7);
    view.putLongRelease(0x1018, 8);
    assertEquals(5, view.getByteAcquire(0x1010));
    assertEquals(6, view.getShortAcquire(0x1012));
    assertEquals(7, view.getIntAcquire(0x1014));
    assertEquals(8, view.getLongAcquire(0x1018));
    assertTrue(view.compareAndSetByte(0x1010, (byte) 5, (byte) 9));
    assertTrue(view.compareAndSetShort(0x1012, (short) 6, (short) 10));
    assertTrue(view.compareAndSetInt(0x1014, 7, 11));
    assertTrue(view.compareAndSetLong(0x1018, 8, 12));
    assertFalse(view.compareAndSetLong(0x1018, 8, 13));
    assertEquals(12, memory.getLong(to + 0x1018));
    assertEquals(1, questions, "asked once, kept");
    GuestView ring = view.view(0x1010, 0x20, Access.READ_WRITE);
    assertEquals(12, ring.getLong(8));
    try (GuestLoan loan = view.borrow(0x1000, 0x10, Access.READ, "test")) {
      assertEquals(to + 0x1000, loan.gpa());
    }
    assertEquals(0x10, view.slice(0x1000, 0x10).byteSize());
    assertTrue(view.allows(0x1fff, 1, Access.WRITE));
    assertFalse(view.allows(0x1fff, 2, Access.WRITE));
    assertEquals(memory, view.memory());
    assertEquals(1, view.tlb().size());
    assertTrue(view.toString().startsWith("IOMMU view of guest memory"), view.toString());
  }

  @Test
  void faultsNameTheIova() {
    map(0x1000, BASE, Access.READ);
    map(0x2000, BASE + PAGE, Access.WRITE);
    map(0x5000, 0x8234_0000L, Access.READ_WRITE);
    map(-PAGE, BASE, Access.READ_WRITE);
    assertFault(
        Reason.UNTRANSLATED,
        "guest memory read(iova=0x3000, length=4): the IOMMU has no translation",
        () -> view.getInt(0x3000));
    assertFault(
        Reason.PERMISSION,
        "guest memory write(iova=0x1004, length=4): not permitted there",
        () -> view.putInt(0x1004, 1));
    assertFault(
        Reason.PERMISSION,
        "guest memory read(iova=0x2000, length=2): not permitted there",
        () -> view.getShort(0x2000));
    assertFault(
        Reason.PERMISSION,
        "guest memory write(iova=0x2000, length=2): not permitted there",
        () -> view.compareAndSetShort(0x2000, (short) 0, (short) 1));
    assertFault(
        Reason.PERMISSION,
        "guest memory read(iova=0x1ff0, length=32): not permitted there",
        () -> view.read(0x1ff0, new byte[32]));
    assertFault(
        Reason.END_OF_MEMORY,
        "guest memory read(gpa=0x82340010, length=4): beyond the end of memory",
        () -> view.getInt(0x5010));
    assertFault(
        Reason.OVERFLOW,
        "guest memory read(iova=0xffffffffffffffff, length=4): address + length exceeds 2^64",
        () -> view.getInt(-1));
    assertFault(
        Reason.OVERFLOW,
        "guest memory write(iova=0xffffffffffffffff, length=2): address + length exceeds 2^64",
        () -> view.fill(-1, 2, (byte) 1));
    GuestMemoryException e = assertThrows(GuestMemoryException.class, () -> view.getInt(0x3000));
    assertTrue(e.isIova());
    assertEquals(0x3000, e.address());
    // Nothing moved, though the first page could be written.
    byte[] before = new byte[PAGE];
    memory.read(BASE + PAGE, before);
    assertThrows(
        GuestMemoryException.class,
        () ->
            view.write(
                0x2ff0, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}));
    assertEquals(-1, memory.mismatch(BASE + PAGE, MemorySegment.ofArray(before)));
  }

  @Test
  void whatLiesInARowIsOneRange() {
    map(0x1000, BASE, Access.READ_WRITE);
    map(0x2000, BASE + PAGE, Access.READ_WRITE);
    map(0x3000, BASE + 3 * PAGE, Access.READ_WRITE);
    GuestView ring = view.view(0x1800, PAGE, Access.READ_WRITE);
    ring.putLong(0x7fc, 0x1122_3344_5566_7788L);
    assertEquals(0x1122_3344_5566_7788L, memory.getLong(BASE + 0xffc));
    assertEquals(0x1122_3344_5566_7788L, view.getLong(0x1ffc));
    assertEquals(2 * PAGE, view.slice(0x1000, 2 * PAGE).byteSize());
    assertFault(
        Reason.REGION_BOUNDARY,
        "guest memory read(iova=0x2ffc, length=8): crosses from one region into another",
        () -> view.getLong(0x2ffc));
    assertThrows(GuestMemoryException.class, () -> view.view(0x2800, PAGE, Access.READ));
    view.write(0x2ffc, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    assertEquals(0x0403_0201, memory.getInt(BASE + 2 * PAGE - 4));
    assertEquals(0x0807_0605, memory.getInt(BASE + 3 * PAGE));
    try (GuestIoVector vector = new GuestIoVector(4)) {
      vector.add(view, 0x1ff0, PAGE + 0x20, Access.WRITE);
      assertEquals("I/O vector of 4128 bytes in 2 pieces, 0 done", vector.toString());
    }
  }

  @Test
  void invalidationMakesItAskAgain() {
    map(0x1000, BASE, Access.READ_WRITE);
    view.putInt(0x1000, 1);
    map(0x1000, BASE + PAGE, Access.READ_WRITE);
    assertEquals(1, view.getInt(0x1000), "kept until it is invalidated");
    view.invalidate(0x1000, 1);
    assertEquals(0, view.getInt(0x1000));
    table.clear();
    view.invalidateAll();
    assertThrows(GuestMemoryException.class, () -> view.getInt(0x1000));
    // A permission that grew is asked for, not refused from the table.
    map(0x1000, BASE, Access.READ);
    assertEquals(1, view.getInt(0x1000));
    map(0x1000, BASE, Access.READ_WRITE);
    view.putInt(0x1000, 5);
    assertEquals(5, memory.getInt(BASE));
  }

  @Test
  void bypassIsTheIdentity() {
    view.bypass(true);
    view.putInt(BASE + 8, 3);
    assertEquals(3, memory.getInt(BASE + 8));
    byte[] bytes = new byte[12];
    view.read(BASE, bytes);
    assertEquals(3, bytes[8]);
    view.fill(BASE, 16, (byte) 1);
    assertEquals(0x0101_0101, view.getInt(BASE + 8));
    assertEquals(0, questions);
    assertTrue(view.toString().contains("(bypassed)"));
    assertThrows(GuestMemoryException.class, () -> view.fill(0, 1, (byte) 1));
    view.bypass(false);
    assertThrows(GuestMemoryException.class, () -> view.getInt(BASE));
  }

  @Test
  void anIommuThatAnswersAnotherQuestionIsNamed() {
    IommuView wrong =
        new IommuView(
            memory,
            (iova, access, found) -> {
              found.set(0x9000, PAGE, BASE, Access.READ_WRITE);
              return true;
            },
            4);
    assertEquals(
        "the IOMMU was asked for iova=0x1000 and gave translation(iova=0x9000, length=4096,"
            + " gpa=0x40000000, READ_WRITE)",
        assertThrows(IllegalStateException.class, () -> wrong.getInt(0x1000)).getMessage());
  }

  @Test
  void whatWouldLieBeyondTheEndHasNoTranslation() {
    IommuView cut =
        new IommuView(
            memory,
            (iova, access, found) -> {
              found.set(0x1000, 2 * PAGE, -PAGE, Access.READ_WRITE);
              return true;
            },
            4);
    assertFault(
        Reason.UNTRANSLATED,
        "guest memory read(iova=0x2000, length=4): the IOMMU has no translation",
        () -> cut.getInt(0x2000));
    assertFalse(cut.contains(0x2000, 4));
  }

  /** A guest may name a range as long as it likes, all of it one page of memory. */
  @Test
  void aLongRangeIsNotKeptPieceByPiece() {
    for (int i = 0; i < 20_000; i++) {
      map((long) i * PAGE, BASE, Access.READ_WRITE);
    }
    IommuView large = new IommuView(memory, this::translate, 65_536);
    assertTrue(large.contains(0, 20_000L * PAGE));
    assertEquals(1, large.tlb().size());
    assertTrue(questions <= 20_000, questions + " questions");
  }

  @Test
  void nothingAtAllIsPossibleAnywhere() {
    for (long iova : new long[] {0, 0x1000, -1, Long.MIN_VALUE}) {
      view.read(iova, new byte[0]);
      view.write(iova, new byte[0]);
      view.read(iova, MemorySegment.ofArray(new byte[0]));
      view.write(iova, MemorySegment.ofArray(new byte[0]));
      view.fill(iova, 0, (byte) 1);
      view.copy(iova, iova + 1, 0);
      assertEquals(-1, view.mismatch(iova, MemorySegment.ofArray(new byte[0])));
      assertEquals(0, view.slice(iova, 0).byteSize());
      assertTrue(view.allows(iova, 0, Access.READ_WRITE));
    }
    assertEquals(0, questions);
  }

  /** Random maps over few pages, several of which may be the same memory. */
  @Property(tries = 300)
  void agreesWithTheModel(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] model = new byte[PAGES * PAGE];
    random.nextBytes(model);
    memory.write(BASE, model);
    for (int i = 0; i < 80; i++) {
      long iova = PAGE * (long) random.nextInt(-4, 8);
      if (random.nextInt(3) == 0) {
        if (random.nextInt(4) == 0) {
          table.remove(iova);
        } else {
          map(iova, BASE + PAGE * (long) random.nextInt(PAGES), ACCESSES.get(random.nextInt(3)));
        }
        view.invalidate(iova, PAGE);
        continue;
      }
      long at = iova + random.nextInt(-20, 20);
      int length = random.nextInt(10) == 0 ? random.nextInt(3 * PAGE) : random.nextInt(50);
      switch (random.nextInt(5)) {
        case 0 -> {
          byte[] target = new byte[length];
          Arrays.fill(target, (byte) 77);
          byte[] before = target.clone();
          if (expect(at, length, Access.READ, () -> view.read(at, target))) {
            assertArrayEquals(modelRead(model, at, length), target);
            MemorySegment segment = MemorySegment.ofArray(new byte[length]);
            view.read(at, segment);
            assertEquals(-1, view.mismatch(at, segment));
            if (length > 0) {
              byte[] other = target.clone();
              int wrong = random.nextInt(length);
              other[wrong]++;
              assertEquals(wrong, view.mismatch(at, MemorySegment.ofArray(other)));
            }
          } else {
            assertArrayEquals(before, target);
          }
        }
        case 1 -> {
          byte[] source = new byte[length];
          random.nextBytes(source);
          if (expect(at, length, Access.WRITE, () -> view.write(at, source))) {
            modelWrite(model, at, source);
          }
        }
        case 2 -> {
          byte[] source = new byte[length];
          random.nextBytes(source);
          MemorySegment segment = MemorySegment.ofArray(source);
          if (expect(at, length, Access.WRITE, () -> view.write(at, segment))) {
            modelWrite(model, at, source);
          }
        }
        case 3 -> {
          if (expect(at, length, Access.WRITE, () -> view.fill(at, length, (byte) 9))) {
            byte[] nines = new byte[length];
            Arrays.fill(nines, (byte) 9);
            modelWrite(model, at, nines);
          }
        }
        default -> {
          boolean possible = reason(at, length, Access.READ) == null;
          assertEquals(possible, view.contains(at, length));
        }
      }
      assertTrue(view.tlb().size() <= 4);
      assertEquals(-1, memory.mismatch(BASE, MemorySegment.ofArray(model)));
    }
    table.clear();
    view.invalidateAll();
  }

  private @Nullable Reason reason(long iova, int length, Access access) {
    if (length != 0 && Long.compareUnsigned(iova + (length - 1), iova) < 0) {
      return Reason.OVERFLOW;
    }
    for (int i = 0; i < length; i++) {
      Entry entry = table.get((iova + i) & -PAGE);
      if (entry == null) {
        return Reason.UNTRANSLATED;
      }
      if (!entry.access.covers(access)) {
        return Reason.PERMISSION;
      }
    }
    return null;
  }

  private boolean expect(long iova, int length, Access access, Executable action) {
    Reason reason = reason(iova, length, access);
    if (reason != null) {
      GuestMemoryException e = assertThrows(GuestMemoryException.class, action);
      assertEquals(reason, e.reason(), e.getMessage());
      assertEquals(iova, e.address());
      assertEquals(length, e.length());
      return false;
    }
    try {
      action.execute();
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
    return true;
  }

  private int index(long iova) {
    Entry entry = table.get(iova & -PAGE);
    if (entry == null) {
      throw new AssertionError("no page at " + iova);
    }
    return (int) (entry.gpa - BASE + (iova & (PAGE - 1)));
  }

  private byte[] modelRead(byte[] model, long iova, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = model[index(iova + i)];
    }
    return bytes;
  }

  private void modelWrite(byte[] model, long iova, byte[] source) {
    for (int i = 0; i < source.length; i++) {
      model[index(iova + i)] = source[i];
    }
  }

  @Test
  void copiesWithin() {
    for (int i = 0; i < 8; i++) {
      map((long) i * PAGE, BASE + (15L - i) * PAGE, Access.READ_WRITE);
    }
    byte[] bytes = new byte[5000];
    new SplittableRandom(1).nextBytes(bytes);
    view.write(100, bytes);
    view.copy(100, 3000, 5000);
    assertEquals(-1, view.mismatch(3000, MemorySegment.ofArray(bytes)));
    view.copy(3000, 2000, 5000);
    assertEquals(-1, view.mismatch(2000, MemorySegment.ofArray(bytes)));
    assertThrows(GuestMemoryException.class, () -> view.copy(0, 7 * PAGE, 2 * PAGE));
  }

  @Test
  void knownTranslationsAllocateNothing() throws Exception {
    map(0x1000, BASE, Access.READ_WRITE);
    byte[] buffer = new byte[64];
    long bytes =
        Allocation.bytes(
            500_000,
            i -> {
              view.putInt(0x1000 + (i & 0x7fc), i);
              view.read(0x1100, buffer);
              view.write(0x1100, buffer);
              if (view.getIntAcquire(0x1000 + (i & 0x7fc)) == -1) {
                throw new AssertionError();
              }
            });
    assertTrue(bytes < 50_000, bytes + " bytes");
  }
}
