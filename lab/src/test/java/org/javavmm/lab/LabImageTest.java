// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LabImageTest {
  @TempDir Path folder;
  private final List<String> progress = new ArrayList<>();

  private DebianPackages packages() throws Exception {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Fakes.packages(folder.resolve("tree"));
    Fakes.apt(bin, folder.resolve("tree"), folder.resolve("calls"));
    return new DebianPackages(folder.resolve("cache"), Fakes.tools(bin), progress::add);
  }

  @Test
  void holdsInitBusyboxAndModulesInOrder() throws Exception {
    DebianPackages packages = packages();
    Path image = LabImage.get(packages, "6.1", packages.cloudKernel("6.1"), progress::add);
    Map<String, byte[]> files = CpioReader.read(Files.readAllBytes(image));
    assertArrayEquals(LabImage.init(), files.get("init"));
    assertEquals("busybox", text(files, "bin/busybox"));
    assertEquals(
        "virtio_pci\nvirtio_console\nfuse\nvirtiofs\nvirtio_net\n",
        text(files, "modules/transport"));
    assertEquals("irqbypass\nkvm\nkvm_amd\n", text(files, "modules/kvm"));
    for (String name :
        (text(files, "modules/transport") + text(files, "modules/kvm")).lines().toList()) {
      assertTrue(files.containsKey("modules/" + name + ".ko"), name);
    }
  }

  private static String text(Map<String, byte[]> files, String name) {
    byte[] content = files.get(name);
    return content == null ? "none" : new String(content, StandardCharsets.UTF_8);
  }

  @Test
  void isBuiltOnceAndReplacesAnOlderOne() throws Exception {
    DebianPackages packages = packages();
    KernelPackage kernel = packages.cloudKernel("6.1");
    Path lab = Files.createDirectories(folder.resolve("cache/lab"));
    Path old = Files.createFile(lab.resolve("6.1-0011223344556677.cpio"));
    Path other = Files.createFile(lab.resolve("6.12-0011223344556677.cpio"));
    packages.busybox();
    progress.clear();
    Path image = LabImage.get(packages, "6.1", kernel, progress::add);
    assertFalse(Files.exists(old));
    assertTrue(Files.exists(other));
    assertEquals(2, progress.size());
    assertEquals("building the image (Debian 6.1.0-99-cloud-amd64)", progress.getFirst());
    assertEquals(image, LabImage.get(packages, "6.1", kernel, progress::add));
    assertEquals(2, progress.size(), "nothing is done, nothing is said");
  }

  @Test
  void theKeyFollowsEachInput() {
    byte[] init = {1, 2, 3};
    String key = LabImage.key("kernel", "busybox", init);
    assertEquals(16, key.length());
    assertEquals(key, LabImage.key("kernel", "busybox", init.clone()));
    assertNotEquals(key, LabImage.key("kernel2", "busybox", init));
    assertNotEquals(key, LabImage.key("kernel", "busybox2", init));
    assertNotEquals(key, LabImage.key("kernel", "busybox", new byte[] {1, 2, 4}));
  }
}
