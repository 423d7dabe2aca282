// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * A file of memory without a name in the file system ({@code memfd_create(2)}), to be shared with
 * another process by passing its descriptor. May be sealed. Thread-safe.
 *
 * <p>Who maps a file that somebody else can shrink is at that somebody's mercy: an access beyond
 * the new end is a SIGBUS. {@link #sealed} rules that out.
 */
public final class MemFd implements AutoCloseable {
  /** What can be forbidden for good. */
  public enum Seal {
    /** Further seals. */
    SEAL(1),
    /** Shrinking. */
    SHRINK(2),
    /** Growing. */
    GROW(4),
    /** Writing; {@code EBUSY} while a writable shared mapping exists. */
    WRITE(8),
    /** Writing but through mappings that exist. */
    FUTURE_WRITE(0x10);

    private final int bit;

    Seal(int bit) {
      this.bit = bit;
    }

    int bit() {
      return bit;
    }
  }

  private static final MemorySegment MEMFD_CREATE = Libc.function("memfd_create");

  static final int MFD_CLOEXEC = 1;
  static final int MFD_ALLOW_SEALING = 2;
  static final int MFD_HUGETLB = 4;
  static final int F_ADD_SEALS = 1033;
  static final int F_GET_SEALS = 1034;

  private final OwnedFd fd;
  private final HugePageSize pages;

  private MemFd(OwnedFd fd, HugePageSize pages) {
    this.fd = fd;
    this.pages = pages;
  }

  /**
   * Creates a file of zeroes that can be sealed.
   *
   * @param name what it is for, for messages and {@code /proc}; at most 249 bytes
   * @param size the length in bytes, at least 0
   * @return the file
   * @throws IllegalArgumentException if {@code size} is negative, or {@code name} has a zero in it
   * @throws SystemCallException if the process has no descriptor left or the name is too long
   */
  public static MemFd create(String name, long size) throws SystemCallException {
    return create(name, size, HugePageSize.NONE);
  }

  /**
   * Creates a file of zeroes that can be sealed, of pages of hugetlbfs.
   *
   * @param name what it is for, for messages and {@code /proc}; at most 249 bytes
   * @param size the length in bytes, at least 0 and a multiple of the page
   * @param pages the size of the pages
   * @return the file; the pages are taken when it is mapped
   * @throws IllegalArgumentException if {@code size} is negative or not a multiple of the page, or
   *     {@code name} has a zero in it
   * @throws SystemCallException if the process has no descriptor left, the name is too long or the
   *     host has no such pages
   */
  public static MemFd create(String name, long size, HugePageSize pages)
      throws SystemCallException {
    if (size < 0) {
      throw new IllegalArgumentException("size=" + size + " is negative");
    }
    boolean huge = pages != HugePageSize.NONE;
    if (huge && size % pages.bytes() != 0) {
      throw new IllegalArgumentException(
          "size=" + size + " is not a multiple of the huge page size " + pages.bytes());
    }
    int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | pages.flagBits() : 0);
    int number;
    try (Arena arena = Arena.ofConfined()) {
      number = Libc.callInt(MEMFD_CREATE, Libc.text(arena, name).address(), flags);
    }
    if (number < 0) {
      throw new SystemCallException(
          "memfd_create(" + name + (huge ? ", pages of " + pages.bytes() : "") + ")", -number);
    }
    OwnedFd fd = OwnedFd.adopt(number, "memfd " + name);
    try {
      fd.truncate(size);
    } catch (SystemCallException e) {
      fd.close();
      throw e;
    }
    return new MemFd(fd, pages);
  }

  /**
   * Creates a file of zeroes that can neither shrink nor grow: what guest memory is made of.
   *
   * @param name what it is for, for messages and {@code /proc}; at most 249 bytes
   * @param size the length in bytes, at least 0
   * @return the file
   * @throws IllegalArgumentException if {@code size} is negative, or {@code name} has a zero in it
   * @throws SystemCallException if the process has no descriptor left or the name is too long
   */
  public static MemFd sealed(String name, long size) throws SystemCallException {
    return sealed(name, size, HugePageSize.NONE);
  }

  /**
   * Creates a file of zeroes that can neither shrink nor grow, of pages of hugetlbfs.
   *
   * @param name what it is for, for messages and {@code /proc}; at most 249 bytes
   * @param size the length in bytes, at least 0 and a multiple of the page
   * @param pages the size of the pages
   * @return the file; the pages are taken when it is mapped
   * @throws IllegalArgumentException if {@code size} is negative or not a multiple of the page, or
   *     {@code name} has a zero in it
   * @throws SystemCallException if the process has no descriptor left, the name is too long or the
   *     host has no such pages
   */
  public static MemFd sealed(String name, long size, HugePageSize pages)
      throws SystemCallException {
    MemFd memFd = create(name, size, pages);
    try {
      memFd.seal(Seal.SHRINK, Seal.GROW, Seal.SEAL);
      return memFd;
    } catch (SystemCallException e) {
      memFd.close();
      throw e;
    }
  }

  /**
   * Forbids things for good.
   *
   * @param seals which
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EPERM} if sealed against seals, {@code EBUSY} for {@link
   *     Seal#WRITE} while it is mapped so
   */
  public void seal(Seal... seals) throws SystemCallException {
    int bits = 0;
    for (Seal seal : seals) {
      bits |= seal.bit();
    }
    var _ = fd.control(F_ADD_SEALS, bits, "F_ADD_SEALS, " + Set.of(seals));
  }

  /**
   * {@return what is forbidden; seals that this class does not know are left out}
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public Set<Seal> seals() throws SystemCallException {
    int bits = fd.control(F_GET_SEALS, 0, "F_GET_SEALS");
    Set<Seal> seals = EnumSet.noneOf(Seal.class);
    for (Seal seal : Seal.values()) {
      if ((bits & seal.bit()) != 0) {
        seals.add(seal);
      }
    }
    return seals;
  }

  /** {@return the descriptor} */
  public OwnedFd fd() {
    return fd;
  }

  /** {@return the pages it is made of} */
  public HugePageSize pages() {
    return pages;
  }

  /**
   * Starts a shared mapping of the file.
   *
   * @param offset the first byte's offset in the file, a multiple of the page size
   * @param size the size in bytes, positive
   * @return the builder
   * @throws IllegalArgumentException if {@code size} is not positive or {@code offset} is negative
   */
  public Mapping.Builder mapping(long offset, long size) {
    return Mapping.builder(size).file(fd, offset).hugePages(pages);
  }

  /** Closes the descriptor; mappings stay. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return fd.toString();
  }
}
