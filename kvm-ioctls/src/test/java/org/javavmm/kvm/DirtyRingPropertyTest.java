// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.bindings.kvm.kvm_dirty_gfn;
import org.javavmm.bindings.kvm.kvm_h;

/** Harvesting against a model of the kernel's side. */
class DirtyRingPropertyTest {
  private static final int ENTRIES = 256;

  /** What the kernel does with a ring: pushes and resets, each in order. */
  private static final class Kernel {
    final MemorySegment ring = Arena.ofAuto().allocate(ENTRIES * kvm_dirty_gfn.sizeof(), 4096);
    final Deque<String> pushed = new ArrayDeque<>();
    int dirty;
    int reset;

    private MemorySegment entry(int index) {
      return ring.asSlice((index % ENTRIES) * kvm_dirty_gfn.sizeof(), kvm_dirty_gfn.sizeof());
    }

    void push(int slot, long page) {
      MemorySegment entry = entry(dirty++);
      kvm_dirty_gfn.slot(entry, slot);
      kvm_dirty_gfn.offset(entry, page);
      kvm_dirty_gfn.flags(entry, (int) kvm_h.KVM_DIRTY_GFN_F_DIRTY());
      pushed.add(slot + ":" + page);
    }

    int reset() {
      int before = reset;
      while (reset < dirty
          && (kvm_dirty_gfn.flags(entry(reset)) & kvm_h.KVM_DIRTY_GFN_F_RESET()) != 0) {
        kvm_dirty_gfn.flags(entry(reset++), 0);
      }
      return reset - before;
    }
  }

  @Property(tries = 200)
  void everyPageOnceInOrder(@ForAll Random random) {
    Kernel kernel = new Kernel();
    DirtyRing ring = new DirtyRing(kernel.ring);
    assertEquals(ENTRIES, ring.entries());
    List<String> harvested = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (int round = 0; round < 20; round++) {
      int room = ENTRIES - (kernel.dirty - kernel.reset);
      for (int n = random.nextInt(room + 1); n > 0; n--) {
        kernel.push(random.nextInt(), random.nextLong());
      }
      expected.addAll(kernel.pushed);
      int there = kernel.pushed.size();
      kernel.pushed.clear();
      assertEquals(there, ring.harvest((slot, page) -> harvested.add(slot + ":" + page)));
      assertEquals(0, ring.harvest((slot, page) -> harvested.add("again")));
      assertEquals(expected, harvested);
      if (random.nextBoolean()) {
        int _ = kernel.reset();
      }
    }
  }

  @Example
  void aSinkThatThrowsLosesItsPageAlone() {
    Kernel kernel = new Kernel();
    DirtyRing ring = new DirtyRing(kernel.ring);
    kernel.push(0, 1);
    kernel.push(0, 2);
    assertThrows(
        IllegalStateException.class,
        () ->
            ring.harvest((slot, page) -> {
              throw new IllegalStateException();
            }));
    List<Long> rest = new ArrayList<>();
    assertEquals(1, ring.harvest((slot, page) -> rest.add(page)));
    assertEquals(List.of(2L), rest);
    assertEquals(2, kernel.reset());
  }
}
