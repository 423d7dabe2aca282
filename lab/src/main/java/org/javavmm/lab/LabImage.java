// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.javavmm.loader.InitramfsWriter;

/**
 * The lab's first root file system, an uncompressed cpio archive: busybox, the modules of one
 * kernel, and {@code init}. It holds nothing else, because all other files are the host's own, seen
 * through virtiofs.
 *
 * <p>Images are kept as {@code lab/SERIES-KEY.cpio} in the cache folder. The key is a digest of all
 * that goes in, by content or by the versioned name of its package. An image that was made with
 * another key for the same series is removed.
 */
final class LabImage {
  /** To be raised when the layout of the archive changes. */
  private static final int FORMAT = 2;

  /** What the lab needs before it can see the host's files and talk to the launcher. */
  private static final List<String> TRANSPORT =
      List.of("virtio_pci", "virtio_console", "virtiofs", "virtio_net");

  private static final List<String> KVM = List.of("kvm_amd");

  private LabImage() {}

  /** Returns the path of the image, built now if there is none for these inputs. */
  static Path get(
      DebianPackages packages, String series, KernelPackage kernel, Consumer<String> progress)
      throws LabException {
    Path busybox = packages.busybox();
    byte[] init = init();
    Path folder = packages.directory().resolve("lab");
    Path image =
        folder.resolve(series + "-" + key(kernel.name(), busybox.toString(), init) + ".cpio");
    if (Files.isRegularFile(image)) {
      return image;
    }
    return DebianPackages.locked(
        folder,
        progress,
        () -> {
          if (!Files.isRegularFile(image)) {
            long start = System.nanoTime();
            progress.accept("building the image (Debian " + kernel.release() + ")");
            build(image, KernelModules.of(kernel, packages.tools()), busybox, init);
            removeOthers(folder, series, image);
            progress.accept(
                String.format(
                    Locale.ROOT, "image built in %.1f s", (System.nanoTime() - start) / 1e9));
          }
          return image;
        });
  }

  static byte[] init() {
    try (InputStream in = LabImage.class.getResourceAsStream("init")) {
      if (in == null) {
        throw new IllegalStateException("the lab's init is missing from the module");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static String key(String kernel, String busybox, byte[] init) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String part : List.of("" + FORMAT, kernel, busybox, "" + TRANSPORT, "" + KVM)) {
        digest.update(part.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
      }
      return HexFormat.of().formatHex(digest.digest(init), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static void build(Path image, KernelModules modules, Path busybox, byte[] init)
      throws LabException {
    List<String> transport = modules.closure(TRANSPORT);
    List<String> kvm =
        modules.closure(KVM).stream().filter(name -> !transport.contains(name)).toList();
    Path temporary = image.resolveSibling(".unfinished.cpio");
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(temporary))) {
        InitramfsWriter archive = new InitramfsWriter(out);
        for (String folder : List.of("bin", "dev", "host", "lab", "modules", "proc")) {
          archive.folder(folder, 0755);
        }
        for (List<String> group : List.of(transport, kvm)) {
          for (String name : group) {
            archive.file("modules/" + name + ".ko", 0644, modules.load(name));
          }
        }
        archive.file("modules/transport", 0644, lines(transport));
        archive.file("modules/kvm", 0644, lines(kvm));
        archive.file("bin/busybox", 0755, busybox);
        archive.file("init", 0755, init);
        archive.finish();
      }
      Files.move(temporary, image, StandardCopyOption.ATOMIC_MOVE);
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException("cannot write " + image + ": " + e, e);
    }
  }

  private static byte[] lines(List<String> names) {
    return (String.join("\n", names) + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  /** A lab that runs has its image mapped, so removing the file does it no harm. */
  private static void removeOthers(Path folder, String series, Path image) throws LabException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        String name = file.getFileName().toString();
        if (name.startsWith(series + "-") && name.endsWith(".cpio") && !file.equals(image)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (IOException e) {
      throw new LabException("cannot clean " + folder + ": " + e, e);
    }
  }
}
