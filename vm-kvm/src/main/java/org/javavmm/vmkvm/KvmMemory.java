// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;
import org.jspecify.annotations.Nullable;

/**
 * A guest's memory as KVM's slots, one to a region, each under a lease: while a slot is there, its
 * region cannot be unmapped. Regions that are read-only are so for the guest, whose writes there
 * become MMIO exits; the slots of those with a dirty log have KVM log the guest's writes. Regions
 * may be added and removed while vCPUs run. Thread-safe.
 */
public final class KvmMemory implements AutoCloseable {
  private final Vm vm;

  /** By slot number; null where a slot was removed. */
  private final List<@Nullable Slot> slots = new ArrayList<>();

  private record Slot(Lease lease) {}

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
    int number = slots.indexOf(null);
    if (number < 0) {
      number = slots.size();
    }
    int flags =
        (region.isReadOnly() ? Vm.KVM_MEM_READONLY : 0)
            | (region.dirtyLog().isPresent() ? Vm.KVM_MEM_LOG_DIRTY_PAGES : 0);
    Lease lease = region.lease("KVM slot " + number);
    try {
      vm.setUserMemoryRegion(number, flags, region.gpa(), region.size(), lease.hva());
    } catch (KvmException | RuntimeException e) {
      lease.close();
      throw e;
    }
    Slot slot = new Slot(lease);
    if (number == slots.size()) {
      slots.add(slot);
    } else {
      slots.set(number, slot);
    }
    return number;
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
    for (int number = 0; number < slots.size(); number++) {
      Slot slot = slots.get(number);
      if (slot != null && slot.lease.region().equals(region)) {
        delete(number, slot);
        return;
      }
    }
    throw new IllegalArgumentException(region + " has no slot here");
  }

  private void delete(int number, Slot slot) throws KvmException {
    if (!vm.isClosed()) {
      vm.setUserMemoryRegion(number, 0, slot.lease.region().gpa(), 0, 0);
    }
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
}
