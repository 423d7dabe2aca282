// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemoryException.Reason;

/**
 * A rule that the driver broke: which one, where, and the numbers. An immutable value; {@link
 * #message} is for the log.
 *
 * <p>In all of them {@code head} is what names a chain: the index of its first descriptor (split)
 * or of its list's first descriptor in the ring (packed). {@code descriptor} is the index of a
 * descriptor, in the table or ring, or, where {@code indirect} says so, in the chain's indirect
 * table.
 */
public sealed interface QueueFault {
  /** {@return one line that names the rule, the place and the numbers} */
  String message();

  /** A part of a queue. */
  enum Area {
    /** The descriptor table (split) or ring (packed). */
    DESCRIPTOR,
    /** The available ring or the driver event suppression structure. */
    DRIVER,
    /** The used ring or the device event suppression structure. */
    DEVICE
  }

  // ---- activation --------------------------------------------------------------------------

  /**
   * The queue's size is not possible (VIRTIO 1.4 §2.7, §2.8).
   *
   * @param size the size the driver wrote
   * @param packed whether the queue is packed, whose size need not be a power of two
   */
  record BadSize(int size, boolean packed) implements QueueFault {
    @Override
    public String message() {
      return "queue size " + size + " is not " + (packed ? "" : "a power of two ") + "in 1..32768";
    }
  }

  /**
   * The queue's size exceeds what the device allows.
   *
   * @param size the size the driver wrote, unsigned
   * @param maxSize the largest
   */
  record SizeTooLarge(int size, int maxSize) implements QueueFault {
    @Override
    public String message() {
      return "queue size " + Integer.toUnsignedString(size) + " is more than " + maxSize;
    }
  }

  /**
   * An area is not aligned as it must be (VIRTIO 1.4 §2.7, §2.8.10.1).
   *
   * @param area the area
   * @param address its address
   * @param alignment what that must be a multiple of
   */
  record MisalignedArea(Area area, long address, int alignment) implements QueueFault {
    @Override
    public String message() {
      return Faults.area(area, address) + " is not a multiple of " + alignment;
    }
  }

  /**
   * Two areas share memory.
   *
   * @param area the area checked later
   * @param address its address
   * @param other the area it overlaps
   * @param otherAddress that one's address
   */
  record OverlappingAreas(Area area, long address, Area other, long otherAddress)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.area(area, address) + " overlaps " + Faults.area(other, otherAddress);
    }
  }

  /**
   * An area does not lie in one region of memory that permits the access, or does so no longer.
   *
   * @param area the area
   * @param address the address of the access
   * @param length its length in bytes
   * @param access what was to be done
   * @param reason why it is not possible
   */
  record AreaAccess(Area area, long address, long length, Access access, Reason reason)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.area(area, address) + ": " + Faults.access(access, length, reason);
    }
  }

  /**
   * The driver changed a register of a queue that was ready; the change has no effect.
   *
   * @param register the register's name
   * @param value the value written
   */
  record ChangedWhileReady(String register, long value) implements QueueFault {
    @Override
    public String message() {
      return register + "=0x" + Long.toHexString(value) + " written while the queue is ready";
    }
  }

  /**
   * A saved state is not possible.
   *
   * @param field the field
   * @param value its value
   * @param limit what it has to be
   */
  record BadState(String field, long value, String limit) implements QueueFault {
    @Override
    public String message() {
      return "saved queue state: " + field + "=" + value + " is not " + limit;
    }
  }

  // ---- the ring ----------------------------------------------------------------------------

  /**
   * Split: the available index is further ahead than the queue is long, or went back (VIRTIO 1.4
   * §2.7.6.1).
   *
   * @param availIndex the index read
   * @param nextAvail the index of the next entry to take
   * @param size the queue's size
   */
  record AvailIndexJump(int availIndex, int nextAvail, int size) implements QueueFault {
    @Override
    public String message() {
      return "available index "
          + availIndex
          + " is "
          + ((availIndex - nextAvail) & 0xffff)
          + " ahead of "
          + nextAvail
          + ", the queue's size is "
          + size;
    }
  }

  /**
   * Split: an entry of the available ring names no descriptor.
   *
   * @param slot the entry's index in the ring
   * @param head what it says
   * @param size the queue's size
   */
  record HeadOutOfRange(int slot, int head, int size) implements QueueFault {
    @Override
    public String message() {
      return "available entry " + slot + ": head " + head + " is not below the size " + size;
    }
  }

  /**
   * Split: a chain was made available that the device still has.
   *
   * @param slot the entry's index in the available ring
   * @param head the chain's head
   */
  record HeadInFlight(int slot, int head) implements QueueFault {
    @Override
    public String message() {
      return "available entry " + slot + ": head " + head + " is in flight already";
    }
  }

  /**
   * Packed: a buffer identifier was used for a list while the device still has one of that name.
   *
   * @param head the list's first descriptor
   * @param id the buffer identifier
   */
  record BufferIdInFlight(int head, int id) implements QueueFault {
    @Override
    public String message() {
      return "list at descriptor " + head + ": buffer id " + id + " is in flight already";
    }
  }

  /**
   * More was made available than the queue holds, before the device had returned what was there:
   * descriptors (packed), or chains (split).
   *
   * @param slot the descriptor, or the entry's index in the available ring
   * @param outstanding how many the device has not returned
   * @param size the queue's size
   */
  record RingOverrun(int slot, int outstanding, int size) implements QueueFault {
    @Override
    public String message() {
      return "available at "
          + slot
          + ": overruns the ring, "
          + outstanding
          + " of "
          + size
          + " are outstanding";
    }
  }

  /**
   * Packed: a list goes on in a descriptor that is not available (VIRTIO 1.4 §2.8.6).
   *
   * @param head the list's first descriptor
   * @param descriptor the one that is not available
   * @param flags its flags
   */
  record ListNotAvailable(int head, int descriptor, int flags) implements QueueFault {
    @Override
    public String message() {
      return "list at descriptor "
          + head
          + ": descriptor "
          + descriptor
          + " is not available, flags=0x"
          + Integer.toHexString(flags);
    }
  }

  // ---- a chain -----------------------------------------------------------------------------

  /**
   * Split: a descriptor's {@code next} is beyond its table.
   *
   * @param head the chain's head
   * @param descriptor the descriptor
   * @param indirect whether it is in the indirect table
   * @param next what it says
   * @param limit the number of descriptors in the table
   */
  record NextOutOfRange(int head, int descriptor, boolean indirect, int next, int limit)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, indirect) + "next " + next + " is not below " + limit;
    }
  }

  /**
   * A chain has more descriptors than the queue (VIRTIO 1.4 §2.7.5.3.1, §2.8.17), as one that loops
   * has.
   *
   * @param head the chain's head
   * @param limit how many it may have
   */
  record ChainTooLong(int head, int limit) implements QueueFault {
    @Override
    public String message() {
      return "chain " + head + " has more than " + limit + " descriptors";
    }
  }

  /**
   * An indirect descriptor, which was not agreed on (VIRTIO 1.4 §2.7.5.3.1, §2.8.19).
   *
   * @param head the chain's head
   * @param descriptor the descriptor
   */
  record IndirectNotNegotiated(int head, int descriptor) implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, false)
          + "INDIRECT without VIRTIO_F_INDIRECT_DESC agreed on";
    }
  }

  /**
   * A descriptor has both INDIRECT and NEXT (VIRTIO 1.4 §2.7.5.3.1), or a packed list has an
   * INDIRECT one that is not alone (§2.8.19).
   *
   * @param head the chain's head
   * @param descriptor the descriptor
   * @param flags its flags
   */
  record IndirectWithNext(int head, int descriptor, int flags) implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, false)
          + "INDIRECT in a list linked by NEXT, flags=0x"
          + Integer.toHexString(flags);
    }
  }

  /**
   * Split: an indirect table has an INDIRECT descriptor (VIRTIO 1.4 §2.7.5.3.1). In a packed
   * queue's table that flag is ignored (§2.8.7).
   *
   * @param head the chain's head
   * @param descriptor the descriptor in the indirect table
   */
  record NestedIndirect(int head, int descriptor) implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, true) + "INDIRECT inside an indirect table";
    }
  }

  /**
   * An indirect table has no whole number of descriptors, or none at all.
   *
   * @param head the chain's head
   * @param descriptor the descriptor that refers to the table
   * @param length the table's length in bytes
   */
  record IndirectTableLength(int head, int descriptor, long length) implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, false)
          + "indirect table of "
          + length
          + " bytes, not a positive multiple of 16";
    }
  }

  /**
   * An indirect table has more descriptors than the queue (VIRTIO 1.4 §2.7.5.3.1).
   *
   * @param head the chain's head
   * @param descriptor the descriptor that refers to the table
   * @param entries the number of descriptors in the table
   * @param limit how many it may have
   */
  record IndirectTableTooLong(int head, int descriptor, long entries, int limit)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, false)
          + "indirect table of "
          + entries
          + " descriptors, more than "
          + limit;
    }
  }

  /**
   * An indirect table is not in memory.
   *
   * @param head the chain's head
   * @param descriptor the descriptor that refers to the table
   * @param address the table's address
   * @param length its length in bytes
   * @param reason why it cannot be read
   */
  record IndirectTableAccess(int head, int descriptor, long address, long length, Reason reason)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, false)
          + "indirect table at 0x"
          + Long.toHexString(address)
          + ": "
          + Faults.access(Access.READ, length, reason);
    }
  }

  /**
   * A device-readable descriptor comes after a device-writable one (VIRTIO 1.4 §2.7.4.2, §2.8.17).
   *
   * @param head the chain's head
   * @param descriptor the readable descriptor
   * @param indirect whether it is in the indirect table
   */
  record ReadableAfterWritable(int head, int descriptor, boolean indirect) implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, indirect) + "device-readable after device-writable";
    }
  }

  /**
   * The buffers of a chain have more than 2^32 bytes (VIRTIO 1.4 §2.7.5.2).
   *
   * @param head the chain's head
   * @param descriptor the descriptor that exceeds it
   * @param indirect whether it is in the indirect table
   * @param total the sum of the lengths up to and including it
   */
  record ChainTooLarge(int head, int descriptor, boolean indirect, long total)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, indirect) + total + " bytes in total, more than 2^32";
    }
  }

  /**
   * A buffer is not in memory, or not permitted to be accessed so.
   *
   * @param head the chain's head
   * @param descriptor the buffer's descriptor
   * @param indirect whether it is in the indirect table
   * @param address the buffer's address
   * @param length its length in bytes
   * @param access what the descriptor is for
   * @param reason why that is not possible
   */
  record BufferAccess(
      int head,
      int descriptor,
      boolean indirect,
      long address,
      long length,
      Access access,
      Reason reason)
      implements QueueFault {
    @Override
    public String message() {
      return Faults.place(head, descriptor, indirect)
          + "buffer at 0x"
          + Long.toHexString(address)
          + ": "
          + Faults.access(access, length, reason);
    }
  }

  /**
   * A request's buffer that was accessible when the request was taken is so no longer.
   *
   * @param head the chain's head
   * @param address the address of the access
   * @param length its length in bytes
   * @param access what was to be done
   * @param reason why it is not possible
   */
  record RequestAccess(int head, long address, long length, Access access, Reason reason)
      implements QueueFault {
    @Override
    public String message() {
      return "chain "
          + head
          + ": 0x"
          + Long.toHexString(address)
          + " went away: "
          + Faults.access(access, length, reason);
    }
  }
}
