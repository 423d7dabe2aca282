// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.DirtyLog;
import org.javavmm.kvm.GuestMemFd;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.kvm.VmCapabilities;
import org.javavmm.memory.DirtyBitmap;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;
import org.jspecify.annotations.Nullable;

/**
 * A guest's memory as KVM's slots, one to a region, each under a lease: while a slot is there, its
 * region cannot be unmapped. Regions that are read-only are so for the guest, whose writes there
 * become MMIO exits; the slots of those with a dirty log have KVM log the guest's writes. Regions
 * may be added and removed, and the logging of writes turned on and off, while vCPUs run.
 * Thread-safe.
 */
public final class KvmMemory implements AutoCloseable {
  /** The granularity of KVM's logs on x86. */
  private static final long PAGE = 4096;

  private final Vm vm;

  /** Whether reading a log leaves the pages dirty, to be cleaned by another ioctl. */
  private boolean manualProtect;

  /** By slot number; null where a slot was removed. */
  private final List<@Nullable Slot> slots = new ArrayList<>();

  /** Flags without that of private memory, which {@link Vm#setUserMemoryRegion2} adds. */
  private record Slot(Lease lease, int flags, @Nullable GuestMemFd privateMemory, long offset) {
    boolean logs() {
      return (flags & Vm.KVM_MEM_LOG_DIRTY_PAGES) != 0;
    }
  }

  private KvmMemory(Vm vm) {
    this.vm = vm;
  }

  /**
   * Gives a VM its memory, in slots from 0 upwards.
   *
   * @param vm the VM, which has no slots yet
   * @param memory the memory
   * @return the slots; closing them before the VM is closed takes the memory away from the guest
   * @throws KvmException if KVM refuses a slot; then no slot is left
   * @throws IllegalStateException if the VM or the memory is closed; then no slot is left
   */
  public static KvmMemory attach(Vm vm, GuestMemory memory) throws KvmException {
    KvmMemory slots = new KvmMemory(vm);
    try {
      for (GuestRegion region : memory.regions()) {
        var _ = slots.add(region);
      }
    } catch (KvmException | RuntimeException e) {
      try {
        slots.close();
      } catch (IllegalStateException kept) {
        e.addSuppressed(kept);
      }
      throw e;
    }
    return slots;
  }

  /**
   * Gives the guest a region, in the lowest slot that is free.
   *
   * @param region the region, under a lease from now on
   * @return the slot's number
   * @throws KvmException if KVM refuses the slot; then the lease is ended
   * @throws IllegalStateException if the VM or the region is closed
   */
  public synchronized int add(GuestRegion region) throws KvmException {
    return addSlot(region, null, 0);
  }

  /**
   * Gives the guest a region that has private memory besides, in the lowest slot that is free:
   * {@link Cap#GUEST_MEMFD}. The guest uses the region's memory where it shares, and the private
   * where {@link Vm#setMemoryAttributes} says so. KVM logs no writes there, so a dirty log of the
   * region has the monitor's alone.
   *
   * @param region the region, under a lease from now on
   * @param privateMemory the private memory, which the slot keeps even when it is closed
   * @param offset where in that the region begins, in bytes, a multiple of the page size
   * @return the slot's number
   * @throws KvmException if KVM refuses the slot: {@code EINVAL} if this kind of VM has no private
   *     memory, or if it is too small or used by another slot; then the lease is ended
   * @throws IllegalStateException if the VM, the region or the private memory is closed
   */
  public synchronized int add(GuestRegion region, GuestMemFd privateMemory, long offset)
      throws KvmException {
    return addSlot(region, privateMemory, offset);
  }

  private int addSlot(GuestRegion region, @Nullable GuestMemFd privateMemory, long offset)
      throws KvmException {
    int number = slots.indexOf(null);
    if (number < 0) {
      number = slots.size();
    }
    boolean log = privateMemory == null && region.dirtyLog().isPresent();
    int flags =
        (region.isReadOnly() ? Vm.KVM_MEM_READONLY : 0) | (log ? Vm.KVM_MEM_LOG_DIRTY_PAGES : 0);
    Lease lease = region.lease("KVM slot " + number);
    try {
      if (privateMemory == null) {
        vm.setUserMemoryRegion(number, flags, region.gpa(), region.size(), lease.hva());
      } else {
        vm.setUserMemoryRegion2(
            number, flags, region.gpa(), region.size(), lease.hva(), privateMemory, offset);
      }
    } catch (KvmException | RuntimeException e) {
      lease.close();
      throw e;
    }
    Slot slot = new Slot(lease, flags, privateMemory, offset);
    if (number == slots.size()) {
      slots.add(slot);
    } else {
      slots.set(number, slot);
    }
    return number;
  }

  /**
   * {@return the number of a region's slot}
   *
   * @param region the region
   * @throws IllegalArgumentException if it has no slot here
   */
  public synchronized int slot(GuestRegion region) {
    for (int number = 0; number < slots.size(); number++) {
      Slot slot = slots.get(number);
      if (slot != null && slot.lease.region().equals(region)) {
        return number;
      }
    }
    throw new IllegalArgumentException(region + " has no slot here");
  }

  private Slot at(int number) {
    return Objects.requireNonNull(slots.get(number));
  }

  /**
   * Turns KVM's log of the guest's writes on or off, as the start and end of a migration do. Turned
   * on, no page is dirty at first, unless {@link #cleanPagesByHand} was told otherwise.
   *
   * @param region the region
   * @param on whether KVM logs
   * @throws IllegalArgumentException if the region has no slot here
   * @throws KvmException if KVM refuses, {@code EINVAL} for one with private memory; then the slot
   *     is as it was
   */
  public synchronized void setDirtyLogging(GuestRegion region, boolean on) throws KvmException {
    int number = slot(region);
    Slot slot = at(number);
    if (slot.logs() == on) {
      return;
    }
    int flags = slot.flags ^ Vm.KVM_MEM_LOG_DIRTY_PAGES;
    long hva = slot.lease.hva();
    GuestMemFd memory = slot.privateMemory;
    if (memory == null) {
      vm.setUserMemoryRegion(number, flags, region.gpa(), region.size(), hva);
    } else {
      vm.setUserMemoryRegion2(number, flags, region.gpa(), region.size(), hva, memory, slot.offset);
    }
    slots.set(number, new Slot(slot.lease, flags, memory, slot.offset));
  }

  /**
   * {@return whether KVM logs the guest's writes to a region}
   *
   * @param region the region
   * @throws IllegalArgumentException if it has no slot here
   */
  public synchronized boolean isDirtyLogging(GuestRegion region) {
    return at(slot(region)).logs();
  }

  /**
   * Makes the reading of a log and the watching for the next write two steps in KVM, which costs a
   * large guest less: {@link Cap#MANUAL_DIRTY_LOG_PROTECT2}. {@link #fetchDirty} does both; the
   * rest of this class is as before. To be called before logging is turned on for the first time.
   *
   * @param initiallyDirty whether all pages are dirty when logging is turned on, so that KVM need
   *     not write-protect them then
   * @throws KvmException if this KVM lacks it
   */
  public synchronized void cleanPagesByHand(boolean initiallyDirty) throws KvmException {
    // KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE and KVM_DIRTY_LOG_INITIALLY_SET.
    vm.capabilities()
        .manualDirtyLogProtect(
            initiallyDirty
                ? VmCapabilities.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
                    | VmCapabilities.KVM_DIRTY_LOG_INITIALLY_SET
                : VmCapabilities.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
    manualProtect = true;
  }

  /**
   * Moves what was written of a region into a bitmap: by the guest, as KVM logged it, and by the
   * monitor, as the region's own log has it, if it has one. Copy the pages afterwards: what is
   * written meanwhile is found the next time.
   *
   * @param region the region
   * @param into the bitmap, of the region's size in pages of 4096 bytes; pages set before stay set
   * @throws IllegalArgumentException if the region has no slot here, or if the bitmap is of another
   *     size; then nothing was moved
   * @throws IllegalStateException if KVM does not log the region, see {@link #setDirtyLogging}
   * @throws KvmException if KVM refuses, {@code ENXIO} if the VM logs into rings; then no page is
   *     lost, though KVM's may be in the bitmap already
   */
  public synchronized void fetchDirty(GuestRegion region, DirtyBitmap into) throws KvmException {
    int number = slot(region);
    if (into.size() != region.size() || into.pageSize() != PAGE) {
      throw new IllegalArgumentException(
          region
              + " has "
              + region.size()
              + " bytes in pages of "
              + PAGE
              + ", but the bitmap is of "
              + into.size()
              + " in pages of "
              + into.pageSize());
    }
    if (!at(number).logs()) {
      throw new IllegalStateException("KVM does not log " + region);
    }
    DirtyLog log = vm.getDirtyLog(number);
    into.or(log.words());
    if (manualProtect) {
      vm.clearDirtyLog(log);
    }
    region.dirtyLog().ifPresent(own -> own.fetchAndClear(into));
  }

  /**
   * Takes a region away from the guest and ends its lease. When this returns no vCPU uses it any
   * more: KVM waits for those that do.
   *
   * @param region the region
   * @throws IllegalArgumentException if it has no slot here
   * @throws KvmException if KVM refuses; the lease is kept, for the guest still has access
   */
  public synchronized void remove(GuestRegion region) throws KvmException {
    int number = slot(region);
    delete(number, at(number));
  }

  private void delete(int number, Slot slot) throws KvmException {
    Ending.end(vm, () -> vm.setUserMemoryRegion(number, 0, slot.lease.region().gpa(), 0, 0));
    slot.lease.close();
    slots.set(number, null);
  }

  /**
   * Deletes the slots and ends their leases; a VM closed before has none any more. Closing twice is
   * safe.
   *
   * @throws IllegalStateException if KVM refuses; the lease is kept, for the guest still has access
   */
  @Override
  public synchronized void close() {
    for (int number = slots.size() - 1; number >= 0; number--) {
      Slot slot = slots.get(number);
      if (slot != null) {
        try {
          delete(number, slot);
        } catch (KvmException e) {
          throw new IllegalStateException("slot " + number + " cannot be deleted", e);
        }
      }
    }
    slots.clear();
  }

  /** {@return the slots, one to a line} */
  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder("slots\n");
    for (int number = 0; number < slots.size(); number++) {
      Slot slot = slots.get(number);
      if (slot != null) {
        text.append("  ").append(number).append(' ').append(slot.lease.region());
        text.append((slot.flags & Vm.KVM_MEM_READONLY) != 0 ? " read-only" : "");
        text.append(slot.logs() ? " logged" : "");
        text.append(slot.privateMemory == null ? "" : " with " + slot.privateMemory).append('\n');
      }
    }
    return text.toString();
  }
}
