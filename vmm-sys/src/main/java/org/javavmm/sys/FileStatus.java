// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@code statx(2)} knows of a file at one moment.
 *
 * @param type what kind of file it is
 * @param permissions the lower twelve bits of its mode
 * @param size the length in bytes; 0 for a device
 * @param blocks how many units of 512 bytes are allocated
 * @param blockSize the preferred size of a transfer, in bytes
 * @param inode the number in its file system
 * @param links how many names it has
 * @param deviceMajor the major number of the device that holds it
 * @param deviceMinor the minor number of the device that holds it
 * @param specialMajor the major number of the device that it is; 0 if it is none
 * @param specialMinor the minor number of the device that it is; 0 if it is none
 * @param directMemoryAlignment how memory must be aligned for {@link OpenFlag#DIRECT}, in bytes; 0
 *     if not supported or not known
 * @param directOffsetAlignment how offsets and lengths must be aligned for {@link OpenFlag#DIRECT},
 *     in bytes; 0 if not supported or not known
 */
public record FileStatus(
    Type type,
    int permissions,
    long size,
    long blocks,
    int blockSize,
    long inode,
    int links,
    int deviceMajor,
    int deviceMinor,
    int specialMajor,
    int specialMinor,
    int directMemoryAlignment,
    int directOffsetAlignment) {
  /** The kinds of files. */
  public enum Type {
    /** A plain file; a memfd is one too. */
    REGULAR,
    /** A folder. */
    DIRECTORY,
    /** A symbolic link. */
    SYMBOLIC_LINK,
    /** A block device. */
    BLOCK_DEVICE,
    /** A character device. */
    CHARACTER_DEVICE,
    /** A pipe. */
    FIFO,
    /** A socket. */
    SOCKET,
    /** What has no kind, as an eventfd. */
    OTHER
  }

  private static final MemorySegment STATX = Libc.function("statx");

  /** An empty path, which names the descriptor itself. */
  private static final MemorySegment EMPTY = Arena.global().allocate(1);

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /**
   * Asks for the status of an open file.
   *
   * @param fd the file
   * @return its status now
   * @throws IllegalStateException if {@code fd} is closed
   * @throws SystemCallException if the kernel refuses
   */
  public static FileStatus of(OwnedFd fd) throws SystemCallException {
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocate(StatxLayout.SIZEOF, 8);
      int result =
          Libc.callInt(
              STATX,
              number,
              EMPTY.address(),
              StatxLayout.AT_EMPTY_PATH,
              StatxLayout.STATX_BASIC_STATS | StatxLayout.STATX_DIOALIGN,
              s.address(),
              0);
      if (result < 0) {
        throw new SystemCallException("statx(" + fd + ", AT_EMPTY_PATH)", -result);
      }
      int mode = Short.toUnsignedInt(s.get(ValueLayout.JAVA_SHORT, StatxLayout.STX_MODE));
      return new FileStatus(
          type(mode),
          mode & 07777,
          s.get(U64, StatxLayout.STX_SIZE),
          s.get(U64, StatxLayout.STX_BLOCKS),
          s.get(U32, StatxLayout.STX_BLKSIZE),
          s.get(U64, StatxLayout.STX_INO),
          s.get(U32, StatxLayout.STX_NLINK),
          s.get(U32, StatxLayout.STX_DEV_MAJOR),
          s.get(U32, StatxLayout.STX_DEV_MINOR),
          s.get(U32, StatxLayout.STX_RDEV_MAJOR),
          s.get(U32, StatxLayout.STX_RDEV_MINOR),
          s.get(U32, StatxLayout.STX_DIO_MEM_ALIGN),
          s.get(U32, StatxLayout.STX_DIO_OFFSET_ALIGN));
    } finally {
      fd.release();
    }
  }

  private static Type type(int mode) {
    return switch (mode & 0170000) {
      case 0100000 -> Type.REGULAR;
      case 0040000 -> Type.DIRECTORY;
      case 0120000 -> Type.SYMBOLIC_LINK;
      case 0060000 -> Type.BLOCK_DEVICE;
      case 0020000 -> Type.CHARACTER_DEVICE;
      case 0010000 -> Type.FIFO;
      case 0140000 -> Type.SOCKET;
      default -> Type.OTHER;
    };
  }
}
