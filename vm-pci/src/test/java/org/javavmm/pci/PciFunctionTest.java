// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.device.LevelLine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A function by its registers. */
class PciFunctionTest {
  private static final long WINDOW = 0xe000_0000L;

  private final FakeMsi host = new FakeMsi();
  private final Recorder device = new Recorder(0x77);
  private final BarWindows windows =
      BarWindows.builder().memory(WINDOW, 0x10_0000).memory(1L << 40, 1L << 30).build();
  private final List<String> events = new ArrayList<>();

  private PciFunction.Builder full() {
    return PciFunction.builder("f", 0x1af4, 0x1041)
        .revision(1)
        .classCode(0x020000)
        .subsystem(0x1af4, 0x40)
        .bar(0, BarSpec.memory64(0x4000).asPrefetchable(), device)
        .bar(2, BarSpec.io(0x20), device)
        .intx(IntxPin.B)
        .onReset(f -> events.add("reset " + f.name()))
        .msix(3, 0, 0x2000, 0, 0x3000, host)
        .powerManagement()
        .express(PciFunction.Builder.ExpressType.ROOT_COMPLEX_INTEGRATED_ENDPOINT, true);
  }

  private PciFunction onBus(PciFunction.Builder builder) {
    PciFunction function = builder.build();
    PciRoot.builder(windows)
        .interrupts(
            PciInterruptRouter.swizzled(16, 17, 18, 19),
            gsi -> level -> events.add("GSI " + gsi + (level ? " up" : " down")))
        .build()
        .rootBus()
        .add(function);
    return function;
  }

  private static long read(PciFunction f, int offset, int size) {
    return f.readConfig(offset, size);
  }

  @Test
  void headerIsAsBuilt() {
    PciFunction f = full().build();
    assertEquals(0x1041_1af4L, read(f, 0, 4));
    assertEquals(0x0010_0000L, read(f, 4, 4));
    assertEquals(0x0200_0001L, read(f, 8, 4));
    assertEquals(0, read(f, 0x0c, 4));
    assertEquals(0x0040_1af4L, read(f, 0x2c, 4));
    assertEquals(0, read(f, 0x30, 4));
    assertEquals(0x40, read(f, 0x34, 4));
    assertEquals(0x02ff, read(f, 0x3c, 4));
    for (int at : new int[] {0, 8, 0x2c, 0x30, 0x34, 0x28}) {
      long before = read(f, at, 4);
      f.writeConfig(at, 4, -1);
      assertEquals(before, read(f, at, 4), "register " + at);
    }
    f.writeConfig(0x3c, 4, -1);
    assertEquals(0x02ff, read(f, 0x3c, 4));
    f.writeConfig(0x3c, 1, 11);
    assertEquals(0x020b, read(f, 0x3c, 4));
  }

  @Test
  void accessesThatDoNotExistDoNothing() {
    PciFunction f = full().build();
    assertEquals(-1, f.readConfig(0, 8));
    assertEquals(0xffff, f.readConfig(3, 2));
    assertEquals(0xff_ffff, f.readConfig(0, 3));
    assertEquals(0xff, f.readConfig(4096, 1));
    assertEquals(0xffff_ffffL, f.readConfig(-4, 4));
    assertEquals(-1, f.readConfig(0, 0));
    f.writeConfig(4, 8, -1);
    f.writeConfig(7, 2, -1);
    f.writeConfig(-4, 4, -1);
    f.writeConfig(4096, 4, -1);
    assertEquals(0, read(f, 4, 2));
  }

  @Test
  void barsAreSized() {
    PciFunction f = full().build();
    assertEquals(0xc, read(f, 0x10, 4));
    assertEquals(0x1, read(f, 0x18, 4));
    f.writeConfig(0x10, 4, 0xffff_ffffL);
    f.writeConfig(0x14, 4, 0xffff_ffffL);
    f.writeConfig(0x18, 4, 0xffff_ffffL);
    f.writeConfig(0x1c, 4, 0xffff_ffffL);
    assertEquals(0xffff_c00cL, read(f, 0x10, 4));
    assertEquals(0xffff_ffffL, read(f, 0x14, 4));
    assertEquals(0xffff_ffe1L, read(f, 0x18, 4));
    assertEquals(0, read(f, 0x1c, 4));
    PciFunction big =
        PciFunction.builder("big", 1, 1).bar(0, BarSpec.memory64(1L << 33), device).build();
    big.writeConfig(0x10, 4, -1);
    big.writeConfig(0x14, 4, -1);
    assertEquals(4, read(big, 0x10, 4));
    assertEquals(0xffff_fffeL, read(big, 0x14, 4));
  }

  @Test
  void capabilitiesAreListed() {
    PciFunction f =
        full()
            .capability(PciCapability.vendor((byte) 1, (byte) 0))
            .capability(PciCapability.vendor((byte) 2))
            .capability(PciCapability.extended(3, 1, new byte[8]))
            .capability(PciCapability.extended(0xb, 2))
            .build();
    List<String> found = new ArrayList<>();
    for (int at = (int) read(f, 0x34, 1); at != 0; at = (int) read(f, at + 1, 1)) {
      assertEquals(0, at & 3);
      found.add(Integer.toHexString(at) + ":" + read(f, at, 1));
    }
    assertEquals(List.of("40:17", "4c:1", "54:16", "90:9", "98:9"), found);
    assertEquals(5, read(f, 0x92, 1)); // cap_len
    assertEquals(4, read(f, 0x9a, 1));
    assertEquals(0x10c1_0003L, read(f, 0x100, 4));
    assertEquals(0x0002_000bL, read(f, 0x10c, 4));
    assertEquals(0x2000, read(f, 0x44, 4));
    assertEquals(0x3000, read(f, 0x48, 4));
    assertEquals(2, read(f, 0x42, 2));
    assertEquals(0x92, read(f, 0x56, 2));
    assertEquals(0x1000_8000L, read(f, 0x58, 4));
  }

  @Test
  void capabilitiesThatDoNotFitAreRefused() {
    assertEquals(
        "f: capability vendor length=192 at 0x4c ends at 0x10c, behind 0x100",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    PciFunction.builder("f", 1, 1)
                        .bar(0, BarSpec.memory32(0x1000), device)
                        .msix(1, 0, 0, 0, 0x800, host)
                        .capability(PciCapability.vendor(new byte[189]))
                        .build())
            .getMessage());
    assertEquals(
        "body of 191 bytes exceeds 190",
        assertThrows(IllegalArgumentException.class, () -> PciCapability.vendor(new byte[190]))
            .getMessage());
    assertEquals(
        "f: extended capabilities need the PCI Express capability",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    PciFunction.builder("f", 1, 1).capability(PciCapability.extended(3, 1)).build())
            .getMessage());
    assertEquals(
        "f: capability 0x11 has a method of its own",
        assertThrows(
                IllegalArgumentException.class,
                () -> PciFunction.builder("f", 1, 1).capability(PciCapability.standard(0x11)))
            .getMessage());
    assertEquals(
        "f has MSI-X already",
        assertThrows(IllegalArgumentException.class, () -> full().msix(1, 0, 0, 0, 0x100, host))
            .getMessage());
    assertEquals(
        "offset=1 length=1 is not in 2..2",
        assertThrows(
                IllegalArgumentException.class,
                () -> PciCapability.standard(9, (byte) 0).writable(1, 1))
            .getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "MEMORY_32 | false | 0x18        | 0x10..0x80000000",
        "MEMORY_32 | false | 8           | 0x10..0x80000000",
        "MEMORY_32 | false | 0x100000000 | 0x10..0x80000000",
        "MEMORY_64 | true  | 0           | 0x10..0x4000000000000000",
        "IO        | false | 2           | 0x4..0x100",
        "IO        | false | 0x200       | 0x4..0x100",
      })
  void sizesAreChecked(BarSpec.Type type, boolean prefetchable, String size, String range) {
    assertEquals(
        "size=0x%x of a BAR in %s is not a power of two in %s"
            .formatted(Long.decode(size), type, range),
        assertThrows(
                IllegalArgumentException.class,
                () -> new BarSpec(type, prefetchable, Long.decode(size)))
            .getMessage());
  }

  @Test
  void builderRefusesWhatCannotBe() {
    assertEquals(
        "an I/O BAR cannot be prefetchable",
        assertThrows(IllegalArgumentException.class, () -> BarSpec.io(4).asPrefetchable())
            .getMessage());
    assertEquals(
        "f: BAR1 memory32 size=0x10 overlaps another BAR",
        assertThrows(
                IllegalArgumentException.class, () -> full().bar(1, BarSpec.memory32(16), device))
            .getMessage());
    assertEquals(
        "BAR=0x5 is not in 0..0x4",
        assertThrows(
                IllegalArgumentException.class, () -> full().bar(5, BarSpec.memory64(16), device))
            .getMessage());
    assertEquals(
        "vendor=0xffff is not in 0..0xfffe",
        assertThrows(IllegalArgumentException.class, () -> PciFunction.builder("f", 0xffff, 0))
            .getMessage());
    assertEquals(
        "f: MSI-X vectors=2049 is not in 1..2048",
        assertThrows(
                IllegalArgumentException.class,
                () -> PciFunction.builder("f", 1, 0).msix(2049, 0, 0, 0, 0, host))
            .getMessage());
    assertEquals(
        "f: MSI-X table in BAR0, which is no memory BAR",
        assertThrows(
                IllegalArgumentException.class,
                () -> PciFunction.builder("f", 1, 0).msix(1, 0, 0, 0, 0, host).build())
            .getMessage());
    PciFunction.Builder small =
        PciFunction.builder("f", 1, 0).bar(0, BarSpec.memory32(0x20), device);
    assertEquals(
        "f: MSI-X table at 0x0, length 0x30, is not aligned to 8 or exceeds BAR0 memory32 size=0x20",
        assertThrows(IllegalArgumentException.class, () -> small.msix(3, 0, 0, 0, 0, host).build())
            .getMessage());
    assertEquals(
        "f: MSI-X table at 0x0 overlaps the pending bits at 0x8",
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    PciFunction.builder("f", 1, 0)
                        .bar(0, BarSpec.memory32(0x20), device)
                        .msix(1, 0, 0, 0, 8, host)
                        .build())
            .getMessage());
  }

  @Test
  void msixIsInItsBarAndTheRestIsTheDevices() {
    PciFunction f = onBus(full());
    PciBar bar = f.bar(0).orElseThrow();
    assertEquals(1, bar.read(0x200c, 4));
    assertEquals(0, bar.read(0x3000, 8));
    assertEquals(0x77, bar.read(0x2030, 4));
    assertEquals(0x77, bar.read(0x1ffc, 4));
    bar.write(0x3000, 8, -1);
    bar.write(0x1ffc, 8, -1); // half in the table
    bar.write(0x1000, 4, 5);
    assertEquals(-1, bar.read(0x4000, 8));
    assertEquals(0xffff_ffffL, bar.read(-4, 4));
    assertEquals(0xff_ffff, bar.read(0, 3));
    bar.write(0x3ffd, 4, 1);
    assertEquals(List.of("read 2030/4", "read 1ffc/4", "write 1000/4=5"), device.accesses);
    assertEquals(0xffff_ffffL, f.readBar(1, 0, 4));
    assertEquals(0xffff_ffffL, f.readBar(255, 0, 4));
    f.writeBar(7, 0, 4, 0);
    f.writeBar(0, 8, 2, 0x1_2345);
    assertEquals("write 8/2=2345", device.accesses.getLast());
  }

  private void enableMsix(PciFunction f) {
    PciBar bar = f.bar(0).orElseThrow();
    for (int v = 0; v < 3; v++) {
      bar.write(0x2000 + 16 * v, 8, 0xfee0_0000L);
      bar.write(0x2008 + 16 * v, 4, 0x20 + v);
      bar.write(0x200c + 16 * v, 4, 0);
    }
    f.writeConfig(0x42, 2, 0x8000);
  }

  @Test
  void messagesNeedABusMasterThatIsAwake() {
    PciFunction f = onBus(full());
    Msix msix = f.msix().orElseThrow();
    msix.trigger(0);
    assertFalse(msix.isPending(0));
    enableMsix(f);
    assertEquals(List.of(), host.log); // nothing may be sent yet: no vector is taken
    msix.trigger(1);
    assertTrue(msix.isPending(1));
    f.writeConfig(4, 2, 4);
    assertFalse(msix.isPending(1));
    assertEquals(3, host.vectors.size());
    assertEquals(1, host.vectors.get(1).sent);
    assertEquals("f MSI-X 1 -> fee00000/21", host.log.get(1));
    f.writeConfig(0x50, 2, 3); // D3hot
    assertFalse(f.isBusMaster());
    msix.trigger(2);
    msix.trigger(2);
    assertTrue(msix.isPending(2));
    f.writeConfig(0x50, 2, 1); // does not exist
    assertEquals(0xb, read(f, 0x50, 2));
    f.writeConfig(0x50, 2, 0);
    assertTrue(f.isBusMaster());
    assertEquals(1, host.vectors.get(2).sent);
    assertEquals(3, msix.routes());
  }

  @Test
  void intxFollowsTheDeviceAndTheRegisters() {
    PciFunction f = onBus(full());
    events.clear();
    f.intx().setLevel(true); // device 1, pin B: the third line
    assertEquals(List.of("GSI 18 up"), events);
    assertEquals(0x18, read(f, 6, 2));
    assertEquals(0x18, read(f, 6, 1));
    assertEquals(0x0018_0000L, read(f, 4, 4));
    f.writeConfig(4, 2, 0x400);
    assertEquals(0x0018_0400L, read(f, 4, 4));
    f.writeConfig(4, 2, 0);
    f.writeConfig(0x42, 2, 0x8000);
    f.writeConfig(0x42, 2, 0);
    f.writeConfig(0x50, 1, 3);
    f.writeConfig(0x50, 1, 0);
    f.intx().setLevel(false);
    f.intx().setLevel(false);
    assertEquals(0x10, read(f, 6, 2));
    assertEquals(
        List.of(
            "GSI 18 up",
            "GSI 18 down",
            "GSI 18 up",
            "GSI 18 down",
            "GSI 18 up",
            "GSI 18 down",
            "GSI 18 up",
            "GSI 18 down"),
        events);
  }

  @Test
  void lineThatThrowsIsDrivenAgain() {
    Intx intx = new Intx();
    List<Boolean> levels = new ArrayList<>();
    LevelLine bad =
        level -> {
          throw new IllegalStateException("no");
        };
    assertThrows(IllegalStateException.class, () -> intx.connect(bad));
    intx.connect(levels::add);
    intx.setLevel(true);
    assertEquals(List.of(false, true), levels);
    assertEquals("INTx wanted asserted", intx.toString());
  }

  @Test
  void functionLevelReset() {
    PciFunction f = onBus(full());
    f.writeConfig(0x3c, 1, 9);
    f.setBarAddress(0, 1L << 40);
    f.writeConfig(4, 2, 6);
    enableMsix(f);
    f.intx().setLevel(true);
    assertTrue(f.bar(0).orElseThrow().isMapped());
    f.writeConfig(0x5c, 2, 0x8000);
    assertTrue(events.contains("reset f"));
    assertEquals(0x0010_0000L, read(f, 4, 4));
    assertEquals(0xc, read(f, 0x10, 4));
    assertEquals(0, read(f, 0x14, 4));
    assertEquals(0, read(f, 0x5c, 2));
    assertEquals(9, read(f, 0x3c, 1)); // software's, not the device's
    assertFalse(f.bar(0).orElseThrow().isMapped());
    assertFalse(f.msix().orElseThrow().isEnabled());
    assertEquals(1, f.readBar(0, 0x200c, 4));
    assertEquals(0, f.readBar(0, 0x2008, 4));
    assertTrue(host.vectors.stream().allMatch(v -> v.closed));
    events.clear();
    f.writeConfig(0x5d, 1, 0x7f); // all but the reset
    assertEquals(List.of(), events);
    f.writeConfig(0x5d, 1, 0x80);
    assertEquals(List.of("reset f"), events);
  }

  @Test
  void pinHeldBackStaysLowThroughResetAndRestore() {
    PciFunction f = onBus(full());
    f.setBarAddress(0, 1L << 40);
    f.writeConfig(4, 2, 6);
    enableMsix(f);
    f.intx().setLevel(true);
    byte[] state = f.save();
    events.clear();
    f.restore(state);
    assertEquals(List.of(), events);
    f.writeConfig(4, 2, 0x406); // with INTx disabled as well
    f.restore(state);
    assertEquals(List.of(), events);
    f.reset();
    assertEquals(List.of("reset f"), events);
  }

  @Test
  void removedFunctionIsNotMappedAgain() {
    PciFunction f = full().build();
    PciRoot root = PciRoot.builder(windows).build();
    PciAddress at = root.rootBus().add(f);
    f.writeConfig(4, 2, 2);
    f.setBarAddress(0, 1L << 40);
    assertTrue(f.bar(0).orElseThrow().isMapped());
    assertEquals(List.of(f), root.rootBus().remove(at.device()));
    f.setBarAddress(0, (1L << 40) + 0x10_0000);
    assertFalse(f.bar(0).orElseThrow().isMapped());
  }

  @Test
  void windowInConfigurationSpaceReachesTheBar() {
    // virtio's pci_cfg_data: bar at 4, offset at 8, length at 12, data at 16.
    CapabilityHandler window =
        new CapabilityHandler() {
          @Override
          public void beforeRead(PciFunction f, int at, int offset, int size) {
            if (offset >= 16) {
              ConfigurationSpace c = f.config();
              c.set(
                  at + 16,
                  4,
                  (int) f.readBar(c.get(at + 4, 1), c.get(at + 8, 4), c.get(at + 12, 4)));
            }
          }

          @Override
          public void afterWrite(PciFunction f, int at, int offset, int size) {
            if (offset >= 16) {
              ConfigurationSpace c = f.config();
              f.writeBar(c.get(at + 4, 1), c.get(at + 8, 4), c.get(at + 12, 4), c.get(at + 16, 4));
            }
          }
        };
    PciFunction f =
        PciFunction.builder("f", 1, 1)
            .bar(0, BarSpec.memory32(0x1000), device)
            .capability(
                PciCapability.vendor(new byte[17]).writable(4, 1).writable(8, 12).handler(window))
            .build();
    f.writeConfig(0x48, 4, 0x10);
    f.writeConfig(0x4c, 4, 2);
    f.writeConfig(0x50, 4, 0x1234_5678);
    assertEquals(0x77, read(f, 0x50, 4));
    f.writeConfig(0x44, 1, 5);
    assertEquals(0xffff, read(f, 0x50, 2));
    f.writeConfig(0x4c, 4, -1);
    f.writeConfig(0x50, 4, 1);
    assertEquals(0xffff_ffffL, read(f, 0x50, 4));
    assertEquals(List.of("write 10/2=5678", "read 10/2"), device.accesses);
    byte[] state = f.save();
    f.restore(state);
    assertArrayEquals(state, f.save());
  }

  @Test
  void stateIsRestored() {
    PciFunction f = onBus(full());
    f.setBarAddress(0, 1L << 40);
    f.writeConfig(4, 2, 6);
    enableMsix(f);
    f.writeConfig(0x42, 2, 0xc000);
    f.msix().orElseThrow().trigger(2);
    f.intx().setLevel(true);
    byte[] state = f.save();

    PciFunction g = full().build();
    g.restore(state);
    assertArrayEquals(state, g.save());
    assertTrue(g.msix().orElseThrow().isPending(2));
    int before = host.vectors.size();
    g.writeConfig(0x42, 2, 0x8000);
    assertEquals(1, host.vectors.subList(before, host.vectors.size()).getLast().sent);

    assertEquals(
        "f: state of 0 bytes, must be 4168",
        assertThrows(IllegalArgumentException.class, () -> g.restore(new byte[0])).getMessage());
    refuse(g, 0, 1, state, "f: magic=0x46494351, must be 0x46494350");
    refuse(g, 4, 3, state, "f: version=0x2, must be 0x1");
    refuse(g, 8, 1, state, "f: MSI-X vectors=0x2, must be 0x3");
    refuse(g, 12, 2, state, "f: INTx=0x3, must be 0 or 1");
    refuse(g, 16, 1, state, "f: register 0x0 = 0x10411af5, must be 0x10411af4 but for bits 0x0");
    refuse(g, 16 + 0x50, 1, state, "f: power state D1, must be D0 or D3");
    refuse(g, 16 + 4096 + 12, 2, state, "f: MSI-X entry 0 dword 3 = 0x2 has reserved bits 0x2");
    refuse(g, 16 + 4096 + 48, 8, state, "f: MSI-X pending bits 0xc exceed vectors=3");
  }

  private static void refuse(PciFunction f, int at, int flip, byte[] state, String message) {
    byte[] bad = state.clone();
    bad[at] ^= (byte) flip;
    byte[] before = f.save();
    assertEquals(
        message, assertThrows(IllegalArgumentException.class, () -> f.restore(bad)).getMessage());
    assertArrayEquals(before, f.save());
  }
}
