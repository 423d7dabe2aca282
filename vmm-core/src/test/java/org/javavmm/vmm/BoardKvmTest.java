// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.javavmm.device.AddressRange;
import org.javavmm.memory.RegionSpec;
import org.javavmm.pci.PciFunction;
import org.javavmm.virtio.DeviceContext;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.junit.jupiter.api.Test;

/** Slots, interrupts and windows of a machine, and how its virtio devices come and go. */
@NeedsKvm
class BoardKvmTest {
  private static final class Nothing implements VirtioDevice {
    final AtomicInteger resets = new AtomicInteger();

    @Override
    public int deviceId() {
      return 4;
    }

    @Override
    public int[] queueSizes() {
      return new int[] {8};
    }

    @Override
    public void activate(DeviceContext context) {}

    @Override
    public void notified(int queue) {}

    @Override
    public void reset() {
      int _ = resets.incrementAndGet();
    }
  }

  private static Vmm machine() throws Exception {
    return Vmm.builder().memory(4 << 20).build();
  }

  @Test
  void mmioDevicesHavePlacesAndInterruptsOfTheirOwn() throws Exception {
    try (Vmm vmm = machine()) {
      Set<Long> places = new TreeSet<>();
      for (int i = 0; i < 14; i++) {
        VirtioMmio mmio = vmm.attachMmio(new Nothing());
        assertEquals(0x7472_6976, vmm.mmio().read(mmio.address(), 4));
        places.add(mmio.address());
      }
      assertEquals(14, places.size());
      List<Integer> gsis = vmm.slots().mmio().stream().map(Board.MmioSlot::gsi).toList();
      assertEquals(List.of(16, 17, 18, 19, 20, 21, 22, 23, 9, 10, 11, 13, 14, 15), gsis);
      IllegalStateException full =
          assertThrows(IllegalStateException.class, () -> vmm.attachMmio(new Nothing()));
      assertTrue(String.valueOf(full.getMessage()).contains("virtio4"), full.toString());
      assertEquals(14, vmm.slots().mmio().size());
    }
  }

  @Test
  void aPlaceThatMemoryHasIsNotGiven() throws Exception {
    try (Vmm vmm =
        Vmm.builder()
            .memory(4 << 20)
            .region(RegionSpec.anonymous("board", 0xf000_0000L, 0x2000))
            .build()) {
      assertEquals(0xf000_2000L, vmm.attachMmio(new Nothing()).address());
    }
  }

  @Test
  void pciDevicesAreReachedBothWaysAndHaveBarsAboveTheMemory() throws Exception {
    try (Vmm vmm = machine()) {
      assertTrue(vmm.slots().pci().isEmpty());
      VirtioPci pci = vmm.attachPci(new Nothing());
      VirtioPci second = vmm.attachPci(new Nothing());
      assertSame(vmm.pciRoot(), vmm.pciRoot());
      PciFunction function = pci.function();
      assertEquals(1, function.address().orElseThrow().device());
      assertEquals(2, second.function().address().orElseThrow().device());
      vmm.pio().write(0xcf8, 4, 0x8000_0800L);
      assertEquals(0x1044_1af4, vmm.pio().read(0xcfc, 4));
      assertEquals(0x1044_1af4, vmm.mmio().read(0xe000_8000L, 4));
      assertEquals(0x1_0000_0000L, function.barAddress(0));
      assertTrue(second.function().barAddress(0) > function.barAddress(0));
      // The pins: of device 1, pin A is the second of four.
      vmm.mmio().write(0xe000_8004L, 2, 2);
      Board.PciSlot slot = vmm.slots().pci().orElseThrow();
      assertEquals(17, vmm.mmio().read(0xe000_803cL, 1));
      assertEquals(0xe000_0000L, slot.ecam());
      AddressRange high = slot.memory().getLast();
      assertEquals(0x1_0000_0000L, high.start());
      assertEquals(1, Long.bitCount(high.last() + 1), high.toString());
      // Mapped now: the common configuration, one queue.
      assertEquals(1, vmm.mmio().read(0x1_0000_0012L, 2));
    }
  }

  @Test
  void memoryInTheWayOfPciIsNamed() throws Exception {
    try (Vmm vmm =
        Vmm.builder()
            .memory(4 << 20)
            .region(RegionSpec.anonymous("frame buffer", 0xd000_0000L, 0x1000))
            .build()) {
      IllegalStateException e = assertThrows(IllegalStateException.class, vmm::pciRoot);
      assertTrue(String.valueOf(e.getMessage()).contains("frame buffer"), e.toString());
      assertTrue(vmm.slots().pci().isEmpty());
      // By mmio it still works.
      assertEquals(0xf000_0000L, vmm.attachMmio(new Nothing()).address());
    }
  }

  @Test
  void aMachineThatNeverRanGoesWithItsDevices() throws Exception {
    Vmm vmm = machine();
    VirtioMmio mmio = vmm.attachMmio(new Nothing());
    VirtioPci pci = vmm.attachPci(new Nothing());
    vmm.close();
    vmm.close();
    assertEquals(0, mmio.status());
    assertEquals(0, pci.status());
    assertFalse(pci.function().address().isPresent());
  }
}
