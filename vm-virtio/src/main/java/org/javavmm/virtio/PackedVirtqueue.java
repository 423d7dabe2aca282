// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestMemoryException;
import org.jspecify.annotations.Nullable;

/** A packed virtqueue (VIRTIO 1.4 §2.8). Made by {@link Virtqueue#activate}. */
public final class PackedVirtqueue extends Virtqueue {
  private static final int BUFFER_IDS = 1 << 16;

  /** A bit for each buffer identifier: whether the device has its list. */
  private final long[] inFlight = new long[BUFFER_IDS / 64];

  /** Where the next list begins, and the driver's wrap counter there. */
  private int nextAvail;

  private int availWrap = 1;

  /** Where the next used descriptor goes as published, and the device's wrap counter there. */
  private int nextUsed;

  private int usedWrap = 1;

  /** The same as staged. */
  private int stagedUsed;

  private int stagedWrap = 1;

  /** Descriptors that the driver made available and that are not published as used. */
  private int outstanding;

  /** How many descriptors are staged; the first used one of them is written when published. */
  private int stagedDescriptors;

  private long stagedFirst;

  /** What {@link #put} made. */
  private long putWord;

  PackedVirtqueue(AddressSpace memory, QueueConfig config) {
    super(memory, config);
  }

  // ---- taking ------------------------------------------------------------------------------

  private static long word(int descriptor) {
    return (long) descriptor * PackedDescriptorLayout.SIZE + PackedDescriptorLayout.LEN;
  }

  /** Whether a descriptor is available: AVAIL is the wrap counter, USED is not. */
  private static boolean isAvailable(long word, int wrap) {
    return ((word >>> 55) & 1) == wrap && (word >>> 63) != wrap;
  }

  @Override
  Taken takeNext() {
    int head = nextAvail;
    int wrap = availWrap;
    long word = descriptorArea.getLongAcquire(word(head));
    if (!isAvailable(word, wrap)) {
      return Taken.EMPTY;
    }
    Request r = spare();
    QueueFault problem = null;
    long readable = 0;
    long writable = 0;
    boolean writableSeen = false;
    int parts = 0;
    int readableParts = 0;
    int count = 0;
    int index = head;
    while (true) {
      if (count == size) {
        return found(problem != null ? problem : new QueueFault.ChainTooLong(head, size));
      }
      if (outstanding + count >= size) {
        return found(
            problem != null
                ? problem
                : new QueueFault.RingOverrun(index, outstanding + count, size));
      }
      count++;
      if (problem == null) {
        long address =
            descriptorArea.getLong(
                (long) index * PackedDescriptorLayout.SIZE + PackedDescriptorLayout.ADDR);
        long length = word & 0xffff_ffffL;
        int flags = (int) (word >>> 48);
        if ((flags & PackedDescriptorLayout.F_INDIRECT) != 0) {
          problem = walkTable(head, index, flags, count, address, length, r);
          if (problem == null) {
            readable = r.readable;
            writable = r.writable;
            parts = r.parts;
            readableParts = r.readableParts;
          }
        } else {
          boolean write = (flags & PackedDescriptorLayout.F_WRITE) != 0;
          if (write) {
            writableSeen = true;
            writable += length;
          } else if (writableSeen) {
            problem = new QueueFault.ReadableAfterWritable(head, index, false);
          } else {
            readable += length;
          }
          if (problem == null && readable + writable > MAX_CHAIN_BYTES) {
            problem = new QueueFault.ChainTooLarge(head, index, false, readable + writable);
          }
          if (problem == null && length != 0) {
            if (!allows(address, length, write)) {
              problem = noAccess(head, index, false, address, length, write);
            } else {
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
          }
        }
      }
      if ((word & (long) PackedDescriptorLayout.F_NEXT << 48) == 0) {
        break;
      }
      index++;
      if (index == size) {
        index = 0;
        wrap ^= 1;
      }
      word = descriptorArea.getLong(word(index));
      if (count < size && !isAvailable(word, wrap)) {
        return found(
            problem != null
                ? problem
                : new QueueFault.ListNotAvailable(head, index, (int) (word >>> 48)));
      }
    }
    int id = (int) (word >>> 32) & 0xffff;
    boolean idInFlight = (inFlight[id >>> 6] & 1L << id) != 0;
    if (problem != null) {
      if (!idInFlight) {
        discardable = true;
        discardHead = head;
        discardId = id;
        discardDescriptors = count;
      }
      return found(problem);
    }
    if (idInFlight) {
      return found(new QueueFault.BufferIdInFlight(head, id));
    }
    r.head = head;
    r.id = id;
    r.descriptors = count;
    r.parts = parts;
    r.readableParts = readableParts;
    r.readable = readable;
    r.writable = writable;
    pass(r);
    return found(r);
  }

  @Override
  void pass(Request r) {
    keep(r);
    outstanding += r.descriptors;
    nextAvail += r.descriptors;
    if (nextAvail >= size) {
      nextAvail -= size;
      availWrap ^= 1;
    }
  }

  /** Of a table's descriptors only the WRITE flag counts, they follow one another (§2.8.7). */
  private @Nullable QueueFault walkTable(
      int head, int index, int flags, int count, long table, long tableLength, Request r) {
    if (!indirect) {
      return new QueueFault.IndirectNotNegotiated(head, index);
    }
    if (count != 1 || (flags & PackedDescriptorLayout.F_NEXT) != 0) {
      return new QueueFault.IndirectWithNext(head, index, flags);
    }
    QueueFault problem = checkTable(head, index, table, tableLength);
    if (problem != null) {
      return problem;
    }
    long readable = 0;
    long writable = 0;
    boolean writableSeen = false;
    int parts = 0;
    int readableParts = 0;
    int entries = (int) (tableLength / PackedDescriptorLayout.SIZE);
    for (int i = 0; i < entries; i++) {
      long at = table + (long) i * PackedDescriptorLayout.SIZE;
      long address;
      long word;
      try {
        address = readLong(at + PackedDescriptorLayout.ADDR);
        word = readLong(at + PackedDescriptorLayout.LEN);
      } catch (GuestMemoryException e) {
        return new QueueFault.IndirectTableAccess(head, index, table, tableLength, e.reason());
      }
      long length = word & 0xffff_ffffL;
      boolean write = (word & (long) PackedDescriptorLayout.F_WRITE << 48) != 0;
      if (write) {
        writableSeen = true;
        writable += length;
      } else if (writableSeen) {
        return new QueueFault.ReadableAfterWritable(head, i, true);
      } else {
        readable += length;
      }
      if (readable + writable > MAX_CHAIN_BYTES) {
        return new QueueFault.ChainTooLarge(head, i, true, readable + writable);
      }
      if (length == 0) {
        continue;
      }
      if (!allows(address, length, write)) {
        return noAccess(head, i, true, address, length, write);
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
    r.parts = parts;
    r.readableParts = readableParts;
    r.readable = readable;
    r.writable = writable;
    return null;
  }

  // ---- completing --------------------------------------------------------------------------

  /** Length, identifier and flags of a used descriptor. */
  private static long used(Request r, long written, int wrap) {
    long flags =
        (wrap == 0 ? 0 : PackedDescriptorLayout.F_AVAIL | PackedDescriptorLayout.F_USED)
            | (written == 0 ? 0 : PackedDescriptorLayout.F_WRITE);
    return flags << 48 | (long) r.id << 32 | Math.min(written, MAX_USED_LENGTH);
  }

  @Override
  void put(Request r, long written) {
    putWord = used(r, written, stagedWrap);
    // The first of a batch is what the driver waits for: it comes last.
    if (stagedDescriptors != 0) {
      descriptorArea.putLong(word(stagedUsed), putWord);
    }
  }

  @Override
  void staged(Request r) {
    if (stagedDescriptors == 0) {
      stagedFirst = putWord;
    }
    stagedDescriptors += r.descriptors;
    stagedUsed += r.descriptors;
    if (stagedUsed >= size) {
      stagedUsed -= size;
      stagedWrap ^= 1;
    }
    drop(r);
  }

  private void drop(Request r) {
    inFlight[r.id >>> 6] &= ~(1L << r.id);
    release(r);
  }

  @Override
  void publishWith(Request r) {
    descriptorArea.putLongRelease(word(nextUsed), stagedDescriptors == 0 ? putWord : stagedFirst);
    staged(r);
    shown();
  }

  @Override
  void publishStaged() {
    if (stagedDescriptors != 0) {
      descriptorArea.putLongRelease(word(nextUsed), stagedFirst);
      shown();
    }
  }

  private void shown() {
    sinceDecision += stagedDescriptors;
    outstanding -= stagedDescriptors;
    nextUsed = stagedUsed;
    usedWrap = stagedWrap;
    stagedDescriptors = 0;
  }

  /**
   * Of those that follow one another and of which all but the last were written completely, one
   * used descriptor is enough (VIRTIO 1.4 §2.8.8): it names the last, in the place of the first.
   */
  @Override
  void publishInOrder() {
    int at = nextUsed;
    int wrap = usedWrap;
    int batch = at;
    int batchWrap = wrap;
    int descriptors = 0;
    long firstWord = 0;
    boolean any = false;
    Request end = null;
    for (Request r = first(); r != null && r.completed >= 0; r = after(r)) {
      descriptors += r.descriptors;
      at += r.descriptors;
      if (at >= size) {
        at -= size;
        wrap ^= 1;
      }
      Request after = after(r);
      if (after == null || after.completed < 0 || r.completed != r.writable) {
        long used = used(r, r.completed, batchWrap);
        if (any) {
          descriptorArea.putLong(word(batch), used);
        } else {
          firstWord = used;
          any = true;
        }
        batch = at;
        batchWrap = wrap;
      }
      end = after;
    }
    if (!any) {
      return;
    }
    descriptorArea.putLongRelease(word(nextUsed), firstWord);
    stagedUsed = at;
    stagedWrap = wrap;
    stagedDescriptors = descriptors;
    shown();
    for (Request r = first(); r != null && r != end; r = first()) {
      drop(r);
    }
  }

  // ---- notifications -----------------------------------------------------------------------

  @Override
  boolean driverWants(long since) {
    // Both fields at once: the driver's structure is aligned.
    int event = driverArea.getInt(EventSuppressionLayout.DESC);
    int flags = (event >>> 16) & EventSuppressionLayout.FLAGS_MASK;
    int offset = event & EventSuppressionLayout.OFFSET_MASK;
    if (flags != EventSuppressionLayout.FLAGS_DESC || !eventIdx || offset >= size) {
      // What means nothing counts as enabled: a notification too many does no harm.
      return flags != EventSuppressionLayout.FLAGS_DISABLE;
    }
    int eventWrap = (event >>> EventSuppressionLayout.WRAP_SHIFT) & 1;
    // How far back from the newest used descriptor the event is, in two rounds of the ring.
    int back = nextUsed - 1 - offset + (eventWrap == usedWrap ? 0 : size);
    return (back < 0 ? back + 2 * size : back) < since;
  }

  @Override
  void ask() {
    deviceArea.putInt(
        EventSuppressionLayout.DESC,
        eventIdx
            ? EventSuppressionLayout.FLAGS_DESC << 16
                | availWrap << EventSuppressionLayout.WRAP_SHIFT
                | nextAvail
            : EventSuppressionLayout.FLAGS_ENABLE << 16);
  }

  @Override
  boolean hasNext() {
    return isAvailable(descriptorArea.getLongAcquire(word(nextAvail)), availWrap);
  }

  @Override
  void askNot() {
    deviceArea.putInt(EventSuppressionLayout.DESC, EventSuppressionLayout.FLAGS_DISABLE << 16);
  }

  // ---- saving ------------------------------------------------------------------------------

  @Override
  void checkPublished() {
    Request r = first();
    if (stagedDescriptors != 0 || (r != null && r.completed >= 0)) {
      throw new IllegalStateException("requests are staged and not published");
    }
  }

  @Override
  QueueState save(List<QueueState.InFlight> requests) {
    return new QueueState.Packed(nextAvail, availWrap, nextUsed, usedWrap, requests);
  }

  @Override
  void restoreRing(QueueState state) {
    if (!(state instanceof QueueState.Packed s)) {
      throw new QueueFaultException(new QueueFault.BadState("format", 0, "1, packed"));
    }
    String limit = "below " + size;
    restorable(s.nextAvail() >= 0 && s.nextAvail() < size, "nextAvail", s.nextAvail(), limit);
    restorable(s.availWrap() >>> 1 == 0, "availWrap", s.availWrap(), "0 or 1");
    restorable(s.nextUsed() >= 0 && s.nextUsed() < size, "nextUsed", s.nextUsed(), limit);
    restorable(s.usedWrap() >>> 1 == 0, "usedWrap", s.usedWrap(), "0 or 1");
    int between = s.nextAvail() - s.nextUsed() + (s.availWrap() == s.usedWrap() ? 0 : size);
    restorable(
        between >= 0 && between <= size,
        "nextAvail - nextUsed",
        between,
        "in 0.." + size + " descriptors");
    long sum = 0;
    for (QueueState.InFlight saved : s.inFlight()) {
      restorable(
          saved.descriptors() >= 1 && saved.descriptors() <= size,
          "descriptors",
          saved.descriptors(),
          "in 1.." + size);
      sum += saved.descriptors();
    }
    restorable(
        sum == between,
        "sum of descriptors",
        sum,
        between + ", what is between used and available");
    nextAvail = s.nextAvail();
    availWrap = s.availWrap();
    nextUsed = s.nextUsed();
    usedWrap = s.usedWrap();
    stagedUsed = nextUsed;
    stagedWrap = usedWrap;
    outstanding = between;
  }

  @Override
  void restorableId(String name, QueueState.InFlight saved) {
    int id = saved.id();
    restorable(id >>> 16 == 0, name + ".id", id, "in 0..65535");
    restorable((inFlight[id >>> 6] & 1L << id) == 0, name + ".id", id, "in flight once only");
  }

  @Override
  void keep(Request r) {
    inFlight[r.id >>> 6] |= 1L << r.id;
  }

  @Override
  public String toString() {
    return "packed virtqueue of "
        + size
        + ": next available "
        + nextAvail
        + " (wrap "
        + availWrap
        + "), used "
        + nextUsed
        + " (wrap "
        + usedWrap
        + ")"
        + (stagedDescriptors == 0 ? "" : ", staged " + stagedDescriptors)
        + (isReset() ? ", reset" : "");
  }
}
