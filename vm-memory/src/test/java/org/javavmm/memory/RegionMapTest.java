// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.sys.SystemCallException;

class RegionMapTest {
  /** Any map of up to 300 regions: each address finds its region, and no other does. */
  @Property(tries = 200)
  void everyAddressFindsItsRegion(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    TreeMap<Long, Long> pages = new TreeMap<>(Long::compareUnsigned);
    List<GuestRegion> regions = new ArrayList<>();
    int wanted = 1 + random.nextInt(random.nextBoolean() ? 5 : 300);
    // Regions that are only looked up need no memory: the map takes them as they are.
    try (GuestMemory one = GuestMemory.builder().resizable().build()) {
      long gpa = random.nextInt(4) == 0 ? 0 : random.nextLong() & -4096;
      for (int i = 0; i < wanted; i++) {
        long gap =
            switch (random.nextInt(6)) {
              case 0 -> 1L << (12 + random.nextInt(50));
              case 1 -> 4096;
              default -> 0;
            };
        if (Long.compareUnsigned(gpa + gap, gpa) < 0
            || Long.compareUnsigned(gpa + gap, -65_536L) > 0) {
          break;
        }
        gpa += gap;
        regions.add(one.addRegion(RegionSpec.anonymous("r" + i, gpa, 4096)));
        pages.put(gpa, (long) i);
        gpa += 4096;
      }
      RegionMap map = new RegionMap(regions);
      for (int i = 0; i < 500; i++) {
        long base = regions.isEmpty() ? 0 : regions.get(random.nextInt(regions.size())).gpa();
        long at = random.nextInt(4) == 0 ? random.nextLong() : base + random.nextInt(-5000, 9000);
        Long expected = pages.get(at & -4096);
        GuestRegion found = map.find(at);
        assertEquals(expected != null, found.holds(at, 1), Long.toHexString(at));
        if (expected != null) {
          assertSame(regions.get((int) (long) expected), found);
        }
      }
    } catch (SystemCallException e) {
      throw new AssertionError(e);
    }
  }
}
