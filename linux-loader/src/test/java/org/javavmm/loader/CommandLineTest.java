// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.OptionalInt;
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
    refuses("character 2 is U+DE00, must not be half of a pair", () -> CommandLine.of("a\ude00"));
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

  @Test
  void virtioMmioDevices() throws Exception {
    CommandLine line =
        CommandLine.builder()
            .virtioMmioDevice(4096, 0xd000_0000L, 5)
            .virtioMmioDevice(0x200, 0xd000_1000L, 6, OptionalInt.of(7))
            .virtioMmioDevice(2 << 20, 1L << 32, 48, OptionalInt.of(0))
            .virtioMmioDevice(1025, -2048, 1)
            .build();
    assertEquals(
        "virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=512@0xd0001000:6:7"
            + " virtio_mmio.device=2M@0x100000000:48:0"
            + " virtio_mmio.device=1025@0xfffffffffffff800:1",
        line.toString());
    assertEquals(
        "virtio_mmio.device=4K@0xfffffffffffff000:1",
        CommandLine.builder().virtioMmioDevice(0x1000, -0x1000, 1).build().toString());
    CommandLine.Builder builder = CommandLine.builder();
    misuse(
        "virtio-mmio device of 0xff at 0x0: must have at least 0x100, and end below 2^64",
        () -> builder.virtioMmioDevice(0xff, 0, 5));
    misuse(
        "virtio-mmio device of 0x1001 at 0xfffffffffffff000: must have at least 0x100, and end"
            + " below 2^64",
        () -> builder.virtioMmioDevice(0x1001, -0x1000, 5));
    misuse(
        "irq 0, id 0: must be at least 1, and at least 0",
        () -> builder.virtioMmioDevice(0x1000, 0, 0));
    misuse(
        "irq 1, id -1: must be at least 1, and at least 0",
        () -> builder.virtioMmioDevice(0x1000, 0, 1, OptionalInt.of(-1)));
    assertEquals("", builder.build().toString());
  }

  private static void misuse(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void initArgumentsStandLast() throws Exception {
    CommandLine.Builder builder =
        CommandLine.builder().add("a").initArgument("--single").add("b", "c d");
    builder.initArgument("two words").append("e=\"x -- y\" f");
    assertEquals(
        "a b=\"c d\" e=\"x -- y\" f -- --single \"two words\"", builder.build().toString());
    assertEquals("-- s", CommandLine.builder().initArgument("s").build().toString());
    String apart = "parameter is --, must not stand in text that has init arguments apart";
    refuses(apart, () -> builder.add("--"));
    refuses(apart, () -> builder.append("x -- y"));
    refuses(apart, () -> CommandLine.builder().append("a -- b").initArgument("c"));
    refuses(
        "init argument is '', must not be empty nor have a quote", () -> builder.initArgument(""));
    refuses(
        "init argument is '\"', must not be empty nor have a quote",
        () -> builder.initArgument("\""));
    assertEquals(
        "a b=\"c d\" e=\"x -- y\" f -- --single \"two words\"", builder.build().toString());
  }

  @Test
  void theByteA0IsABlankToTheKernel() throws Exception {
    // U+00E0 is 0xc3 0xa0, U+00FC 0xc3 0xbc, U+00A0 0xc2 0xa0.
    CommandLine line =
        CommandLine.builder()
            .add("a", "voil\u00e0")
            .add("b", "\u00fc")
            .add("c", "x\u00a0y")
            .initArgument("\u00e0")
            .initArgument("\u00fc")
            .build();
    assertEquals("a=\"voil\u00e0\" b=\u00fc c=\"x\u00a0y\" -- \"\u00e0\" \u00fc", line.toString());
    refuses(
        "parameter's name is '\u00e0', must not be empty and have no blank, equals sign or double"
            + " quote",
        () -> CommandLine.builder().add("\u00e0", "x"));
    refuses(
        "parameter is --, must not stand in text that has init arguments apart",
        () -> CommandLine.builder().append("a\u00e0-- b").initArgument("c"));
    assertEquals(
        "\u00fc-- b -- c",
        CommandLine.builder().append("\u00fc-- b").initArgument("c").build().toString());
  }

  @Test
  void initArgumentsEndAtNoSeparator() {
    refuses(
        "init argument is --, must not be: the kernel drops it and all behind",
        () -> CommandLine.builder().initArgument("--"));
    String apart = "parameter is --, must not stand in text that has init arguments apart";
    refuses(apart, () -> CommandLine.builder().append("a \"--\" b").initArgument("c"));
    refuses(apart, () -> CommandLine.builder().initArgument("c").append("\"--\""));
  }

  @Test
  void theParameterThatDoesNotFitIsNamed() throws Exception {
    CommandLine.Builder builder = CommandLine.builder(10).add("a", "b").add("\u00fc");
    refuses("length with root is 16 bytes, must be at most 10", () -> builder.add("root", "/dev"));
    refuses("length with 'x y z' is 12 bytes, must be at most 10", () -> builder.append(" x y z "));
    refuses(
        "length with init argument s is 11 bytes, must be at most 10",
        () -> builder.initArgument("s"));
    assertEquals("a=b \u00fc cde", builder.add("cde").build().toString());
    refuses("length with f is 12 bytes, must be at most 10", () -> builder.add("f"));
    CommandLine.Builder init = CommandLine.builder(6).initArgument("s");
    assertEquals("a -- s", init.add("a").build().toString());
    refuses("length with b is 8 bytes, must be at most 6", () -> init.add("b"));
    misuse("limit -1: must be at least 0", () -> CommandLine.builder(-1));
  }
}
