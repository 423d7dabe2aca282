// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Writes an initramfs: a cpio archive in the "newc" format that Linux unpacks into its first root
 * file system (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * <p>The same calls give the same bytes: times are 0, and owners unless {@link #owner} sets them,
 * inode numbers count from 1. Names are relative to the root, with {@code /} between folders, in
 * UTF-8. The kernel makes no missing folders and drops what would lie in one, so a folder must be
 * written before what is in it. An archive whose folders come from another, joined before it, must
 * write these again.
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
  private static final long ID_MAX = 0xffff_ffffL;
  private static final int S_IFMT = 0170000;

  private static final int S_IFIFO = 0010000;
  private static final int S_IFCHR = 0020000;
  private static final int S_IFDIR = 0040000;
  private static final int S_IFBLK = 0060000;
  private static final int S_IFREG = 0100000;
  private static final int S_IFLNK = 0120000;
  private static final int S_IFSOCK = 0140000;

  private final OutputStream out;

  /** Type bits of what was written, by name. */
  private final Map<String, Integer> written = new HashMap<>();

  private long position;
  private int inode;
  private long uid;
  private long gid;
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
   * Sets the owner of the entries that follow. At first it is root, 0 and 0.
   *
   * @param user the number of the user, from 0 to 2^32 - 1
   * @param group the number of the group, from 0 to 2^32 - 1
   * @return this writer
   * @throws IllegalArgumentException if a number is out of range
   */
  public InitramfsWriter owner(long user, long group) {
    if (user < 0 || user > ID_MAX || group < 0 || group > ID_MAX) {
      throw new IllegalArgumentException(
          "owner " + user + ":" + group + ": must be from 0 to " + ID_MAX);
    }
    uid = user;
    gid = group;
    return this;
  }

  /**
   * Copies all that is in a folder, in the order of the names: files, folders, links as they are
   * and device nodes, with their permissions. Owners are not copied, see {@link #owner}. It must
   * not change meanwhile.
   *
   * @param name the folder's name in the archive, which is written before; {@code .} is the root,
   *     which need not be
   * @param source the folder to copy
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws IllegalArgumentException as {@link #folder}
   * @throws LoaderException if the source is not a folder, or has something else in it
   * @throws IOException if the source cannot be read, or if the stream fails
   */
  public InitramfsWriter tree(String name, Path source) throws IOException {
    checkOpen();
    if (!Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
      throw LoaderException.of(
          LoaderException.Reason.FILE,
          source.toString(),
          "source",
          "not a folder",
          "must be a folder, not a link to one");
    }
    List<Path> children;
    try (Stream<Path> found = Files.list(source)) {
      children = found.sorted(Comparator.comparing(InitramfsWriter::fileName)).toList();
    }
    for (Path child : children) {
      copy(name.equals(".") ? fileName(child) : name + "/" + fileName(child), child);
    }
    return this;
  }

  private static String fileName(Path path) {
    return String.valueOf(path.getFileName());
  }

  private void copy(String name, Path source) throws IOException {
    Map<String, Object> attributes =
        Files.readAttributes(source, "unix:mode,rdev", LinkOption.NOFOLLOW_LINKS);
    int mode = (int) attributes.getOrDefault("mode", 0);
    long device = (long) attributes.getOrDefault("rdev", 0L);
    int permissions = mode & 07777;
    switch (mode & S_IFMT) {
      case S_IFDIR -> folder(name, permissions).tree(name, source);
      case S_IFREG -> file(name, permissions, source);
      case S_IFLNK -> symlink(name, Files.readSymbolicLink(source).toString());
      case S_IFCHR, S_IFBLK -> // as the C library packs it
          device(
              name,
              mode & S_IFMT,
              permissions,
              (int) ((device >> 8) & 0xfff),
              (int) ((device & 0xff) | ((device >> 12) & 0xfff00)));
      default ->
          throw LoaderException.of(
              LoaderException.Reason.FILE,
              source.toString(),
              "file",
              "a FIFO or socket",
              "must be a file, folder, link or device node");
    }
  }

  /**
   * Writes what a list says, in the format of the kernel's {@code gen_init_cpio}: {@code file NAME
   * SOURCE MODE UID GID}, {@code dir NAME MODE UID GID}, {@code nod NAME MODE UID GID b|c MAJOR
   * MINOR}, {@code slink NAME TARGET MODE UID GID}, {@code pipe NAME MODE UID GID}, {@code sock
   * NAME MODE UID GID}, each on a line; modes are octal, empty lines and those with {@code #} are
   * skipped. A slash before a name is dropped. Hard links and variables in sources are not
   * supported. The owner afterwards is that of the last line.
   *
   * @param called what to call the list in messages
   * @param lines the lines
   * @param base where relative sources are looked for
   * @return this writer
   * @throws IllegalStateException as {@link #folder}
   * @throws LoaderException if a line makes no sense, or a source is not as {@link #file(String,
   *     int, Path)} needs it; the lines before are written
   * @throws IOException if a source cannot be read, or if the stream fails
   */
  public InitramfsWriter list(String called, List<String> lines, Path base) throws IOException {
    checkOpen();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      try {
        listed(line.split("[ \t]+"), base);
      } catch (IllegalArgumentException e) {
        throw LoaderException.of(
            LoaderException.Reason.INITRD,
            called,
            "line " + (i + 1),
            "'" + line + "'",
            String.valueOf(e.getMessage()),
            e);
      }
    }
    return this;
  }

  private void listed(String[] words, Path base) throws IOException {
    int fields =
        switch (words[0]) {
          case "file", "slink" -> 6;
          case "dir", "pipe", "sock" -> 5;
          case "nod" -> 8;
          default ->
              throw new IllegalArgumentException(
                  "must begin with file, dir, nod, slink, pipe or sock");
        };
    if (words.length != fields) {
      throw new IllegalArgumentException("must have " + fields + " fields, has " + words.length);
    }
    int at = fields == 6 ? 3 : 2; // the mode's
    int mode = (int) number(words[at], 8, "mode", 07777);
    String name = words[1].replaceFirst("^/+", "");
    owner(number(words[at + 1], 10, "user", ID_MAX), number(words[at + 2], 10, "group", ID_MAX));
    switch (words[0]) {
      case "file" -> file(name, mode, base.resolve(words[2]));
      case "slink" -> symlink(name, words[2]);
      case "dir" -> folder(name.isEmpty() ? "." : name, mode);
      case "pipe" -> device(name, S_IFIFO, mode, 0, 0);
      case "sock" -> device(name, S_IFSOCK, mode, 0, 0);
      default -> {
        if (!words[5].equals("b") && !words[5].equals("c")) {
          throw new IllegalArgumentException("must have b or c before the device's number");
        }
        device(
            name,
            words[5].equals("b") ? S_IFBLK : S_IFCHR,
            mode,
            (int) number(words[6], 10, "major number", 0xfff),
            (int) number(words[7], 10, "minor number", 0xfffff));
      }
    }
  }

  private static long number(String word, int radix, String what, long maximum) {
    long value = -1;
    if (word.length() <= 12 && word.chars().allMatch(c -> Character.digit(c, radix) >= 0)) {
      value = Long.parseLong(word, radix);
    }
    if (value < 0 || value > maximum) {
      throw new IllegalArgumentException(
          what + " must be from 0 to " + Long.toString(maximum, radix) + ", in base " + radix);
    }
    return value;
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
      ino,
      mode,
      ino == 0 ? 0 : uid,
      ino == 0 ? 0 : gid,
      links,
      0,
      size,
      0,
      0,
      major,
      minor,
      bytes.length + 1,
      0
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
