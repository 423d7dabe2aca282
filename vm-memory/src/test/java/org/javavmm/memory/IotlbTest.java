// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** The table of translations against a tree map of pages. */
class IotlbTest {
  private record Page(long gpa, Access access) {}

  private static final long UNIT = 0x10;
  private static final List<Access> ACCESSES = List.of(Access.values());

  /** Addresses at both ends of the address space, so that ranges meet and exceed 2^64. */
  private static long address(SplittableRandom random) {
    return UNIT * random.nextInt(-40, 40);
  }

  @Property(tries = 300)
  void agreesWithAMapOfPages(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Iotlb tlb = new Iotlb(1000);
    TreeMap<Long, Page> model = new TreeMap<>();
    for (int i = 0; i < 80; i++) {
      long iova = address(random);
      long length = UNIT * random.nextInt(0, 12);
      switch (random.nextInt(5)) {
        case 0, 1 -> {
          long gpa = address(random);
          Access access = ACCESSES.get(random.nextInt(3));
          tlb.insert(iova, length, gpa, access);
          for (long done = 0; done < length; done += UNIT) {
            boolean wrapped =
                Long.compareUnsigned(iova + done, iova) < 0
                    || Long.compareUnsigned(gpa + done, gpa) < 0;
            if (!wrapped) {
              model.put(iova + done, new Page(gpa + done, access));
            }
          }
        }
        case 2 -> {
          tlb.invalidate(iova, length);
          for (long done = 0; done < length; done += UNIT) {
            if (Long.compareUnsigned(iova + done, iova) >= 0) {
              model.remove(iova + done);
            }
          }
        }
        case 3 -> {
          if (random.nextInt(10) == 0) {
            tlb.invalidateAll();
            model.clear();
          }
        }
        default -> {
          for (long at = -45 * UNIT; at < 45 * UNIT; at += UNIT) {
            compare(tlb, model, at);
          }
        }
      }
    }
  }

  private static void compare(Iotlb tlb, Map<Long, Page> model, long at) {
    Translation found = new Translation();
    Page page = model.get(at);
    assertEquals(page != null, tlb.lookup(at + 3, found), () -> Long.toHexString(at));
    if (page != null) {
      assertTrue(found.holds(at) && found.holds(at + UNIT - 1));
      assertEquals(page.gpa, found.gpa() + (at - found.iova()));
      assertEquals(page.access, found.permitted());
    }
  }

  @Test
  void isBounded() {
    Iotlb tlb = new Iotlb(3);
    Translation found = new Translation();
    for (int i = 0; i < 5; i++) {
      tlb.insert(i * 0x1000L, 0x1000, 0x10_0000 + i * 0x1000L, Access.READ_WRITE);
    }
    assertEquals(3, tlb.size());
    assertFalse(tlb.lookup(0x1fff, found), "the oldest go");
    assertTrue(tlb.lookup(0x2000, found));
    assertEquals(0x10_2000, found.gpa());
    assertEquals(0x1000, found.length());
    // A hole in the middle of one makes two of it; still no more than three.
    tlb.invalidateAll();
    tlb.insert(0, 0x10_0000, 0, Access.READ);
    for (int i = 1; i < 6; i++) {
      tlb.invalidate(i * 0x1_0000L, 1);
      assertTrue(tlb.size() <= 3);
    }
    assertFalse(tlb.lookup(0x1_0000, found));
    assertEquals(
        "capacity=0 is not in 1..65536",
        assertThrows(IllegalArgumentException.class, () -> new Iotlb(0)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> new Iotlb(65_537));
    assertTrue(tlb.toString().startsWith("IOTLB 3 of 3 ["), tlb.toString());
  }

  @Test
  void takesEveryInput() {
    Iotlb tlb = new Iotlb(8);
    Translation found = new Translation();
    tlb.insert(0, -1, 0, Access.READ);
    assertTrue(tlb.lookup(-2, found));
    assertFalse(tlb.lookup(-1, found), "2^64 bytes cannot be counted; one less can");
    tlb.insert(-1, -1, 5, Access.WRITE);
    assertTrue(tlb.lookup(-1, found));
    assertEquals(1, found.length());
    assertEquals(5, found.gpa());
    tlb.insert(0x1000, 0x2000, -0x1000, Access.READ_WRITE);
    assertTrue(tlb.lookup(0x1fff, found));
    assertEquals(-0x1000, found.gpa());
    assertEquals(0x1000, found.length());
    assertTrue(tlb.lookup(0x2000, found));
    assertEquals(0x2000, found.gpa() + 0x2000 - found.iova(), "cut where gpa exceeds 2^64");
    tlb.invalidate(5, 0);
    tlb.insert(5, 0, 5, Access.READ);
    assertEquals(4, tlb.size());
    tlb.invalidate(-1, -1);
    assertFalse(tlb.lookup(-1, found));
    tlb.invalidate(0, -1);
    assertEquals(0, tlb.size());
    assertEquals(
        "translation(iova=0x1000, length=18446744073709547520, gpa=0x5, READ)",
        translation(0x1000, 5).toString());
  }

  private static Translation translation(long iova, long gpa) {
    Translation translation = new Translation();
    translation.set(iova, -1, gpa, Access.READ);
    return translation;
  }

  @Test
  void anAnswerThatWasInvalidatedMeanwhileIsNotKept() {
    Iotlb tlb = new Iotlb(8);
    Translation found = new Translation();
    found.set(0x1000, 0x1000, 0x5000, Access.READ);
    long epoch = tlb.epoch();
    tlb.invalidate(0x1000, 0x1000);
    tlb.insertIf(epoch, found);
    assertEquals(0, tlb.size());
    tlb.insertIf(tlb.epoch(), found);
    assertEquals(1, tlb.size());
  }
}
