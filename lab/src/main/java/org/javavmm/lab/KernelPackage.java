// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * An unpacked kernel package of Debian.
 *
 * @param name the package's file name without {@code .deb}: name, version and architecture
 * @param release the kernel's release, as {@code uname -r} prints it
 * @param vmlinuz the compressed kernel
 * @param modules the folder of its modules, {@code lib/modules/RELEASE}
 */
public record KernelPackage(String name, String release, Path vmlinuz, Path modules) {

  static KernelPackage of(Path tree) throws LabException {
    Path boot = tree.resolve("boot");
    try (Stream<Path> files = Files.list(boot)) {
      List<Path> kernels =
          files.filter(f -> f.getFileName().toString().startsWith("vmlinuz-")).toList();
      if (kernels.size() == 1) {
        Path vmlinuz = kernels.getFirst();
        String release = vmlinuz.getFileName().toString().substring("vmlinuz-".length());
        Path modules = tree.resolve("lib/modules").resolve(release);
        if (!Files.isDirectory(modules)) {
          // Packages of a merged /usr.
          modules = tree.resolve("usr/lib/modules").resolve(release);
        }
        if (Files.isDirectory(modules)) {
          return new KernelPackage(tree.getFileName().toString(), release, vmlinuz, modules);
        }
      }
    } catch (IOException e) {
      throw new LabException("cannot read the kernel package in " + tree + ": " + e, e);
    }
    throw new LabException(
        "no kernel with its modules in " + tree + " (remove this folder; it is fetched again)");
  }
}
