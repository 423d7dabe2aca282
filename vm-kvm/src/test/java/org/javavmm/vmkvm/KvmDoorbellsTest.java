// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.Doorbells;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;

/** Doorbells through ioeventfds. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class KvmDoorbellsTest {
  /** Data segment at 0x20000, above the memory. */
  private static final String RING =
      """
      b8 00 20    ; mov ax, 0x2000
      8e d8       ; mov ds, ax
      b8 07 00    ; mov ax, 7
      a2 00 00    ; mov [0], al    (any width)
      a3 00 00    ; mov [0], ax    (any width)
      a3 10 00    ; mov [0x10], ax (2 bytes)
      e7 50       ; out 0x50, ax   (2 bytes, value 7)
      e6 60       ; out 0x60, al   (1 byte)
      b0 08       ; mov al, 8
      e7 50       ; out 0x50, ax   (value 8)
      b0 09       ; mov al, 9
      e7 50       ; out 0x50, ax   (another value: an exit)
      a2 10 00    ; mov [0x10], al (another width: an exit)
      a3 10 00    ; mov [0x10], ax
      f4          ; hlt
      """;

  private static String refused(Doorbells doorbells, EventFd event, DoorbellAddress address) {
    return String.valueOf(
        assertThrows(
                SystemCallException.class,
                () -> {
                  try (var _ = doorbells.connect(event, address)) {
                    throw new AssertionError("not refused");
                  }
                })
            .getMessage());
  }

  @Test
  void writesRing() throws Exception {
    try (Guest guest = Guest.withoutIrqchip(RING);
        EventFd any = EventFd.create("any");
        EventFd word = EventFd.create("word");
        EventFd seven = EventFd.create("seven");
        EventFd eight = EventFd.create("eight");
        EventFd port = EventFd.create("port");
        KvmDoorbells doorbells = KvmDoorbells.of(guest.vm)) {
      assumeTrue(
          guest.vm.checkExtension(Cap.IOEVENTFD_ANY_LENGTH) != 0,
          "capability ioeventfd of any length: this KVM lacks KVM_CAP_IOEVENTFD_ANY_LENGTH");
      var _ = doorbells.connect(any, DoorbellAddress.mmio(0x2_0000, 0));
      Doorbells.Connection ofWord = doorbells.connect(word, DoorbellAddress.mmio(0x2_0010, 2));
      var _ =
          doorbells.connect(
              seven, new DoorbellAddress(DoorbellAddress.Space.PIO, 0x50, 2, true, 7));
      var _ =
          doorbells.connect(
              eight, new DoorbellAddress(DoorbellAddress.Space.PIO, 0x50, 2, true, 8));
      var _ = doorbells.connect(port, DoorbellAddress.pio(0x60, 1));
      assertEquals(
          List.of(
              "any at MMIO 0x20000",
              "word at MMIO 0x20010 size=2",
              "seven at port 0x50 size=2 value=0x7",
              "eight at port 0x50 size=2 value=0x8",
              "port at port 0x60 size=1"),
          doorbells.connected());
      assertEquals(ExitReason.IO, guest.run());
      assertEquals(9, guest.exit.ioData(0));
      assertEquals(
          List.of(2L, 1L, 1L, 1L, 1L),
          List.of(any.drain(), word.drain(), seven.drain(), eight.drain(), port.drain()));
      assertEquals(ExitReason.MMIO, guest.run());
      assertEquals("MMIO write gpa=0x20010 size=1", guest.exit.toString());
      // Disconnected while the guest runs on: its writes are exits again.
      ofWord.close();
      ofWord.close();
      assertEquals(ExitReason.MMIO, guest.run());
      assertEquals("MMIO write gpa=0x20010 size=2", guest.exit.toString());
      assertEquals(0, word.drain());
      assertEquals(ExitReason.HLT, guest.run());
    }
  }

  @Test
  void collisionsNameBoth() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        EventFd a = EventFd.create("disk queue 0");
        EventFd b = EventFd.create("net queue 1");
        KvmDoorbells doorbells = KvmDoorbells.of(vm)) {
      DoorbellAddress seven = DoorbellAddress.mmio(0x1000, 4, 7);
      Doorbells.Connection first = doorbells.connect(a, seven);
      assertEquals(
          "KVM_IOEVENTFD(net queue 1 at MMIO 0x1000 size=4 value=0x7): EEXIST (is rung already:"
              + " disk queue 0 at MMIO 0x1000 size=4 value=0x7)",
          refused(doorbells, b, seven));
      assertEquals(
          "KVM_IOEVENTFD(net queue 1 at MMIO 0x1000 size=4): EEXIST (is rung already: disk queue 0"
              + " at MMIO 0x1000 size=4 value=0x7)",
          refused(doorbells, b, DoorbellAddress.mmio(0x1000, 4)));
      refused(doorbells, b, DoorbellAddress.mmio(0x1000, 0));
      // What is told apart: the value, the width, the address, the space.
      var _ = doorbells.connect(b, DoorbellAddress.mmio(0x1000, 4, 8));
      var _ = doorbells.connect(b, DoorbellAddress.mmio(0x1000, 2, 7));
      var _ = doorbells.connect(b, DoorbellAddress.mmio(0x1001, 4, 7));
      var _ = doorbells.connect(b, DoorbellAddress.pio(0x1000, 4));
      first.close();
      var _ = doorbells.connect(b, seven);
      assertEquals(5, doorbells.connected().size());
    }
  }

  /** What is refused here is what KVM refuses, and nothing else: all pairs of a few addresses. */
  @Test
  void agreesWithKvm() throws Exception {
    List<DoorbellAddress> all =
        List.of(
            DoorbellAddress.mmio(0x1000, 0),
            DoorbellAddress.mmio(0x1000, 2),
            DoorbellAddress.mmio(0x1000, 2, 1),
            DoorbellAddress.mmio(0x1000, 2, 2),
            DoorbellAddress.mmio(0x1000, 4),
            DoorbellAddress.mmio(0x1000, 4, 1),
            DoorbellAddress.mmio(0x1002, 2),
            DoorbellAddress.pio(0x1000, 2),
            DoorbellAddress.pio(0x1000, 0));
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        EventFd a = EventFd.create("a");
        EventFd b = EventFd.create("b")) {
      for (DoorbellAddress first : all) {
        for (DoorbellAddress second : all) {
          boolean here;
          boolean kvmToo;
          try (KvmDoorbells one = KvmDoorbells.of(vm)) {
            var _ = one.connect(a, first);
            here = accepts(one, b, second);
          }
          // Two that do not know of each other, so that KVM decides.
          try (KvmDoorbells one = KvmDoorbells.of(vm);
              KvmDoorbells two = KvmDoorbells.of(vm)) {
            var _ = one.connect(a, first);
            kvmToo = accepts(two, b, second);
          }
          assertEquals(kvmToo, here, first + " and " + second);
        }
      }
    }
  }

  private static boolean accepts(KvmDoorbells doorbells, EventFd event, DoorbellAddress address) {
    try {
      var _ = doorbells.connect(event, address);
      return true;
    } catch (SystemCallException e) {
      return false;
    }
  }

  @Test
  void closing() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm();
        EventFd event = EventFd.create("event")) {
      DoorbellAddress address = DoorbellAddress.mmio(0x1000, 4);
      KvmDoorbells doorbells = KvmDoorbells.of(vm);
      var _ = doorbells.connect(event, address);
      doorbells.close();
      doorbells.close();
      assertEquals(List.of(), doorbells.connected());
      assertEquals(
          "doorbells are closed; none for event at MMIO 0x1000 size=4",
          assertThrows(IllegalStateException.class, () -> doorbells.connect(event, address))
              .getMessage());
      KvmDoorbells next = KvmDoorbells.of(vm);
      EventFd gone = EventFd.create("gone");
      Doorbells.Connection connection = next.connect(gone, address);
      gone.close();
      // KVM has the eventfd still, and finds it by its descriptor alone: the doorbell stays.
      assertThrows(IllegalStateException.class, connection::close);
      assertThrows(IllegalStateException.class, next::close);
      assertEquals(1, next.connected().size());
      vm.close();
      next.close();
      assertEquals(List.of(), next.connected());
      assertThrows(IllegalStateException.class, () -> KvmDoorbells.of(vm).close());
    }
  }
}
