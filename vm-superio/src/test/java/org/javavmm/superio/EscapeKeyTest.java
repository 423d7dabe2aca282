// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class EscapeKeyTest {
  private final List<String> actions = new ArrayList<>();
  private final EscapeKey filter =
      new EscapeKey(
          () -> actions.add("quit"), () -> actions.add("break"), () -> actions.add("help"));

  private String pass(String keys) {
    byte[] bytes = keys.getBytes(StandardCharsets.ISO_8859_1);
    int n = filter.filter(bytes, bytes.length);
    return new String(bytes, 0, n, StandardCharsets.ISO_8859_1);
  }

  @Test
  void keys() {
    assertEquals("ls\r\u0003", pass("ls\r\u0003"), "Ctrl-C is the guest's");
    assertEquals("ab", pass("a\u0001xb"));
    assertEquals("\u0001\u0001", pass("\u0001a\u0001\u0001"));
    assertEquals("", pass("\u0001b\u0001h\u0001?"));
    assertEquals("y", pass("\u0001zy"), "an unknown key does nothing");
    assertEquals(List.of("quit", "break", "help", "help"), actions);
    assertTrue(EscapeKey.HELP.contains("Ctrl-A x  end the VM\r\n"));
  }

  @Test
  void addedKeys() {
    EscapeKey more = filter.key('p', "press the power button", () -> actions.add("power"));
    assertEquals("", pass("\u0001p\u0001P"));
    assertEquals(List.of("power", "power"), actions);
    assertEquals(EscapeKey.HELP + "Ctrl-A p  press the power button\r\n", more.help());
    for (char taken : new char[] {'x', 'p', 'A', '?'}) {
      assertEquals(
          "key '" + taken + "' is not a small letter that is free; taken: a b h x [p]",
          assertThrows(IllegalArgumentException.class, () -> more.key(taken, "", () -> {}))
              .getMessage());
    }
  }

  @Property
  void chunksDoNotMatter(
      @ForAll List<@IntRange(min = 1, max = 4) Integer> sizes, @ForAll String text) {
    String keys = text.replaceAll("[^a-z]", "\u0001").substring(0, Math.min(text.length(), 60));
    EscapeKeyTest atOnce = new EscapeKeyTest();
    String whole = atOnce.pass(keys);
    EscapeKeyTest chunked = new EscapeKeyTest();
    StringBuilder parts = new StringBuilder();
    int at = 0;
    for (int i = 0; at < keys.length(); i++) {
      int n = sizes.isEmpty() ? 1 : sizes.get(i % sizes.size());
      int end = Math.min(keys.length(), at + n);
      parts.append(chunked.pass(keys.substring(at, end)));
      at = end;
    }
    assertEquals(whole, parts.toString());
    assertEquals(atOnce.actions, chunked.actions);
  }
}
