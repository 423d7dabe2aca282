// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What the kernel says of this process's descriptors. */
final class Descriptors {
  private Descriptors() {}

  /** How many lead to a file whose name starts so; those of the JVM come and go. */
  static long to(String prefix) throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(fd -> target(fd).startsWith(prefix)).count();
    }
  }

  private static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
