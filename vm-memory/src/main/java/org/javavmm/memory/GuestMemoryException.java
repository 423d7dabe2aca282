// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * An access to guest memory that is not possible. Nothing was read or written.
 *
 * <p>Guests cause these, so they carry numbers and no stack trace.
 */
public final class GuestMemoryException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  /** Why an access is not possible. */
  public enum Reason {
    /** The address, or a later byte of the range, lies between two regions or below the first. */
    HOLE,
    /** The range begins or ends beyond the last region. */
    END_OF_MEMORY,
    /** All bytes are in memory, but not in one region as this access needs. */
    REGION_BOUNDARY,
    /** Address plus length exceeds 2^64. */
    OVERFLOW,
    /** Not all bytes are in the {@link GuestView} that was asked. */
    VIEW_BOUNDARY,
    /** The region, or the IOMMU's translation, does not permit this access. */
    PERMISSION,
    /** The IOMMU has no translation for the address, or for a later byte of the range. */
    UNTRANSLATED,
    /** An ordered access to an address that is not a multiple of its width; checked first. */
    ALIGNMENT,
    /** The host has lost the page: its file was truncated, or no huge page is left. */
    BACKING,
    /**
     * The memory was closed, or the region was removed under the access. Closed memory has no other
     * faults by guest-physical address but {@link #ALIGNMENT}.
     */
    CLOSED
  }

  /** The address of the first byte. */
  private final long address;

  /** The length in bytes. */
  private final long length;

  private final Access access;
  private final Reason reason;

  /** Whether the address is an I/O virtual one. */
  private final boolean iova;

  /** What there is to say beside the reason. */
  private final @Nullable String detail;

  private GuestMemoryException(
      long address,
      long length,
      Access access,
      Reason reason,
      boolean iova,
      @Nullable String detail) {
    super(null, null, false, false);
    this.address = address;
    this.length = length;
    this.access = access;
    this.reason = reason;
    this.iova = iova;
    this.detail = detail;
  }

  GuestMemoryException(long gpa, long length, Access access, Reason reason) {
    this(gpa, length, access, reason, false, null);
  }

  GuestMemoryException(long gpa, long length, Access access, Reason reason, String detail) {
    this(gpa, length, access, reason, false, detail);
  }

  static GuestMemoryException ofIova(long iova, long length, Access access, Reason reason) {
    return new GuestMemoryException(iova, length, access, reason, true, null);
  }

  /** {@return the address of the access's first byte: guest-physical, unless {@link #isIova}} */
  public long address() {
    return address;
  }

  /** {@return whether the address is an I/O virtual one, which an IOMMU did not translate} */
  public boolean isIova() {
    return iova;
  }

  /** {@return the length of the access in bytes, unsigned} */
  public long length() {
    return length;
  }

  /** {@return what the access wanted to do} */
  public Access access() {
    return access;
  }

  /** {@return why it is not possible} */
  public Reason reason() {
    return reason;
  }

  @Override
  public String getMessage() {
    String what =
        switch (reason) {
          case HOLE -> "no memory there (hole)";
          case END_OF_MEMORY -> "beyond the end of memory";
          case REGION_BOUNDARY -> "crosses from one region into another";
          case OVERFLOW -> "address + length exceeds 2^64";
          case VIEW_BOUNDARY -> "not in the view";
          case PERMISSION -> "not permitted there";
          case UNTRANSLATED -> "the IOMMU has no translation";
          case BACKING -> "the host has lost the page";
          case ALIGNMENT -> "address is not a multiple of the width";
          case CLOSED -> "memory is closed";
        };
    return "guest memory "
        + (access == Access.READ ? "read" : "write")
        + (iova ? "(iova=0x" : "(gpa=0x")
        + Long.toHexString(address)
        + ", length="
        + Long.toUnsignedString(length)
        + "): "
        + what
        + (detail == null ? "" : " (" + detail + ")");
  }
}
