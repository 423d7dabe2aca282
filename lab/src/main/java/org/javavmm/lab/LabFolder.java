// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The folder with a lab's sockets and its initial RAM disk. Only the user can enter it. It exists
 * until the lab is up.
 *
 * <p>A JVM that is killed cannot remove it; a shell does then, which waits for the end of a pipe
 * from this JVM.
 */
final class LabFolder {
  private static final String PREFIX = "java-vmm-lab-";

  /** A socket's path has at most 107 bytes; the longest name here has 8. */
  private static final int MAX_PATH = 107 - 9;

  private static final String JANITOR = "trap '' HUP INT QUIT TERM; read -r end; rm -rf -- \"$1\"";

  private final Path path;
  private final Process janitor;
  private boolean deleted;

  private LabFolder(Path path, Process janitor) {
    this.path = path;
    this.janitor = janitor;
  }

  static LabFolder create(Tools tools) throws LabException {
    Path base = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
    if (base.toString().length() + PREFIX.length() + 20 > MAX_PATH) {
      base = Path.of("/tmp");
    }
    Path path = null;
    try {
      path = Files.createTempDirectory(base, PREFIX);
      Process janitor =
          tools
              .builder(List.of("/bin/sh", "-c", JANITOR, "sh", path.toString()))
              .directory(Path.of("/").toFile())
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      return new LabFolder(path, janitor);
    } catch (IOException e) {
      if (path != null) {
        DebianPackages.deleteTree(path);
      }
      throw new LabException("cannot create a folder in " + base + ": " + e, e);
    }
  }

  Path path() {
    return path;
  }

  Path resolve(String name) {
    return path.resolve(name);
  }

  /** virtiofsd notes its process id in a file that it never removes, named after the socket. */
  void removeVirtiofsdRecord() {
    String name = resolve(QemuCommand.FILES).toString().replace('/', '.') + ".pid";
    try {
      Files.deleteIfExists(Path.of("/var/run/virtiofsd", name));
    } catch (IOException e) {
      // Without root it lies in a file system of virtiofsd's own.
    }
  }

  synchronized void delete() {
    if (deleted) {
      return;
    }
    deleted = true;
    DebianPackages.deleteTree(path);
    try {
      janitor.getOutputStream().close();
    } catch (IOException e) {
      // It has ended by itself.
    }
  }
}
