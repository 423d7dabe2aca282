// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.device.Bus;
import org.junit.jupiter.api.Test;

class DebugDevicesTest {
  private final Bus bus = Bus.pio();

  @Test
  void debugPorts() {
    CaptureSink sink = new CaptureSink(16);
    DebugPort port = new DebugPort(sink);
    bus.add("debugcon", DebugPort.PORT, 1, port);
    bus.add("port e9", DebugPort.BOCHS_PORT, 1, port);
    for (byte b : "firmware ".getBytes(StandardCharsets.US_ASCII)) {
      bus.write(0x402, 1, b & 0xff);
    }
    bus.write(0xe9, 1, '!');
    assertEquals("firmware !", sink.text());
    assertEquals(0xe9, bus.read(0x402, 1) & 0xff);
    assertEquals(0xe9, bus.read(0xe9, 1) & 0xff);
    assertEquals(0, port.lost());
  }

  @Test
  void whatTheSinkRefusesIsLostAndCounted() {
    FakeSink sink = new FakeSink();
    DebugPort port = new DebugPort(sink);
    port.write(0, 1, 'a');
    sink.setFull(true);
    port.write(0, 1, 'b');
    port.write(0, 1, 'c');
    sink.setFull(false);
    port.write(0, 1, 0xff);
    assertEquals(2, port.lost());
    assertEquals(2, sink.bytes.size());
  }

  @Test
  void pvPanic() {
    List<Integer> events = new ArrayList<>();
    bus.add(
        "pvpanic",
        PvPanic.PORT,
        PvPanic.PORTS,
        new PvPanic(PvPanic.PANICKED | PvPanic.CRASH_LOADED, events::add));
    assertEquals(0x03, bus.read(0x505, 1));
    for (int i = 0; i < 256; i++) {
      bus.write(0x505, 1, i);
    }
    assertEquals(192, events.size(), "three of four");
    assertEquals(List.of(1, 2, 3, 1, 2, 3), events.subList(0, 6), "and shutdown is not offered");
  }

  @Test
  void pvPanicByMmio() {
    List<Integer> events = new ArrayList<>();
    Bus mmio = Bus.mmio();
    mmio.add("pvpanic", 0xfef0_0000L, PvPanic.MMIO_SIZE, new PvPanic(7, events::add));
    assertEquals(0x07, mmio.read(0xfef0_0000L, 1));
    assertEquals(0x07, mmio.read(0xfef0_0000L, 2));
    assertEquals(0x00, mmio.read(0xfef0_0001L, 1));
    mmio.write(0xfef0_0001L, 1, 1);
    mmio.write(0xfef0_0000L, 2, 0x104);
    assertEquals(List.of(4), events);
  }

  @Test
  void pvPanicErrors() {
    for (int events : new int[] {0, 8, 9, -1}) {
      assertEquals(
          "events=0x%x is not in 1..7".formatted(events),
          assertThrows(IllegalArgumentException.class, () -> new PvPanic(events, e -> {}))
              .getMessage());
    }
  }
}
