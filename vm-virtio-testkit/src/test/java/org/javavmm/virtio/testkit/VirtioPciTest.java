// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.javavmm.virtio.testkit.Buffer.readable;
import static org.javavmm.virtio.testkit.Machine.DATA;
import static org.javavmm.virtio.testkit.Machine.RINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.javavmm.event.EventLoop;
import org.javavmm.memory.GuestMemory;
import org.javavmm.pci.PciCapability;
import org.javavmm.pci.PciFunction;
import org.javavmm.pci.PciLayout;
import org.javavmm.virtio.QueueFault.Area;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.virtio.VirtioPciLayout;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What virtio-pci alone does. */
class VirtioPciTest {
  private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.RING_RESET;
  private static final int NONE = VirtioPciLayout.NO_VECTOR;

  private static int config(PciFunction f, int offset, int size) {
    return (int) f.readConfig(offset, size);
  }

  @Test
  @Clause({"PCI-01", "PCI-03", "PCI-04", "PCI-05", "PCI-06", "PCI-07", "PCI-08"})
  void identifiesItself() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciFunction f = m.pci().function();
      assertEquals(0x1af4, config(f, PciLayout.VENDOR_ID, 2));
      assertEquals(0x1043, config(f, PciLayout.DEVICE_ID, 2));
      assertEquals(1, config(f, PciLayout.REVISION_ID, 1));
      assertEquals(0x078000, config(f, PciLayout.REVISION_ID, 4) >>> 8);
      assertTrue(config(f, PciLayout.SUBSYSTEM_ID, 2) >= 0x40);
      assertEquals(3, m.driver.deviceId());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Clause({
    "PCI-10", "PCI-11", "PCI-13", "PCI-14", "PCI-15", "PCI-16", "PCI-17", "PCI-35", "PCI-36",
        "PCI-37",
    "PCI-38", "PCI-39", "PCI-40", "PCI-41", "PCI-42", "PCI-43", "PCI-44", "PCI-45", "PCI-46",
        "PCI-52",
    "PCI-53", "PCI-54", "PCI-55", "PCI-61", "PCI-D04", "PCI-D06"
  })
  void structuresAreWhereTheyMayBe(boolean data) throws Exception {
    long features =
        TransportSetup.DEFAULT_RING_FEATURES | (data ? RingFeatures.NOTIFICATION_DATA : 0);
    try (Machine m = new Machine(Kind.PCI, s -> s.withRingFeatures(features))) {
      PciFunction f = m.pci().function();
      PciDriver driver = m.pciDriver();
      int[] lengths = {0, 16, 20, 16, 16, 20, 0, 0, 24};
      Set<Integer> regions = new HashSet<>();
      for (PciDriver.Structure s : driver.structures()) {
        assertEquals(lengths[s.type()], config(f, s.at() + 2, 1), s.toString());
        if (s.type() == VirtioPciLayout.CAP_PCI_CFG) {
          continue;
        }
        long barSize = f.bar(s.bar()).orElseThrow().spec().size();
        assertTrue(s.offset() + s.length() <= barSize, s.toString());
        assertEquals(0, s.offset() & 3);
        if (s.type() == VirtioPciLayout.CAP_SHARED_MEMORY_CFG) {
          assertTrue(regions.add(s.id()));
          assertEquals(s.id() == 1 ? 0x3000 : 0x2000, s.length());
        }
      }
      assertEquals(Set.of(1, 7), regions);
      assertEquals(60, driver.find(VirtioPciLayout.CAP_COMMON_CFG).length());
      assertEquals(32, driver.find(VirtioPciLayout.CAP_DEVICE_CFG).length());
      PciDriver.Structure notify = driver.find(VirtioPciLayout.CAP_NOTIFY_CFG);
      int multiplier = config(f, notify.at() + VirtioPciLayout.CAP_NOTIFY_MULTIPLIER, 4);
      assertEquals(4, multiplier);
      for (int q = 0; q < 2; q++) {
        assertTrue(driver.notifyOffset(q) - notify.offset() + (data ? 4 : 2) <= notify.length());
      }
    }
  }

  @Test
  @Clause({"PCI-D01", "PCI-D03", "PCI-D04", "PCI-18", "PCI-19", "PCI-20"})
  void commonFieldsReadBackWhatWasWritten() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      assertEquals(2, m.driver.rawRead(VirtioPciLayout.NUM_QUEUES, 2));
      assertEquals(0, m.driver.rawRead(VirtioPciLayout.QUEUE_NOTIF_CONFIG_DATA, 2));
      m.driver.status(3);
      for (int select : new int[] {0, 1, 2, 3, 4, -1}) {
        m.driver.selectDriverFeatures(select);
        assertEquals(
            select & 0xffff_ffffL, m.driver.rawRead(VirtioPciLayout.DRIVER_FEATURE_SELECT, 4));
        m.driver.driverFeatures(0x1234_0000 | select);
        int expected = select >= 0 && select < 4 ? 0x1234_0000 | select : 0;
        assertEquals(expected, m.driver.acceptedFeatures().getAsInt());
      }
      m.driver.selectDeviceFeatures(77);
      assertEquals(77, m.driver.rawRead(VirtioPciLayout.DEVICE_FEATURE_SELECT, 4));
      assertTrue(m.driver.negotiate(SPLIT));
      m.driver.selectQueue(1);
      assertEquals(1, m.driver.rawRead(VirtioPciLayout.QUEUE_SELECT, 2));
      assertEquals(1, m.driver.rawRead(VirtioPciLayout.QUEUE_NOTIFY_OFF, 2));
    }
  }

  @Test
  @Clause("PCI-09")
  void addressesAreTwoHalves() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      assertTrue(m.driver.negotiate(SPLIT));
      m.driver.selectQueue(0);
      for (Area area : Area.values()) {
        m.driver.queueAddress(area, true, 0x8765_4321);
        assertEquals(0x8765_4321_0000_0000L, m.pciDriver().queueAddress(area));
        m.driver.queueAddress(area, false, 0xfedc_ba90);
        assertEquals(0x8765_4321_fedc_ba90L, m.pciDriver().queueAddress(area));
        m.driver.queueAddress(area, true, 0);
        assertEquals(0xfedc_ba90L, m.pciDriver().queueAddress(area));
      }
    }
  }

  @Test
  void fieldsTakeAccessesOfTheirWidthOnly() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      assertTrue(m.driver.negotiate(SPLIT));
      m.pciDriver().selectQueue(1);
      m.driver.queueSize(4);
      int[] widths = new int[0x100];
      int[] fours = {0, 4, 8, 12, 32, 36, 40, 44, 48, 52};
      int[] twos = {16, 18, 22, 24, 26, 28, 30, 56, 58};
      for (int at : fours) {
        widths[at] = 4;
      }
      for (int at : twos) {
        widths[at] = 2;
      }
      widths[20] = 1;
      widths[21] = 1;
      int odd = 0;
      for (int offset = 0; offset < 0x100; offset++) {
        for (int size : new int[] {1, 2, 4, 8}) {
          if (widths[offset] != size) {
            assertEquals(0, m.driver.rawRead(offset, size), "offset " + offset);
            m.driver.rawWrite(offset, size, -1);
            odd += 2;
          }
        }
      }
      assertEquals(odd, m.statistics().oddAccesses());
      assertEquals(11, m.driver.status());
      assertEquals(4, m.driver.queueSize().getAsInt());
      assertEquals(0, m.pci().function().readBar(0, VirtioPciLayout.ISR + 1, 1));
      assertEquals(0, m.pci().function().readBar(0, VirtioPciLayout.ISR, 4));
      assertEquals(0, m.pci().function().readBar(0, VirtioPciLayout.NOTIFY, 2));
      m.pci().function().writeBar(0, VirtioPciLayout.NOTIFY + 1, 2, 0);
      m.pci().function().writeBar(0, VirtioPciLayout.NOTIFY, 1, 0);
      assertEquals(odd + 5, m.statistics().oddAccesses());
    }
  }

  @Test
  @Clause({
    "PCI-68", "PCI-69", "PCI-70", "PCI-72", "PCI-73", "PCI-74", "PCI-75", "PCI-76", "PCI-77",
    "PCI-78"
  })
  void everyEventMapsToEveryVector() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = m.pciDriver();
      int count =
          (config(m.pci().function(), driver.msixCapability() + PciLayout.MSIX_FLAGS, 2)
                  & PciLayout.MSIX_FLAGS_QSIZE)
              + 1;
      assertEquals(3, count);
      for (int round = 0; round < 2; round++) {
        assertEquals(NONE, driver.configVector());
        for (int q = 0; q < 2; q++) {
          driver.selectQueue(q);
          assertEquals(NONE, driver.queueVector());
        }
        assertTrue(m.driver.negotiate(SPLIT));
        for (int vector = 0; vector < count; vector++) {
          driver.configVector(vector);
          assertEquals(vector, driver.configVector());
          for (int q = 0; q < 2; q++) {
            driver.selectQueue(q);
            driver.queueVector(vector);
            assertEquals(vector, driver.queueVector());
          }
        }
        driver.queueVector(NONE);
        assertEquals(NONE, driver.queueVector());
        driver.queueVector(0);
        for (int bad : new int[] {count, 0x800, 0xfffe}) {
          driver.queueVector(bad);
          assertEquals(NONE, driver.queueVector());
          driver.configVector(0);
          driver.configVector(bad);
          assertEquals(NONE, driver.configVector());
        }
        driver.configVector(1);
        driver.queueVector(1);
        driver.selectQueue(9);
        driver.queueVector(1);
        assertEquals(NONE, driver.queueVector());
        driver.reset();
      }
    }
  }

  @Test
  @Clause("QRESET-05")
  void aQueueResetUnmapsItsVector() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      DriverQueue[] _ = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      PciDriver driver = m.pciDriver();
      driver.configVector(0);
      for (int q = 0; q < 2; q++) {
        driver.selectQueue(q);
        driver.queueVector(1 + q);
      }
      driver.selectQueue(0);
      driver.queueReset(1);
      assertEquals(NONE, driver.queueVector());
      assertEquals(0, driver.queueAddress(Area.DESCRIPTOR));
      driver.selectQueue(1);
      assertEquals(2, driver.queueVector());
      assertEquals(0, driver.configVector());
    }
  }

  @Test
  @Clause("PCI-78")
  void aVectorThatTheHostLacksIsNotMapped() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      m.hostVectors = 1;
      PciDriver driver = m.pciDriver();
      driver.enableBusMaster();
      driver.enableMsix(true);
      driver.vector(0, 0xfee0_0000L, 0x30);
      driver.vector(1, 0xfee0_0000L, 0x31);
      driver.configVector(0);
      assertEquals(0, driver.configVector());
      driver.configVector(1);
      assertEquals(NONE, driver.configVector());
    }
  }

  @Test
  @Clause({"PCI-79", "PCI-80", "PCI-81", "PCI-D07", "PCI-47"})
  void withMsixEventsSendTheirVectors() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = m.pciDriver();
      driver.enableBusMaster();
      driver.enableMsix(true);
      for (int v = 0; v < 3; v++) {
        driver.vector(v, 0xfee0_0000L + 0x1000L * v, 0x30 + v);
      }
      DriverQueue[] queues = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      m.settle();
      // Nothing is mapped yet: nothing is sent.
      m.device.context().notifyQueue(0);
      m.device.context().notifyConfig();
      assertEquals(List.of(0, 0, 0), sent(m));
      assertEquals(2, driver.takeInterruptStatus());
      assertFalse(m.level);
      driver.configVector(0);
      driver.selectQueue(0);
      driver.queueVector(1);
      driver.selectQueue(1);
      driver.queueVector(2);
      int _ = queues[1].offer(List.of(readable(DATA, 8)));
      queues[1].expose();
      driver.notify(1);
      TransportDriver.await(() -> m.vectors.get(2).sent.get() == 1, "the message");
      m.settle();
      assertEquals(List.of(0, 0, 1), sent(m));
      assertEquals(0x32, m.vectors.get(2).data);
      m.device.context().notifyConfig();
      assertEquals(List.of(1, 0, 1), sent(m));
      assertEquals(2, driver.takeInterruptStatus());
      // One for both events.
      driver.selectQueue(0);
      driver.queueVector(0);
      m.device.context().notifyQueue(0);
      m.device.context().notifyConfig();
      assertEquals(List.of(3, 0, 1), sent(m));
      driver.queueVector(NONE);
      driver.configVector(NONE);
      m.device.context().notifyQueue(0);
      m.device.context().notifyConfig();
      assertEquals(List.of(3, 0, 1), sent(m));
      assertFalse(m.level);
    }
  }

  private static List<Integer> sent(Machine m) {
    return m.vectors.stream().map(v -> v.sent.get()).toList();
  }

  @Test
  @Clause({"PCI-47", "PCI-48", "PCI-49", "PCI-50", "PCI-51", "PCI-D05"})
  void withoutMsixThePinFollowsTheInterruptStatus() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = m.pciDriver();
      PciFunction f = m.pci().function();
      DriverQueue[] _ = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      m.settle();
      for (int event = 1; event <= 3; event++) {
        if ((event & 1) != 0) {
          m.device.context().notifyQueue(0);
        }
        if ((event & 2) != 0) {
          m.device.context().notifyConfig();
        }
        assertTrue(m.level);
        assertEquals(8, config(f, PciLayout.STATUS, 2) & 8);
        f.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_INTX_DISABLE);
        assertFalse(m.level);
        assertEquals(8, config(f, PciLayout.STATUS, 2) & 8);
        f.writeConfig(PciLayout.COMMAND, 2, 0);
        assertTrue(m.level);
        assertEquals(event, driver.takeInterruptStatus());
        assertFalse(m.level);
        assertEquals(0, config(f, PciLayout.STATUS, 2) & 8);
        assertEquals(0, driver.takeInterruptStatus());
      }
    }
  }

  @Test
  @Clause({"PCI-61", "PCI-62", "PCI-63", "PCI-64"})
  void theWindowReachesTheStructures() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = m.pciDriver();
      assertEquals(0, driver.windowRead(0, VirtioPciLayout.DEVICE_STATUS, 1));
      driver.windowWrite(0, VirtioPciLayout.DEVICE_STATUS, 1, 1);
      assertEquals(1, driver.status());
      assertEquals(1, driver.windowRead(0, VirtioPciLayout.DEVICE_STATUS, 1));
      driver.windowWrite(0, VirtioPciLayout.QUEUE_SELECT, 2, 1);
      assertEquals(8, driver.windowRead(0, VirtioPciLayout.QUEUE_SIZE, 2));
      assertEquals(0x5566_7788L, driver.windowRead(0, VirtioPciLayout.DEVICE, 4));
      driver.windowWrite(0, VirtioPciLayout.DEVICE + 8, 2, 0x4321);
      assertEquals(0x4321, driver.config(8, 2));
      // Where there is nothing, the data stays what it was or reads as ones; nothing breaks.
      driver.windowWrite(0, VirtioPciLayout.DEVICE + 8, 3, 0);
      driver.windowWrite(0, VirtioPciLayout.DEVICE + 9, 2, 0);
      driver.windowWrite(1, 0, 4, 0);
      driver.windowWrite(200, 0, 4, 0);
      driver.windowWrite(0, -4, 4, 0);
      assertEquals(0xffff_ffffL, driver.windowRead(0, -4, 4));
      assertEquals(0xffff_ffffL, driver.windowRead(1, 0, 4));
      assertEquals(0x4321, driver.config(8, 2));
    }
  }

  @Test
  void doorbellsAndSharedMemoryMoveWithTheBars() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciFunction f = m.pci().function();
      f.setBarAddress(0, Machine.WINDOW);
      f.setBarAddress(2, Machine.WINDOW + 0x10_0000);
      f.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_MEMORY);
      assertEquals(List.of("+1@0xc0100000", "+7@0xc0103000"), m.mappings);
      assertEquals(List.of(), m.doorbells.addresses());
      DriverQueue[] _ = m.driver.start(m.memory, RINGS, 8, 2, SPLIT);
      m.settle();
      assertEquals(2, m.doorbells.addresses().size());
      assertEquals(0xc000_3000L, m.doorbells.addresses().get(0).address());
      f.setBarAddress(0, Machine.WINDOW + 0x20_0000);
      assertEquals(0xc020_3000L, m.doorbells.addresses().get(0).address());
      assertEquals(0x1040 + 3, f.readConfig(2, 2));
      assertEquals(15, m.bus.read(Machine.WINDOW + 0x20_0000 + 20, 1));
      f.writeConfig(PciLayout.COMMAND, 2, 0);
      assertEquals(List.of(), m.doorbells.addresses());
      assertEquals(
          List.of("+1@0xc0100000", "+7@0xc0103000", "-1@0xc0100000", "-7@0xc0103000"), m.mappings);
      f.writeConfig(PciLayout.COMMAND, 2, PciLayout.COMMAND_MEMORY);
      assertEquals(2, m.doorbells.addresses().size());
    }
  }

  @Test
  @Clause({"PCI-56", "PCI-57", "PCI-58", "PCI-59", "PCI-60"})
  void theMonitorAddsWhatVirtioLeavesOpen() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x1000).build();
        EventLoop loop = EventLoop.create("devices")) {
      try (VirtioPci pci =
          VirtioPci.builder(TransportSetup.of(new TestDevice(), memory, loop))
              .customize(f ->
                  f.classCode(0x020000)
                      .capability(
                          // type 9, padding, vendor 0x1234
                          PciCapability.vendor(
                              (byte) 9, (byte) 0x34, (byte) 0x12, (byte) 0, (byte) 0)))
              .build()) {
        assertEquals(0x020000, config(pci.function(), PciLayout.REVISION_ID, 4) >>> 8);
        PciDriver driver = new PciDriver(pci.function());
        assertEquals(9, driver.structures().getLast().type());
        int at = driver.structures().getLast().at();
        assertEquals(8, config(pci.function(), at + 2, 1));
        // However often it is read.
        for (int i = 0; i < 3; i++) {
          assertEquals(0x1234, config(pci.function(), at + 4, 4));
          assertEquals(9, config(pci.function(), at + 3, 1));
        }
        assertEquals(0, driver.msixCapability());
        driver.configVector(0);
        assertEquals(NONE, driver.configVector());
        // A function level reset resets the device.
        driver.status(1);
        pci.function().reset();
        assertEquals(0, driver.status());
      }
    }
  }

  @Test
  @Clause({"PCI-58", "PCI-59"})
  void vendorDataIsAnotherVendorsAndWholeWords() throws Exception {
    byte[][] wrong = {
      {9, (byte) 0xf4, 0x1a, 0, 0}, // virtio's
      {9, 0x34, 0x12, 0, 0, 0},
      {9, 0x34},
      {9},
    };
    String[] messages = {
      "length=8 must be a multiple of 4 from 8 on, vendor_id=0x1af4 not 0x1af4",
      "length=9 must be a multiple of 4 from 8 on, vendor_id=0x1234 not 0x1af4",
      "length=5 must be a multiple of 4 from 8 on, vendor_id=0xffffffff not 0x1af4",
      "length=4 must be a multiple of 4 from 8 on, vendor_id=0xffffffff not 0x1af4",
    };
    for (int i = 0; i < wrong.length; i++) {
      byte[] body = wrong[i];
      try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x1000).build();
          EventLoop loop = EventLoop.create("devices")) {
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> {
                  VirtioPci _ =
                      VirtioPci.builder(TransportSetup.of(new TestDevice(), memory, loop))
                          .customize(f -> f.capability(PciCapability.vendor(body)))
                          .build();
                });
        assertEquals("test0: vendor data: " + messages[i], e.getMessage());
        assertEquals(0, loop.subscribers());
      }
    }
  }

  @Test
  void aFunctionThatCannotBeLeavesNothingOnTheLoop() throws Exception {
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, 0x1000).build();
        EventLoop loop = EventLoop.create("devices")) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> {
                VirtioPci _ =
                    VirtioPci.builder(TransportSetup.of(new TestDevice(), memory, loop))
                        .customize(f -> f.classCode(-1))
                        .build();
              });
      assertEquals("classCode=0xffffffff is not in 0..0xffffff", e.getMessage());
      assertEquals(0, loop.subscribers());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 0x801})
  @Clause({"PCI-68", "PCI-69"})
  void whatCannotBeAPciFunctionIsRefused(int vectors) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> {
              try (Machine m = new Machine(Kind.PCI)) {
                VirtioPci.Builder _ =
                    VirtioPci.builder(TransportSetup.of(m.device, m.memory, m.loop))
                        .msix(name -> m.new Vector(), vectors);
              }
            });
    assertEquals("vectors=" + vectors + " is not in 2..2048", e.getMessage());
  }
}
