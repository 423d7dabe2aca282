// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.javavmm.sys.Errno;
import org.javavmm.sys.FileStatus;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/** Opens a file, after the checks that any input file needs. */
final class ImageFile {
  private ImageFile() {}

  /**
   * {@return the bytes of a file, which stays open as long as the arena lives}
   *
   * @throws LoaderException {@code FILE} if it is not a readable regular file
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if the arena is confined to another thread
   */
  static ImageBytes open(Path file, Arena arena) throws LoaderException {
    checkRegular(file);
    String name = file.toString();
    boolean kept = false;
    OwnedFd fd = openFd(name);
    try {
      FileStatus status = FileStatus.of(fd);
      if (status.type() != FileStatus.Type.REGULAR) {
        throw notAFile(name, "no regular file any more");
      }
      ImageBytes bytes = ImageBytes.of(name, fd, fd.closeWith(arena), status.size());
      kept = true;
      return bytes;
    } catch (SystemCallException e) {
      throw unreadable(name, e);
    } finally {
      if (!kept) {
        fd.close();
      }
    }
  }

  private static OwnedFd openFd(String name) throws LoaderException {
    try {
      return OwnedFd.openReadOnly(name);
    } catch (SystemCallException e) {
      throw e.errno() == Errno.EACCES
          ? because(name, "not readable", "must be readable by this user", e)
          : unreadable(name, e);
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

  /** {@return the error for a file that the host cannot read} */
  static LoaderException unreadable(String name, IOException cause) {
    return because(
        name, "not readable (" + cause.getMessage() + ")", "must be a readable file", cause);
  }

  private static LoaderException because(
      String name, String value, String limit, IOException cause) {
    return LoaderException.of(LoaderException.Reason.FILE, name, "file", value, limit, cause);
  }
}
