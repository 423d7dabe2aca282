// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.device.Bus;
import org.junit.jupiter.api.Test;

class I8042Test {
  private int interrupts;
  private int resets;
  private final I8042 device = new I8042(() -> interrupts++, () -> resets++);
  private final Bus bus = Bus.pio();

  I8042Test() {
    device.addTo(bus);
  }

  private void command(int value) {
    bus.write(0x64, 1, value);
  }

  private void data(int value) {
    bus.write(0x60, 1, value);
  }

  private int status() {
    return (int) bus.read(0x64, 1);
  }

  private List<Integer> readAll() {
    List<Integer> all = new ArrayList<>();
    while ((status() & 1) != 0) {
      all.add((int) bus.read(0x60, 1));
    }
    return all;
  }

  private List<Integer> ask(int command) {
    command(command);
    return readAll();
  }

  @Test
  void resetByPulse() {
    command(0xfe);
    assertEquals(1, resets);
    command(0xff);
    assertEquals(1, resets, "no line is pulled");
    command(0xf0);
    assertEquals(2, resets, "all lines are");
  }

  @Test
  void resetByOutputPort() {
    command(0xd1);
    data(0xdf);
    assertEquals(0, resets);
    command(0xd1);
    data(0xde);
    assertEquals(1, resets);
    assertEquals(List.of(0x03), ask(0xd0));
    command(0xdd);
    assertEquals(List.of(0x01), ask(0xd0), "A20 is off");
    command(0xdf);
    assertEquals(List.of(0x03), ask(0xd0));
  }

  @Test
  void selfTests() {
    assertEquals(0x14, status());
    assertEquals(List.of(0x55), ask(0xaa));
    assertEquals(0x1c, status(), "the last write was a command");
    assertEquals(List.of(0x00), ask(0xab));
    assertEquals(List.of(0x01), ask(0xa9), "no mouse");
    assertEquals(List.of(0x80), ask(0xc0));
    assertEquals(List.of(), ask(0xac));
  }

  @Test
  void commandByte() {
    assertEquals(List.of(0x65), ask(0x20));
    command(0x60);
    data(0x40);
    assertEquals(List.of(0x40), ask(0x20));
    assertEquals(0x18, status(), "the system flag is the command byte's");
    command(0xad);
    assertEquals(List.of(0x50), ask(0x20));
    command(0xae);
    command(0xa7);
    assertEquals(List.of(0x60), ask(0x20));
    command(0xa8);
    assertEquals(List.of(0x40), ask(0x20));
    command(0x7f);
    data(0x12);
    assertEquals(List.of(0x12), ask(0x3f));
  }

  @Test
  void noMousePort() {
    command(0xd3);
    data(0x5a);
    assertEquals(0, status() & 0x20, "what comes back is not the mouse's");
    assertEquals(List.of(0x5a), readAll());
    command(0xd4);
    data(0xff);
    assertEquals(List.of(), readAll());
    command(0xd2);
    data(0x77);
    assertEquals(List.of(0x77), readAll());
  }

  @Test
  void keyboardAnswers() {
    data(0xff);
    assertEquals(List.of(0xfa, 0xaa), readAll());
    assertEquals(2, interrupts);
    data(0xf2);
    assertEquals(List.of(0xfa, 0xab, 0x41), readAll(), "translated");
    data(0xed);
    assertEquals(List.of(0xfa), readAll());
    data(0x07);
    assertEquals(List.of(0xfa), readAll());
    data(0xf0);
    data(0x00);
    assertEquals(List.of(0xfa, 0xfa, 0x02), readAll());
    data(0xee);
    data(0xf4);
    data(0x01);
    assertEquals(List.of(0xee, 0xfa, 0xfe), readAll());
  }

  @Test
  void ctrlAltDel() {
    assertTrue(device.ctrlAltDel());
    assertEquals(List.of(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d), readAll());
    assertEquals(8, interrupts, "one for each byte");
    command(0x60);
    data(0x04); // no interrupt, no translation
    assertTrue(device.ctrlAltDel());
    assertFalse(device.ctrlAltDel(), "the keyboard's buffer is full");
    assertEquals(11, readAll().size());
    assertEquals(8, interrupts);
    assertTrue(device.ctrlAltDel());
    assertEquals(
        List.of(0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14), readAll());
  }

  @Test
  void aDisabledKeyboardWaits() {
    command(0xad);
    data(0xee);
    assertEquals(0x14, status());
    command(0xae);
    assertEquals(List.of(0xee), readAll());
  }

  @Test
  void enablingTheInterruptWithAFullBufferRaisesIt() {
    command(0x60);
    data(0x44);
    data(0xee);
    assertEquals(0, interrupts);
    command(0x60);
    data(0x45);
    assertEquals(1, interrupts);
    command(0xd3);
    data(0x77);
    assertEquals(1, interrupts, "the buffer stayed full: no edge");
    var _ = bus.read(0x60, 1);
    assertEquals(2, interrupts);
  }

  @Test
  void wideAccessesReachNobody() {
    assertEquals(0xffff, bus.read(0x60, 2));
    bus.write(0x64, 2, 0xfe);
    assertEquals(0, resets);
  }

  /** Whatever a guest writes: nothing throws, nothing grows, and the controller still answers. */
  @Property(tries = 300)
  void survivesRandomCommands(
      @ForAll @Size(max = 300) List<@IntRange(max = 0x2ff) Integer> accesses) {
    for (int access : accesses) {
      switch (access >> 8) {
        case 0 -> command(access);
        case 1 -> data(access & 0xff);
        default -> {
          var _ = bus.read(0x60, 1);
        }
      }
    }
    assertTrue(readAll().size() <= 33);
    assertEquals(List.of(0x55), ask(0xaa));
  }

  @Test
  void exitPort() {
    List<Integer> statuses = new ArrayList<>();
    Bus pio = Bus.pio();
    pio.add("exit", ExitPort.PORT, 1, new ExitPort(statuses::add));
    pio.write(0xf4, 1, 0x2a);
    pio.write(0xf4, 1, 0);
    pio.write(0xf4, 2, 7);
    assertEquals(List.of(0x2a, 0), statuses);
    assertEquals(0xff, pio.read(0xf4, 1) & 0xff);
  }

  @Test
  void acpiPower() {
    List<String> calls = new ArrayList<>();
    Bus pio = Bus.pio();
    AcpiPower power = new AcpiPower(() -> calls.add("off"), () -> calls.add("reset"));
    pio.add("power", AcpiPower.PORT, AcpiPower.SIZE, power);
    for (int value = 0; value < 256; value++) {
      pio.write(0x600, 1, value);
    }
    assertEquals(List.of("reset", "off"), calls, "0x01 and 0x34 only");
    pio.write(0x600, 1, 0x34);
    assertEquals("off", calls.getLast());
    assertEquals(0, pio.read(0x600, 1));
  }
}
