// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemoryException;

/** The words that messages of faults share. */
final class Faults {
  private Faults() {}

  static String area(QueueFault.Area area, long address) {
    return switch (area) {
          case DESCRIPTOR -> "descriptor area";
          case DRIVER -> "driver area";
          case DEVICE -> "device area";
        }
        + " 0x"
        + Long.toHexString(address);
  }

  static String place(int head, int descriptor, boolean indirect) {
    return "chain " + head + ", descriptor " + descriptor + (indirect ? " of its table: " : ": ");
  }

  static String access(Access access, long length, GuestMemoryException.Reason reason) {
    String what =
        switch (access) {
          case READ -> "reading ";
          case WRITE -> "writing ";
          case READ_WRITE -> "reading and writing ";
        };
    return what + Long.toUnsignedString(length) + " bytes: " + reason;
  }
}
