// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;

/**
 * The folder with a lab's sockets and its initial RAM disk. Only the user can enter it. It exists
 * only until the lab is up, so that a JVM that is killed later leaves nothing; what one leaves that
 * is killed before is removed by a later run.
 */
final class LabFolder {
  private static final String PREFIX = "java-vmm-lab-";

  /** A socket's path has at most 107 bytes; the longest name here has 8. */
  private static final int MAX_PATH = 107 - 9;

  private static final Duration STALE = Duration.ofMinutes(10);

  private final Path path;
  private final FileChannel lock;
  private boolean deleted;

  private LabFolder(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  static LabFolder create() throws LabException {
    Path base = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
    if (base.toString().length() + PREFIX.length() + 20 > MAX_PATH) {
      base = Path.of("/tmp");
    }
    removeStale(base);
    Path path = null;
    try {
      path = Files.createTempDirectory(base, PREFIX);
      FileChannel channel =
          FileChannel.open(
              path.resolve("lock"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      if (channel.tryLock() == null) {
        channel.close();
        throw new IOException("the lock of a new folder is taken");
      }
      return new LabFolder(path, channel);
    } catch (IOException e) {
      if (path != null) {
        DebianPackages.deleteTree(path);
      }
      throw new LabException("cannot create a folder in " + base + ": " + e, e);
    }
  }

  private static void removeStale(Path base) {
    Instant limit = Instant.now().minus(STALE);
    try (Stream<Path> files = Files.list(base)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (file.getFileName().toString().startsWith(PREFIX)
            && Files.getLastModifiedTime(file).toInstant().isBefore(limit)
            && isUnlocked(file.resolve("lock"))) {
          DebianPackages.deleteTree(file);
        }
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      // Another user's, or another run has just removed it.
    }
  }

  private static boolean isUnlocked(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
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
      lock.close();
    } catch (IOException e) {
      // Nothing was written to it.
    }
  }
}
