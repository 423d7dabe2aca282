// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelModulesTest {
  @TempDir Path folder;

  @BeforeEach
  void files() throws IOException {
    Files.createDirectories(folder.resolve("kernel/deep"));
    put("top", "depends=mid-dle,base,in_kernel\0alias=virtio:d00000001v*\0alias=second\0");
    put("deep/mid-dle", "depends=base\0");
    put("base", "depends=\0");
    Files.writeString(folder.resolve("modules.builtin"), "kernel/x/in-kernel.ko\n");
  }

  private void put(String name, String info) throws IOException {
    Files.write(folder.resolve("kernel/" + name + ".ko"), Fakes.module(info));
  }

  private KernelModules modules() throws LabException {
    return KernelModules.of(new KernelPackage("kernel_1_amd64", "6.1", folder, folder));
  }

  @Test
  void dependenciesComeFirstAndOnce() throws LabException {
    assertEquals(
        List.of("base", "mid_dle", "top"), modules().closure(List.of("top", "base", "in_kernel")));
    assertTrue(modules().isBuiltIn("in-kernel"));
    assertFalse(modules().isBuiltIn("base"));
    assertEquals(3, modules().names().size());
  }

  @Test
  void allValuesOfAKeyAreRead() throws LabException {
    assertEquals(List.of("virtio:d00000001v*", "second"), modules().info("top").get("alias"));
  }

  @Test
  void whatIsMissingIsNamed() {
    LabException e = assertThrows(LabException.class, () -> modules().closure(List.of("nothing")));
    assertEquals("no module nothing in kernel_1_amd64", e.getMessage());
  }

  @Test
  void aCircleIsRefused() throws IOException {
    put("base", "depends=top\0");
    LabException e = assertThrows(LabException.class, () -> modules().closure(List.of("top")));
    assertEquals(
        "modules of kernel_1_amd64 depend in a circle: [top, mid_dle, base]", e.getMessage());
  }

  @Test
  void aFileThatIsNoModuleIsNamed() throws IOException {
    Files.write(folder.resolve("kernel/text.ko"), new byte[100]);
    assertEquals(
        "module text of kernel_1_amd64 is no ELF64 file",
        assertThrows(LabException.class, () -> modules().info("text")).getMessage());
    byte[] whole = Fakes.module("depends=\0");
    Files.write(
        folder.resolve("kernel/text.ko"), java.util.Arrays.copyOf(whole, whole.length - 50));
    assertEquals(
        "module text of kernel_1_amd64 is truncated",
        assertThrows(LabException.class, () -> modules().info("text")).getMessage());
  }

  @Test
  void compressedModulesAreUnpacked() throws Exception {
    Path base = folder.resolve("kernel/base.ko");
    byte[] plain = Files.readAllBytes(base);
    assertEquals(0, Tools.ofEnvironment().run(folder, "xz", base.toString()).status());
    assertArrayEquals(plain, modules().load("base"));
    Path packed = folder.resolve("kernel/base.ko.xz");
    Files.write(packed, java.util.Arrays.copyOf(Files.readAllBytes(packed), 40));
    LabException e = assertThrows(LabException.class, () -> modules().load("base"));
    assertTrue(e.getMessage().contains("base.ko.xz: xz ended with status 1"), e.getMessage());
  }

  @Test
  void signaturesAreRemoved() {
    byte[] module = Fakes.module("depends=\0");
    assertArrayEquals(module, KernelModules.withoutSignature(Fakes.signed(module, 300)));
    assertSame(module, KernelModules.withoutSignature(module));
    byte[] wrong = Fakes.signed(new byte[0], 20);
    wrong[20 + 8] = 1; // The length exceeds the file.
    assertSame(wrong, KernelModules.withoutSignature(wrong));
  }
}
