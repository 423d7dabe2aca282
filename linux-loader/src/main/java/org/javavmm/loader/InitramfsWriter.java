// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * Writes an initramfs: a cpio archive in the "newc" format that Linux unpacks into its first root
 * file system (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * <p>The same calls give the same bytes: times and owners are 0, inode numbers count from 1. Names
 * are relative to the root, with {@code /} between folders, in UTF-8. The kernel makes no missing
 * folders and drops what would lie in one, so a folder must be written before what is in it. An
 * archive whose folders come from another, joined before it, must write these again.
 *
 * <p>Wrong names and numbers are {@link IllegalArgumentException}s, before anything is written for
 * the entry. Not thread-safe.
 */
public final class InitramfsWriter {
  private static final String TRAILER = "TRAILER!!!";
  private static final int HEADER_SIZE = 110;
  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  /** PATH_MAX of Linux, the final zero included: the kernel skips longer names and targets. */
  private static final int PATH_MAX = 4096;

  private static final long FILE_SIZE_MAX = 0xffff_ffffL;

  private static final int S_IFCHR = 0020000;
  private static final int S_IFDIR = 0040000;
  private static final int S_IFBLK = 0060000;
  private static final int S_IFREG = 0100000;
  private static final int S_IFLNK = 0120000;

  private final OutputStream out;

  /** Type bits of what was written, by name. */
  private final Map<String, Integer> written = new HashMap<>();

  private long position;
  private int inode;
  private boolean finished;

  /**
   * Makes a writer.
   *
   * @param out where the archive goes, best buffered; the caller closes it
   */
  public InitramfsWriter(OutputStream out) {
    this.out = out;
  }

  /**
   * Writes a folder.
   *
   * @param name its name; {@code .} is the root itself
   * @param mode its permission bits, from 0 to 07777
   * @return this writer
   * @throws IllegalStateException if the archive is finished
   * @throws IllegalArgumentException if the name is not valid, is there already or lies in no
   *     folder, or if the mode is out of range
   * @throws IOException if the stream fails
   */
  public InitramfsWriter folder(String name, int mode) throws IOException {
    begin(name, S_IFDIR, mode);
    entry(name, S_IFDIR, mode, 2, 0, 0, 0);
    return this;
  }

  /**
   * Writes a file.
   *
   * @param name its name
   * @param mode its permission bits, from 0 to 07777
   * @param content its bytes
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}
   * @throws IOException if the stream fails
   */
  public InitramfsWriter file(String name, int mode, byte[] content) throws IOException {
    begin(name, S_IFREG, mode);
    entry(name, S_IFREG, mode, 1, content.length, 0, 0);
    write(content, content.length);
    pad();
    return this;
  }

  /**
   * Copies a file in.
   *
   * @param name its name in the archive
   * @param mode its permission bits in the archive, from 0 to 07777
   * @param source the file to copy, at most 2^32 - 1 bytes; it must not change meanwhile
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}
   * @throws LoaderException if the source is missing, not a regular file or too large; nothing was
   *     written
   * @throws IOException if the source cannot be read or became shorter, or if the stream fails
   */
  public InitramfsWriter file(String name, int mode, Path source) throws IOException {
    begin(name, S_IFREG, mode);
    ImageFile.checkRegular(source);
    try (InputStream in = Files.newInputStream(source)) {
      long size = Files.size(source);
      if (size > FILE_SIZE_MAX) {
        throw LoaderException.of(
            LoaderException.Reason.FILE,
            source.toString(),
            "size",
            size + " bytes",
            "must be at most " + FILE_SIZE_MAX + " in a cpio archive");
      }
      entry(name, S_IFREG, mode, 1, size, 0, 0);
      copy(in, size, source);
    }
    pad();
    return this;
  }

  private void copy(InputStream in, long size, Path source) throws IOException {
    byte[] buffer = new byte[(int) Math.min(size, 1 << 16)];
    long left = size;
    while (left > 0) {
      int count = in.read(buffer, 0, (int) Math.min(left, buffer.length));
      if (count < 0) {
        throw new EOFException(source + ": ends " + left + " bytes before its size of " + size);
      }
      write(buffer, count);
      left -= count;
    }
  }

  /**
   * Writes a symbolic link.
   *
   * @param name its name
   * @param target what it points to: not empty, without zero character, at most 4095 bytes
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}, or if the target is not as said
   * @throws IOException if the stream fails
   */
  public InitramfsWriter symlink(String name, String target) throws IOException {
    byte[] bytes = target.getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length >= PATH_MAX || target.indexOf(0) >= 0) {
      throw new IllegalArgumentException(
          "target of link "
              + name
              + ": must have 1 to 4095 bytes and no zero, has "
              + bytes.length
              + " bytes");
    }
    begin(name, S_IFLNK, 0777);
    entry(name, S_IFLNK, 0777, 1, bytes.length, 0, 0);
    write(bytes, bytes.length);
    pad();
    return this;
  }

  /**
   * Writes a character device's node.
   *
   * @param name its name
   * @param mode its permission bits, from 0 to 07777
   * @param major its major number, from 0 to 4095
   * @param minor its minor number, from 0 to 2^20 - 1
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}, or if a number is out of range
   * @throws IOException if the stream fails
   */
  public InitramfsWriter characterDevice(String name, int mode, int major, int minor)
      throws IOException {
    return device(name, S_IFCHR, mode, major, minor);
  }

  /**
   * Writes a block device's node.
   *
   * @param name its name
   * @param mode its permission bits, from 0 to 07777
   * @param major its major number, from 0 to 4095
   * @param minor its minor number, from 0 to 2^20 - 1
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}, or if a number is out of range
   * @throws IOException if the stream fails
   */
  public InitramfsWriter blockDevice(String name, int mode, int major, int minor)
      throws IOException {
    return device(name, S_IFBLK, mode, major, minor);
  }

  private InitramfsWriter device(String name, int type, int mode, int major, int minor)
      throws IOException {
    if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
      throw new IllegalArgumentException(
          "device " + name + ": number " + major + ":" + minor + " is above 4095:1048575");
    }
    begin(name, type, mode);
    entry(name, type, mode, 1, 0, major, minor);
    return this;
  }

  /**
   * Writes the archive's end. The stream stays open.
   *
   * @throws IllegalStateException if the archive is finished
   * @throws IOException if the stream fails
   */
  public void finish() throws IOException {
    checkOpen();
    finished = true;
    header(TRAILER, 0, 0, 1, 0, 0, 0);
    out.flush();
  }

  private void checkOpen() {
    if (finished) {
      throw new IllegalStateException("the archive is finished");
    }
  }

  private void begin(String name, int type, int mode) {
    checkOpen();
    checkName(name, type);
    if ((mode & ~07777) != 0) {
      throw new IllegalArgumentException(
          name + ": mode 0" + Integer.toOctalString(mode) + " has more than permission bits");
    }
    if (written.containsKey(name)) {
      throw new IllegalArgumentException(name + ": is in the archive already");
    }
  }

  private void checkName(String name, int type) {
    if (name.equals(".") && type == S_IFDIR) {
      return;
    }
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (length >= PATH_MAX || name.indexOf(0) >= 0 || name.equals(TRAILER)) {
      throw new IllegalArgumentException(
          "name of " + length + " bytes: must have at most 4095, no zero, and not be " + TRAILER);
    }
    for (String part : name.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw new IllegalArgumentException(
            "name '" + name + "': must be relative, without empty parts, '.' and '..'");
      }
    }
    int slash = name.lastIndexOf('/');
    if (slash > 0) {
      Integer parent = written.get(name.substring(0, slash));
      if (parent == null || (parent != S_IFDIR && parent != S_IFLNK)) {
        throw new IllegalArgumentException(
            name + ": " + name.substring(0, slash) + " must be written before, as a folder");
      }
    }
  }

  private void entry(String name, int type, int mode, int links, long size, int major, int minor)
      throws IOException {
    inode++;
    written.put(name, type);
    header(name, inode, type | mode, links, size, major, minor);
  }

  private void header(String name, int ino, int mode, int links, long size, int major, int minor)
      throws IOException {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    long[] fields = {
      ino, mode, 0, 0, links, 0, size, 0, 0, major, minor, bytes.length + 1, 0
    }; // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    StringBuilder header = new StringBuilder(HEADER_SIZE).append("070701");
    for (long field : fields) {
      header.append(HEX.toHexDigits(field, 8));
    }
    write(header.toString().getBytes(StandardCharsets.US_ASCII), HEADER_SIZE);
    write(bytes, bytes.length);
    write(new byte[1], 1);
    pad();
  }

  private void write(byte[] bytes, int length) throws IOException {
    out.write(bytes, 0, length);
    position += length;
  }

  /** Names and contents both end at a multiple of 4. */
  private void pad() throws IOException {
    write(new byte[4], (int) (-position & 3));
  }
}
