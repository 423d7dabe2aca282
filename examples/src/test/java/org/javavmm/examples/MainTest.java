// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user types wrongly: one line on standard error, status 2, and no stack trace. */
class MainTest {
  @TempDir Path folder;

  private record Result(int status, String out, String err) {}

  private static Result vmm(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status =
        Main.run(
            args,
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    return new Result(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** Exactly one line, which has all the parts. */
  private static void assertRefused(Result result, String... parts) {
    assertEquals(2, result.status, result.err);
    assertEquals("", result.out);
    assertEquals(1, result.err.lines().count(), result.err);
    assertTrue(result.err.startsWith("vmm: "), result.err);
    for (String part : parts) {
      assertTrue(result.err.contains(part), () -> result.err + " lacks: " + part);
    }
  }

  /** Exactly this line. */
  private static void assertSays(String message, String... args) {
    Result result = vmm(args);
    assertEquals("vmm: " + message + "\n", result.err);
    assertEquals(2, result.status);
    assertEquals("", result.out);
  }

  @Test
  void unknownCommand() {
    assertRefused(vmm("windows"), "unknown command 'windows'");
  }

  @Test
  void noCommandPrintsUsage() {
    Result result = vmm();
    assertEquals(2, result.status);
    assertTrue(result.err.startsWith("usage: vmm COMMAND"), result.err);
  }

  @Test
  void helpGoesToStandardOutput() {
    for (String command : new String[] {"hello", "linux", "inspect", "lab"}) {
      Result result = vmm(command, "--help");
      assertEquals(0, result.status, result.err);
      assertEquals("", result.err);
      assertTrue(result.out.contains("Usage: vmm " + command), result.out);
    }
    assertTrue(vmm("--help").out.contains("commands:"));
  }

  @Test
  void unknownOption() {
    assertRefused(vmm("linux", "--memroy", "1G"), "Unknown option", "--memroy");
    assertRefused(vmm("hello", "--cpus", "1"), "--cpus");
  }

  @Test
  void anAtSignIsNotAFile() throws IOException {
    Path file = folder.resolve("arguments");
    Files.writeString(file, "--help");
    assertRefused(vmm("linux", "--memory", "@" + file), "--memory @" + file + ": not a size");
  }

  @Test
  void moreMemoryThanTheHostHas() {
    assertRefused(vmm("lab", "--memory", "2T", "--", "true"), "not enough memory");
  }

  @Test
  void optionGivenTwice() {
    assertRefused(vmm("linux", "--memory=1G", "--memory=2G"), "--memory");
  }

  @Test
  void sizesAndCounts() {
    assertRefused(vmm("linux", "--memory", "lots"), "--memory lots: not a size");
    assertRefused(vmm("linux", "--memory", "64K"), "--memory 64K: must be from 1M to 4T");
    assertRefused(vmm("linux", "--cpus", "0"), "--cpus 0: not a number from 1 to 254");
    assertRefused(vmm("linux", "--cpus", "255"), "--cpus 255: not a number from 1 to 254");
    assertRefused(vmm("linux", "--cpus", "two"), "--cpus two");
    assertRefused(vmm("lab", "--memory", "1M", "--", "true"), "--memory 1M");
    assertRefused(vmm("lab", "--kernel", "2.4", "--", "true"), "--kernel 2.4", "6.1, 6.12");
    assertRefused(vmm("lab"), "no command");
  }

  @Test
  void kvmChoice() {
    assertRefused(vmm("linux", "--kvm", "mine"), "--kvm mine: must be auto, host or lab");
    assertRefused(vmm("hello", "--kvm", "mine"), "--kvm mine: must be auto, host or lab");
  }

  @Test
  void virtioDevices() {
    assertRefused(
        vmm("linux", "--rng", "--transport", "isa"), "--transport isa: must be mmio or pci");
    assertRefused(
        vmm("linux", "--transport", "pci"),
        "--transport: there is no virtio device; add one, such as --rng");
  }

  @Test
  void entries() {
    for (String wrong : new String[] {"linux16", "PVH", "", "efi"}) {
      assertSays(
          "--entry " + wrong + ": must be linux64, linux32, pvh or multiboot",
          "linux",
          "--entry",
          wrong);
    }
  }

  @Test
  void debianKernels() {
    for (String wrong : new String[] {"", "5.10", "6.1", "6.1-CLOUD"}) {
      assertSays(
          "--kernel debian:"
              + wrong
              + ": Debian's kernels are 6.1-cloud, 6.1-generic, 6.1-rt, 6.12-cloud",
          "linux",
          "--kernel",
          "debian:" + wrong);
    }
  }

  @Test
  void timing() {
    for (String wrong : new String[] {"xml", "JSON", ""}) {
      assertSays("--timing " + wrong + ": must be text or json", "linux", "--timing", wrong);
    }
  }

  @Test
  void processors() {
    assertSays(
        "--cpu-model: CPU model \"Z80\" is not known; known: host, x86-64-v1, x86-64-v2,"
            + " x86-64-v3, x86-64-v4, EPYC, EPYC-Rome, EPYC-Milan, Skylake-Server,"
            + " Cascadelake-Server",
        "linux",
        "--cpu-model",
        "Z80");
    assertSays(
        "--cpu-features: CPU features \"+avx2,x2apic\": item 2 \"x2apic\" is not + or - and a name",
        "linux",
        "--cpu-features",
        "+avx2,x2apic");
    assertSays(
        "--cpu-features: CPU features \"+avx2,-avx2\": avx2 occurs twice",
        "linux",
        "--cpu-features",
        "+avx2,-avx2");
    assertSays(
        "--cpu-features: CPU feature \"quantumleap\" is not known",
        "linux",
        "--cpu-features",
        "+quantumleap");
    assertRefused(
        vmm("linux", "--cpu-features", "-ht"), "--cpu-features: CPU feature \"ht\" cannot be");
  }

  @Test
  void nodes() {
    assertSays(
        "--numa two: must be how many nodes, or SIZE:CPUS for each, as in 256M:0-1,256M:2,3",
        "linux",
        "--numa",
        "two");
    assertSays(
        "--numa 3: NUMA nodes: 3 is not in 1..2, the number of vCPUs",
        "linux",
        "--cpus",
        "2",
        "--numa",
        "3");
    assertSays(
        "--numa: ACPI tables tell of nodes, so not with --no-acpi",
        "linux",
        "--no-acpi",
        "--numa",
        "2");
    assertSays(
        "--numa 256M:0: NUMA nodes have 268435456 bytes of memory together, not the machine's"
            + " 536870912",
        "linux",
        "--numa",
        "256M:0");
  }

  @Test
  void withoutAcpi() {
    assertSays("--cpus 17: at most 16 with --no-acpi", "linux", "--no-acpi", "--cpus", "17");
    assertRefused(vmm("linux", "--no-acpi", "--cpus", "255"), "--cpus 255");
  }

  /** Options that are there or not. */
  @Test
  void flagsHaveNoValues() {
    for (String flag : new String[] {"--no-acpi", "--no-reboot", "--decompress"}) {
      assertRefused(vmm("linux", flag, "linux"), "linux");
      assertRefused(vmm("linux", flag, flag), flag);
      assertRefused(vmm("linux", flag + "=maybe"), flag);
    }
  }

  /** An option without its value is named. */
  @Test
  void valuesThatAreMissing() {
    for (String option :
        new String[] {
          "--entry", "--cpu-model", "--cpu-features", "--numa", "--timing", "--kernel"
        }) {
      assertRefused(vmm("linux", option), option);
      assertSays(option + ": its value is missing; --rng follows", "linux", option, "--rng");
      assertSays(option + ": its value is missing; --cpus=2 follows", "linux", option, "--cpus=2");
    }
  }

  /** The name of an option without its hyphens is a value like any other. */
  @Test
  void filesNamedAsOptions() {
    for (String name : new String[] {"kernel", "initrd"}) {
      Result result = vmm("linux", "--" + name, name);
      assertEquals(2, result.status);
      assertTrue(result.err.startsWith("vmm: " + name + ": "), result.err);
    }
  }

  @Test
  void helpNamesEveryOption() {
    String help = vmm("linux", "--help").out;
    for (String option :
        new String[] {
          "--kernel",
          "--initrd",
          "--cmdline",
          "--entry",
          "--decompress",
          "--memory",
          "--cpus",
          "--cpu-model",
          "--cpu-features",
          "--numa",
          "--no-acpi",
          "--no-reboot",
          "--command",
          "--timing",
          "--rng",
          "--transport",
          "--kvm",
          "--verbose"
        }) {
      assertTrue(help.contains(option), () -> option + " in " + help);
    }
  }

  @Test
  void kernelFiles() throws IOException {
    assertRefused(vmm("linux", "--kernel", folder + "/nothing"), "nothing");
    assertRefused(vmm("linux", "--kernel", folder.toString()), folder.toString());
    Path file = folder.resolve("file");
    Files.write(file, new byte[0]);
    assertRefused(vmm("linux", "--kernel", file.toString()), file.toString());
    Files.writeString(file, "#!/bin/sh\necho I am no kernel\n");
    assertRefused(vmm("linux", "--kernel", file.toString()), file.toString());
    byte[] elf = new byte[4096];
    elf[0] = 0x7f;
    elf[1] = 'E';
    elf[2] = 'L';
    elf[3] = 'F';
    elf[4] = 2;
    elf[5] = 1;
    elf[6] = 1;
    elf[16] = 2;
    elf[18] = (byte) 183; // EM_AARCH64
    Files.write(file, elf);
    assertRefused(vmm("linux", "--kernel", file.toString()), file.toString());
  }

  @Test
  void initrdFiles() throws IOException {
    assertRefused(vmm("linux", "--initrd", folder + "/nothing"), "nothing");
    Path file = folder.resolve("empty");
    Files.write(file, new byte[0]);
    assertRefused(vmm("linux", "--initrd", file.toString()), file.toString(), "size");
  }

  @Test
  void commandLines() {
    assertRefused(vmm("linux", "--cmdline", "x".repeat(4000)), "2047");
    assertRefused(vmm("linux", "--cmdline", "a\nb"), "command line");
    assertRefused(vmm("linux", "--command", " "), "--command: is empty");
  }

  @Test
  void verboseShowsTheStack() {
    Result result = vmm("linux", "--verbose", "--memory", "lots");
    assertEquals(2, result.status);
    assertTrue(result.err.contains("\tat org.javavmm.examples"), result.err);
  }
}
