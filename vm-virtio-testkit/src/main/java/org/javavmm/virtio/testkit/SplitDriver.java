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
import org.javavmm.virtio.AvailRingLayout;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.SplitDescriptorLayout;
import org.javavmm.virtio.UsedRingLayout;

/** The driver's side of a split queue. */
public final class SplitDriver extends DriverQueue {
  private record Chain(List<Integer> descriptors, long writable) {}

  private final Deque<Integer> free = new ArrayDeque<>();

  /** In the order offered. */
  private final Map<Integer, Chain> chains = new LinkedHashMap<>();

  /** The areas that only the driver writes, as it wrote them. */
  private final byte[] table;

  private final byte[] avail;

  private int availIndex;
  private int exposedIndex;
  private int usedIndex;
  private int decidedIndex;

  SplitDriver(AddressSpace memory, QueueConfig config) {
    super(memory, config);
    table = new byte[SplitDescriptorLayout.SIZE * size];
    avail = new byte[AvailRingLayout.size(size)];
    memory.fill(config.descriptorArea(), table.length, (byte) 0);
    memory.fill(config.driverArea(), avail.length, (byte) 0);
    memory.fill(config.deviceArea(), UsedRingLayout.size(size), (byte) 0);
    for (int i = 0; i < size; i++) {
      free.add(i);
    }
  }

  // ---- raw ---------------------------------------------------------------------------------

  private void putShort(byte[] shadow, long base, int at, int value) {
    shadow[at] = (byte) value;
    shadow[at + 1] = (byte) (value >> 8);
    memory.putShort(base + at, (short) value);
  }

  /**
   * Writes a descriptor, whatever it says.
   *
   * @param index its index, below the queue's size
   * @param address the buffer's address
   * @param length its length
   * @param flags the flags
   * @param next the next descriptor
   */
  public void descriptor(int index, long address, long length, int flags, int next) {
    int at = index * SplitDescriptorLayout.SIZE;
    descriptorAt(config.descriptorArea() + at, address, length, flags, next);
    memory.read(config.descriptorArea() + at, table, at, SplitDescriptorLayout.SIZE);
  }

  /**
   * Writes a descriptor anywhere, as one of an indirect table.
   *
   * @param at where it goes
   * @param address the buffer's address
   * @param length its length
   * @param flags the flags
   * @param next the next descriptor
   */
  public void descriptorAt(long at, long address, long length, int flags, int next) {
    memory.putLong(at + SplitDescriptorLayout.ADDR, address);
    memory.putInt(at + SplitDescriptorLayout.LEN, (int) length);
    memory.putShort(at + SplitDescriptorLayout.FLAGS, (short) flags);
    memory.putShort(at + SplitDescriptorLayout.NEXT, (short) next);
  }

  /**
   * Writes an entry of the available ring, whatever it says.
   *
   * @param slot its place, below the queue's size
   * @param head the chain's head
   */
  public void availEntry(int slot, int head) {
    putShort(avail, config.driverArea(), AvailRingLayout.RING + 2 * slot, head);
  }

  /**
   * Writes the available index, whatever it says.
   *
   * @param index the index
   */
  public void availIndex(int index) {
    avail[AvailRingLayout.IDX] = (byte) index;
    avail[AvailRingLayout.IDX + 1] = (byte) (index >> 8);
    memory.putShortRelease(config.driverArea() + AvailRingLayout.IDX, (short) index);
  }

  /**
   * Writes the flags of the available ring.
   *
   * @param flags the flags
   */
  public void availFlags(int flags) {
    putShort(avail, config.driverArea(), AvailRingLayout.FLAGS, flags);
  }

  /**
   * Writes {@code used_event}.
   *
   * @param index the index
   */
  public void usedEvent(int index) {
    putShort(avail, config.driverArea(), AvailRingLayout.usedEvent(size), index);
  }

  /** {@return the used index as it stands in memory} */
  public int usedIndex() {
    return memory.getShortAcquire(config.deviceArea() + UsedRingLayout.IDX) & 0xffff;
  }

  /** {@return the flags of the used ring} */
  public int usedFlags() {
    return memory.getShort(config.deviceArea() + UsedRingLayout.FLAGS) & 0xffff;
  }

  /** {@return {@code avail_event}} */
  public int availEvent() {
    return memory.getShort(config.deviceArea() + UsedRingLayout.availEvent(size)) & 0xffff;
  }

  // ---- offering ----------------------------------------------------------------------------

  @Override
  public boolean fits(int descriptors) {
    return descriptors <= free.size();
  }

  private int head(int descriptors) {
    if (!fits(descriptors) || descriptors == 0) {
      throw new IllegalStateException(
          descriptors + " descriptors wanted, " + free.size() + " are free");
    }
    return free.getFirst();
  }

  private static int flags(Buffer buffer, boolean more) {
    return (buffer.writable() ? SplitDescriptorLayout.F_WRITE : 0)
        | (more ? SplitDescriptorLayout.F_NEXT : 0);
  }

  static long writable(List<Buffer> buffers) {
    return buffers.stream().filter(Buffer::writable).mapToLong(Buffer::length).sum();
  }

  @Override
  public int offer(List<Buffer> buffers) {
    return offerMixed(buffers, List.of(), 0);
  }

  @Override
  public int offerIndirect(List<Buffer> buffers, long at) {
    return offerMixed(List.of(), buffers, at);
  }

  /**
   * Puts a chain into the ring that begins with ordinary descriptors and ends with an indirect one.
   *
   * @param direct the buffers of ordinary descriptors
   * @param indirect those of the table; none for no table
   * @param at where the table goes
   * @return the chain's name
   * @throws IllegalStateException if there are too few free descriptors
   */
  public int offerMixed(List<Buffer> direct, List<Buffer> indirect, long at) {
    int count = direct.size() + (indirect.isEmpty() ? 0 : 1);
    int head = head(count);
    List<Integer> descriptors = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      descriptors.add(free.removeFirst());
    }
    for (int i = 0; i < direct.size(); i++) {
      Buffer b = direct.get(i);
      boolean more = i + 1 < count;
      descriptor(
          descriptors.get(i),
          b.address(),
          b.length(),
          flags(b, more),
          more ? descriptors.get(i + 1) : 0);
    }
    if (!indirect.isEmpty()) {
      table(indirect, at);
      descriptor(
          descriptors.getLast(),
          at,
          (long) SplitDescriptorLayout.SIZE * indirect.size(),
          SplitDescriptorLayout.F_INDIRECT,
          0);
    }
    chains.put(head, new Chain(descriptors, writable(direct) + writable(indirect)));
    availEntry(availIndex & (size - 1), head);
    availIndex = (availIndex + 1) & 0xffff;
    return head;
  }

  @Override
  void table(List<Buffer> buffers, long at) {
    for (int i = 0; i < buffers.size(); i++) {
      Buffer b = buffers.get(i);
      boolean more = i + 1 < buffers.size();
      descriptorAt(
          at + (long) SplitDescriptorLayout.SIZE * i,
          b.address(),
          b.length(),
          flags(b, more),
          more ? i + 1 : 0);
    }
  }

  @Override
  public boolean expose() {
    int old = exposedIndex;
    availIndex(availIndex);
    exposedIndex = availIndex;
    VarHandle.fullFence();
    if (!eventIdx) {
      rule((usedFlags() & ~1) == 0, "used flags are " + usedFlags());
      return old != availIndex && usedFlags() == 0;
    }
    rule(usedFlags() == 0, "used flags are " + usedFlags() + " with an event index");
    int event = availEvent();
    for (int i = old; i != availIndex; i = (i + 1) & 0xffff) {
      if (i == event) {
        return true;
      }
    }
    return false;
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
        written <= Math.max(chain.writable, 0) || written == 0xffff_ffffL,
        "used id " + id + ": " + written + " bytes of " + chain.writable);
    free.addAll(chain.descriptors);
    return new Used(id, written);
  }

  @Override
  void collect(List<Used> found) {
    int index = usedIndex();
    rule(((index - usedIndex) & 0xffff) <= chains.size(), "used index " + index + " ran ahead");
    while (usedIndex != index) {
      long at =
          config.deviceArea()
              + UsedRingLayout.RING
              + (long) UsedRingLayout.ENTRY_SIZE * (usedIndex & (size - 1));
      int id = memory.getInt(at + UsedRingLayout.ENTRY_ID);
      long written = memory.getInt(at + UsedRingLayout.ENTRY_LEN) & 0xffff_ffffL;
      int count = 1;
      if (inOrder) {
        List<Integer> order = new ArrayList<>(chains.keySet());
        rule(order.contains(id), "used id " + id + " is not in flight");
        for (int other : order.subList(0, order.indexOf(id))) {
          Chain chain = chains.get(other);
          found.add(back(other, chain == null ? 0 : chain.writable));
          count++;
        }
      }
      found.add(back(id, written));
      rule(
          ((index - usedIndex) & 0xffff) >= count,
          "a batch of " + count + " ends beyond used index " + index);
      usedIndex = (usedIndex + count) & 0xffff;
    }
  }

  @Override
  public void verify() {
    byte[] now = new byte[table.length];
    memory.read(config.descriptorArea(), now);
    for (int i = 0; i < now.length; i++) {
      rule(now[i] == table[i], "byte " + i + " of the descriptor table was written");
    }
    now = new byte[avail.length];
    memory.read(config.driverArea(), now);
    for (int i = 0; i < now.length; i++) {
      rule(now[i] == avail[i], "byte " + i + " of the available ring was written");
    }
  }

  // ---- notifications -----------------------------------------------------------------------

  @Override
  public void wantNotifications() {
    if (eventIdx) {
      usedEvent(usedIndex);
    } else {
      availFlags(0);
    }
  }

  @Override
  public void refuseNotifications() {
    if (eventIdx) {
      usedEvent((usedIndex - 1) & 0xffff);
    } else {
      availFlags(AvailRingLayout.F_NO_INTERRUPT);
    }
  }

  @Override
  public void wantNotificationAfter(int more) {
    if (!eventIdx) {
      throw new IllegalStateException("no event index");
    }
    usedEvent((usedIndex + more - 1) & 0xffff);
  }

  @Override
  public boolean isNotificationDue() {
    int from = decidedIndex;
    decidedIndex = usedIndex;
    if (!eventIdx) {
      return from != usedIndex && (avail[AvailRingLayout.FLAGS] & 1) == 0;
    }
    int event = memory.getShort(config.driverArea() + AvailRingLayout.usedEvent(size)) & 0xffff;
    boolean due = false;
    for (int i = from; i != usedIndex; i = (i + 1) & 0xffff) {
      due |= i == event;
    }
    return due;
  }
}
