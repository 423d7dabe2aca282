// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Random;
import org.javavmm.sys.Mapping;
import org.junit.jupiter.api.Test;

/** A guest writes pages that the test chose at random; the log has these and no others. */
@NeedsKvm
class DirtyLogTest {
  private static final int SLOT = 1;
  private static final int PAGES = 100;
  private static final int LIST = 0x2000;

  /** A round writes one byte of each page on the list. */
  private static final String WRITER =
      """
      be 00 20             ; start: mov si, 0x2000
      ad                   ; again: lodsw
      85 c0                ; test ax, ax
      74 0a                ; jz end
      8e c0                ; mov es, ax
      26 c6 06 10 00 01    ; mov byte [es:0x10], 1
      eb f1                ; jmp again
      e6 80                ; end: out 0x80, al
      eb ea                ; jmp start
      """;

  private static void round(Guest guest, BitSet pages) throws KvmException {
    long at = LIST;
    for (int page = pages.nextSetBit(0); page >= 0; page = pages.nextSetBit(page + 1)) {
      short segment = (short) ((Guest.SIZE >> 4) + (page << 8));
      guest.memory.segment().set(ValueLayout.JAVA_SHORT, at, segment);
      at += 2;
    }
    guest.memory.segment().set(ValueLayout.JAVA_SHORT, at, (short) 0);
    guest.expectOut(0x80, 1, 0);
  }

  private static BitSet pages(Random random) {
    BitSet pages = new BitSet();
    int n = random.nextInt(PAGES);
    for (int i = 0; i < n; i++) {
      pages.set(random.nextInt(PAGES));
    }
    return pages;
  }

  private static void slot(Guest guest, Mapping memory) throws KvmException {
    guest.vm.setUserMemoryRegion(
        SLOT, Vm.KVM_MEM_LOG_DIRTY_PAGES, Guest.SIZE, memory.size(), memory.address());
  }

  @Test
  void theLogHasThePagesWritten() throws Exception {
    Random random = new Random(11);
    try (Mapping memory = Mapping.anonymous((long) PAGES << 12);
        Guest guest = Guest.realMode(WRITER)) {
      slot(guest, memory);
      for (int i = 0; i < 20; i++) {
        BitSet pages = pages(random);
        round(guest, pages);
        assertEquals(pages, BitSet.valueOf(guest.vm.getDirtyLog(SLOT).words()), "round " + i);
      }
      assertEquals(0, guest.vm.getDirtyLog(SLOT).count());
    }
  }

  @Test
  void whatIsNotClearedStaysInTheLog() throws Exception {
    Random random = new Random(13);
    try (Mapping memory = Mapping.anonymous((long) PAGES << 12);
        Guest guest = Guest.realMode(WRITER)) {
      assumeTrue(
          guest.vm.checkExtension(Cap.MANUAL_DIRTY_LOG_PROTECT2) > 0,
          "capability KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: this KVM lacks it");
      guest
          .vm
          .capabilities()
          .manualDirtyLogProtect(VmCapabilities.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
      slot(guest, memory);
      BitSet expected = new BitSet();
      for (int i = 0; i < 20; i++) {
        BitSet pages = pages(random);
        round(guest, pages);
        expected.or(pages);
        DirtyLog log = guest.vm.getDirtyLog(SLOT);
        assertEquals(expected, BitSet.valueOf(log.words()), "round " + i);
        if (random.nextBoolean()) {
          guest.vm.clearDirtyLog(log, 0, 64);
          expected.clear(0, 64);
        } else {
          guest.vm.clearDirtyLog(log, 64, PAGES - 64);
          expected.clear(64, PAGES);
        }
      }
    }
  }
}
