// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.device.MsiVector;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Messages through routes and irqfds. */
@NeedsKvm
@SuppressWarnings("try") // closing early, and twice, is what is tested
class KvmMsiControllerTest {
  private static final long LOCAL_APICS = 0xfee0_0000L;
  private static final int LOW = 0x44;
  private static final int HIGH = 0x54;

  private static final String WAIT =
      """
      fb                ; sti
      e6 10             ; out 0x10, al
      f4                ; hlt
      eb fd             ; jmp the hlt
      """;

  /** Counts at an address, ends the interrupt at the local APIC. */
  private static String counter(int at) {
    return """
    ff 06 %02x %02x                      ; inc word [at]
    67 66 c7 05 b0 00 e0 fe 00 00 00 00 ; mov dword [0xfee000b0], 0
    cf                                  ; iret
    """
        .formatted(at & 0xff, at >> 8);
  }

  private static final String TELL =
      """
      41                                  ; inc cx
      88 c8                               ; mov al, cl
      67 66 c7 05 b0 00 e0 fe 00 00 00 00 ; mov dword [0xfee000b0], 0
      e6 %02x                             ; out VECTOR, al
      cf                                  ; iret
      """;

  private static Guest guest() throws Exception {
    Guest guest = Guest.withIrqchip(WAIT);
    // The spurious interrupt vector register's bit 8 enables the local APIC.
    guest.vcpu.setLapic(guest.vcpu.getLapic().set(0xf0, 0x1ff));
    return guest;
  }

  @Test
  void messagesGoWhereTheRouteSays() throws Exception {
    try (Guest guest = guest()) {
      guest.handler(LOW, Guest.HANDLER, TELL.formatted(LOW));
      guest.handler(HIGH, Guest.HANDLER + 0x80, TELL.formatted(HIGH));
      guest.expectOut(0x10, 0);
      GsiRoutes routes = GsiRoutes.forIrqchip(guest.vm);
      try (KvmMsiController controller = KvmMsiController.of(guest.vm, routes)) {
        MsiVector vector = controller.allocate("disk queue 0");
        assertEquals("MSI vector GSI 24 of disk queue 0", vector.toString());
        vector.trigger(); // leads nowhere, and is not kept either
        vector.route(LOCAL_APICS, LOW);
        for (int i = 1; i <= 20; i++) {
          vector.trigger();
          guest.expectOut(LOW, i);
        }
        vector.route(LOCAL_APICS, HIGH);
        vector.trigger();
        guest.expectOut(HIGH, 21);
        // Another vector, and the pins' routes are as they were.
        MsiVector other = controller.allocate("disk queue 1");
        other.route(LOCAL_APICS, LOW);
        other.trigger();
        guest.expectOut(LOW, 22);
        assertEquals(2, controller.vectors());
        vector.close();
        assertThrows(IllegalStateException.class, vector::trigger);
        assertEquals(
            "GSI 24 of disk queue 0 was given back",
            assertThrows(IllegalStateException.class, () -> vector.route(LOCAL_APICS, LOW))
                .getMessage());
        // The next owner of the GSI has nothing of the last one's.
        MsiVector next = controller.allocate("net");
        assertEquals("MSI vector GSI 24 of net", next.toString());
        next.trigger();
        other.trigger();
        guest.expectOut(LOW, 23);
      }
    }
  }

  @Test
  void pinsStayWhereTheyAre() throws Exception {
    try (Guest guest = guest();
        KvmMsiController controller =
            KvmMsiController.of(guest.vm, GsiRoutes.forIrqchip(guest.vm))) {
      controller.allocate("a").route(LOCAL_APICS, LOW);
      for (int pin : new int[] {3, 5, 7}) {
        guest.vm.setIrqLine(pin, true);
        assertEquals(1 << pin, guest.vm.getPicMaster().irr() & (1 << pin), "PIC 0, pin " + pin);
        guest.vm.setIrqLine(pin, false);
      }
      guest.vm.setIrqLine(9, true);
      assertEquals(2, guest.vm.getPicSlave().irr() & 2);
    }
  }

  /**
   * The route flips between a message to this processor with one vector and one to a processor that
   * is not there with another vector, while a thread triggers. A mix would reach this processor
   * with the other vector.
   */
  @Test
  void aRouteChangesAsAWhole() throws Exception {
    try (Guest guest = guest()) {
      guest.handler(LOW, Guest.HANDLER, counter(0x3000));
      guest.handler(HIGH, Guest.HANDLER + 0x80, counter(0x3002));
      guest.expectOut(0x10, 0);
      AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
      AtomicBoolean stop = new AtomicBoolean();
      try (KvmMsiController controller =
          KvmMsiController.of(guest.vm, GsiRoutes.forIrqchip(guest.vm))) {
        MsiVector vector = controller.allocate("flips");
        guest.vcpu.detach();
        Thread vcpu =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    guest.vcpu.attach();
                    while (!stop.get()) {
                      ExitReason reason = guest.vcpu.run();
                      if (reason != ExitReason.INTERRUPTED && reason != ExitReason.REENTER) {
                        throw new AssertionError(guest.exit.toString());
                      }
                    }
                  } catch (Throwable t) {
                    failure.set(t);
                  } finally {
                    guest.vcpu.detach();
                  }
                });
        Thread device =
            Thread.ofPlatform()
                .start(() -> {
                  while (!stop.get()) {
                    vector.trigger();
                    LockSupport.parkNanos(20_000);
                  }
                });
        for (int i = 0; i < 300; i++) {
          vector.route(LOCAL_APICS, LOW);
          vector.route(LOCAL_APICS | 7 << 12, HIGH);
        }
        vector.route(LOCAL_APICS, LOW);
        int before = guest.memory.getShort(0x3000);
        // The last route holds.
        while (guest.memory.getShort(0x3000) == before && failure.get() == null) {
          Thread.onSpinWait();
        }
        stop.set(true);
        guest.vcpu.kick();
        device.join();
        vcpu.join();
        assertNull(failure.get());
        assertNotEquals(0, guest.memory.getShort(0x3000));
        assertEquals(0, guest.memory.getShort(0x3002), "a mix of two routes");
      }
    }
  }

  @Test
  void nothingIsLeftBehind() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      GsiRoutes routes = GsiRoutes.forIrqchip(vm);
      long before = Descriptors.to("anon_inode:[eventfd]");
      KvmMsiController controller = KvmMsiController.of(vm, routes);
      for (int round = 0; round < 3; round++) {
        List<MsiVector> vectors = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
          MsiVector vector = controller.allocate("v" + i);
          vector.route(LOCAL_APICS, 0x40 + i);
          vectors.add(vector);
        }
        assertEquals(before + 16, Descriptors.to("anon_inode:[eventfd]"));
        assertEquals(24, routes.taken().getFirst().number());
        assertEquals(39, routes.taken().getLast().number());
        vectors.forEach(MsiVector::close);
        vectors.forEach(MsiVector::close);
        assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
        assertEquals(40, routes.routes().size());
      }
      controller.allocate("left").route(LOCAL_APICS, 0x40);
      controller.close();
      controller.close();
      assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
      assertEquals(List.of(), routes.taken());
      assertEquals(
          "MSI controller is closed; no vector for late",
          assertThrows(IllegalStateException.class, () -> controller.allocate("late"))
              .getMessage());
      KvmMsiController outlives = KvmMsiController.of(vm, routes);
      MsiVector vector = outlives.allocate("outlives");
      vector.route(LOCAL_APICS, 0x40);
      vm.close();
      vector.trigger();
      assertThrows(IllegalStateException.class, () -> outlives.allocate("after"));
      outlives.close();
      assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
      assertThrows(IllegalStateException.class, vector::trigger);
    }
  }

  @Test
  void withoutControllersKvmRefuses() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      long before = Descriptors.to("anon_inode:[eventfd]");
      GsiRoutes routes = GsiRoutes.forIrqchip(vm);
      KvmMsiController controller = KvmMsiController.of(vm, routes);
      KvmException e = assertThrows(KvmException.class, () -> controller.allocate("a"));
      assertTrue(String.valueOf(e.getMessage()).contains("gsi=24"), e.toString());
      assertEquals(List.of(), routes.taken());
      assertEquals(before, Descriptors.to("anon_inode:[eventfd]"));
    }
  }

  @Test
  void longIdsWhenEnabled() throws Exception {
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      assumeTrue(
          vm.checkExtension(Cap.X2APIC_API) != 0,
          "capability x2APIC API: this KVM lacks KVM_CAP_X2APIC_API");
      GsiRoutes routes = GsiRoutes.forIrqchip(vm);
      try (KvmMsiController controller = KvmMsiController.of(vm, routes)) {
        MsiVector vector = controller.allocate("far");
        assertThrows(
            SystemCallException.class, () -> vector.route(0x100_0000_0000L | LOCAL_APICS, 0x41));
        routes.enableX2apicIds();
        vector.route(0x100_0000_0000L | LOCAL_APICS, 0x41); // id 256
        // Bits 39 to 32 must be 0: KVM refuses the table, and the route stays.
        SystemCallException e =
            assertThrows(
                SystemCallException.class, () -> vector.route(0x1_0000_0000L | LOCAL_APICS, 0x42));
        assertTrue(String.valueOf(e.getMessage()).contains("KVM_SET_GSI_ROUTING(nr=41): EINVAL"));
        assertEquals(0x41, routes.taken().getFirst().message().orElseThrow().data());
        controller.allocate("near").route(LOCAL_APICS, 0x43);
      }
    }
  }

  @Test
  void splitPinsAreRoutedByTheMonitor() throws Exception {
    try (Guest guest =
        new Guest(
            WAIT,
            vm -> {
              assumeTrue(
                  vm.checkExtension(Cap.SPLIT_IRQCHIP) != 0,
                  "capability split irqchip: this KVM lacks KVM_CAP_SPLIT_IRQCHIP");
              vm.capabilities().splitIrqchip(24);
            })) {
      guest.vcpu.setLapic(guest.vcpu.getLapic().set(0xf0, 0x1ff));
      guest.handler(LOW, Guest.HANDLER, TELL.formatted(LOW));
      guest.expectOut(0x10, 0);
      GsiRoutes routes = GsiRoutes.forSplitIrqchip(guest.vm, 24);
      try (GsiRoutes.Gsi pin = routes.claim(5, "serial");
          KvmInterruptLine line = KvmInterruptLine.connect(guest.vm, pin.number())) {
        pin.route(LOCAL_APICS, LOW);
        line.trigger();
        guest.expectOut(LOW, 1);
      }
      assertEquals(
          "pins=4097 is not in 0..4096",
          assertThrows(
                  IllegalArgumentException.class, () -> GsiRoutes.forSplitIrqchip(guest.vm, 4097))
              .getMessage());
    }
  }
}
