// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;

/**
 * What CPUID answers, {@code struct kvm_cpuid2}.
 *
 * @param entries the leaves
 */
public record Cpuid(List<Entry> entries) {
  /** The leaf's answer depends on the subleaf in ECX. */
  public static final int KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

  // struct kvm_cpuid2
  static final int NENT = 0; // __u32
  static final int ENTRIES = 8;

  // struct kvm_cpuid_entry2: all __u32, padded to 40 bytes
  static final int ENTRY_FUNCTION = 0;
  static final int ENTRY_INDEX = 4;
  static final int ENTRY_FLAGS = 8;
  static final int ENTRY_EAX = 12;
  static final int ENTRY_EBX = 16;
  static final int ENTRY_ECX = 20;
  static final int ENTRY_EDX = 24;
  static final int ENTRY_PADDING = 28;
  static final int SIZEOF_ENTRY = 40;

  // struct kvm_cpuid_entry
  static final int OLD_ENTRY_FUNCTION = 0;
  static final int OLD_ENTRY_EAX = 4;
  static final int OLD_ENTRY_EBX = 8;
  static final int OLD_ENTRY_ECX = 12;
  static final int OLD_ENTRY_EDX = 16;
  static final int SIZEOF_OLD_ENTRY = 24;

  /** KVM_MAX_CPUID_ENTRIES of the kernel's x86 code. */
  private static final int MAX_ENTRIES = 256;

  /** Where asking with more room ends: far above what a kernel will ever have. */
  private static final int MAX_ROOM = MAX_ENTRIES << 6;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;

  /**
   * One leaf.
   *
   * @param function the leaf, in EAX
   * @param index the subleaf, in ECX
   * @param flags {@code KVM_CPUID_FLAG_…}
   * @param eax the answer in EAX
   * @param ebx the answer in EBX
   * @param ecx the answer in ECX
   * @param edx the answer in EDX
   */
  public record Entry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
    /**
     * {@return this leaf with other answers}
     *
     * @param a the answer in EAX
     * @param b the answer in EBX
     * @param c the answer in ECX
     * @param d the answer in EDX
     */
    public Entry with(int a, int b, int c, int d) {
      return new Entry(function, index, flags, a, b, c, d);
    }

    @Override
    public String toString() {
      return String.format(
          "%08x/%x: eax=%08x ebx=%08x ecx=%08x edx=%08x", function, index, eax, ebx, ecx, edx);
    }
  }

  /** Copies the list. */
  public Cpuid {
    entries = List.copyOf(entries);
  }

  /**
   * {@return a leaf, if it is there}
   *
   * @param function the leaf
   * @param index the subleaf; ignored for leaves that have none
   */
  public Optional<Entry> find(int function, int index) {
    return entries.stream()
        .filter(e ->
            e.function() == function
                && (e.index() == index || (e.flags() & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) == 0))
        .findFirst();
  }

  /**
   * Takes leaves that were saved. The bytes may come from anywhere: their structure is checked
   * here, the leaves by KVM.
   *
   * @param bytes the leaves, from {@link #toBytes}
   * @return the leaves
   * @throws IllegalArgumentException if the length is not that of the number of leaves which stands
   *     first
   */
  public static Cpuid of(byte[] bytes) {
    MemorySegment struct = Saved.struct(bytes, ENTRIES, SIZEOF_ENTRY);
    return fromStruct(struct, struct.get(U32, NENT));
  }

  /** {@return the leaves, for {@link #of}: {@code struct kvm_cpuid2}} */
  public byte[] toBytes() {
    try (Arena arena = Arena.ofConfined()) {
      return toStruct(arena).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /**
   * The structure of old, {@code struct kvm_cpuid}, which knows no subleaves.
   *
   * @throws IllegalArgumentException if a leaf has one
   */
  MemorySegment toOldStruct(Arena arena) {
    MemorySegment struct =
        arena.allocate(ENTRIES + (long) entries.size() * SIZEOF_OLD_ENTRY, Integer.BYTES);
    struct.set(U32, NENT, entries.size());
    long at = ENTRIES;
    for (Entry e : entries) {
      if (e.index() != 0) {
        throw new IllegalArgumentException("leaf " + e + " has a subleaf: use setCpuid2");
      }
      struct.set(U32, at + OLD_ENTRY_FUNCTION, e.function());
      struct.set(U32, at + OLD_ENTRY_EAX, e.eax());
      struct.set(U32, at + OLD_ENTRY_EBX, e.ebx());
      struct.set(U32, at + OLD_ENTRY_ECX, e.ecx());
      struct.set(U32, at + OLD_ENTRY_EDX, e.edx());
      at += SIZEOF_OLD_ENTRY;
    }
    return struct;
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct =
        arena.allocate(ENTRIES + (long) entries.size() * SIZEOF_ENTRY, Integer.BYTES);
    struct.set(U32, NENT, entries.size());
    long at = ENTRIES;
    for (Entry e : entries) {
      struct.set(U32, at + ENTRY_FUNCTION, e.function());
      struct.set(U32, at + ENTRY_INDEX, e.index());
      struct.set(U32, at + ENTRY_FLAGS, e.flags());
      struct.set(U32, at + ENTRY_EAX, e.eax());
      struct.set(U32, at + ENTRY_EBX, e.ebx());
      struct.set(U32, at + ENTRY_ECX, e.ecx());
      struct.set(U32, at + ENTRY_EDX, e.edx());
      at += SIZEOF_ENTRY;
    }
    return struct;
  }

  static Cpuid get(OwnedFd fd, KvmIoctl ioctl) throws KvmException {
    return get((call, argument) -> Kvm.call(fd, call, argument), ioctl);
  }

  /**
   * {@return the leaves of a vCPU}
   *
   * <p>KVM before Linux 6.4 does not write how many there are. An entry that it did not write is
   * known by its padding, which {@link #toStruct} makes 0.
   */
  static Cpuid ofVcpu(OwnedFd fd) throws KvmException {
    return get((call, argument) -> Kvm.call(fd, call, argument), KvmIoctl.KVM_GET_CPUID2);
  }

  /**
   * Asks with room for all that the kernel has, and takes what it gives. A kernel that can have
   * more says so, and is asked again; it does not mind more room than it can have.
   */
  static Cpuid get(IoctlCall kvm, KvmIoctl ioctl) throws KvmException {
    for (int room = MAX_ENTRIES; ; room *= 2) {
      try (Arena arena = Arena.ofConfined()) {
        long size = ENTRIES + (long) room * SIZEOF_ENTRY;
        MemorySegment struct = arena.allocate(size, Integer.BYTES);
        if (ioctl == KvmIoctl.KVM_GET_CPUID2) {
          // Not for the others: KVM_GET_EMULATED_CPUID wants the padding to be 0.
          struct.fill((byte) -1);
        }
        struct.set(U32, NENT, room);
        int result = kvm.call(ioctl, struct);
        if (result == -Errno.E2BIG && room < MAX_ROOM) {
          continue;
        }
        String call = ioctl + "(nent=" + room + ")";
        Kvm.check(result, call);
        int n = struct.get(U32, NENT);
        if (n < 0 || n > room) {
          throw new KvmException(call, Errno.E2BIG, "KVM answered nent=" + n);
        }
        if (ioctl == KvmIoctl.KVM_GET_CPUID2) {
          while (n > 0
              && struct.get(U32, ENTRIES + (n - 1L) * SIZEOF_ENTRY + ENTRY_PADDING) == -1) {
            n--;
          }
        }
        return fromStruct(struct, n);
      }
    }
  }

  static Cpuid fromStruct(MemorySegment struct, int count) {
    List<Entry> entries = new ArrayList<>(count);
    for (long at = ENTRIES; at < ENTRIES + (long) count * SIZEOF_ENTRY; at += SIZEOF_ENTRY) {
      entries.add(
          new Entry(
              struct.get(U32, at + ENTRY_FUNCTION),
              struct.get(U32, at + ENTRY_INDEX),
              struct.get(U32, at + ENTRY_FLAGS),
              struct.get(U32, at + ENTRY_EAX),
              struct.get(U32, at + ENTRY_EBX),
              struct.get(U32, at + ENTRY_ECX),
              struct.get(U32, at + ENTRY_EDX)));
    }
    return new Cpuid(entries);
  }
}
