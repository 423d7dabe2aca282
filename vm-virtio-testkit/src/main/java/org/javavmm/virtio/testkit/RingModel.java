// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.QueueState;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.Taken;

/**
 * What a device must see of a ring, whatever is in it: a second reader of both formats, slow and
 * obvious, that shares no code with the first. Rings and buffers are in guest memory.
 */
public final class RingModel {
  /**
   * What the next take must find.
   *
   * @param taken the kind
   * @param fault of a fault, the simple name of its class
   * @param discardable of a fault, whether it can be passed over
   * @param head the chain's head, or list's first descriptor
   * @param id the chain's name
   * @param descriptors how many descriptors a packed list has in the ring
   * @param parts of a request, its buffers
   */
  public record Verdict(
      Taken taken,
      Optional<String> fault,
      boolean discardable,
      int head,
      int id,
      int descriptors,
      List<QueueState.Part> parts) {
    static Verdict empty() {
      return new Verdict(Taken.EMPTY, Optional.empty(), false, -1, -1, 0, List.of());
    }

    static Verdict broken(String fault) {
      return new Verdict(Taken.FAULT, Optional.of(fault), false, -1, -1, 0, List.of());
    }

    static Verdict bad(String fault, int head, int id, int descriptors) {
      return new Verdict(Taken.FAULT, Optional.of(fault), true, head, id, descriptors, List.of());
    }
  }

  /** A descriptor as it stands in memory; {@code extra} is next (split) or id (packed). */
  private record Descriptor(long address, long length, int flags, int extra) {
    boolean has(int flag) {
      return (flags & flag) != 0;
    }
  }

  private static final int NEXT = 1;
  private static final int WRITE = 2;
  private static final int INDIRECT = 4;

  /** What a chain is made of, or why it is none. */
  private final class Chain {
    private final List<QueueState.Part> parts = new ArrayList<>();
    private BigInteger bytes = BigInteger.ZERO;
    private boolean writableSeen;
    private Optional<String> fault = Optional.empty();

    void fail(String what) {
      if (fault.isEmpty()) {
        fault = Optional.of(what);
      }
    }

    void add(Descriptor d) {
      if (fault.isPresent()) {
        return;
      }
      if (writableSeen && !d.has(WRITE)) {
        fail("ReadableAfterWritable");
        return;
      }
      writableSeen |= d.has(WRITE);
      bytes = bytes.add(BigInteger.valueOf(d.length));
      if (bytes.compareTo(BigInteger.TWO.pow(32)) > 0) {
        fail("ChainTooLarge");
      } else if (!isMemory(d.address, d.length, d.has(WRITE))) {
        fail("BufferAccess");
      } else if (d.length != 0) {
        parts.add(new QueueState.Part(d.address, d.length, d.has(WRITE)));
      }
    }

    /** Why a table cannot be used, if so. */
    boolean checkTable(Descriptor d) {
      if (d.length % 16 != 0 || d.length == 0) {
        fail("IndirectTableLength");
      } else if (d.length / 16 > size) {
        fail("IndirectTableTooLong");
      } else if (!isMemory(d.address, d.length, false)) {
        fail("IndirectTableAccess");
      }
      return fault.isEmpty();
    }
  }

  private final GuestMemory memory;
  private final QueueConfig config;
  private final int size;

  /** Chains taken and not returned: name to number of descriptors. */
  private final Map<Integer, Integer> inFlight = new HashMap<>();

  /** Chains (split) or descriptors (packed) ever taken, and ever returned. */
  private long taken;

  private long returned;

  /** Split: how many chains were seen to be available; the index is not read again before. */
  private long seen;

  /**
   * Creates the model of a queue just activated.
   *
   * @param memory where everything is
   * @param config the queue
   */
  public RingModel(GuestMemory memory, QueueConfig config) {
    this.memory = memory;
    this.config = config;
    this.size = config.size();
  }

  private boolean isMemory(long address, long length, boolean write) {
    BigInteger at = unsigned(address);
    BigInteger end = at.add(BigInteger.valueOf(length));
    while (at.compareTo(end) < 0) {
      BigInteger here = at;
      Optional<GuestRegion> found =
          memory.regions().stream()
              .filter(r ->
                  unsigned(r.gpa()).compareTo(here) <= 0
                      && here.compareTo(unsigned(r.gpa()).add(unsigned(r.size()))) < 0)
              .findFirst();
      if (found.isEmpty() || (write && found.get().isReadOnly())) {
        return false;
      }
      at = unsigned(found.get().gpa()).add(unsigned(found.get().size()));
    }
    return true;
  }

  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }

  private Descriptor descriptor(long table, int index) {
    byte[] bytes = new byte[16];
    memory.read(table + 16L * index, bytes);
    long address = number(bytes, 0, 8);
    long length = number(bytes, 8, 4);
    int at12 = (int) number(bytes, 12, 2);
    int at14 = (int) number(bytes, 14, 2);
    return config.isPacked()
        ? new Descriptor(address, length, at14, at12)
        : new Descriptor(address, length, at12, at14);
  }

  private static long number(byte[] bytes, int at, int width) {
    long value = 0;
    for (int i = width - 1; i >= 0; i--) {
      value = value << 8 | (bytes[at + i] & 0xff);
    }
    return value;
  }

  /** {@return what a take finds now; nothing is taken yet} */
  public Verdict look() {
    return config.isPacked() ? lookPacked() : lookSplit();
  }

  private Verdict lookSplit() {
    if (seen == taken) {
      int index = memory.getShort(config.driverArea() + 2) & 0xffff;
      int next = (int) (taken & 0xffff);
      int ahead = index - next < 0 ? index - next + 65536 : index - next;
      if (ahead == 0) {
        return Verdict.empty();
      }
      if (ahead > size) {
        return Verdict.broken("AvailIndexJump");
      }
      seen = taken + ahead;
    }
    int head = memory.getShort(config.driverArea() + 4 + 2 * (taken % size)) & 0xffff;
    if (head >= size) {
      return Verdict.broken("HeadOutOfRange");
    }
    if (inFlight.containsKey(head)) {
      return Verdict.broken("HeadInFlight");
    }
    if (taken - returned >= size) {
      return Verdict.broken("RingOverrun");
    }
    Chain chain = new Chain();
    long table = config.descriptorArea();
    int entries = size;
    int index2 = head;
    int buffers = 0;
    boolean inTable = false;
    while (chain.fault.isEmpty()) {
      if (buffers == size) {
        chain.fail("ChainTooLong");
        break;
      }
      Descriptor d = descriptor(table, index2);
      if (d.has(INDIRECT)) {
        if (inTable) {
          chain.fail("NestedIndirect");
        } else if (!config.has(RingFeatures.INDIRECT_DESC)) {
          chain.fail("IndirectNotNegotiated");
        } else if (d.has(NEXT)) {
          chain.fail("IndirectWithNext");
        } else if (chain.checkTable(d)) {
          inTable = true;
          table = d.address;
          entries = (int) (d.length / 16);
          index2 = 0;
        }
        continue;
      }
      chain.add(d);
      buffers++;
      if (!d.has(NEXT)) {
        break;
      }
      index2 = d.extra;
      if (index2 >= entries) {
        chain.fail("NextOutOfRange");
      }
    }
    return chain.fault.isPresent()
        ? Verdict.bad(chain.fault.get(), head, head, 1)
        : new Verdict(Taken.REQUEST, Optional.empty(), false, head, head, 1, chain.parts);
  }

  /** Whether the n-th descriptor ever is available. */
  private boolean isAvailable(long n, Descriptor d) {
    boolean oddRound = (n / size) % 2 == 0; // the wrap counter is 1 in the first round
    return d.has(1 << 7) == oddRound && d.has(1 << 15) != oddRound;
  }

  private Verdict lookPacked() {
    int head = (int) (taken % size);
    Descriptor d = descriptor(config.descriptorArea(), head);
    if (!isAvailable(taken, d)) {
      return Verdict.empty();
    }
    Chain chain = new Chain();
    String broken = "";
    int count = 0;
    while (true) {
      if (count == size) {
        broken = "ChainTooLong";
        break;
      }
      if (taken - returned + count >= size) {
        broken = "RingOverrun";
        break;
      }
      count++;
      if (chain.fault.isEmpty()) {
        addPacked(chain, d, count);
      }
      if (!d.has(NEXT)) {
        break;
      }
      long n = taken + count;
      d = descriptor(config.descriptorArea(), (int) (n % size));
      if (count < size && !isAvailable(n, d)) {
        broken = "ListNotAvailable";
        break;
      }
    }
    int id = d.extra;
    if (!broken.isEmpty()) {
      return Verdict.broken(chain.fault.orElse(broken));
    }
    if (inFlight.containsKey(id)) {
      return Verdict.broken(chain.fault.orElse("BufferIdInFlight"));
    }
    return chain.fault.isPresent()
        ? Verdict.bad(chain.fault.get(), head, id, count)
        : new Verdict(Taken.REQUEST, Optional.empty(), false, head, id, count, chain.parts);
  }

  private void addPacked(Chain chain, Descriptor d, int count) {
    if (!d.has(INDIRECT)) {
      chain.add(d);
    } else if (!config.has(RingFeatures.INDIRECT_DESC)) {
      chain.fail("IndirectNotNegotiated");
    } else if (d.has(NEXT) || count > 1) {
      chain.fail("IndirectWithNext");
    } else if (chain.checkTable(d)) {
      for (int i = 0; i < d.length / 16; i++) {
        chain.add(descriptor(d.address, i));
      }
    }
  }

  /**
   * Says that what {@link #look} found was taken, or passed over.
   *
   * @param verdict what it found
   */
  public void take(Verdict verdict) {
    inFlight.put(verdict.id, verdict.descriptors);
    taken += verdict.descriptors;
  }

  /**
   * Says that a chain was staged: the device does not have it any more.
   *
   * @param id its name
   * @return how many to say were {@link #published}
   */
  public int staged(int id) {
    Integer descriptors = inFlight.remove(id);
    if (descriptors == null) {
      throw new IllegalArgumentException("id=" + id + " is not in flight");
    }
    return descriptors;
  }

  /**
   * Says that staged chains were published.
   *
   * @param descriptors the sum of what {@link #staged} gave for them
   */
  public void published(int descriptors) {
    returned += descriptors;
  }

  /** {@return the names of the chains that the device has} */
  public Set<Integer> inFlight() {
    return new HashSet<>(inFlight.keySet());
  }
}
