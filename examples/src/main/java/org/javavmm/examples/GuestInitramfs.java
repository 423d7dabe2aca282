// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.javavmm.lab.DebianPackages;
import org.javavmm.lab.KernelModules;
import org.javavmm.lab.KernelPackage;
import org.javavmm.loader.InitramfsWriter;

/**
 * The initramfs of {@code vmm linux}: busybox, our {@code /init}, and those of the kernel's modules
 * that drive the devices of a monitor. Built once and kept in the cache.
 */
final class GuestInitramfs {
  /** Drivers of what monitors of this project may have; those built in are left out. */
  private static final List<String> DRIVERS =
      List.of(
          "virtio_mmio",
          "virtio_pci",
          "virtio_blk",
          "virtio_net",
          "virtio_console",
          "virtio_rng",
          "virtio_balloon",
          "vmw_vsock_virtio_transport",
          "virtiofs");

  /** Where all of ours lies, so that joined to another initramfs it replaces nothing but /init. */
  private static final String OWN = ".java-vmm";

  /** To be raised when this class makes something else of the same input. */
  private static final String FORMAT = "2";

  private GuestInitramfs() {}

  /**
   * The initramfs for a kernel, from the cache or newly built.
   *
   * @param alone whether it is not joined to another: then it has {@code /bin} and {@code /sbin}
   */
  static Path build(DebianPackages packages, KernelPackage kernel, boolean alone)
      throws IOException {
    byte[] init = init();
    Path busybox = packages.busybox();
    String key = key(kernel.name(), busybox.toString(), init, alone);
    Path file = packages.directory().resolve("initramfs-" + key + ".cpio");
    if (Files.exists(file)) {
      return file;
    }
    Path temporary = Files.createTempFile(packages.directory(), "initramfs-", ".tmp");
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(temporary))) {
        write(out, init, busybox, kernel, alone);
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
    return file;
  }

  /** A second archive, joined to the first, that makes {@code /init} run a command. */
  static byte[] command(String command) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new InitramfsWriter(out)
        .folder(OWN, 0755)
        .file(OWN + "/command", 0755, (command + "\n").getBytes(StandardCharsets.UTF_8))
        .finish();
    return out.toByteArray();
  }

  private static void write(
      OutputStream out, byte[] init, Path busybox, KernelPackage kernel, boolean alone)
      throws IOException {
    InitramfsWriter archive = new InitramfsWriter(out);
    for (String folder :
        List.of(OWN, OWN + "/bin", "dev", "etc", "proc", "root", "run", "sys", "tmp")) {
      archive.folder(folder, 0755);
    }
    archive.file(OWN + "/bin/busybox", 0755, busybox);
    archive.file(OWN + "/bin/vmm-mark", 0755, MarkProgram.elf());
    for (String applet : applets(busybox)) {
      archive.symlink(OWN + "/bin/" + applet, "busybox");
    }
    if (alone) {
      // Programs that name the shell or an applet by its usual path.
      archive.symlink("bin", OWN + "/bin");
      archive.symlink("sbin", OWN + "/bin");
    }
    // Where the kernel opens the first program's standard streams, before devtmpfs is mounted.
    archive.characterDevice("dev/console", 0600, 5, 1);
    archive.file("init", 0755, init);
    modules(archive, KernelModules.of(kernel), OWN + "/modules/" + kernel.release());
    archive.finish();
  }

  /** Asked of busybox itself, for it depends on how Debian built it. */
  private static List<String> applets(Path busybox) throws IOException {
    Process process = new ProcessBuilder(busybox.toString(), "--list").start();
    try (BufferedReader names = process.inputReader(StandardCharsets.US_ASCII)) {
      List<String> applets =
          names.lines().filter(name -> !name.equals("busybox") && !name.contains("/")).toList();
      if (!applets.contains("sh") || !applets.contains("modprobe")) {
        throw new IOException(busybox + " --list: has no sh or no modprobe: " + applets);
      }
      return applets;
    }
  }

  private static void modules(InitramfsWriter archive, KernelModules modules, String folder)
      throws IOException {
    archive.folder(OWN + "/modules", 0755);
    archive.folder(folder, 0755);
    StringBuilder dependencies = new StringBuilder();
    StringBuilder aliases = new StringBuilder();
    for (String name : modules.closure(DRIVERS)) {
      archive.file(folder + "/" + name + ".ko", 0644, modules.load(name));
      List<String> order = modules.closure(List.of(name));
      // What a module needs, the nearest first.
      String needed =
          order.reversed().stream().skip(1).map(n -> n + ".ko").collect(Collectors.joining(" "));
      dependencies.append(name).append(".ko: ").append(needed).append('\n');
      for (String alias : modules.info(name).getOrDefault("alias", List.of())) {
        aliases.append("alias ").append(alias).append(' ').append(name).append('\n');
      }
    }
    archive.file(folder + "/modules.dep", 0644, bytes(dependencies));
    archive.file(folder + "/modules.alias", 0644, bytes(aliases));
  }

  private static byte[] bytes(CharSequence text) {
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  static byte[] init() {
    try (InputStream in = GuestInitramfs.class.getResourceAsStream("init")) {
      if (in == null) {
        throw new IllegalStateException("the resource init is missing from this module");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String key(String kernel, String busybox, byte[] init, boolean alone) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String part :
          List.of(FORMAT, kernel, busybox, String.join(" ", DRIVERS), Boolean.toString(alone))) {
        digest.update(part.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
      }
      digest.update(init);
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
