// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FdtTest {
  @TempDir Path folder;

  /** A small machine: memory, two processors, an interrupt controller, a device. */
  static Fdt machine() {
    FdtNode cpus =
        FdtNode.node("cpus")
            .u32("#address-cells", 1)
            .u32("#size-cells", 0)
            .child(cpu(0))
            .child(cpu(1))
            .build();
    FdtNode root =
        FdtNode.root()
            .u32("#address-cells", 2)
            .u32("#size-cells", 2)
            .strings("compatible", "linux,dummy-virt", "second")
            .u32("interrupt-parent", 1)
            .child(
                FdtNode.node("memory@80000000")
                    .strings("device_type", "memory")
                    .reg(
                        2,
                        2,
                        new FdtProperty.Reg(0x8000_0000L, 0x1000_0000L),
                        new FdtProperty.Reg(0x1_0000_0000L, 1L << 40))
                    .build())
            .child(cpus)
            .child(
                FdtNode.node("intc@8000000")
                    .flag("interrupt-controller")
                    .u32("#interrupt-cells", 3)
                    .u64("wide", 0xfedc_ba98_7654_3210L)
                    .phandle(1)
                    .build())
            .child(
                FdtNode.node("virtio_mmio@a000000")
                    .strings("compatible", "virtio,mmio")
                    .cells("interrupts", 0, 16, 1)
                    .bytes("odd", new byte[] {1, 2, 3, 4, 5})
                    .build())
            .build();
    return Fdt.builder(root).reserve(0x1000, 0x2000).reserve(-0x1000, 0x1000).bootCpu(1).build();
  }

  private static FdtNode cpu(int number) {
    return FdtNode.node("cpu@" + number)
        .strings("device_type", "cpu")
        .reg(1, 0, new FdtProperty.Reg(number, 0))
        .build();
  }

  static Fdt parse(byte[] bytes) throws LoaderException {
    return Fdt.parse("dtb", MemorySegment.ofArray(bytes));
  }

  @Test
  void readsWhatItWrites() throws Exception {
    Fdt machine = machine();
    byte[] bytes = machine.toBytes();
    Fdt read = parse(bytes);
    assertEquals(machine, read);
    assertEquals(machine.hashCode(), read.hashCode());
    assertNotEquals(machine, Fdt.builder(machine.root()).build());
    assertArrayEquals(bytes, read.toBytes());
    assertEquals(Optional.of(FdtOracle.text(machine)), FdtOracle.read(bytes));
    assertEquals(machine, parse(Arrays.copyOf(bytes, bytes.length + 100)));
    assertEquals(1, read.bootCpu());
  }

  @Test
  void typedValues() throws Exception {
    Fdt tree = parse(machine().toBytes());
    assertEquals(2, property(tree, "/", "#address-cells").u32());
    assertEquals(
        List.of("linux,dummy-virt", "second"), property(tree, "/", "compatible").strings());
    assertEquals("cpu", property(tree, "/cpus/cpu@1", "device_type").string());
    assertEquals(
        List.of(new FdtProperty.Reg(1, 0)), property(tree, "/cpus/cpu@1", "reg").reg(1, 0));
    assertEquals(
        List.of(
            new FdtProperty.Reg(0x8000_0000L, 0x1000_0000L),
            new FdtProperty.Reg(0x1_0000_0000L, 1L << 40)),
        property(tree, "/memory@80000000", "reg").reg(2, 2));
    assertArrayEquals(
        new int[] {0, 16, 1}, property(tree, "/virtio_mmio@a000000", "interrupts").cells());
    FdtNode controller = tree.byPhandle(1).orElseThrow();
    assertEquals("intc@8000000", controller.name());
    assertEquals(0xfedc_ba98_7654_3210L, controller.property("wide").orElseThrow().u64());
    assertEquals(0, controller.property("interrupt-controller").orElseThrow().size());
    assertEquals(Optional.empty(), tree.byPhandle(2));
    assertEquals(Optional.empty(), tree.find("/cpus/cpu@2"));
    assertEquals(Optional.empty(), tree.find("cpus"));
    assertEquals(Optional.empty(), tree.find(""));
  }

  @Test
  void wrongTypes() {
    FdtProperty odd = new FdtProperty("odd", new byte[] {1, 2, 3, 4, 5});
    String start = "device tree property odd: ";
    refuses(Reason.FORMAT, start + "length is 5, must be 4", odd::u32);
    refuses(Reason.FORMAT, start + "length is 5, must be 8", odd::u64);
    refuses(Reason.FORMAT, start + "length is 5, must be a multiple of 4", odd::cells);
    refuses(Reason.FORMAT, start + "length is 5, must be a multiple of 12", () -> odd.reg(2, 1));
    refuses(Reason.FORMAT, start + "last byte is 5, must be zero", odd::strings);
    refuses(
        Reason.FORMAT,
        "device tree property e: length is 0, must be at least 1",
        new FdtProperty("e", new byte[0])::string);
    refuses(
        Reason.FORMAT,
        "device tree property e: number of strings is 2, must be 1",
        new FdtProperty("e", new byte[2])::string);
    refuses(
        Reason.FORMAT,
        "device tree property e: byte 0 is 128, must be ASCII",
        new FdtProperty("e", new byte[] {-128, 0})::string);
  }

  private static FdtProperty property(Fdt tree, String path, String name) {
    return tree.find(path).orElseThrow().property(name).orElseThrow();
  }

  private static void refuses(Reason reason, String message, Executable call) {
    LoaderException e = assertThrows(LoaderException.class, call);
    assertEquals(message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void stringsAreShared() {
    FdtNode root = FdtNode.root().flag("interrupt-size").flag("size").flag("interrupt").build();
    byte[] bytes = Fdt.builder(root).build().toBytes();
    assertEquals("interrupt-size".length() + 1 + "interrupt".length() + 1, header(bytes, 32));
  }

  private static int header(byte[] bytes, int offset) {
    return ByteBuffer.wrap(bytes).getInt(offset);
  }

  /** The header's fields, in the order in which they are checked. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0|1|FORMAT|magic is 0x1, must be 0xd00dfeed",
        "4|39|HEADER|totalsize is 39, must be between 40 and 16777216",
        "4|-1|HEADER|totalsize is 4294967295, must be between 40 and 16777216",
        "4|16777216|TRUNCATED|totalsize is 16777216, must be at most TOTAL",
        "20|16|HEADER|version is 16, must be at least 17",
        "24|18|HEADER|last_comp_version is 18, must be at most 17",
        "8|36|HEADER|off_dt_struct is 36, must be between 40 and TOTAL",
        "8|-4|HEADER|off_dt_struct is 4294967292, must be between 40 and TOTAL",
        "8|42|HEADER|off_dt_struct is 42, must be a multiple of 4",
        "36|-1|HEADER|size_dt_struct is 4294967295, must be at most LEFT",
        "12|0|HEADER|off_dt_strings is 0, must be between 40 and TOTAL",
        "16|44|HEADER|off_mem_rsvmap is 44, must be a multiple of 8",
      })
  void brokenHeaders(int offset, int value, Reason reason, String message) {
    byte[] bytes = machine().toBytes();
    String limit =
        message
            .replace("TOTAL", Integer.toString(bytes.length))
            .replace("LEFT", Integer.toString(bytes.length - header(bytes, 8)));
    ByteBuffer.wrap(bytes).putInt(offset, value);
    refuses(reason, "dtb: " + limit, () -> parse(bytes));
    assertEquals(Optional.empty(), FdtOracle.read(bytes));
  }

  /** A tree of the given structure; the strings are "a" and "phandle". */
  private static byte[] tree(int... structure) {
    byte[] strings = "a\0phandle\0?!\0".getBytes(StandardCharsets.US_ASCII);
    ByteBuffer out = ByteBuffer.allocate(56 + 4 * structure.length + strings.length);
    out.putInt(0xd00dfeed).putInt(out.capacity()).putInt(56).putInt(56 + 4 * structure.length);
    out.putInt(40).putInt(17).putInt(16).putInt(0);
    out.putInt(strings.length).putInt(4 * structure.length);
    out.putLong(0).putLong(0);
    for (int word : structure) {
      out.putInt(word);
    }
    return out.put(strings).array();
  }

  private static void refusesTree(String message, int... structure) {
    byte[] bytes = tree(structure);
    refuses(Reason.FORMAT, "dtb: " + message, () -> parse(bytes));
    assertEquals(Optional.empty(), FdtOracle.read(bytes));
  }

  @Test
  void brokenStructures() throws Exception {
    final int a = 'a' << 24;
    final String at = "structure block at byte ";
    assertTrue(parse(tree(4, 1, 0, 4, 3, 0, 0, 4, 1, a, 2, 2, 4, 9)).find("/a").isPresent());
    refusesTree(at + "56 is cut off within token, must end with FDT_END");
    refusesTree(at + "60 is cut off within token, must end with FDT_END", 4);
    refusesTree(at + "56 is 0x5, must be a token: 1, 2, 3, 4 or 9", 5);
    refusesTree(at + "56 is FDT_END, must stand behind the root", 9);
    refusesTree(at + "56 is FDT_END_NODE, must end a node", 2);
    refusesTree(at + "56 is a property, must stand in a node, before its children", 3, 0, 0);
    refusesTree(at + "60 is node name 'a', must be empty for the root", 1, a);
    refusesTree(
        at + "68 is node name '', must be of 0-9a-zA-Z,._+- and a unit address", 1, 0, 1, 0);
    refusesTree(
        "node name at byte 60 is without an end, must end within its block and have at most 255"
            + " characters",
        1,
        -1);
    refusesTree(
        at + "76 is a property, must stand in a node, before its children", 1, 0, 1, a, 2, 3);
    refusesTree(at + "68 is cut off within a property, must end with FDT_END", 1, 0, 3);
    refusesTree(at + "76 is a property of 1 bytes, must be at most 0", 1, 0, 3, 1, 0);
    refusesTree(at + "76 is a property of 4294967295 bytes, must be at most 0", 1, 0, 3, -1, 0);
    refusesTree(at + "76 is a property with nameoff 13, must be less than 13", 1, 0, 3, 0, 13);
    refusesTree(at + "76 is property name '?!', must be of 0-9a-zA-Z,._+?#-", 1, 0, 3, 0, 10);
    refusesTree(at + "76 is a second property a, must be the only one", 1, 0, 3, 0, 0, 3, 0, 0);
    refusesTree(at + "84 is a second node a, must be the only one", 1, 0, 1, a, 2, 1, a, 2, 2, 9);
    refusesTree(at + "68 is a second root, must be FDT_END", 1, 0, 2, 1, 0, 2, 9);
    refusesTree(at + "68 is FDT_END, must be the last, and 4 bytes follow", 1, 0, 2, 9, 9);
    refusesTree(
        at + "76 is the end of a node with a wrong phandle, must be 4 bytes, not 0 or -1",
        1,
        0,
        3,
        0,
        2,
        2,
        9);
    refusesTree(
        at + "108 is the end of a second node with phandle 0x7, must be of one node",
        1,
        0,
        3,
        4,
        2,
        7,
        1,
        a,
        3,
        4,
        2,
        7,
        2,
        2,
        9);
    int[] deep = new int[130];
    for (int i = 0; i < 65; i++) {
      deep[2 * i] = 1;
      deep[2 * i + 1] = i == 0 ? 0 : a;
    }
    refusesTree(at + "568 is a node 65 deep, must be at most 64", deep);
  }

  @Test
  void paddingThatIsMissingIsNotLookedFor() throws Exception {
    byte[] cut = tree(1, 0, 3, 1, 0, 'x' << 24);
    ByteBuffer.wrap(cut).putInt(36, 21); // size_dt_struct ends with the value
    refuses(
        Reason.FORMAT,
        "dtb: structure block at byte 77 is cut off within token, must end with FDT_END",
        () -> parse(cut));
  }

  @Test
  void brokenReservations() {
    byte[] bytes = tree(1, 0, 2, 9);
    ByteBuffer.wrap(bytes).putLong(40, 5);
    refuses(
        Reason.FORMAT,
        "dtb: reservation at byte 40 is 0x5 of 0x0, must not be empty, nor end above 2^64",
        () -> parse(bytes));
    ByteBuffer.wrap(bytes).putLong(40, -1).putLong(48, 2);
    refuses(
        Reason.FORMAT,
        "dtb: reservation at byte 40 is 0xffffffffffffffff of 0x2, must not be empty, nor end"
            + " above 2^64",
        () -> parse(bytes));
    ByteBuffer.wrap(bytes).putInt(16, 72);
    refuses(
        Reason.FORMAT,
        "dtb: memory reservation block is cut off at byte 85, must end with an entry of zeros",
        () -> parse(bytes));
  }

  @Test
  void everyTruncationIsNoticed() {
    byte[] bytes = machine().toBytes();
    for (int i = 0; i < bytes.length; i++) {
      byte[] cut = Arrays.copyOf(bytes, i);
      assertEquals(
          Reason.TRUNCATED, assertThrows(LoaderException.class, () -> parse(cut)).reason());
    }
  }

  @Test
  void misuse() {
    misuse(
        "node name '1': must be a letter, up to 30 of 0-9a-zA-Z,._+-, and may have a unit address",
        () -> FdtNode.node("1"));
    for (String name : new String[] {"", "a@", "a@b@c", "a/b", "a".repeat(32)}) {
      assertThrows(IllegalArgumentException.class, () -> FdtNode.node(name));
    }
    FdtNode.Builder node = FdtNode.root().flag("p").child(FdtNode.node("c").build());
    misuse("property name 'a b': must be 1 to 31 of 0-9a-zA-Z,._+?#-", () -> node.flag("a b"));
    misuse("node '' has a property p", () -> node.flag("p"));
    misuse("node '' has a child c", () -> node.child(FdtNode.node("c").build()));
    misuse("a root cannot be a child", () -> node.child(FdtNode.root().build()));
    misuse("phandle: must be 4 bytes, neither 0 nor 0xffffffff", () -> node.phandle(0));
    misuse("s: must have at least one string", () -> node.strings("s"));
    misuse("s: must be ASCII without zero", () -> node.strings("s", "\u00fc"));
    misuse("address cells 3, size cells 1: must be 0 to 2 each", () -> node.reg(3, 1));
    misuse(
        "address 0x100000000: must fit 1 cells of 32 bits",
        () -> node.reg(1, 1, new FdtProperty.Reg(1L << 32, 0)));
    misuse(
        "size 0x1: must fit 0 cells of 32 bits", () -> node.reg(1, 0, new FdtProperty.Reg(0, 1)));
    misuse("node 'c' is not a root", () -> Fdt.builder(FdtNode.node("c").build()));
    Fdt.Builder tree =
        Fdt.builder(FdtNode.root().phandle(5).child(FdtNode.node("c").phandle(5).build()).build());
    misuse("phandle 0x5: must be that of one node", tree::build);
    misuse(
        "reservation at 0x1 of 0x0: must not be empty, nor end above 2^64",
        () -> tree.reserve(1, 0));
    FdtNode deep = FdtNode.node("n").build();
    for (int i = 0; i < 63; i++) {
      deep = FdtNode.node("n").child(deep).build();
    }
    Fdt.Builder tooDeep = Fdt.builder(FdtNode.root().child(deep).build());
    misuse("nodes are nested 65 deep: must be at most 64", tooDeep::build);
    Fdt large = Fdt.builder(FdtNode.root().bytes("a", new byte[16 << 20]).build()).build();
    assertThrows(IllegalStateException.class, large::toBytes);
  }

  private static void misuse(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** Debian's compiler reads ours, we read its, and nothing is lost on the way. */
  @Test
  void deviceTreeCompilerAgrees() throws Exception {
    TestTools.require("dtc");
    Fdt machine = machine();
    byte[] source = dtc(machine.toBytes(), "-I", "dtb", "-O", "dts");
    assertTrue(new String(source, StandardCharsets.UTF_8).contains("virtio_mmio@a000000"));
    byte[] compiled = dtc(source, "-I", "dts", "-O", "dtb", "-b", "1");
    assertEquals(machine, parse(compiled));
    assertEquals(Optional.of(FdtOracle.text(machine)), FdtOracle.read(compiled));
    // With labels and references, symbols, and padding behind the blocks.
    String labels =
        "/dts-v1/; / { a: x@1 { reg = <1>; b = <&a>; c = \"t\", \"u\"; d = [01 02]; }; };";
    Fdt read =
        parse(
            dtc(
                labels.getBytes(StandardCharsets.UTF_8),
                "-I",
                "dts",
                "-O",
                "dtb",
                "-@",
                "-p",
                "333",
                "-R",
                "3"));
    FdtNode x = read.find("/x@1").orElseThrow();
    assertEquals(x, read.byPhandle(x.property("b").orElseThrow().u32()).orElseThrow());
    assertEquals(
        "/x@1", read.find("/__symbols__").orElseThrow().property("a").orElseThrow().string());
  }

  private byte[] dtc(byte[] input, String... options) throws IOException, InterruptedException {
    Path in = Files.write(folder.resolve("in"), input);
    Path out = folder.resolve("out");
    ByteArrayOutputStream words = new ByteArrayOutputStream();
    String[] command = new String[options.length + 4];
    command[0] = "dtc";
    System.arraycopy(options, 0, command, 1, options.length);
    command[options.length + 1] = "-o";
    command[options.length + 2] = out.toString();
    command[options.length + 3] = in.toString();
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getInputStream().transferTo(words);
    assertEquals(0, process.waitFor(), words.toString(StandardCharsets.UTF_8));
    return Files.readAllBytes(out);
  }
}
