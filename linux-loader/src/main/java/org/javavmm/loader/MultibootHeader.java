// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;

/**
 * The header of a Multiboot kernel (Multiboot Specification 0.6.96 §3.1), at a multiple of 4 in the
 * file's first 8192 bytes.
 *
 * @param offset the offset of the header in the file
 * @param flags the flags; bits 0 to 15 are features that the kernel requires
 * @param headerAddress where the header is loaded, if {@link #hasAddresses()}
 * @param loadAddress where the first byte that is loaded goes
 * @param loadEnd the address after the last byte from the file; 0 for all of the file
 * @param bssEnd the address after the zeros behind; 0 for none
 * @param entry the entry point
 */
record MultibootHeader(
    int offset,
    int flags,
    long headerAddress,
    long loadAddress,
    long loadEnd,
    long bssEnd,
    long entry) {
  static final int SEARCH_SIZE = 8192;
  static final int MAGIC = 0x1bad_b002;

  /** What the kernel finds in EAX. */
  static final int BOOT_MAGIC = 0x2bad_b002;

  /** Modules lie at page boundaries: they always do here. */
  static final int PAGE_ALIGN = 1;

  /** The kernel wants to know of memory: it always does here. */
  static final int MEMORY_INFO = 1 << 1;

  /** The kernel wants to know of the video mode. */
  static final int VIDEO_MODE = 1 << 2;

  /** The addresses in the header count, whatever the file's format. */
  static final int ADDRESSES = 1 << 16;

  /** The last byte of a module: mod_end, the address behind it, has 32 bits (§3.3). */
  static final long MODULE_ADDRESS_MAX = X86Layout.HOLE_END - 2;

  private static final int REQUIRED = 0xffff;
  private static final int KNOWN = PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE;
  static final int SIZE = 12;
  private static final int SIZE_WITH_ADDRESSES = 32;
  private static final int SIZE_WITH_VIDEO = 48;

  /**
   * Looks for a header. Magic number and checksum make one; then all of it must be sound.
   *
   * @param name what the file is called
   * @param head the file's beginning
   * @return the first header, or empty if there is none
   * @throws LoaderException if it is cut off or requires a feature that is not known
   */
  static Optional<MultibootHeader> find(String name, ByteBuffer head) throws LoaderException {
    int end = Math.min(SEARCH_SIZE, head.capacity());
    for (int at = 0; at + SIZE <= end; at += 4) {
      if (isAt(head, at)) {
        return Optional.of(read(name, head, at, end));
      }
    }
    return Optional.empty();
  }

  /** {@return whether magic number and checksum are at an offset with 12 bytes behind it} */
  static boolean isAt(ByteBuffer head, int at) {
    return head.getInt(at) == MAGIC && MAGIC + head.getInt(at + 4) + head.getInt(at + 8) == 0;
  }

  private static MultibootHeader read(String name, ByteBuffer head, int at, int end)
      throws LoaderException {
    int flags = head.getInt(at + 4);
    int unknown = flags & REQUIRED & ~KNOWN;
    if (unknown != 0) {
      throw LoaderException.of(
          Reason.PROTOCOL,
          name,
          "multiboot flags",
          hex(flags & 0xffff_ffffL),
          "must require no other features than " + hex(KNOWN) + ", requires " + hex(unknown));
    }
    boolean addresses = (flags & ADDRESSES) != 0;
    int size = (flags & VIDEO_MODE) != 0 ? SIZE_WITH_VIDEO : addresses ? SIZE_WITH_ADDRESSES : SIZE;
    if (at + size > end) {
      throw LoaderException.of(
          Reason.TRUNCATED,
          name,
          "multiboot header",
          hex(at),
          "must be at most " + hex(end - size) + ": its " + size + " bytes must end by " + end);
    }
    return addresses
        ? new MultibootHeader(
            at,
            flags,
            head.getInt(at + 12) & 0xffff_ffffL,
            head.getInt(at + 16) & 0xffff_ffffL,
            head.getInt(at + 20) & 0xffff_ffffL,
            head.getInt(at + 24) & 0xffff_ffffL,
            head.getInt(at + 28) & 0xffff_ffffL)
        : new MultibootHeader(at, flags, 0, 0, 0, 0, 0);
  }

  boolean hasAddresses() {
    return (flags & ADDRESSES) != 0;
  }

  boolean requestsVideoMode() {
    return (flags & VIDEO_MODE) != 0;
  }
}
