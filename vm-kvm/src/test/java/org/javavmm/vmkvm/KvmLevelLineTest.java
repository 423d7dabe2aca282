// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;

/** Level-triggered lines through irqfds with resample. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class KvmLevelLineTest {
  private static final int GSI = 5;
  private static final int TAKEN = 0x11;
  private static final int ENDED = 0x12;

  /** The first PIC with vectors from 0x20, line 5 alone and level-triggered. */
  private static final String LEVEL =
      """
      b0 11 e6 20       ; mov al, 0x11; out 0x20, al
      b0 20 e6 21       ; mov al, 0x20; out 0x21, al
      b0 04 e6 21       ; mov al, 0x04; out 0x21, al
      b0 01 e6 21       ; mov al, 0x01; out 0x21, al
      b0 df e6 21       ; mov al, 0xdf; out 0x21, al
      b0 20             ; mov al, 0x20
      ba d0 04          ; mov dx, 0x4d0
      ee                ; out dx, al   (line 5 is level-triggered)
      31 c9             ; xor cx, cx
      fb                ; sti
      e6 10             ; out 0x10, al
      f4                ; hlt
      eb fd             ; jmp the hlt
      """;

  /** Tells how many there were, ends the interrupt, tells that. */
  private static final String HANDLER =
      """
      41                ; inc cx
      88 c8             ; mov al, cl
      e6 11             ; out 0x11, al
      b0 20             ; mov al, 0x20
      e6 20             ; out 0x20, al
      e6 12             ; out 0x12, al
      cf                ; iret
      """;

  private static Guest guest() throws Exception {
    Guest guest = Guest.withIrqchip(LEVEL);
    guest.handler(0x25, Guest.HANDLER, HANDLER);
    guest.expectOut(0x10, 0x20);
    return guest;
  }

  @Test
  void theLineRisesAgainWhileItIsWanted() throws Exception {
    try (Guest guest = guest();
        KvmLevelLine line = KvmLevelLine.connect(guest.vm, GSI)) {
      assertEquals(GSI, line.gsi());
      LevelLine asDeviceSeesIt = line;
      asDeviceSeesIt.setLevel(true);
      asDeviceSeesIt.setLevel(true);
      for (int i = 1; i <= 5; i++) {
        guest.expectOut(TAKEN, i);
        guest.expectOut(ENDED, 0x20);
        line.resampled();
      }
      guest.expectOut(TAKEN, 6);
      asDeviceSeesIt.setLevel(false);
      assertFalse(line.isAsserted());
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      assertEquals(0, line.resampleEvent().drain(), "the notice was taken");
      // Had there been another, the count would tell.
      asDeviceSeesIt.setLevel(true);
      assertTrue(line.isAsserted());
      guest.expectOut(TAKEN, 7);
      asDeviceSeesIt.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      assertEquals(1, line.resampleEvent().drain());
    }
  }

  /** As documented: the line stays up to the guest's end of an interrupt, which is spurious. */
  @Test
  void takenBackBeforeItWasSeen() throws Exception {
    try (Guest guest = guest();
        KvmLevelLine line = KvmLevelLine.connect(guest.vm, GSI)) {
      line.setLevel(true);
      line.setLevel(false);
      guest.expectOut(TAKEN, 1);
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      line.setLevel(true);
      guest.expectOut(TAKEN, 2);
      line.setLevel(false);
      guest.expectOut(ENDED, 0x20);
    }
  }

  /** Asserted anew between the device's service and the end of the interrupt. */
  @Test
  void wantedAnewBeforeTheEnd() throws Exception {
    try (Guest guest = guest();
        KvmLevelLine line = KvmLevelLine.connect(guest.vm, GSI)) {
      line.setLevel(true);
      guest.expectOut(TAKEN, 1);
      line.setLevel(false);
      line.setLevel(true);
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      guest.expectOut(TAKEN, 2);
      line.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      // The notice comes after the line was wanted anew and raised by that.
      line.setLevel(true);
      line.resampled();
      guest.expectOut(TAKEN, 3);
      line.setLevel(false);
    }
  }

  @Test
  void linesOfOneGsiAreOred() throws Exception {
    try (Guest guest = guest();
        KvmLevelLine a = KvmLevelLine.connect(guest.vm, GSI);
        KvmLevelLine b = KvmLevelLine.connect(guest.vm, GSI)) {
      a.setLevel(true);
      b.setLevel(true);
      guest.expectOut(TAKEN, 1);
      a.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      a.resampled();
      b.resampled();
      guest.expectOut(TAKEN, 2);
      b.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      assertEquals(1, a.resampleEvent().drain(), "each is told");
      assertEquals(1, b.resampleEvent().drain());
      b.close();
      a.setLevel(true);
      guest.expectOut(TAKEN, 3);
    }
  }

  @Test
  void sourcesOfASharedLineAreOred() throws Exception {
    try (Guest guest = guest();
        KvmLevelLine line = KvmLevelLine.connect(guest.vm, GSI)) {
      SharedLevelLine shared = new SharedLevelLine(line);
      LevelLine a = shared.source();
      LevelLine b = shared.source();
      a.setLevel(true);
      b.setLevel(true);
      guest.expectOut(TAKEN, 1);
      a.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      guest.expectOut(TAKEN, 2);
      b.setLevel(false);
      guest.expectOut(ENDED, 0x20);
      line.resampled();
      a.setLevel(true);
      guest.expectOut(TAKEN, 3);
    }
  }

  @Test
  void closingLowersTheLine() throws Exception {
    try (Guest guest = guest()) {
      long before = Descriptors.to("anon_inode:[eventfd]");
      KvmLevelLine line = KvmLevelLine.connect(guest.vm, GSI);
      assertEquals(before + 2, Descriptors.to("anon_inode:[eventfd]"));
      line.setLevel(true);
      line.close();
      line.close();
      line.resampled();
      assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
      assertEquals(0, guest.vm.getPicMaster().irr() & 1 << GSI);
      line.setLevel(false);
      assertThrows(IllegalStateException.class, () -> line.setLevel(true));
      KvmLevelLine next = KvmLevelLine.connect(guest.vm, GSI);
      next.setLevel(true);
      guest.expectOut(TAKEN, 1);
      guest.vm.close();
      next.resampled();
      next.close();
      next.resampled();
      assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
    }
  }

  @Test
  void refusedLinesLeaveNothingOpen() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm without = kvm.createVm();
        Vm closed = kvm.createVm()) {
      closed.close();
      long before = Descriptors.to("anon_inode:");
      KvmException e =
          assertThrows(KvmException.class, () -> KvmLevelLine.connect(without, GSI).close());
      assertEquals(Errno.EINVAL, e.errno());
      assertThrows(IllegalStateException.class, () -> KvmLevelLine.connect(closed, GSI).close());
      assertEquals(before, Descriptors.to("anon_inode:"));
    }
  }
}
