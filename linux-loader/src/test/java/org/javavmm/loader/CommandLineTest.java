// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class CommandLineTest {
  private static void refuses(String message, Executable call) {
    LoaderException e = assertThrows(LoaderException.class, call);
    assertEquals("command line: " + message, e.getMessage());
    assertEquals(Reason.COMMAND_LINE, e.reason());
  }

  @Test
  void putsBlanksBetween() throws Exception {
    CommandLine line =
        CommandLine.builder()
            .append("  ")
            .append(" console=ttyS0  quiet ")
            .add("ro")
            .add("root", "/dev/vda")
            .add("empty", "")
            .add("module.text", "two words")
            .append("")
            .build();
    assertEquals(
        "console=ttyS0  quiet ro root=/dev/vda empty= module.text=\"two words\"", line.toString());
    assertEquals("", CommandLine.builder().build().toString());
    assertEquals(line, CommandLine.of(line.toString()));
    assertEquals(line.hashCode(), CommandLine.of(line.toString()).hashCode());
    assertNotEquals(line, CommandLine.of(""));
  }

  @Test
  void countsBytes() throws Exception {
    CommandLine line = CommandLine.of("n=\u00fc\ud83d\ude00");
    assertEquals(8, line.length());
    line.checkLength(8);
    refuses("length is 8 bytes, must be at most 7", () -> line.checkLength(7));
  }

  @Test
  void refusesControlCharacters() {
    for (char c : new char[] {0, '\t', '\n', '\r', 0x1f, 0x7f, 0x80, 0x9f}) {
      String words =
          String.format("character 2 is U+%04X, must not be a control character", (int) c);
      refuses(words, () -> CommandLine.of("a" + c + "b"));
      refuses(words, () -> CommandLine.builder().add("a" + c));
      refuses(words, () -> CommandLine.builder().add("a", "b" + c));
    }
    refuses(
        "character 4 is U+D83D, must not be half of a pair",
        () -> CommandLine.of("a\ud83d\ude00\ud83d"));
  }

  @Test
  void refusesWhatCannotBeQuoted() {
    refuses("number of double quotes is 1, must be even", () -> CommandLine.of("a=\"b c"));
    refuses(
        "value of a is 'b\"c', must have no double quote",
        () -> CommandLine.builder().add("a", "b\"c"));
  }

  @Test
  void refusesOddNames() {
    for (String name : new String[] {"", "a b", "a=b", "\"a"}) {
      String words =
          "parameter's name is '"
              + name
              + "', must not be empty and have no blank, equals sign or double quote";
      refuses(words, () -> CommandLine.builder().add(name));
      refuses(words, () -> CommandLine.builder().add(name, "x"));
    }
  }

  @Test
  void changesNothingWhenItRefuses() throws Exception {
    CommandLine.Builder builder = CommandLine.builder().add("a");
    assertThrows(LoaderException.class, () -> builder.add("b", "\""));
    assertThrows(LoaderException.class, () -> builder.add("", "c"));
    assertThrows(LoaderException.class, () -> builder.append("d\n"));
    assertEquals("a", builder.build().toString());
  }
}
