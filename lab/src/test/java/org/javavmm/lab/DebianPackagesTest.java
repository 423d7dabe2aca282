// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DebianPackagesTest {
  @TempDir Path folder;
  private Path bin;
  private Path calls;
  private Path cache;
  private final List<String> progress = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void fakes() throws IOException {
    bin = Files.createDirectory(folder.resolve("bin"));
    calls = Files.createFile(folder.resolve("calls"));
    cache = folder.resolve("cache");
    Fakes.packages(folder.resolve("tree"));
    Fakes.apt(bin, folder.resolve("tree"), calls);
  }

  private DebianPackages packages() {
    return new DebianPackages(cache, Fakes.tools(bin), progress::add);
  }

  private long calls(String program) throws IOException {
    return Files.readAllLines(calls).stream().filter(l -> l.contains("/" + program + " ")).count();
  }

  @Test
  void aKernelIsFoundThroughItsMetaPackage() throws Exception {
    KernelPackage kernel = packages().cloudKernel("6.1");
    String name = Fakes.KERNEL + "_1%3a2_amd64";
    assertEquals("6.1.0-99-cloud-amd64", kernel.release());
    assertEquals(name, kernel.name());
    Path tree = cache.resolve("packages").resolve(name);
    assertEquals(tree.resolve("boot/vmlinuz-6.1.0-99-cloud-amd64"), kernel.vmlinuz());
    assertEquals(tree.resolve("lib/modules/6.1.0-99-cloud-amd64"), kernel.modules());
    assertTrue(Files.isRegularFile(kernel.vmlinuz()));
    assertTrue(
        Files.isRegularFile(cache.resolve("packages/" + name + ".deb")),
        "the archive is kept under its own name");
    assertEquals(List.of("fetching Debian package " + Fakes.KERNEL), progress);
  }

  @Test
  void aSecondUseNeedsNoProgramAtAll() throws Exception {
    KernelPackage first = packages().cloudKernel("6.1");
    Path busybox = packages().busybox();
    DebianPackages without = new DebianPackages(cache, new Tools(""), progress::add);
    assertEquals(first, without.cloudKernel("6.1"));
    assertEquals(busybox, without.busybox());
  }

  @Test
  void aRemovedTreeIsUnpackedAgainFromTheArchive() throws Exception {
    Path tree = packages().unpacked("busybox-static");
    DebianPackages.deleteTree(tree);
    assertEquals(tree, packages().unpacked("busybox-static"));
    assertEquals(1, calls("apt-get"));
    assertEquals(2, calls("dpkg-deb"));
  }

  @Test
  void severalThreadsFetchOnce() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      Callable<Path> task = () -> packages().unpacked("busybox-static");
      List<Future<Path>> results = threads.invokeAll(Collections.nCopies(8, task));
      for (Future<Path> result : results) {
        assertTrue(Files.isRegularFile(result.get().resolve("bin/busybox")));
      }
    }
    assertEquals(1, calls("apt-get"));
    assertEquals(1, calls("dpkg-deb"));
  }

  @Test
  void anUnknownPackageIsNamedWithTheRemedy() {
    LabException e = assertThrows(LabException.class, () -> packages().unpacked("no-such-package"));
    assertEquals(
        "cannot fetch Debian package no-such-package: Unable to locate package no-such-package"
            + " (needed: a Debian 12 apt source with bookworm-security, a network, and fresh"
            + " lists: apt-get update)",
        e.getMessage());
  }

  @Test
  void aFailedUnpackingLeavesNothing() throws Exception {
    FakeQemu.script(bin.resolve("dpkg-deb"), "echo half >\"$3/half\"; echo 'no space'; exit 2");
    LabException e = assertThrows(LabException.class, () -> packages().unpacked("busybox-static"));
    assertTrue(e.getMessage().endsWith("_1%3a2_amd64.deb: no space"), e.getMessage());
    try (var files = Files.list(cache.resolve("packages"))) {
      assertEquals(List.of(".lock"), files.map(f -> f.getFileName().toString()).toList());
    }
  }

  @Test
  void withoutAptTheProgramIsNamed() {
    DebianPackages without = new DebianPackages(cache, new Tools(bin.resolve("x") + ""), l -> {});
    LabException e = assertThrows(LabException.class, () -> without.unpacked("busybox-static"));
    assertEquals(
        "not found: apt-get, dpkg-deb (install with: apt-get install apt dpkg)", e.getMessage());
  }

  @Test
  void unknownSeriesAndNamesAreRefused() {
    LabException e = assertThrows(LabException.class, () -> packages().cloudKernel("5.10"));
    assertEquals("unknown kernel '5.10': use one of 6.1, 6.12", e.getMessage());
    e = assertThrows(LabException.class, () -> packages().kernel("6.1"));
    assertEquals(
        "unknown kernel '6.1': use one of 6.1-cloud, 6.1-generic, 6.1-rt, 6.12-cloud",
        e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> packages().unpacked("../evil"));
    assertThrows(IllegalArgumentException.class, () -> packages().dependency("-x", ""));
  }

  @Test
  void aPackageWithoutAKernelSaysWhatToDo() throws Exception {
    packages().cloudKernel("6.1");
    Path tree = cache.resolve("packages/" + Fakes.KERNEL + "_1%3a2_amd64");
    DebianPackages.deleteTree(tree.resolve("lib"));
    LabException e = assertThrows(LabException.class, () -> packages().cloudKernel("6.1"));
    assertEquals(
        "no kernel with its modules in " + tree + " (remove this folder; it is fetched again)",
        e.getMessage());
  }

  @Test
  void aCacheFolderThatCannotBeIsNamed() throws Exception {
    Files.createFile(cache);
    LabException e = assertThrows(LabException.class, () -> packages().busybox());
    assertTrue(e.getMessage().startsWith("cannot use the cache folder " + cache), e.getMessage());
  }

  @Test
  void theUsersCacheFollowsXdg() {
    assertEquals(
        Path.of("/c/java-vmm"),
        DebianPackages.userCache(Map.of("XDG_CACHE_HOME", "/c", "HOME", "/h")));
    assertEquals(
        Path.of("/h/.cache/java-vmm"),
        DebianPackages.userCache(Map.of("XDG_CACHE_HOME", "relative", "HOME", "/h")));
    assertEquals(Path.of("/h/.cache/java-vmm"), DebianPackages.userCache(Map.of("HOME", "/h")));
  }

  @Test
  void deletingDoesNotFollowLinks() throws Exception {
    Path kept = Files.createDirectories(folder.resolve("kept/inside"));
    Path removed = Files.createDirectory(folder.resolve("removed"));
    Files.createSymbolicLink(removed.resolve("link"), kept.getParent());
    DebianPackages.deleteTree(removed);
    assertFalse(Files.exists(removed));
    assertTrue(Files.isDirectory(kept));
  }
}
