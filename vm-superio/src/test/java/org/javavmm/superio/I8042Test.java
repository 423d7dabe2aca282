// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
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
    assertEquals(List.of(0xfa, 0xfa, 0x41), readAll(), "set 2, translated");
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

  private I8042 withMouse(int[] edges) {
    I8042 both = I8042.builder(() -> edges[1]++, () -> {}).mouse(() -> edges[0]++).build();
    bus.remove(0x60);
    bus.remove(0x64);
    both.addTo(bus);
    return both;
  }

  private List<Integer> toMouse(int value) {
    command(0xd4);
    data(value);
    List<Integer> all = new ArrayList<>();
    while ((status() & 1) != 0) {
      assertEquals(0x20, status() & 0x20, "the mouse's");
      all.add((int) bus.read(0x60, 1));
    }
    return all;
  }

  private int loop(int value) {
    command(0xd3);
    data(value);
    assertEquals(0x21, status() & 0x21, "comes back as the mouse's");
    return (int) bus.read(0x60, 1);
  }

  private void setCommandByte(int value) {
    command(0x60);
    data(value);
  }

  /** What Linux does to the controller, in its order. */
  @Test
  void linuxProbe() {
    int[] edges = new int[2];
    withMouse(edges);
    assertEquals(List.of(), readAll(), "flush");
    assertEquals(List.of(0x55), ask(0xaa));
    assertEquals(List.of(0x65), ask(0x20));
    assertEquals(0x10, status() & 0x10, "no keylock");
    setCommandByte(0x74); // keyboard off, no interrupt
    edges[1] = 0;
    assertEquals(0x5a, loop(0x5a), "there is a mouse's port");
    assertEquals(List.of(0x00), ask(0xa9));
    command(0xa7);
    assertEquals(List.of(0x74), ask(0x20));
    command(0xa8);
    assertEquals(List.of(0x54), ask(0x20), "it can be enabled and disabled");
    setCommandByte(0x56);
    edges[0] = 0;
    command(0xd3);
    data(0xa5);
    assertEquals(1, edges[0], "delivery of its interrupt");
    assertEquals(0x21, status() & 0x21);
    assertEquals(0xa5, bus.read(0x60, 1));
    setCommandByte(0x74);
    assertEquals(0xf0, loop(0xf0), "multiplexing:");
    assertEquals(0x56, loop(0x56));
    assertEquals(0xa4, loop(0xa4), "a version would come, if there were any");
    setCommandByte(0x47); // both on
    assertEquals(1, edges[0]);
    assertEquals(0, edges[1]);
    data(0xf2);
    assertEquals(List.of(0xfa, 0xab, 0x41), readAll());
    assertEquals(3, edges[1]);
    data(0xf5);
    data(0xed);
    data(0x05);
    data(0xf3);
    data(0x00);
    data(0xf4);
    assertEquals(List.of(0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa), readAll());
    edges[0] = 0;
    assertEquals(List.of(0xfa, 0x00), toMouse(0xf2));
    assertEquals(List.of(0xfa), toMouse(0xf6));
    assertEquals(List.of(0xfa, 0xaa, 0x00), toMouse(0xff));
    assertEquals(6, edges[0]);
    assertEquals(9, edges[1]);
  }

  @Test
  void mouse() {
    int[] edges = new int[2];
    I8042 both = withMouse(edges);
    setCommandByte(0x47);
    assertEquals(List.of(0xfa, 0x00, 0x02, 100), toMouse(0xe9));
    assertEquals(List.of(0xfa), toMouse(0xe8));
    assertEquals(List.of(0xfa), toMouse(0x03));
    assertEquals(List.of(0xfa), toMouse(0xf3));
    assertEquals(List.of(0xfa), toMouse(200));
    assertEquals(List.of(0xfa), toMouse(0xe7));
    both.moveMouse(5, 5, I8042.LEFT | I8042.MIDDLE);
    assertEquals(0, status() & 1, "it reports when it is enabled");
    assertEquals(List.of(0xfa, 0x16, 0x03, 200), toMouse(0xe9));
    assertEquals(List.of(0xfa, 0x0d, 0x05, 0x05), toMouse(0xf4));
    both.moveMouse(-1, 300, I8042.RIGHT);
    both.moveMouse(0, -600, 0);
    List<Integer> packets = new ArrayList<>();
    while ((status() & 1) != 0) {
      packets.add((int) bus.read(0x60, 1));
    }
    assertEquals(
        List.of(0x1a, 0xff, 0xff, 0x28, 0x00, 0x01, 0x28, 0x00, 0x01, 0x28, 0x00, 0xd3), packets);
    assertEquals(List.of(0xfa), toMouse(0xf0));
    both.moveMouse(7, 0, 0);
    assertEquals(0, status() & 1, "remote");
    assertEquals(List.of(0xfa, 0x70, 0x03, 200), toMouse(0xe9));
    assertEquals(List.of(0xfa, 0x08, 0x07, 0x00), toMouse(0xeb));
    assertEquals(List.of(0xfa), toMouse(0xea));
    assertEquals(List.of(0xfa), toMouse(0xf5));
    assertEquals(List.of(0xfa), toMouse(0xee));
    assertEquals(List.of(0xf2), toMouse(0xf2), "wrap");
    assertEquals(List.of(0xfa), toMouse(0xec));
    assertEquals(List.of(0xfa), toMouse(0xe6));
    assertEquals(List.of(0xfa), toMouse(0xf3));
    assertEquals(List.of(0xfe), toMouse(77), "no such rate");
    assertEquals(List.of(0xfa), toMouse(0xe8));
    assertEquals(List.of(0xfe), toMouse(4), "no such resolution");
    assertEquals(List.of(0xfe), toMouse(0xe1), "no such command");
    assertEquals(List.of(0xfe), toMouse(0xfe), "resend");
    command(0xa7);
    assertEquals(List.of(), toMouse(0xf2));
    command(0xa8);
    assertEquals(0x21, status() & 0x21);
    assertEquals(List.of(0xfa, 0x00), readAll());
  }

  @Test
  void noMouse() {
    assertEquals(
        "no mouse: the controller was built without one",
        assertThrows(IllegalStateException.class, () -> device.moveMouse(0, 0, 0)).getMessage());
  }

  @Test
  void types() {
    assertEquals(2, device.type("aB"));
    assertEquals(List.of(0x1e, 0x9e, 0x2a, 0x30, 0xb0, 0xaa), readAll());
    assertEquals(1, device.type("\u0003"));
    assertEquals(List.of(0x1d, 0x2e, 0xae, 0x9d), readAll());
    assertEquals(2, device.type("\r\u007f"));
    assertEquals(List.of(0x1c, 0x9c, 0x0e, 0x8e), readAll());
    assertEquals(5, device.type("ls /proc"), "3 bytes each, of 16");
    assertEquals(0, device.type("roc"));
    assertEquals(10, readAll().size());
    assertEquals(
        "text[1]=U+00E9 has no key on a US keyboard",
        assertThrows(IllegalArgumentException.class, () -> device.type("a\u00e9")).getMessage());
    assertEquals(List.of(), readAll());
  }

  /** Each printable character, decoded by the table of a US keyboard in set 1. */
  @Test
  void everyCharacterHasItsKey() {
    String plain = "\033" + "1234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./";
    String shifted = "\0" + "!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?";
    for (char c = ' '; c < 0x7f; c++) {
      assertEquals(1, device.type(String.valueOf(c)));
      List<Integer> codes = readAll();
      if (c == ' ') {
        assertEquals(List.of(0x39, 0xb9), codes);
      } else if (codes.size() == 2) {
        assertEquals(c, plain.charAt(codes.get(0) - 1));
        assertEquals(codes.get(0) | 0x80, codes.get(1));
      } else {
        assertEquals(List.of(0x2a, codes.get(1), codes.get(1) | 0x80, 0xaa), codes);
        assertEquals(c, shifted.charAt(codes.get(1) - 1));
      }
    }
  }

  @Test
  void scanCodes() {
    assertTrue(device.scanCodes((byte) 0xe0, (byte) 0x75, (byte) 0xe0, (byte) 0xf0, (byte) 0x75));
    assertEquals(List.of(0xe0, 0x48, 0xe0, 0xc8), readAll(), "cursor up");
    setCommandByte(0x05);
    assertTrue(device.scanCodes((byte) 0x1c, (byte) 0xf0, (byte) 0x1c));
    assertEquals(List.of(0x1c, 0xf0, 0x1c), readAll());
    data(0xf0);
    data(0x01);
    assertEquals(List.of(0xfa, 0xfa), readAll());
    assertTrue(device.scanCodes((byte) 0xe0, (byte) 0xf0, (byte) 0x71, (byte) 0x1c));
    assertEquals(List.of(0xe0, 0xd3, 0x1e), readAll(), "set 1");
    data(0xf0);
    data(0x00);
    data(0xf0);
    data(0x03);
    assertEquals(List.of(0xfa, 0xfa, 0x01, 0xfa, 0xfe), readAll(), "set 3 is refused");
    assertEquals(
        "codes.length=17 exceeds the keyboard's buffer of 16",
        assertThrows(IllegalArgumentException.class, () -> device.scanCodes(new byte[17]))
            .getMessage());
  }

  @Test
  void answersDoNotCutKeys() {
    assertTrue(device.scanCodes((byte) 0xe0, (byte) 0xf0, (byte) 0x71, (byte) 0x1c));
    data(0xee);
    assertEquals(List.of(0xe0, 0xd3, 0xee, 0x1e), readAll());
    data(0xfe);
    assertEquals(List.of(0x1e), readAll(), "resend, as the keyboard sent it and translated");
  }

  @Test
  void aDisabledKeyboardTakesNoKeysAndSaysWhenItDoes() {
    int[] spaces = new int[1];
    I8042 keyboard = I8042.builder(() -> {}, () -> {}).onKeySpace(() -> spaces[0]++).build();
    bus.remove(0x60);
    bus.remove(0x64);
    keyboard.addTo(bus);
    data(0xed);
    data(0x06);
    assertEquals(6, keyboard.leds());
    data(0xf5);
    assertFalse(keyboard.ctrlAltDel());
    assertEquals(0, keyboard.type("a"));
    assertEquals(0, spaces[0]);
    data(0xf4);
    assertEquals(1, spaces[0]);
    assertEquals(List.of(0xfa, 0xfa, 0xfa, 0xfa), readAll());
    assertEquals(5, keyboard.type("aaaaaa"));
    data(0xff);
    assertEquals(2, spaces[0], "a reset drops what was typed");
    assertEquals(0, keyboard.leds());
  }

  /** Whatever the guest did before, a reset of all three makes them answer. */
  @Property(tries = 300)
  void mouseSurvivesRandomCommands(
      @ForAll @Size(max = 300) List<@IntRange(max = 0x4ff) Integer> accesses) {
    I8042 both = withMouse(new int[2]);
    for (int access : accesses) {
      switch (access >> 8) {
        case 0 -> command(access);
        case 1 -> data(access & 0xff);
        case 2 -> {
          command(0xd4);
          data(access & 0xff);
        }
        case 3 -> {
          both.moveMouse((access & 0x0f) * 40 - 300, (access & 0xf0) * 3 - 360, access & 7);
          var _ = both.type("x");
        }
        default -> {
          var _ = bus.read(0x60, 1);
        }
      }
    }
    setCommandByte(0x45);
    command(0xd4);
    data(0xff); // a parameter, perhaps
    command(0xd4);
    data(0xff);
    data(0); // a parameter, perhaps
    data(0xff);
    assertTrue(readAll().size() <= 70);
    assertEquals(List.of(0x55), ask(0xaa));
    assertEquals(List.of(0xfa, 0x00), toMouse(0xf2));
    data(0xee);
    assertEquals(List.of(0xee), readAll());
  }

  @Test
  void accessesAllocateNothing() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    I8042 both = withMouse(new int[2]);
    setCommandByte(0x47);
    var _ = toMouse(0xf4);
    BusDevice dataPort = both.dataPort();
    BusDevice commandPort = both.commandPort();
    long least = Long.MAX_VALUE;
    for (int window = 0; window < 200 && least > 0; window++) {
      long before = allocated.get();
      for (int i = 0; i < 1000; i++) {
        both.moveMouse(1, 1, 0);
        var _ = both.ctrlAltDel();
        commandPort.write(0, 1, 0xd4);
        dataPort.write(0, 1, 0xe9);
        dataPort.write(0, 1, 0xee);
        while ((commandPort.read(0, 1) & 1) != 0) {
          var _ = dataPort.read(0, 1);
        }
      }
      least = Math.min(least, allocated.get() - before);
    }
    assertTrue(least < 8_000, least + " bytes");
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
