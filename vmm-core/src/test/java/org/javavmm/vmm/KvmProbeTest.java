// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The probe without a KVM: its programs and its words. */
class KvmProbeTest {
  @TempDir private Path folder;

  private static int run(Path output, String... command) throws Exception {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    return process.waitFor();
  }

  private boolean isThere(String tool) throws InterruptedException {
    try {
      return run(folder.resolve("version"), tool, "--version") == 0;
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      return false;
    }
  }

  /** The comments are what counts: an assembler makes the bytes of them that stand before them. */
  @Test
  void bytesAreWhatTheirCommentsSay() throws Exception {
    assumeTrue(isThere("as") && isThere("objcopy"), "tool as: binutils is not installed");
    for (String listing : KvmProbe.listings()) {
      assertEquals(bytes(listing), assembled(listing), listing);
    }
  }

  private static String bytes(String listing) {
    return listing
        .lines()
        .map(line -> line.substring(0, line.indexOf(';')).replace(" ", ""))
        .collect(Collectors.joining());
  }

  private String assembled(String listing) throws Exception {
    String source =
        listing
            .lines()
            .map(line -> line.substring(line.indexOf(';') + 1))
            .collect(Collectors.joining("\n", ".intel_syntax noprefix\n.code64\n", "\n"));
    Path s = Files.writeString(folder.resolve("probe.s"), source);
    Path o = folder.resolve("probe.o");
    Path bin = folder.resolve("probe.bin");
    Path log = folder.resolve("log");
    assertEquals(0, run(log, "as", "--64", "-o", o.toString(), s.toString()), () -> text(log));
    assertEquals(
        0,
        run(log, "objcopy", "-O", "binary", "-j", ".text", o.toString(), bin.toString()),
        () -> text(log));
    return HexFormat.of().formatHex(Files.readAllBytes(bin));
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Test
  void noKvm() {
    KvmProbe.Result result = KvmProbe.run("/dev/null/kvm");
    assertFalse(result.runsLinux());
    assertEquals(List.of(), result.missing());
    assertEquals(
        "no /dev/null/kvm: open(/dev/null/kvm): ENOTDIR (not a folder)", result.describe());
  }

  @Test
  void anotherDevice() {
    assertEquals(
        "no /dev/null: KVM_GET_API_VERSION(/dev/null): ENOTTY (this file is not KVM)",
        KvmProbe.run("/dev/null").describe());
  }

  @Test
  void words() {
    KvmProbe.Result all = new KvmProbe.Probed(List.of());
    assertTrue(all.runsLinux());
    assertEquals("this KVM runs Linux", all.describe());
    KvmProbe.Result some = new KvmProbe.Probed(List.of("int3", "SSE in ring 0"));
    assertFalse(some.runsLinux());
    assertEquals("this KVM lacks int3, SSE in ring 0", some.describe());
  }
}
