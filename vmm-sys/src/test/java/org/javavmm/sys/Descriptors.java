// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What tests ask the kernel about this process's descriptors. */
final class Descriptors {
  private static final MemorySegment PIPE = Libc.function("pipe");

  /** Both ends of a pipe. */
  record Pipe(OwnedFd reader, OwnedFd writer) implements AutoCloseable {
    @Override
    public void close() {
      reader.close();
      writer.close();
    }
  }

  private Descriptors() {}

  /** How many descriptors of this process lead to a file; others come and go with the JVM. */
  static long open(String target) {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(fd -> target.equals(target(fd))).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String target(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (NoSuchFileException e) {
      return "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Closes early what a try block closes too: javac warns of it where it sees it. */
  static void close(AutoCloseable resource) throws Exception {
    resource.close();
  }

  static Pipe pipe() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
      int result = Libc.callInt(PIPE, ends.address());
      if (result < 0) {
        throw new IllegalStateException("pipe: " + Errno.name(-result));
      }
      return new Pipe(
          OwnedFd.adopt(ends.getAtIndex(ValueLayout.JAVA_INT, 0), "pipe reader"),
          OwnedFd.adopt(ends.getAtIndex(ValueLayout.JAVA_INT, 1), "pipe writer"));
    }
  }
}
