// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.testkit.Machine.Kind;
import org.junit.jupiter.api.Test;

/** MSI-X messages that wait behind a mask when their reason goes away. */
class PendingMessageTest {
  private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.RING_RESET;
  private static final long ADDRESS = 0xfee0_0000L;

  /** A machine whose queue 0 has vector 0, and queue 1 vector 1; both are masked, and pending. */
  private static PciDriver pending(Machine m) throws Exception {
    PciDriver driver = m.pciDriver();
    driver.enableBusMaster();
    driver.enableMsix(true);
    DriverQueue[] _ = driver.start(m.memory, Machine.RINGS, 8, 2, SPLIT);
    m.settle();
    for (int q = 0; q < 2; q++) {
      driver.selectQueue(q);
      driver.queueVector(q);
      m.device.context().notifyQueue(q);
    }
    return driver;
  }

  /** How many messages are sent once all is unmasked. */
  private static int unmasked(Machine m) {
    for (int v = 0; v < 3; v++) {
      m.pciDriver().vector(v, ADDRESS, 0x30 + v);
    }
    return m.vectors.stream().mapToInt(v -> v.sent.get()).sum();
  }

  @Test
  void theyAreSentWhenUnmasked() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver _ = pending(m);
      assertEquals(2, unmasked(m));
    }
  }

  @Test
  @Clause({"RESET-02"})
  void aResetTakesThemBack() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = pending(m);
      driver.reset();
      assertEquals(0, unmasked(m));
    }
  }

  @Test
  @Clause({"QRESET-02"})
  void aQueueResetTakesItsOwnBack() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = pending(m);
      driver.selectQueue(0);
      driver.queueReset(1);
      assertEquals(1, unmasked(m));
    }
  }

  @Test
  @Clause({"PCI-79"})
  void anotherVectorLeavesNothingAtTheOld() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = pending(m);
      driver.selectQueue(0);
      driver.queueVector(2);
      assertEquals(1, unmasked(m));
    }
  }

  @Test
  void whatAnotherEventHasStays() throws Exception {
    try (Machine m = new Machine(Kind.PCI)) {
      PciDriver driver = pending(m);
      driver.configVector(0);
      driver.selectQueue(0);
      driver.queueVector(2);
      assertEquals(2, unmasked(m));
    }
  }
}
