// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestMemoryException;
import org.jspecify.annotations.Nullable;

/** A split virtqueue (VIRTIO 1.4 §2.7). Made by {@link Virtqueue#activate}. */
public final class SplitVirtqueue extends Virtqueue {
  private final int mask;

  /** By head: whether the device has the chain. */
  private final boolean[] inFlight;

  /** The available index of the next chain, and as far as the driver was seen to have come. */
  private int nextAvail;

  private int availIndex;

  /** The used index, as published and as staged. */
  private int usedIndex;

  private int stagedIndex;

  private boolean notificationsOff;

  SplitVirtqueue(AddressSpace memory, QueueConfig config) {
    super(memory, config);
    mask = size - 1;
    inFlight = new boolean[size];
  }

  // ---- taking ------------------------------------------------------------------------------

  @Override
  Taken takeNext() {
    int next = nextAvail;
    if (next == availIndex) {
      int index = driverArea.getShortAcquire(AvailRingLayout.IDX) & 0xffff;
      if (index == next) {
        return Taken.EMPTY;
      }
      if (((index - next) & 0xffff) > size) {
        return found(new QueueFault.AvailIndexJump(index, next, size));
      }
      availIndex = index;
    }
    int slot = next & mask;
    int head =
        driverArea.getShort(AvailRingLayout.RING + (long) AvailRingLayout.ENTRY_SIZE * slot)
            & 0xffff;
    if (head >= size) {
      return found(new QueueFault.HeadOutOfRange(slot, head, size));
    }
    if (inFlight[head]) {
      return found(new QueueFault.HeadInFlight(slot, head));
    }
    int outstanding = (next - usedIndex) & 0xffff;
    if (outstanding >= size) {
      return found(new QueueFault.RingOverrun(slot, outstanding, size));
    }
    Request r = spare();
    QueueFault problem = walk(head, r);
    if (problem != null) {
      discardable = true;
      discardHead = head;
      discardId = head;
      discardDescriptors = 1;
      return found(problem);
    }
    pass(r);
    return found(r);
  }

  @Override
  void pass(Request r) {
    inFlight[r.head] = true;
    nextAvail = (nextAvail + 1) & 0xffff;
  }

  /**
   * Reads each descriptor of a chain once, checks it, and keeps its buffer; null if all is well.
   */
  private @Nullable QueueFault walk(int head, Request r) {
    r.head = head;
    r.id = head;
    r.descriptors = 1;
    long readable = 0;
    long writable = 0;
    boolean writableSeen = false;
    int parts = 0;
    int readableParts = 0;
    int index = head;
    for (int left = size; left > 0; left--) {
      long offset = (long) index * SplitDescriptorLayout.SIZE;
      long address = descriptorArea.getLong(offset + SplitDescriptorLayout.ADDR);
      long word = descriptorArea.getLong(offset + SplitDescriptorLayout.LEN);
      long length = word & 0xffff_ffffL;
      int flags = (int) (word >>> 32);
      if ((flags & SplitDescriptorLayout.F_INDIRECT) != 0) {
        r.parts = parts;
        r.readableParts = readableParts;
        r.readable = readable;
        r.writable = writable;
        QueueFault problem = checkTable(head, index, flags & 0xffff, address, length);
        return problem != null
            ? problem
            : walkTable(head, index, address, length, left, writableSeen, r);
      }
      boolean write = (flags & SplitDescriptorLayout.F_WRITE) != 0;
      if (write) {
        writableSeen = true;
        writable += length;
      } else if (writableSeen) {
        return new QueueFault.ReadableAfterWritable(head, index, false);
      } else {
        readable += length;
      }
      if (readable + writable > MAX_CHAIN_BYTES) {
        return new QueueFault.ChainTooLarge(head, index, false, readable + writable);
      }
      if (length != 0) {
        if (!allows(address, length, write)) {
          return noAccess(head, index, false, address, length, write);
        }
        if (parts == r.addresses.length) {
          r.grow();
        }
        r.addresses[parts] = address;
        r.lengths[parts] = length;
        parts++;
        if (!write) {
          readableParts = parts;
        }
      }
      if ((flags & SplitDescriptorLayout.F_NEXT) == 0) {
        r.parts = parts;
        r.readableParts = readableParts;
        r.readable = readable;
        r.writable = writable;
        return null;
      }
      int next = (int) (word >>> 48);
      if (next >= size) {
        return new QueueFault.NextOutOfRange(head, index, false, next, size);
      }
      index = next;
    }
    return new QueueFault.ChainTooLong(head, size);
  }

  /**
   * The same for an indirect table, which ends the chain; {@code r} has what came before it.
   * Written out a second time, for one loop over both tables would ask at each descriptor which it
   * is in.
   */
  private @Nullable QueueFault walkTable(
      int head, int tableOf, long table, long tableLength, int limit, boolean written, Request r) {
    long readable = r.readable;
    long writable = r.writable;
    boolean writableSeen = written;
    int parts = r.parts;
    int readableParts = r.readableParts;
    int entries = (int) (tableLength / SplitDescriptorLayout.SIZE);
    int index = 0;
    for (int left = limit; left > 0; left--) {
      long at = table + (long) index * SplitDescriptorLayout.SIZE;
      long address;
      long word;
      try {
        address = readLong(at + SplitDescriptorLayout.ADDR);
        word = readLong(at + SplitDescriptorLayout.LEN);
      } catch (GuestMemoryException e) {
        return new QueueFault.IndirectTableAccess(head, tableOf, table, tableLength, e.reason());
      }
      long length = word & 0xffff_ffffL;
      int flags = (int) (word >>> 32);
      if ((flags & SplitDescriptorLayout.F_INDIRECT) != 0) {
        return new QueueFault.NestedIndirect(head, index);
      }
      boolean write = (flags & SplitDescriptorLayout.F_WRITE) != 0;
      if (write) {
        writableSeen = true;
        writable += length;
      } else if (writableSeen) {
        return new QueueFault.ReadableAfterWritable(head, index, true);
      } else {
        readable += length;
      }
      if (readable + writable > MAX_CHAIN_BYTES) {
        return new QueueFault.ChainTooLarge(head, index, true, readable + writable);
      }
      if (length != 0) {
        if (!allows(address, length, write)) {
          return noAccess(head, index, true, address, length, write);
        }
        if (parts == r.addresses.length) {
          r.grow();
        }
        r.addresses[parts] = address;
        r.lengths[parts] = length;
        parts++;
        if (!write) {
          readableParts = parts;
        }
      }
      if ((flags & SplitDescriptorLayout.F_NEXT) == 0) {
        r.parts = parts;
        r.readableParts = readableParts;
        r.readable = readable;
        r.writable = writable;
        return null;
      }
      int next = (int) (word >>> 48);
      if (next >= entries) {
        return new QueueFault.NextOutOfRange(head, index, true, next, entries);
      }
      index = next;
    }
    return new QueueFault.ChainTooLong(head, size);
  }

  private @Nullable QueueFault checkTable(
      int head, int index, int flags, long address, long length) {
    if (!indirect) {
      return new QueueFault.IndirectNotNegotiated(head, index);
    }
    if ((flags & SplitDescriptorLayout.F_NEXT) != 0) {
      return new QueueFault.IndirectWithNext(head, index, flags);
    }
    return checkTable(head, index, address, length);
  }

  // ---- completing --------------------------------------------------------------------------

  private void putElement(int at, Request r, long written) {
    deviceArea.putLong(
        UsedRingLayout.RING + (long) UsedRingLayout.ENTRY_SIZE * (at & mask),
        Math.min(written, MAX_USED_LENGTH) << 32 | r.head);
  }

  @Override
  void put(Request r, long written) {
    putElement(stagedIndex, r, written);
  }

  @Override
  void staged(Request r) {
    stagedIndex = (stagedIndex + 1) & 0xffff;
    inFlight[r.head] = false;
    release(r);
  }

  @Override
  void publishWith(Request r) {
    showIndex((stagedIndex + 1) & 0xffff);
    staged(r);
  }

  @Override
  void publishStaged() {
    if (stagedIndex != usedIndex) {
      showIndex(stagedIndex);
    }
  }

  private void showIndex(int index) {
    deviceArea.putShortRelease(UsedRingLayout.IDX, (short) index);
    sinceDecision += (index - usedIndex) & 0xffff;
    usedIndex = index;
  }

  /**
   * Of those that follow one another and of which all but the last were written completely, one
   * element is enough (VIRTIO 1.4 §2.7.9): it names the last, in the place of the first.
   */
  @Override
  void publishInOrder() {
    int index = usedIndex;
    int batch = index;
    Request end = null;
    for (Request r = first(); r != null && r.completed >= 0; r = after(r)) {
      index = (index + 1) & 0xffff;
      Request after = after(r);
      if (after == null || after.completed < 0 || r.completed != r.writable) {
        putElement(batch, r, r.completed);
        batch = index;
      }
      end = after;
    }
    if (index == usedIndex) {
      return;
    }
    showIndex(index);
    stagedIndex = index;
    for (Request r = first(); r != null && r != end; r = first()) {
      inFlight[r.head] = false;
      release(r);
    }
  }

  // ---- notifications -----------------------------------------------------------------------

  @Override
  boolean driverWants(long since) {
    if (!eventIdx) {
      return (driverArea.getShort(AvailRingLayout.FLAGS) & AvailRingLayout.F_NO_INTERRUPT) == 0;
    }
    int event = driverArea.getShort(AvailRingLayout.usedEvent(size));
    // Whether the event is among the last so many indices, counted back from the newest.
    return ((usedIndex - 1 - event) & 0xffff) < since;
  }

  @Override
  void ask() {
    if (eventIdx) {
      deviceArea.putShort(UsedRingLayout.availEvent(size), (short) nextAvail);
    } else if (notificationsOff) {
      deviceArea.putShort(UsedRingLayout.FLAGS, (short) 0);
      notificationsOff = false;
    }
  }

  @Override
  boolean hasNext() {
    return nextAvail != availIndex
        || (driverArea.getShortAcquire(AvailRingLayout.IDX) & 0xffff) != nextAvail;
  }

  @Override
  void askNot() {
    // With an event index the flags stay 0 (VIRTIO 1.4 §2.7.10.2); what was asked last stands.
    if (!eventIdx && !notificationsOff) {
      deviceArea.putShort(UsedRingLayout.FLAGS, (short) UsedRingLayout.F_NO_NOTIFY);
      notificationsOff = true;
    }
  }

  // ---- saving ------------------------------------------------------------------------------

  @Override
  void checkPublished() {
    Request r = first();
    if (stagedIndex != usedIndex || (r != null && r.completed >= 0)) {
      throw new IllegalStateException("requests are staged and not published");
    }
  }

  @Override
  QueueState save(List<QueueState.InFlight> requests) {
    return new QueueState.Split(nextAvail, usedIndex, requests);
  }

  @Override
  void restoreRing(QueueState state) {
    if (!(state instanceof QueueState.Split s)) {
      throw new QueueFaultException(new QueueFault.BadState("format", 1, "0, split"));
    }
    restorable(s.nextAvail() >>> 16 == 0, "nextAvail", s.nextAvail(), "in 0..65535");
    restorable(s.nextUsed() >>> 16 == 0, "nextUsed", s.nextUsed(), "in 0..65535");
    int shown = deviceArea.getShort(UsedRingLayout.IDX) & 0xffff;
    restorable(s.nextUsed() == shown, "nextUsed", s.nextUsed(), shown + ", the ring's used index");
    int index = driverArea.getShortAcquire(AvailRingLayout.IDX) & 0xffff;
    restorable(
        ((index - s.nextAvail()) & 0xffff) <= size,
        "nextAvail",
        s.nextAvail(),
        "at most " + size + " behind " + index + ", the ring's available index");
    int outstanding = (s.nextAvail() - s.nextUsed()) & 0xffff;
    restorable(
        outstanding == s.inFlight().size() && outstanding <= size,
        "inFlight.size",
        s.inFlight().size(),
        outstanding + ", nextAvail - nextUsed, and at most " + size);
    nextAvail = s.nextAvail();
    availIndex = s.nextAvail();
    usedIndex = s.nextUsed();
    stagedIndex = s.nextUsed();
    notificationsOff = (deviceArea.getShort(UsedRingLayout.FLAGS) & 0xffff) != 0;
  }

  @Override
  void restorableId(String name, QueueState.InFlight saved) {
    restorable(saved.id() == saved.head(), name + ".id", saved.id(), saved.head() + ", the head");
    restorable(
        saved.descriptors() == 1, name + ".descriptors", saved.descriptors(), "1 of a split queue");
    restorable(!inFlight[saved.head()], name + ".head", saved.head(), "in flight once only");
  }

  @Override
  void keep(Request r) {
    inFlight[r.head] = true;
  }

  @Override
  public String toString() {
    return "split virtqueue of "
        + size
        + ": next available "
        + nextAvail
        + ", used "
        + usedIndex
        + (stagedIndex == usedIndex ? "" : ", staged " + stagedIndex)
        + (isReset() ? ", reset" : "");
  }
}
