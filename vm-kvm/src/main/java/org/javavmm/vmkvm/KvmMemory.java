// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;

/**
 * A guest's memory as KVM's slots, one to a region, each under a lease: while a slot is there, its
 * region cannot be unmapped. Thread-safe.
 */
public final class KvmMemory implements AutoCloseable {
  private final Vm vm;
  private final List<Slot> slots = new ArrayList<>();

  private record Slot(int number, Lease lease) {}

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
        slots.add(region);
      }
    } catch (KvmException | RuntimeException e) {
      slots.close();
      throw e;
    }
    return slots;
  }

  private synchronized void add(GuestRegion region) throws KvmException {
    int number = slots.size();
    Lease lease = region.lease("KVM slot " + number);
    try {
      vm.setUserMemoryRegion(number, 0, region.gpa(), region.size(), lease.hva());
    } catch (KvmException | RuntimeException e) {
      lease.close();
      throw e;
    }
    slots.add(new Slot(number, lease));
  }

  /**
   * Deletes the slots and ends their leases; a VM closed before has none any more. Closing twice is
   * safe.
   *
   * @throws IllegalStateException if KVM refuses; the lease is kept, for the guest still has access
   */
  @Override
  public synchronized void close() {
    while (!slots.isEmpty()) {
      Slot slot = slots.getLast();
      if (!vm.isClosed()) {
        try {
          vm.setUserMemoryRegion(slot.number, 0, slot.lease.region().gpa(), 0, 0);
        } catch (KvmException e) {
          throw new IllegalStateException("slot " + slot.number + " cannot be deleted", e);
        }
      }
      slot.lease.close();
      slots.removeLast();
    }
  }
}
