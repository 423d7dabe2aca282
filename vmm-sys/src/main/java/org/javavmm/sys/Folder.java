// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;

/**
 * An open folder from which files are opened by {@code openat2(2)}, so that a path that somebody
 * else supplies, or can change meanwhile, does not lead out of it. Thread-safe.
 */
public final class Folder implements AutoCloseable {
  /** What a path may not do. */
  public enum Resolve {
    /** Cross to another file system. */
    NO_XDEV(1),
    /** Go through links of {@code /proc} that are none. */
    NO_MAGICLINKS(2),
    /** Go through symbolic links. */
    NO_SYMLINKS(4),
    /** Leave the folder; absolute paths do. */
    BENEATH(8),
    /** Leave the folder: its root is the folder, as under {@code chroot(2)}. */
    IN_ROOT(0x10);

    private final int bit;

    Resolve(int bit) {
      this.bit = bit;
    }

    int bit() {
      return bit;
    }
  }

  private static final long OPENAT2 = Libc.syscallNumber("openat2", 437);

  /** {@code struct open_how}: flags, mode, resolve, a {@code __u64} each. */
  static final int OPEN_HOW_SIZEOF = 24;

  static final int OPEN_HOW_MODE = 8;
  static final int OPEN_HOW_RESOLVE = 16;

  /** The kernel asks for another try when a folder on the way was renamed meanwhile. */
  private static final int TRIES = 100;

  private final OwnedFd fd;

  private Folder(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Opens a folder.
   *
   * @param path its path, which is trusted
   * @return the folder
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws SystemCallException {@code ENOTDIR} if it is none
   */
  public static Folder open(String path) throws SystemCallException {
    return new Folder(OwnedFd.open(path, OpenFlag.PATH, OpenFlag.DIRECTORY));
  }

  /**
   * Opens a file in the folder or in folders below it, wherever the path tries to lead.
   *
   * @param path the path, relative to the folder
   * @param flags how, close-on-exec in any case; a file that it creates only its owner may read and
   *     write
   * @return the file
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EXDEV} if the path leads out of the folder, {@code EAGAIN}
   *     if folders on the way are renamed again and again
   */
  public OwnedFd openBeneath(String path, OpenFlag... flags) throws SystemCallException {
    return open(path, Set.of(Resolve.BENEATH, Resolve.NO_MAGICLINKS), flags);
  }

  /**
   * Opens a file by a path that starts at the folder.
   *
   * @param path the path
   * @param resolve what it may not do
   * @param flags how, close-on-exec in any case; a file that it creates only its owner may read and
   *     write
   * @return the file
   * @throws IllegalArgumentException if {@code path} has a zero in it
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EXDEV} or {@code ELOOP} if the path does what it may not,
   *     {@code EAGAIN} if folders on the way are renamed again and again, {@code ENOSYS} before
   *     Linux 5.6
   */
  public OwnedFd open(String path, Set<Resolve> resolve, OpenFlag... flags)
      throws SystemCallException {
    int bits = OpenFlag.bits(flags);
    int creating =
        OpenFlag.CREATE.bits() | (OpenFlag.TEMPORARY.bits() & ~OpenFlag.DIRECTORY.bits());
    long resolveBits = 0;
    for (Resolve r : resolve) {
      resolveBits |= r.bit();
    }
    int result = -Errno.EAGAIN;
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment how = arena.allocate(OPEN_HOW_SIZEOF, 8);
      how.set(ValueLayout.JAVA_LONG, 0, bits);
      how.set(ValueLayout.JAVA_LONG, OPEN_HOW_MODE, (bits & creating) != 0 ? 0600 : 0);
      how.set(ValueLayout.JAVA_LONG, OPEN_HOW_RESOLVE, resolveBits);
      long text = Libc.text(arena, path).address();
      for (int i = 0; i < TRIES && (result == -Errno.EAGAIN || result == -Errno.EINTR); i++) {
        result = Libc.syscall(OPENAT2, number, text, how.address(), OPEN_HOW_SIZEOF, 0, 0);
      }
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException(
          "openat2("
              + fd.name()
              + ", "
              + path
              + ", "
              + OpenFlag.names(flags)
              + ", "
              + names(resolve)
              + ")",
          -result);
    }
    return OwnedFd.adopt(result, fd.name() + "/" + path);
  }

  private static String names(Set<Resolve> resolve) {
    StringBuilder text = new StringBuilder();
    for (Resolve r : Resolve.values()) {
      if (resolve.contains(r)) {
        text.append(text.isEmpty() ? "" : " | ").append("RESOLVE_").append(r);
      }
    }
    return text.isEmpty() ? "0" : text.toString();
  }

  /** {@return the folder's descriptor, which only names it ({@link OpenFlag#PATH})} */
  public OwnedFd fd() {
    return fd;
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return fd.toString();
  }
}
