// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.kvm.GsiRoute;
import org.javavmm.sys.Errno;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;

/** Who has which interrupt and what KVM is told, without KVM. */
class GsiRoutesTest {
  /** Keeps the last table; refuses when told to. */
  private static final class FakeTable implements GsiRoutes.Table {
    List<GsiRoute> routes = List.of();
    int sets;
    boolean refuse;
    boolean closed;

    @Override
    public void set(List<GsiRoute> next) throws SystemCallException {
      if (closed) {
        throw new IllegalStateException("VM is closed");
      }
      if (refuse) {
        throw new SystemCallException("KVM_SET_GSI_ROUTING(nr=" + next.size() + ")", Errno.EINVAL);
      }
      sets++;
      routes = next;
    }

    @Override
    public void enableX2apicIds() throws SystemCallException {
      if (refuse) {
        throw new SystemCallException("KVM_ENABLE_CAP(KVM_CAP_X2APIC_API)", Errno.EINVAL);
      }
    }

    @Override
    public boolean isClosed() {
      return closed;
    }
  }

  private final FakeTable table = new FakeTable();

  private static String refused(org.junit.jupiter.api.function.Executable call) {
    return String.valueOf(assertThrows(SystemCallException.class, call).getMessage());
  }

  @Test
  void pinsInTheKernelKeepTheirRoutes() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 4096);
    GsiRoutes.Gsi first = routes.allocate("disk queue 0");
    assertEquals(24, first.number());
    assertEquals("disk queue 0", first.owner());
    assertFalse(first.isPin());
    assertTrue(first.message().isEmpty());
    assertEquals(0, table.sets, "nowhere is no route");
    first.route(0xfee0_1000L, 0x44);
    assertEquals(new GsiRoute.Msi(24, 0xfee0_1000L, 0x44), first.message().orElseThrow());
    assertEquals(41, table.routes.size());
    List<GsiRoute> expected = new ArrayList<>();
    for (int pin = 0; pin < 24; pin++) {
      if (pin < 16) {
        expected.add(new GsiRoute.Irqchip(pin, pin < 8 ? 0 : 1, pin & 7));
      }
      expected.add(new GsiRoute.Irqchip(pin, 2, pin));
    }
    expected.add(new GsiRoute.Msi(24, 0xfee0_1000L, 0x44));
    assertEquals(expected, table.routes);
    assertEquals(expected, routes.routes());
    first.route(0xfee0_1000L, 0x44);
    assertEquals(1, table.sets, "the same again");
    first.unroute();
    assertEquals(40, table.routes.size());
    first.unroute();
    assertEquals(2, table.sets);
    first.close();
    first.close();
    assertEquals(2, table.sets);
    assertEquals(24, routes.allocate("next").number());
    assertEquals(24, routes.pins());
    assertEquals(4096, routes.limit());
  }

  @Test
  void conflictsNameBoth() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 4096);
    GsiRoutes.Gsi serial = routes.claim(4, "serial 0");
    assertTrue(serial.isPin());
    assertEquals(
        "GSI 4 for modem is serial 0's",
        assertThrows(IllegalArgumentException.class, () -> routes.claim(4, "modem")).getMessage());
    assertEquals(
        "GSI 24 for modem is not in 0..23",
        assertThrows(IllegalArgumentException.class, () -> routes.claim(24, "modem")).getMessage());
    assertEquals(
        "GSI -1 for modem is not in 0..23",
        assertThrows(IllegalArgumentException.class, () -> routes.claim(-1, "modem")).getMessage());
    assertEquals(
        "GSI 4 of serial 0 is a pin of controllers in the kernel",
        assertThrows(IllegalStateException.class, () -> serial.route(0xfee0_0000L, 1))
            .getMessage());
    GsiRoutes.Gsi msi = routes.allocate("net");
    msi.route(0xfee0_0000L, 0x51);
    assertEquals(
        """
        GSIs: 24 pins in the kernel, 1 for messages, at most 4096 routes
          4 serial 0: pin
          24 net: address=0xfee00000 data=0x51
        """,
        routes.toString());
    serial.close();
    assertEquals(
        "GSI 4 of serial 0 was given back",
        assertThrows(IllegalStateException.class, serial::unroute).getMessage());
    try (GsiRoutes.Gsi again = routes.claim(4, "modem")) {
      assertEquals(List.of(again, msi), routes.taken());
    }
  }

  @Test
  void splitPinsAreMessages() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, false, 4096);
    GsiRoutes.Gsi pin = routes.claim(9, "ACPI");
    pin.route(0xfee0_0000L, 0x8031);
    GsiRoutes.Gsi msi = routes.allocate("net");
    assertEquals(24, msi.number());
    msi.route(0xfee0_0000L, 0x51);
    assertEquals(
        List.of(
            new GsiRoute.Msi(9, 0xfee0_0000L, 0x8031), new GsiRoute.Msi(24, 0xfee0_0000L, 0x51)),
        table.routes);
    pin.unroute();
    assertEquals(
        """
        GSIs: 24 pins of the monitor, 1 for messages, at most 4096 routes
          9 ACPI: nowhere
          24 net: address=0xfee00000 data=0x51
        """,
        routes.toString());
  }

  @Test
  void allAreTaken() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 43);
    GsiRoutes.Gsi a = routes.allocate("a");
    GsiRoutes.Gsi b = routes.allocate("b");
    GsiRoutes.Gsi c = routes.allocate("c");
    assertEquals(
        "GSI of d: ENOSPC (all 3 for messages are taken)", refused(() -> routes.allocate("d")));
    for (GsiRoutes.Gsi gsi : List.of(a, b, c)) {
      gsi.route(0xfee0_0000L, gsi.number());
    }
    assertEquals(43, table.routes.size(), "room for a route was kept for each");
    b.close();
    assertEquals(25, routes.allocate("d").number());
  }

  @Test
  void aRefusedRouteChangesNothing() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 4096);
    GsiRoutes.Gsi gsi = routes.allocate("net");
    gsi.route(0xfee0_0000L, 1);
    List<GsiRoute> before = table.routes;
    table.refuse = true;
    assertEquals(
        "KVM_SET_GSI_ROUTING(nr=41): EINVAL (invalid argument)",
        refused(() -> gsi.route(0xfee0_0000L, 2)));
    assertEquals(1, gsi.message().orElseThrow().data());
    refused(gsi::unroute);
    assertEquals(before, routes.routes());
    table.refuse = false;
    gsi.route(0xfee0_0000L, 1);
    assertEquals(before, table.routes);
  }

  /** The route of a GSI that was given back must be gone before the next owner has it. */
  @Test
  void aRouteThatCannotBeForgottenKeepsItsPlace() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 4096);
    GsiRoutes.Gsi gsi = routes.allocate("net");
    gsi.route(0xfee0_0000L, 1);
    table.refuse = true;
    gsi.close();
    assertEquals(41, table.routes.size());
    refused(() -> routes.allocate("disk"));
    refused(() -> routes.claim(3, "disk"));
    assertEquals(List.of(), routes.taken());
    table.refuse = false;
    GsiRoutes.Gsi next = routes.allocate("disk");
    assertEquals(24, next.number());
    assertEquals(40, table.routes.size());
    // After the VM nothing is asked of it.
    next.route(0xfee0_0000L, 1);
    table.closed = true;
    next.close();
  }

  @Test
  void longAddressesNeedX2apicIds() throws Exception {
    GsiRoutes routes = new GsiRoutes(table, 24, true, 4096);
    GsiRoutes.Gsi gsi = routes.allocate("net");
    String expected =
        "GSI 24 of net: route(address=0x1fee00000): EINVAL (more than 32 bits, but x2APIC ids are"
            + " not enabled)";
    assertEquals(expected, refused(() -> gsi.route(0x1_fee0_0000L, 1)));
    table.refuse = true;
    refused(routes::enableX2apicIds);
    table.refuse = false;
    assertEquals(expected, refused(() -> gsi.route(0x1_fee0_0000L, 1)));
    routes.enableX2apicIds();
    gsi.route(0x100_fee0_0000L, 1);
    assertEquals(new GsiRoute.Msi(24, 0x100_fee0_0000L, 1), table.routes.getLast());
  }

  /** Any sequence of operations and refusals against a plain map. */
  @Property(tries = 300)
  void agreesWithAMap(@ForAll long seed, @ForAll boolean inKernel) throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    FakeTable kvm = new FakeTable();
    int limit = 50;
    GsiRoutes routes = new GsiRoutes(kvm, 24, inKernel, limit);
    Map<Integer, GsiRoute.Msi> model = new TreeMap<>();
    Map<Integer, GsiRoutes.Gsi> taken = new TreeMap<>();
    int room = limit - (inKernel ? 40 : 24);
    for (int i = 0; i < 120; i++) {
      kvm.refuse = random.nextInt(5) == 0;
      int number = random.nextInt(24, 36);
      GsiRoutes.Gsi gsi = taken.get(number);
      try {
        if (gsi == null) {
          boolean full = taken.size() >= room;
          try {
            GsiRoutes.Gsi next = routes.allocate("o" + i);
            assertFalse(full);
            int lowest = 24;
            while (taken.containsKey(lowest)) {
              lowest++;
            }
            assertEquals(lowest, next.number());
            taken.put(lowest, next);
          } catch (SystemCallException e) {
            assertTrue(full || kvm.refuse, e.getMessage());
          }
        } else if (random.nextInt(3) == 0) {
          gsi.close();
          taken.remove(number);
          model.remove(number);
        } else if (random.nextInt(4) == 0) {
          gsi.unroute();
          model.remove(number);
        } else {
          int data = random.nextInt(4);
          gsi.route(0xfee0_0000L, data);
          model.put(number, new GsiRoute.Msi(number, 0xfee0_0000L, data));
        }
      } catch (SystemCallException e) {
        assertTrue(kvm.refuse);
      }
      List<GsiRoute> mine =
          routes.routes().stream().filter(route -> route instanceof GsiRoute.Msi).toList();
      assertEquals(List.copyOf(model.values()), mine);
    }
    kvm.refuse = false;
    if (taken.size() < room) {
      // Whatever was refused before, KVM's table is the right one when a GSI is given away.
      routes.allocate("last").route(0xfee0_0000L, 9);
      assertEquals(routes.routes(), kvm.routes);
    }
  }
}
