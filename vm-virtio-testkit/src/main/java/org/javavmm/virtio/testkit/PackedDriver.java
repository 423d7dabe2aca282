// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.javavmm.memory.AddressSpace;
import org.javavmm.virtio.EventSuppressionLayout;
import org.javavmm.virtio.PackedDescriptorLayout;
import org.javavmm.virtio.QueueConfig;

/** The driver's side of a packed queue. */
public final class PackedDriver extends DriverQueue {
  private record Chain(int descriptors, long writable) {}

  private final Deque<Integer> freeIds = new ArrayDeque<>();
  private final Map<Integer, Chain> chains = new LinkedHashMap<>();

  /** The ring as the driver wrote it, or read it where the device used it. */
  private final long[] ring;

  private int driverEvent;
  private int freeDescriptors;
  private int nextAvail;
  private int wrap = 1;

  /** Slots, with their wrap counter as bit 15, that were made available and not exposed. */
  private final List<Integer> pendingSlots = new ArrayList<>();

  private int pendingHead = -1;
  private int pendingFlags;
  private int nextUsed;
  private int usedWrap = 1;

  /** Slots used, with their wrap counter as bit 15, since the last decision. */
  private final List<Integer> undecided = new ArrayList<>();

  PackedDriver(AddressSpace memory, QueueConfig config) {
    super(memory, config);
    ring = new long[2 * size];
    memory.fill(config.descriptorArea(), 8L * ring.length, (byte) 0);
    memory.putInt(config.driverArea(), 0);
    memory.putInt(config.deviceArea(), 0);
    freeDescriptors = size;
    for (int i = 0; i < size; i++) {
      freeIds.add(i);
    }
  }

  // ---- raw ---------------------------------------------------------------------------------

  private long at(int slot) {
    return config.descriptorArea() + (long) PackedDescriptorLayout.SIZE * slot;
  }

  /**
   * Writes a descriptor, whatever it says, its flags last.
   *
   * @param slot its place, below the queue's size
   * @param address the buffer's address
   * @param length its length
   * @param id the buffer identifier
   * @param flags the flags, AVAIL and USED included
   */
  public void descriptor(int slot, long address, long length, int id, int flags) {
    descriptorAt(at(slot), address, length, id, flags);
    ring[2 * slot] = memory.getLong(at(slot));
    ring[2 * slot + 1] = memory.getLong(at(slot) + 8);
  }

  /**
   * Writes a descriptor anywhere, as one of an indirect table.
   *
   * @param at where it goes, a multiple of 2
   * @param address the buffer's address
   * @param length its length
   * @param id the buffer identifier
   * @param flags the flags
   */
  public void descriptorAt(long at, long address, long length, int id, int flags) {
    memory.putLong(at + PackedDescriptorLayout.ADDR, address);
    memory.putInt(at + PackedDescriptorLayout.LEN, (int) length);
    memory.putShort(at + PackedDescriptorLayout.ID, (short) id);
    memory.putShortRelease(at + PackedDescriptorLayout.FLAGS, (short) flags);
  }

  /**
   * Writes the driver event suppression structure, whatever it says.
   *
   * @param flags its flags
   * @param offset the descriptor
   * @param eventWrap the wrap counter
   */
  public void driverEvent(int flags, int offset, int eventWrap) {
    driverEvent = flags << 16 | eventWrap << EventSuppressionLayout.WRAP_SHIFT | offset;
    memory.putInt(config.driverArea(), driverEvent);
  }

  /** {@return the device event suppression structure: flags in the upper half} */
  public int deviceEvent() {
    return memory.getInt(config.deviceArea());
  }

  /** {@return the place of the next descriptor to make available} */
  public int nextAvail() {
    return nextAvail;
  }

  /** {@return the driver's wrap counter there} */
  public int wrap() {
    return wrap;
  }

  /**
   * {@return the flags that make a descriptor available}
   *
   * @param wrap the driver's wrap counter
   */
  public static int available(int wrap) {
    return wrap != 0 ? PackedDescriptorLayout.F_AVAIL : PackedDescriptorLayout.F_USED;
  }

  // ---- offering ----------------------------------------------------------------------------

  @Override
  public boolean fits(int descriptors) {
    return descriptors <= freeDescriptors && !freeIds.isEmpty();
  }

  private int start(int descriptors, long writable) {
    if (!fits(descriptors) || descriptors == 0) {
      throw new IllegalStateException(
          descriptors + " descriptors wanted, " + freeDescriptors + " are free");
    }
    freeDescriptors -= descriptors;
    // The last id first, so that ids are not the slots.
    int id = freeIds.removeLast();
    chains.put(id, new Chain(descriptors, writable));
    return id;
  }

  private void place(long address, long length, int id, int flags) {
    int all = flags | available(wrap);
    if (pendingHead < 0) {
      // The device sees nothing of the rest before this one.
      pendingHead = nextAvail;
      pendingFlags = all;
      descriptor(nextAvail, address, length, id, (int) (ring[2 * nextAvail + 1] >>> 48));
    } else {
      descriptor(nextAvail, address, length, id, all);
    }
    pendingSlots.add(nextAvail | wrap << 15);
    nextAvail++;
    if (nextAvail == size) {
      nextAvail = 0;
      wrap ^= 1;
    }
  }

  @Override
  public int offer(List<Buffer> buffers) {
    int id = start(buffers.size(), SplitDriver.writable(buffers));
    for (int i = 0; i < buffers.size(); i++) {
      Buffer b = buffers.get(i);
      boolean more = i + 1 < buffers.size();
      place(
          b.address(),
          b.length(),
          more ? 0 : id,
          (b.writable() ? PackedDescriptorLayout.F_WRITE : 0)
              | (more ? PackedDescriptorLayout.F_NEXT : 0));
    }
    return id;
  }

  @Override
  public int offerIndirect(List<Buffer> buffers, long at) {
    int id = start(1, SplitDriver.writable(buffers));
    table(buffers, at);
    place(
        at,
        (long) PackedDescriptorLayout.SIZE * buffers.size(),
        id,
        PackedDescriptorLayout.F_INDIRECT);
    return id;
  }

  @Override
  void table(List<Buffer> buffers, long at) {
    for (int i = 0; i < buffers.size(); i++) {
      Buffer b = buffers.get(i);
      descriptorAt(
          at + (long) PackedDescriptorLayout.SIZE * i,
          b.address(),
          b.length(),
          0,
          b.writable() ? PackedDescriptorLayout.F_WRITE : 0);
    }
  }

  @Override
  public boolean expose() {
    if (pendingHead < 0) {
      return false;
    }
    memory.putShortRelease(at(pendingHead) + PackedDescriptorLayout.FLAGS, (short) pendingFlags);
    ring[2 * pendingHead + 1] = memory.getLong(at(pendingHead) + 8);
    pendingHead = -1;
    VarHandle.fullFence();
    int event = deviceEvent();
    int flags = event >>> 16;
    rule(flags <= 2, "device event flags are " + flags);
    rule(flags != 2 || eventIdx, "device event flags are 2 without an event index");
    boolean wanted = flags == 0 || (flags == 2 && pendingSlots.contains(event & 0xffff));
    pendingSlots.clear();
    return wanted;
  }

  // ---- collecting --------------------------------------------------------------------------

  @Override
  public int inFlight() {
    return chains.size();
  }

  private Used back(int id, long written) {
    Chain chain = chains.remove(id);
    rule(chain != null, "used id " + id + " is not in flight");
    if (chain == null) {
      throw new AssertionError("unreachable");
    }
    rule(
        written <= chain.writable || written == 0xffff_ffffL,
        "used id " + id + ": " + written + " bytes of " + chain.writable);
    freeIds.add(id);
    freeDescriptors += chain.descriptors;
    for (int i = 0; i < chain.descriptors; i++) {
      undecided.add(nextUsed | usedWrap << 15);
      nextUsed++;
      if (nextUsed == size) {
        nextUsed = 0;
        usedWrap ^= 1;
      }
    }
    return new Used(id, written);
  }

  @Override
  void collect(List<Used> found) {
    while (!chains.isEmpty()) {
      int slot = nextUsed;
      long word = memory.getLongAcquire(at(slot) + 8);
      int flags = (int) (word >>> 48);
      int avail = (flags & PackedDescriptorLayout.F_AVAIL) != 0 ? 1 : 0;
      int used = (flags & PackedDescriptorLayout.F_USED) != 0 ? 1 : 0;
      if (avail != usedWrap || used != usedWrap) {
        break;
      }
      int others =
          PackedDescriptorLayout.F_AVAIL
              | PackedDescriptorLayout.F_USED
              | PackedDescriptorLayout.F_WRITE;
      rule((flags & ~others) == 0, "used flags 0x" + Integer.toHexString(flags));
      int id = (int) (word >>> 32) & 0xffff;
      long length = word & 0xffff_ffffL;
      boolean wrote = (flags & PackedDescriptorLayout.F_WRITE) != 0;
      rule(wrote == (length != 0), "WRITE is " + wrote + " with " + length + " bytes");
      ring[2 * slot + 1] = word;
      if (inOrder) {
        List<Integer> order = new ArrayList<>(chains.keySet());
        rule(order.contains(id), "used id " + id + " is not in flight");
        for (int other : order.subList(0, order.indexOf(id))) {
          Chain chain = chains.get(other);
          found.add(back(other, chain == null ? 0 : chain.writable));
        }
      }
      found.add(back(id, length));
    }
  }

  @Override
  public void verify() {
    for (int i = 0; i < ring.length; i++) {
      long now = memory.getLong(config.descriptorArea() + 8L * i);
      rule(now == ring[i], "descriptor " + i / 2 + " was written and not as a used one");
    }
    rule(
        memory.getInt(config.driverArea()) == driverEvent,
        "the driver event suppression structure was written");
  }

  // ---- notifications -----------------------------------------------------------------------

  @Override
  public void wantNotifications() {
    driverEvent(EventSuppressionLayout.FLAGS_ENABLE, 0, 0);
  }

  @Override
  public void refuseNotifications() {
    driverEvent(EventSuppressionLayout.FLAGS_DISABLE, 0, 0);
  }

  @Override
  public void wantNotificationAfter(int more) {
    if (!eventIdx) {
      throw new IllegalStateException("no event index");
    }
    int slot = nextUsed + more - 1;
    driverEvent(
        EventSuppressionLayout.FLAGS_DESC,
        slot % size,
        slot / size % 2 == 0 ? usedWrap : usedWrap ^ 1);
  }

  @Override
  public boolean isNotificationDue() {
    int flags = driverEvent >>> 16;
    boolean due =
        !undecided.isEmpty()
            && switch (flags) {
              case EventSuppressionLayout.FLAGS_DISABLE -> false;
              case EventSuppressionLayout.FLAGS_DESC -> undecided.contains(driverEvent & 0xffff);
              default -> true;
            };
    undecided.clear();
    return due;
  }
}
