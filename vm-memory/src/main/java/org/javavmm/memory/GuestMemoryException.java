// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

import java.io.Serial;

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
    /** An ordered access to an address that is not a multiple of its width; checked first. */
    ALIGNMENT,
    /** The memory was closed; it has no other faults from then on but {@link #ALIGNMENT}. */
    CLOSED
  }

  /** The guest-physical address of the first byte. */
  private final long gpa;

  /** The length in bytes. */
  private final long length;

  private final Access access;
  private final Reason reason;

  GuestMemoryException(long gpa, long length, Access access, Reason reason) {
    super(null, null, false, false);
    this.gpa = gpa;
    this.length = length;
    this.access = access;
    this.reason = reason;
  }

  /** {@return the guest-physical address of the access's first byte} */
  public long gpa() {
    return gpa;
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
          case ALIGNMENT -> "address is not a multiple of the width";
          case CLOSED -> "memory is closed";
        };
    return "guest memory "
        + (access == Access.READ ? "read" : "write")
        + "(gpa=0x"
        + Long.toHexString(gpa)
        + ", length="
        + Long.toUnsignedString(length)
        + "): "
        + what;
  }
}
