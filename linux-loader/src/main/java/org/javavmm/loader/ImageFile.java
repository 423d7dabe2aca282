// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Maps a file whole, after the checks that any input file needs. */
final class ImageFile {
  private ImageFile() {}

  static MemorySegment map(Path file, Arena arena) throws LoaderException {
    checkRegular(file);
    String name = file.toString();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      return size == 0
          ? MemorySegment.NULL
          : channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
    } catch (AccessDeniedException e) {
      throw because(name, "not readable", "must be readable by this user", e);
    } catch (IOException e) {
      throw because(name, "not readable (" + e.getMessage() + ")", "must be a readable file", e);
    }
  }

  /** Opens nothing: a FIFO would block, a folder reads as if it were empty. */
  static void checkRegular(Path file) throws LoaderException {
    String name = file.toString();
    if (!Files.exists(file)) {
      boolean dangling = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
      throw notAFile(name, dangling ? "a dangling symbolic link" : "missing");
    }
    if (Files.isDirectory(file)) {
      throw notAFile(name, "a folder");
    }
    if (!Files.isRegularFile(file)) {
      throw notAFile(name, "a device, FIFO or socket");
    }
  }

  private static LoaderException notAFile(String name, String what) {
    return LoaderException.of(
        LoaderException.Reason.FILE, name, "file", what, "must be a regular file");
  }

  private static LoaderException because(
      String name, String value, String limit, IOException cause) {
    return LoaderException.of(LoaderException.Reason.FILE, name, "file", value, limit, cause);
  }
}
