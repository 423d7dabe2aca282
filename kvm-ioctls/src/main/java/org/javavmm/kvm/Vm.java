// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.Ioctl;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * A virtual machine. Thread-safe.
 *
 * <p>The kernel keeps a VM alive until the last of its descriptors, vCPUs included, is closed;
 * {@link #close} therefore closes the vCPUs first.
 */
public final class Vm implements AutoCloseable {
  /** A memory slot whose dirty pages KVM logs. */
  public static final int KVM_MEM_LOG_DIRTY_PAGES = 1;

  /** A memory slot that the guest cannot write. */
  public static final int KVM_MEM_READONLY = 2;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  private final OwnedFd fd;
  private final int runSize;
  private final List<Vcpu> vcpus = new ArrayList<>();

  Vm(OwnedFd fd, int runSize) {
    this.fd = fd;
    this.runSize = runSize;
  }

  /**
   * Creates, changes or deletes a memory slot.
   *
   * <p>KVM keeps the address and checks nothing behind it: the caller holds a lease on the memory
   * until the slot is deleted or the VM is closed.
   *
   * @param slot the slot's number, 0 to {@code KVM_CAP_NR_MEMSLOTS - 1}
   * @param flags {@code KVM_MEM_…}, or-ed
   * @param gpa the guest-physical address, a multiple of the page size
   * @param size the size in bytes, a multiple of the page size; 0 deletes the slot
   * @param hva the host virtual address of the memory, a multiple of the page size
   * @throws KvmException if KVM refuses
   */
  public void setUserMemoryRegion(int slot, int flags, long gpa, long size, long hva)
      throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment region = Kvm.struct(arena, UserMemoryRegionLayout.SIZEOF);
      region.set(U32, UserMemoryRegionLayout.SLOT, slot);
      region.set(U32, UserMemoryRegionLayout.FLAGS, flags);
      region.set(U64, UserMemoryRegionLayout.GUEST_PHYS_ADDR, gpa);
      region.set(U64, UserMemoryRegionLayout.MEMORY_SIZE, size);
      region.set(U64, UserMemoryRegionLayout.USERSPACE_ADDR, hva);
      result = Kvm.call(fd, KvmIoctl.KVM_SET_USER_MEMORY_REGION, region);
    }
    if (result < 0) {
      String call =
          "KVM_SET_USER_MEMORY_REGION(slot="
              + slot
              + ", gpa=0x"
              + Long.toHexString(gpa)
              + ", size=0x"
              + Long.toHexString(size)
              + ")";
      throw new KvmException(call, -result, slotMeaning(-result, gpa, size, hva));
    }
  }

  private static String slotMeaning(int errno, long gpa, long size, long hva) {
    if (errno == Errno.EEXIST) {
      return "overlaps another slot";
    }
    if (errno == Errno.EINVAL && (size & 0xfff) != 0) {
      return "size is not a multiple of the page size";
    }
    if (errno == Errno.EINVAL && ((gpa | hva) & 0xfff) != 0) {
      return "address is not a multiple of the page size";
    }
    return "";
  }

  /**
   * Tells KVM where it may put three pages that Intel processors need for real mode.
   *
   * @param gpa the guest-physical address, below 4 GiB and outside of all slots
   * @throws KvmException if KVM refuses
   */
  public void setTssAddress(long gpa) throws KvmException {
    Kvm.check(
        Ioctl.ioctl(fd, KvmIoctl.KVM_SET_TSS_ADDR.number, gpa),
        "KVM_SET_TSS_ADDR(gpa=0x" + Long.toHexString(gpa) + ")",
        "");
  }

  /**
   * Tells KVM where it may put one page of page tables that Intel processors need for real mode. To
   * be called before the first vCPU is created.
   *
   * @param gpa the guest-physical address, below 4 GiB and outside of all slots
   * @throws KvmException if KVM refuses
   */
  public void setIdentityMapAddress(long gpa) throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      result = Kvm.call(fd, KvmIoctl.KVM_SET_IDENTITY_MAP_ADDR, arena.allocateFrom(U64, gpa));
    }
    Kvm.check(result, "KVM_SET_IDENTITY_MAP_ADDR(gpa=0x" + Long.toHexString(gpa) + ")", "");
  }

  /**
   * Creates the interrupt controllers in the kernel: two PICs, an IOAPIC and a local APIC for each
   * vCPU created later.
   *
   * @throws KvmException {@code EEXIST} if there are some already
   */
  public void createIrqchip() throws KvmException {
    Kvm.check(Ioctl.ioctl(fd, KvmIoctl.KVM_CREATE_IRQCHIP.number, 0), "KVM_CREATE_IRQCHIP()", "");
  }

  /**
   * Creates the interval timer in the kernel. Needs the interrupt controllers.
   *
   * @param speakerDummy whether KVM answers port 0x61 as well
   * @throws KvmException if KVM refuses
   */
  public void createPit2(boolean speakerDummy) throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment config = Kvm.struct(arena, PitConfigLayout.SIZEOF);
      config.set(U32, PitConfigLayout.FLAGS, speakerDummy ? 1 : 0);
      result = Kvm.call(fd, KvmIoctl.KVM_CREATE_PIT2, config);
    }
    String meaning = result == -Errno.ENOENT ? "create the interrupt controllers first" : "";
    Kvm.check(result, "KVM_CREATE_PIT2(flags=" + (speakerDummy ? 1 : 0) + ")", meaning);
  }

  /**
   * Sets the level of an interrupt line of the controllers in the kernel.
   *
   * @param gsi the global system interrupt
   * @param level whether it is asserted
   * @throws KvmException if KVM refuses
   */
  public void setIrqLine(int gsi, boolean level) throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment irq = Kvm.struct(arena, IrqLevelLayout.SIZEOF);
      irq.set(U32, IrqLevelLayout.IRQ, gsi);
      irq.set(U32, IrqLevelLayout.LEVEL, level ? 1 : 0);
      result = Kvm.call(fd, KvmIoctl.KVM_IRQ_LINE, irq);
    }
    Kvm.check(result, "KVM_IRQ_LINE(gsi=" + gsi + ", level=" + level + ")", "");
  }

  /**
   * Connects an eventfd to an interrupt: each signal becomes an edge, without leaving the kernel.
   *
   * @param event the eventfd
   * @param gsi the global system interrupt
   * @throws KvmException {@code EBUSY} if the eventfd is connected already
   */
  public void registerIrqfd(EventFd event, int gsi) throws KvmException {
    irqfd(event, gsi, 0);
  }

  /**
   * Disconnects an eventfd from an interrupt.
   *
   * @param event the eventfd
   * @param gsi the global system interrupt
   * @throws KvmException if KVM refuses
   */
  public void unregisterIrqfd(EventFd event, int gsi) throws KvmException {
    irqfd(event, gsi, IrqfdLayout.KVM_IRQFD_FLAG_DEASSIGN);
  }

  private void irqfd(EventFd event, int gsi, int flags) throws KvmException {
    int result;
    int number = event.fd().acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment irqfd = Kvm.struct(arena, IrqfdLayout.SIZEOF);
      irqfd.set(U32, IrqfdLayout.FD, number);
      irqfd.set(U32, IrqfdLayout.GSI, gsi);
      irqfd.set(U32, IrqfdLayout.FLAGS, flags);
      result = Kvm.call(fd, KvmIoctl.KVM_IRQFD, irqfd);
    } finally {
      event.fd().release();
    }
    Kvm.check(result, "KVM_IRQFD(" + event.fd() + ", gsi=" + gsi + ", flags=" + flags + ")", "");
  }

  /**
   * Creates a vCPU.
   *
   * @param id its number, which is its APIC id on x86
   * @return the vCPU, closed with the VM at the latest
   * @throws KvmException {@code EEXIST} if the number is taken, {@code EINVAL} if it is too large
   */
  public synchronized Vcpu createVcpu(int id) throws KvmException {
    String call = "KVM_CREATE_VCPU(id=" + id + ")";
    OwnedFd vcpu =
        OwnedFd.adopt(
            Kvm.check(Ioctl.ioctl(fd, KvmIoctl.KVM_CREATE_VCPU.number, id), call, ""),
            "vCPU " + id);
    Mapping run;
    try {
      run = Mapping.shared(vcpu, 0, runSize);
    } catch (SystemCallException e) {
      vcpu.close();
      throw new KvmException(e.call(), e.errno());
    }
    Vcpu created = new Vcpu(this, id, vcpu, run);
    vcpus.add(created);
    return created;
  }

  synchronized void forget(Vcpu vcpu) {
    vcpus.remove(vcpu);
  }

  /** {@return whether {@link #close} was called} */
  public boolean isClosed() {
    return fd.isClosed();
  }

  /**
   * Closes the vCPUs and the VM. Closing twice is safe.
   *
   * @throws IllegalStateException if another living thread is attached to a vCPU; then the VM stays
   *     open
   */
  @Override
  public void close() {
    while (true) {
      List<Vcpu> left;
      synchronized (this) {
        // Under the lock, so that no vCPU is created that would outlive the VM's descriptor.
        if (vcpus.isEmpty()) {
          fd.close();
          return;
        }
        left = List.copyOf(vcpus);
      }
      // Not under the lock: a vCPU that closes itself takes its own lock first and then this one.
      left.forEach(Vcpu::close);
    }
  }
}
