// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * A virtual machine. Thread-safe.
 *
 * <p>The kernel keeps a VM alive until the last descriptor of it, its vCPUs and devices is closed;
 * {@link #close} therefore closes what was made from it first.
 */
public final class Vm implements AutoCloseable {
  /** A memory slot whose dirty pages KVM logs. */
  public static final int KVM_MEM_LOG_DIRTY_PAGES = 1;

  /** A memory slot that the guest cannot write. */
  public static final int KVM_MEM_READONLY = 2;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** A memory slot with private memory besides; only {@link #setUserMemoryRegion2} makes one. */
  public static final int KVM_MEM_GUEST_MEMFD = 4;

  /** {@link #setMemoryAttributes}: the guest uses its private memory there. */
  public static final long KVM_MEMORY_ATTRIBUTE_PRIVATE = 8;

  /** KVM_MAX_IRQ_ROUTES of the kernel. */
  private static final int MAX_ROUTES = 4096;

  /** KVM counts in the host's pages. */
  private static final int PAGE_SHIFT = Long.numberOfTrailingZeros(Mapping.basePageSize());

  private final OwnedFd fd;
  private final int runSize;
  private final List<Vcpu> vcpus = new ArrayList<>();

  /** What else keeps the VM in the kernel: devices, statistics, private memory. */
  private final List<OwnedFd> others = new ArrayList<>();

  /**
   * The number of pages of each slot. Guarded by itself: as long as KVM writes a dirty log its slot
   * must not change.
   */
  private final Map<Integer, Long> slots = new HashMap<>();

  /** Of each vCPU's dirty ring; 0 without. */
  private volatile int dirtyRingBytes;

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
      result = setSlot(KvmIoctl.KVM_SET_USER_MEMORY_REGION, region, slot, size);
    }
    if (result < 0) {
      throw new KvmException(
          "KVM_SET_USER_MEMORY_REGION(slot="
              + slot
              + (flags == 0 ? "" : ", flags=" + Kvm.hex(flags))
              + ", gpa="
              + Kvm.hex(gpa)
              + ", size="
              + Kvm.hex(size)
              + ")",
          -result,
          slotMeaning(-result, gpa, size, hva));
    }
  }

  private int setSlot(KvmIoctl ioctl, MemorySegment region, int slot, long size) {
    synchronized (slots) {
      int result = Kvm.call(fd, ioctl, region);
      if (result >= 0) {
        if (size == 0) {
          slots.remove(slot);
        } else {
          slots.put(slot, size >>> PAGE_SHIFT);
        }
      }
      return result;
    }
  }

  /**
   * Creates, changes or deletes a memory slot that may have private memory besides: {@link
   * Cap#USER_MEMORY2}. Which of the two the guest uses for a page {@link #setMemoryAttributes}
   * says.
   *
   * @param slot the slot's number
   * @param flags {@code KVM_MEM_…}, or-ed, without {@link #KVM_MEM_GUEST_MEMFD}
   * @param gpa the guest-physical address, a multiple of the page size
   * @param size the size in bytes, a multiple of the page size; 0 deletes the slot
   * @param hva the host virtual address of the shared memory, a multiple of the page size; as for
   *     {@link #setUserMemoryRegion}
   * @param memory the private memory
   * @param offset where in that the slot starts, in bytes, a multiple of the page size
   * @throws KvmException if KVM refuses
   */
  public void setUserMemoryRegion2(
      int slot, int flags, long gpa, long size, long hva, GuestMemFd memory, long offset)
      throws KvmException {
    int number = memory.fd().acquire();
    try {
      setUserMemoryRegion2(
          slot, flags | KVM_MEM_GUEST_MEMFD, gpa, size, hva, number, offset, memory.toString());
    } finally {
      memory.fd().release();
    }
  }

  /**
   * As {@link #setUserMemoryRegion}, by the newer ioctl: {@link Cap#USER_MEMORY2}.
   *
   * @param slot the slot's number
   * @param flags {@code KVM_MEM_…}, or-ed
   * @param gpa the guest-physical address, a multiple of the page size
   * @param size the size in bytes, a multiple of the page size; 0 deletes the slot
   * @param hva the host virtual address of the memory, a multiple of the page size
   * @throws KvmException if KVM refuses
   */
  public void setUserMemoryRegion2(int slot, int flags, long gpa, long size, long hva)
      throws KvmException {
    setUserMemoryRegion2(slot, flags, gpa, size, hva, 0, 0, "");
  }

  private void setUserMemoryRegion2(
      int slot, int flags, long gpa, long size, long hva, int memfd, long offset, String memory)
      throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment region = Kvm.struct(arena, UserMemoryRegion2Layout.SIZEOF);
      region.set(U32, UserMemoryRegion2Layout.SLOT, slot);
      region.set(U32, UserMemoryRegion2Layout.FLAGS, flags);
      region.set(U64, UserMemoryRegion2Layout.GUEST_PHYS_ADDR, gpa);
      region.set(U64, UserMemoryRegion2Layout.MEMORY_SIZE, size);
      region.set(U64, UserMemoryRegion2Layout.USERSPACE_ADDR, hva);
      region.set(U64, UserMemoryRegion2Layout.GUEST_MEMFD_OFFSET, offset);
      region.set(U32, UserMemoryRegion2Layout.GUEST_MEMFD, memfd);
      result = setSlot(KvmIoctl.KVM_SET_USER_MEMORY_REGION2, region, slot, size);
    }
    if (result < 0) {
      throw new KvmException(
          "KVM_SET_USER_MEMORY_REGION2(slot="
              + slot
              + ", flags="
              + Kvm.hex(flags)
              + ", gpa="
              + Kvm.hex(gpa)
              + ", size="
              + Kvm.hex(size)
              + (memory.isEmpty() ? "" : ", " + memory + ", offset=" + Kvm.hex(offset))
              + ")",
          -result,
          slotMeaning(-result, gpa, size, hva));
    }
  }

  private static String slotMeaning(int errno, long gpa, long size, long hva) {
    if (errno == Errno.EEXIST) {
      return "overlaps another slot";
    }
    if (errno == Errno.EINVAL && (size & (Mapping.basePageSize() - 1)) != 0) {
      return "size is not a multiple of the page size";
    }
    if (errno == Errno.EINVAL && ((gpa | hva) & (Mapping.basePageSize() - 1)) != 0) {
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
        Kvm.call(fd, KvmIoctl.KVM_SET_TSS_ADDR, gpa), "KVM_SET_TSS_ADDR(gpa=" + Kvm.hex(gpa) + ")");
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
    Kvm.check(result, "KVM_SET_IDENTITY_MAP_ADDR(gpa=" + Kvm.hex(gpa) + ")");
  }

  /**
   * Creates the interrupt controllers in the kernel: two PICs, an IOAPIC and a local APIC for each
   * vCPU created later.
   *
   * @throws KvmException {@code EEXIST} if there are some already
   */
  public void createIrqchip() throws KvmException {
    Kvm.check(Kvm.call(fd, KvmIoctl.KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP()");
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
    Kvm.check(result, "KVM_CREATE_PIT2(flags=" + (speakerDummy ? 1 : 0) + ")");
  }

  /**
   * Creates the interval timer by the ioctl of old, which has no flags: as {@link #createPit2} with
   * {@code true}, the one to use.
   *
   * @throws KvmException as {@link #createPit2}
   */
  public void createPit() throws KvmException {
    Kvm.check(Kvm.call(fd, KvmIoctl.KVM_CREATE_PIT, 0), "KVM_CREATE_PIT()");
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
    Kvm.check(result, "KVM_IRQ_LINE(gsi=" + gsi + ", level=" + level + ")");
  }

  /**
   * As {@link #setIrqLine}, and tells what came of it: {@link Cap#IRQ_INJECT_STATUS}.
   *
   * @param gsi the global system interrupt
   * @param level whether it is asserted
   * @return the number of vCPUs it was delivered to; 0 if it was pending already, negative if it
   *     was masked
   * @throws KvmException {@code ENXIO} if the interrupt controllers are not in the kernel
   */
  public int irqLineStatus(int gsi, boolean level) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment irq = Kvm.struct(arena, IrqLevelLayout.SIZEOF);
      irq.set(U32, IrqLevelLayout.IRQ, gsi);
      irq.set(U32, IrqLevelLayout.LEVEL, level ? 1 : 0);
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_IRQ_LINE_STATUS, irq),
          "KVM_IRQ_LINE_STATUS(gsi=" + gsi + ", level=" + level + ")");
      // The status is in a union with the number.
      return irq.get(U32, IrqLevelLayout.IRQ);
    }
  }

  /**
   * {@return the state of the first PIC}
   *
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public PicState getPicMaster() throws KvmException {
    return getPic(IrqchipLayout.KVM_IRQCHIP_PIC_MASTER);
  }

  /**
   * {@return the state of the second PIC}
   *
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public PicState getPicSlave() throws KvmException {
    return getPic(IrqchipLayout.KVM_IRQCHIP_PIC_SLAVE);
  }

  /**
   * {@return the state of the IOAPIC}
   *
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public IoapicState getIoapic() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      return IoapicState.fromStruct(getIrqchip(arena, IrqchipLayout.KVM_IRQCHIP_IOAPIC));
    }
  }

  private PicState getPic(int chip) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      return PicState.fromStruct(getIrqchip(arena, chip));
    }
  }

  private MemorySegment getIrqchip(Arena arena, int chip) throws KvmException {
    MemorySegment struct = Kvm.struct(arena, IrqchipLayout.SIZEOF);
    struct.set(U32, IrqchipLayout.CHIP_ID, chip);
    Kvm.check(Kvm.call(fd, KvmIoctl.KVM_GET_IRQCHIP, struct), "KVM_GET_IRQCHIP(chip=" + chip + ")");
    return struct.asSlice(IrqchipLayout.CHIP);
  }

  /**
   * Sets the state of the first PIC.
   *
   * @param pic the state
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public void setPicMaster(PicState pic) throws KvmException {
    setIrqchip(IrqchipLayout.KVM_IRQCHIP_PIC_MASTER, pic::toStruct);
  }

  /**
   * Sets the state of the second PIC.
   *
   * @param pic the state
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public void setPicSlave(PicState pic) throws KvmException {
    setIrqchip(IrqchipLayout.KVM_IRQCHIP_PIC_SLAVE, pic::toStruct);
  }

  /**
   * Sets the state of the IOAPIC.
   *
   * @param ioapic the state
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public void setIoapic(IoapicState ioapic) throws KvmException {
    setIrqchip(IrqchipLayout.KVM_IRQCHIP_IOAPIC, ioapic::toStruct);
  }

  private void setIrqchip(int chip, Consumer<MemorySegment> state) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, IrqchipLayout.SIZEOF);
      struct.set(U32, IrqchipLayout.CHIP_ID, chip);
      state.accept(struct.asSlice(IrqchipLayout.CHIP));
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_IRQCHIP, struct), "KVM_SET_IRQCHIP(chip=" + chip + ")");
    }
  }

  /**
   * {@return the state of the interval timer}
   *
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public PitState getPit2() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, PitState2Layout.SIZEOF);
      Kvm.check(Kvm.call(fd, KvmIoctl.KVM_GET_PIT2, struct), "KVM_GET_PIT2()");
      return PitState.fromStruct(struct);
    }
  }

  /**
   * Sets the state of the interval timer.
   *
   * @param pit the state
   * @throws KvmException {@code ENXIO} if it is not in the kernel
   */
  public void setPit2(PitState pit) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_PIT2, pit.toStruct(arena)),
          "KVM_SET_PIT2(flags=" + pit.flags() + ")");
    }
  }

  /**
   * Says what becomes of ticks of the interval timer that the guest was too slow to take: {@link
   * Cap#REINJECT_CONTROL}.
   *
   * @param reinject whether they are delivered later rather than dropped
   * @throws KvmException {@code ENXIO} if the timer is not in the kernel
   */
  public void reinjectControl(boolean reinject) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, ReinjectControlLayout.SIZEOF);
      struct.set(
          ValueLayout.JAVA_BYTE, ReinjectControlLayout.PIT_REINJECT, (byte) (reinject ? 1 : 0));
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_REINJECT_CONTROL, struct),
          "KVM_REINJECT_CONTROL(pit_reinject=" + reinject + ")");
    }
  }

  /**
   * Replaces all routes of interrupts: {@link Cap#IRQ_ROUTING}. A VM with the interrupt controllers
   * in the kernel starts with routes of interrupts 0 to 23 to them.
   *
   * @param routes the routes
   * @throws IllegalArgumentException if there are more than 4,096
   * @throws KvmException {@code EINVAL} if a route cannot be
   */
  public void setGsiRouting(List<GsiRoute> routes) throws KvmException {
    int n = Check.size("routes", routes.size(), MAX_ROUTES);
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_GSI_ROUTING, GsiRoute.toStruct(arena, routes)),
          "KVM_SET_GSI_ROUTING(nr=" + n + ")");
    }
  }

  /**
   * Sends an interrupt to a processor as a message, without a route: {@link Cap#SIGNAL_MSI}.
   *
   * @param address where the message is written: the local APICs' page, 0xfee00000, with the
   *     destination
   * @param data what is written: vector and delivery mode
   * @return whether it was delivered; false if the guest blocked it or if it has no destination
   * @throws KvmException {@code EINVAL} if there are no local APICs in the kernel; {@code EPERM} is
   *     the other way in which KVM says that none of them is the destination
   */
  public boolean signalMsi(long address, int data) throws KvmException {
    return signalMsi(address, data, 0, 0, "");
  }

  /**
   * Sends an interrupt as the message of a device that the interrupt controller tells from others,
   * as the ITS of arm64 does: {@link Cap#SIGNAL_MSI} and {@link Cap#MSI_DEVID}.
   *
   * @param address where the message is written
   * @param data what is written
   * @param deviceId the device's id: bus, device and function of PCI
   * @return whether it was delivered
   * @throws KvmException {@code EINVAL} where messages carry no such id, as on x86
   */
  public boolean signalMsi(long address, int data, int deviceId) throws KvmException {
    return signalMsi(
        address,
        data,
        IrqRoutingLayout.KVM_MSI_VALID_DEVID,
        deviceId,
        ", devid=" + Kvm.hex(Integer.toUnsignedLong(deviceId)));
  }

  private boolean signalMsi(long address, int data, int flags, int deviceId, String more)
      throws KvmException {
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment msi = Kvm.struct(arena, MsiLayout.SIZEOF);
      msi.set(U32, MsiLayout.ADDRESS_LO, (int) address);
      msi.set(U32, MsiLayout.ADDRESS_HI, (int) (address >>> 32));
      msi.set(U32, MsiLayout.DATA, data);
      msi.set(U32, MsiLayout.FLAGS, flags);
      msi.set(U32, MsiLayout.DEVID, deviceId);
      result = Kvm.call(fd, KvmIoctl.KVM_SIGNAL_MSI, msi);
    }
    if (result < 0) {
      throw new KvmException(
          "KVM_SIGNAL_MSI(address=" + Kvm.hex(address) + ", data=" + Kvm.hex(data) + more + ")",
          -result);
    }
    return result > 0;
  }

  /**
   * Connects an eventfd to an interrupt: each signal becomes an edge, without leaving the kernel.
   *
   * @param event the eventfd
   * @param gsi the global system interrupt
   * @throws KvmException {@code EBUSY} if the eventfd is connected already
   */
  public void registerIrqfd(EventFd event, int gsi) throws KvmException {
    irqfd(event, -1, gsi, 0, "");
  }

  /**
   * Connects an eventfd to a level-triggered interrupt of the PICs or the IOAPIC in the kernel:
   * {@link Cap#IRQFD_RESAMPLE}. A signal asserts the line. When the guest ends the interrupt, KVM
   * takes the line back and signals the other eventfd, so that the device asserts it again if it
   * has still reason to.
   *
   * @param event the eventfd that asserts the line
   * @param resample the eventfd that KVM signals
   * @param gsi the global system interrupt
   * @throws KvmException {@code EBUSY} if the eventfd is connected already
   */
  public void registerIrqfd(EventFd event, EventFd resample, int gsi) throws KvmException {
    int number = resample.fd().acquire();
    try {
      irqfd(event, number, gsi, IrqfdLayout.KVM_IRQFD_FLAG_RESAMPLE, ", resample " + resample.fd());
    } finally {
      resample.fd().release();
    }
  }

  /**
   * Disconnects an eventfd from an interrupt.
   *
   * @param event the eventfd
   * @param gsi the global system interrupt
   * @throws KvmException if KVM refuses
   */
  public void unregisterIrqfd(EventFd event, int gsi) throws KvmException {
    irqfd(event, -1, gsi, IrqfdLayout.KVM_IRQFD_FLAG_DEASSIGN, "");
  }

  private void irqfd(EventFd event, int resample, int gsi, int flags, String more)
      throws KvmException {
    int result;
    int number = event.fd().acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment irqfd = Kvm.struct(arena, IrqfdLayout.SIZEOF);
      irqfd.set(U32, IrqfdLayout.FD, number);
      irqfd.set(U32, IrqfdLayout.GSI, gsi);
      irqfd.set(U32, IrqfdLayout.FLAGS, flags);
      if (resample >= 0) {
        irqfd.set(U32, IrqfdLayout.RESAMPLEFD, resample);
      }
      result = Kvm.call(fd, KvmIoctl.KVM_IRQFD, irqfd);
    } finally {
      event.fd().release();
    }
    Kvm.check(result, "KVM_IRQFD(" + event.fd() + ", gsi=" + gsi + ", flags=" + flags + more + ")");
  }

  /** The size in bytes of each vCPU's dirty ring; 0 without. */
  int dirtyRingBytes() {
    return dirtyRingBytes;
  }

  /**
   * Gives each vCPU a ring of the pages it dirties; see {@link DirtyRing}. To be called before the
   * first vCPU is created. Needs {@link Cap#DIRTY_LOG_RING_ACQ_REL} or {@link Cap#DIRTY_LOG_RING}.
   *
   * @param entries the size of each ring, a power of two; at least 256, at most a 16th of what
   *     {@code KVM_CHECK_EXTENSION} answers
   * @throws IllegalArgumentException if {@code entries} is not a power of two of at least 256
   * @throws KvmException {@code EINVAL} without the capability, with vCPUs, for the second time, or
   *     if KVM reserves more entries than there would be; {@code E2BIG} if the ring is too large
   */
  public void enableDirtyRing(int entries) throws KvmException {
    if (entries < DirtyRing.MIN_ENTRIES || Integer.bitCount(entries) != 1) {
      throw new IllegalArgumentException(
          "entries=" + entries + ", must be a power of two of at least " + DirtyRing.MIN_ENTRIES);
    }
    long bytes = (long) entries * DirtyRing.SIZEOF_ENTRY;
    boolean ordered = checkExtension(Cap.DIRTY_LOG_RING_ACQ_REL) > 0;
    Cap cap = ordered ? Cap.DIRTY_LOG_RING_ACQ_REL : Cap.DIRTY_LOG_RING;
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment enable = Kvm.struct(arena, EnableCapLayout.SIZEOF);
      enable.set(U32, EnableCapLayout.CAP, cap.number());
      enable.set(U64, EnableCapLayout.ARGS, bytes);
      result = Kvm.call(fd, KvmIoctl.KVM_ENABLE_CAP, enable);
    }
    String meaning =
        switch (-result) {
          case Errno.EINVAL -> "not supported, enabled already, or there are vCPUs already";
          case Errno.E2BIG -> "at most " + checkExtension(cap) + " bytes are allowed";
          default -> "";
        };
    Kvm.check(result, "KVM_ENABLE_CAP(KVM_CAP_" + cap + ", bytes=" + bytes + ")", meaning);
    dirtyRingBytes = (int) bytes;
  }

  /**
   * Gives the entries that {@link DirtyRing#harvest} took back to KVM, and watches their pages
   * again. To be called after harvesting, before the pages are copied: what the guest writes
   * meanwhile is dirty again.
   *
   * @return how many entries of all vCPUs were reset
   * @throws KvmException {@code EINVAL} if there are no rings
   */
  public int resetDirtyRings() throws KvmException {
    return Kvm.check(
        Kvm.call(fd, KvmIoctl.KVM_RESET_DIRTY_RINGS, 0),
        "KVM_RESET_DIRTY_RINGS()",
        dirtyRingBytes == 0 ? "enable the dirty rings first" : "");
  }

  /**
   * Lets writes of the guest signal an eventfd instead of being exits: {@link Cap#IOEVENTFD}.
   *
   * @param event the eventfd
   * @param address which writes
   * @throws KvmException {@code EEXIST} if such writes signal an eventfd already, {@code ENOSPC} if
   *     there are too many
   */
  public void registerIoeventfd(EventFd event, IoeventAddress address) throws KvmException {
    ioeventfd(event, address, 0);
  }

  /**
   * Ends what {@link #registerIoeventfd} began.
   *
   * @param event the eventfd
   * @param address the same as there
   * @throws KvmException {@code ENOENT} if there is no such connection
   */
  public void unregisterIoeventfd(EventFd event, IoeventAddress address) throws KvmException {
    ioeventfd(event, address, IoeventfdLayout.KVM_IOEVENTFD_FLAG_DEASSIGN);
  }

  private void ioeventfd(EventFd event, IoeventAddress address, int flags) throws KvmException {
    int result;
    int number = event.fd().acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = address.toStruct(arena, flags);
      struct.set(U32, IoeventfdLayout.FD, number);
      result = Kvm.call(fd, KvmIoctl.KVM_IOEVENTFD, struct);
    } finally {
      event.fd().release();
    }
    Kvm.check(result, "KVM_IOEVENTFD(" + event.fd() + ", " + address + ", flags=" + flags + ")");
  }

  /**
   * {@return what KVM says of a capability: 0 if absent, else 1 or a number with its own meaning};
   * some answers differ from those of {@link Kvm#checkExtension(Cap)}, for they depend on the VM.
   *
   * @param cap the capability
   * @throws KvmException if the ioctl fails
   */
  public int checkExtension(Cap cap) throws KvmException {
    return Kvm.check(
        Kvm.call(fd, KvmIoctl.KVM_CHECK_EXTENSION, cap.number()),
        "KVM_CHECK_EXTENSION(KVM_CAP_" + cap + ")");
  }

  /**
   * Enables a capability that is off until then: {@link Cap#ENABLE_CAP_VM}. {@link #capabilities}
   * has a method with typed arguments for each there is.
   *
   * @param cap the capability
   * @param args its arguments, at most four; those not given are 0
   * @throws IllegalArgumentException for the dirty rings, whose size must be known here: {@link
   *     #enableDirtyRing}; if there are more than four arguments
   * @throws KvmException {@code EINVAL} if this KVM lacks it or refuses the arguments
   */
  public void enableCap(Cap cap, long... args) throws KvmException {
    if (cap == Cap.DIRTY_LOG_RING || cap == Cap.DIRTY_LOG_RING_ACQ_REL) {
      throw new IllegalArgumentException("KVM_CAP_" + cap + " is enabled by enableDirtyRing");
    }
    try {
      Kvm.enable(fd, "", cap, args);
    } catch (KvmException e) {
      if (e.errno() == Errno.EINVAL && checkExtension(cap) == 0) {
        throw new KvmException(e.call(), e.errno(), "this KVM lacks the capability");
      }
      throw e;
    }
  }

  /** {@return the capabilities that are off until they are enabled} */
  public VmCapabilities capabilities() {
    return new VmCapabilities(this);
  }

  /**
   * Makes memory that only the guest can reach: {@link Cap#GUEST_MEMFD}.
   *
   * @param size the size in bytes, a multiple of the page size
   * @param flags none is defined on x86 by Linux 6.12
   * @return the memory, closed with the VM at the latest
   * @throws KvmException {@code EINVAL} if size or flags are refused, {@code ENOTTY} if this KVM
   *     lacks it
   */
  public GuestMemFd createGuestMemfd(long size, long flags) throws KvmException {
    String call =
        "KVM_CREATE_GUEST_MEMFD(size=" + Kvm.hex(size) + ", flags=" + Kvm.hex(flags) + ")";
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, CreateGuestMemfdLayout.SIZEOF);
      struct.set(U64, CreateGuestMemfdLayout.SIZE, size);
      struct.set(U64, CreateGuestMemfdLayout.FLAGS, flags);
      result = Kvm.call(fd, KvmIoctl.KVM_CREATE_GUEST_MEMFD, struct);
    }
    boolean odd =
        result == -Errno.EINVAL && (size <= 0 || (size & (Mapping.basePageSize() - 1)) != 0);
    Kvm.check(result, call, odd ? "size is not a positive multiple of the page size" : "");
    return new GuestMemFd(own(OwnedFd.adopt(result, "guest_memfd")), size);
  }

  /**
   * Says for memory whether the guest uses the private or the shared of a slot: {@link
   * Cap#MEMORY_ATTRIBUTES}.
   *
   * @param gpa the guest-physical address, a multiple of the page size
   * @param size the size in bytes, a multiple of the page size, not 0
   * @param attributes {@link #KVM_MEMORY_ATTRIBUTE_PRIVATE}, or 0
   * @throws KvmException if KVM refuses, {@code ENOTTY} if this KVM lacks it
   */
  public void setMemoryAttributes(long gpa, long size, long attributes) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, MemoryAttributesLayout.SIZEOF);
      struct.set(U64, MemoryAttributesLayout.ADDRESS, gpa);
      struct.set(U64, MemoryAttributesLayout.SIZE, size);
      struct.set(U64, MemoryAttributesLayout.ATTRIBUTES, attributes);
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_MEMORY_ATTRIBUTES, struct),
          "KVM_SET_MEMORY_ATTRIBUTES(gpa="
              + Kvm.hex(gpa)
              + ", size="
              + Kvm.hex(size)
              + ", attributes="
              + Kvm.hex(attributes)
              + ")");
    }
  }

  /**
   * Reads which pages of a slot were written since the last time. The pages are then clean again,
   * unless {@link VmCapabilities#manualDirtyLogProtect} leaves that to {@link #clearDirtyLog}.
   *
   * @param slot the slot's number; it was created here with {@link #KVM_MEM_LOG_DIRTY_PAGES}
   * @return the log, as large as the slot
   * @throws IllegalArgumentException if there is no such slot
   * @throws KvmException {@code ENOENT} if the slot has no log, {@code ENXIO} with {@link
   *     #enableDirtyRing}
   */
  public DirtyLog getDirtyLog(int slot) throws KvmException {
    synchronized (slots) {
      long pages = pagesOf(slot);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment bitmap = arena.allocate(DirtyLog.bitmapSize(pages), Long.BYTES);
        MemorySegment struct = Kvm.struct(arena, DirtyLogLayout.SIZEOF);
        struct.set(U32, DirtyLogLayout.SLOT, slot);
        struct.set(U64, DirtyLogLayout.DIRTY_BITMAP, bitmap.address());
        int result = Kvm.call(fd, KvmIoctl.KVM_GET_DIRTY_LOG, struct);
        Kvm.check(result, "KVM_GET_DIRTY_LOG(slot=" + slot + ")");
        return new DirtyLog(slot, pages, bitmap);
      }
    }
  }

  private long pagesOf(int slot) {
    Long pages = slots.get(slot);
    if (pages == null) {
      throw new IllegalArgumentException("there is no slot " + slot);
    }
    return pages;
  }

  /**
   * Makes the pages of a log clean again, for them to be found once more when they are written:
   * {@link Cap#MANUAL_DIRTY_LOG_PROTECT2}.
   *
   * @param log the log: its written pages are made clean, others are left as they are
   * @throws IllegalArgumentException if there is no such slot, or if it has another size by now
   * @throws KvmException if KVM refuses
   */
  public void clearDirtyLog(DirtyLog log) throws KvmException {
    clearDirtyLog(log, 0, log.pages());
  }

  /**
   * Makes a part of a log's pages clean again.
   *
   * @param log the log
   * @param firstPage the first page of the part, a multiple of 64
   * @param count the number of pages, a multiple of 64 unless the part ends with the slot
   * @throws IllegalArgumentException if there is no such slot, if it has another size by now, or if
   *     the part is not one of it
   * @throws KvmException if KVM refuses
   */
  public void clearDirtyLog(DirtyLog log, long firstPage, long count) throws KvmException {
    synchronized (slots) {
      long pages = pagesOf(log.slot());
      if (pages != log.pages()) {
        throw new IllegalArgumentException(
            "slot " + log.slot() + " has " + pages + " pages, the log has " + log.pages());
      }
      boolean inside = firstPage >= 0 && count > 0 && count <= pages - firstPage;
      boolean aligned = firstPage % 64 == 0 && (count % 64 == 0 || firstPage + count == pages);
      // KVM takes the number of pages as 32 bits, which the greatest slot fits.
      if (!inside || !aligned) {
        throw new IllegalArgumentException(
            "firstPage="
                + firstPage
                + ", count="
                + count
                + " must be multiples of 64 within "
                + pages
                + " pages, or end with them");
      }
      try (Arena arena = Arena.ofConfined()) {
        int word = (int) (firstPage / Long.SIZE);
        int words = (int) Math.ceilDiv(count, Long.SIZE);
        MemorySegment bitmap = arena.allocateFrom(U64, log.words(word, words));
        MemorySegment struct = Kvm.struct(arena, ClearDirtyLogLayout.SIZEOF);
        struct.set(U32, ClearDirtyLogLayout.SLOT, log.slot());
        struct.set(U32, ClearDirtyLogLayout.NUM_PAGES, (int) count);
        struct.set(U64, ClearDirtyLogLayout.FIRST_PAGE, firstPage);
        struct.set(U64, ClearDirtyLogLayout.DIRTY_BITMAP, bitmap.address());
        int result = Kvm.call(fd, KvmIoctl.KVM_CLEAR_DIRTY_LOG, struct);
        Kvm.check(
            result,
            "KVM_CLEAR_DIRTY_LOG(slot="
                + log.slot()
                + ", first_page="
                + firstPage
                + ", num_pages="
                + count
                + ")");
      }
    }
  }

  /**
   * Collects writes of the guest to memory-mapped registers in a ring instead of leaving the guest:
   * {@link Cap#COALESCED_MMIO}. For registers whose writes have no effect at once; {@link
   * Vcpu#coalescedRing} has them.
   *
   * @param gpa the guest-physical address
   * @param size the size in bytes
   * @throws KvmException {@code ENOSPC} if there are too many zones
   */
  public void registerCoalescedMmio(long gpa, int size) throws KvmException {
    zone(KvmIoctl.KVM_REGISTER_COALESCED_MMIO, gpa, size, 0);
  }

  /**
   * Ends what {@link #registerCoalescedMmio} began, for all zones within these addresses.
   *
   * @param gpa the guest-physical address
   * @param size the size in bytes
   * @throws KvmException if KVM refuses
   */
  public void unregisterCoalescedMmio(long gpa, int size) throws KvmException {
    zone(KvmIoctl.KVM_UNREGISTER_COALESCED_MMIO, gpa, size, 0);
  }

  /**
   * As {@link #registerCoalescedMmio}, for ports: {@link Cap#COALESCED_PIO}.
   *
   * @param port the first port
   * @param count the number of ports
   * @throws KvmException {@code ENOSPC} if there are too many zones
   */
  public void registerCoalescedPio(int port, int count) throws KvmException {
    zone(KvmIoctl.KVM_REGISTER_COALESCED_MMIO, port, count, 1);
  }

  /**
   * Ends what {@link #registerCoalescedPio} began.
   *
   * @param port the first port
   * @param count the number of ports
   * @throws KvmException if KVM refuses
   */
  public void unregisterCoalescedPio(int port, int count) throws KvmException {
    zone(KvmIoctl.KVM_UNREGISTER_COALESCED_MMIO, port, count, 1);
  }

  private void zone(KvmIoctl ioctl, long address, int size, int pio) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, CoalescedMmioZoneLayout.SIZEOF);
      struct.set(U64, CoalescedMmioZoneLayout.ADDR, address);
      struct.set(U32, CoalescedMmioZoneLayout.SIZE, size);
      struct.set(U32, CoalescedMmioZoneLayout.PIO, pio);
      Kvm.check(
          Kvm.call(fd, ioctl, struct),
          ioctl + "(addr=" + Kvm.hex(address) + ", size=" + size + ", pio=" + pio + ")");
    }
  }

  /**
   * Says that memory may hold encrypted pages of the guest, which KVM then pins.
   *
   * @param hva the host virtual address
   * @param size the size in bytes
   * @throws KvmException {@code ENOTTY} where the host does not encrypt
   */
  public void registerEncryptedRegion(long hva, long size) throws KvmException {
    region(KvmIoctl.KVM_MEMORY_ENCRYPT_REG_REGION, hva, size);
  }

  /**
   * Ends what {@link #registerEncryptedRegion} began.
   *
   * @param hva the same host virtual address
   * @param size the same size in bytes
   * @throws KvmException {@code ENOTTY} where the host does not encrypt
   */
  public void unregisterEncryptedRegion(long hva, long size) throws KvmException {
    region(KvmIoctl.KVM_MEMORY_ENCRYPT_UNREG_REGION, hva, size);
  }

  private void region(KvmIoctl ioctl, long hva, long size) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, EncRegionLayout.SIZEOF);
      struct.set(U64, EncRegionLayout.ADDR, hva);
      struct.set(U64, EncRegionLayout.SIZE, size);
      int result = Kvm.call(fd, ioctl, struct);
      Kvm.check(result, ioctl + "(addr=" + Kvm.hex(hva) + ", size=" + Kvm.hex(size) + ")");
    }
  }

  /**
   * {@return the commands of AMD's encrypted virtualization}
   *
   * @param firmware {@code /dev/sev}, open as long as they are used
   */
  public Sev sev(OwnedFd firmware) {
    return new Sev((ioctl, argument) -> Kvm.call(fd, ioctl, argument), firmware);
  }

  /**
   * A command of memory encryption that has no method here, such as Intel's TDX has.
   *
   * @param command the structure that KVM's documentation defines for the host's technology; native
   *     memory
   * @return the result, 0 or greater
   * @throws IllegalArgumentException if {@code command} is not native memory
   * @throws KvmException {@code ENOTTY} where the host does not encrypt
   */
  public int memoryEncryptOp(MemorySegment command) throws KvmException {
    int result = Kvm.call(fd, KvmIoctl.KVM_MEMORY_ENCRYPT_OP, command);
    return Kvm.check(result, "KVM_MEMORY_ENCRYPT_OP()");
  }

  /**
   * Says which vCPU starts: {@link Cap#SET_BOOT_CPU_ID}. Before the first vCPU is created.
   *
   * @param id the vCPU's number; 0 if this is not called
   * @throws KvmException {@code EBUSY} if there are vCPUs
   */
  public void setBootCpuId(int id) throws KvmException {
    int result = Kvm.call(fd, KvmIoctl.KVM_SET_BOOT_CPU_ID, id);
    Kvm.check(result, "KVM_SET_BOOT_CPU_ID(id=" + id + ")");
  }

  /**
   * Limits the number of shadow pages: {@link Cap#MMU_SHADOW_CACHE_CONTROL}.
   *
   * @param pages the number, at least 64
   * @throws KvmException if KVM refuses
   */
  public void setNrMmuPages(int pages) throws KvmException {
    Kvm.check(
        Kvm.call(fd, KvmIoctl.KVM_SET_NR_MMU_PAGES, pages),
        "KVM_SET_NR_MMU_PAGES(pages=" + pages + ")");
  }

  /**
   * {@return the limit of {@link #setNrMmuPages}}
   *
   * @throws KvmException {@code EINVAL} or {@code ENOTTY} on kernels that have given it up
   */
  public int getNrMmuPages() throws KvmException {
    return Kvm.check(Kvm.call(fd, KvmIoctl.KVM_GET_NR_MMU_PAGES, 0), "KVM_GET_NR_MMU_PAGES()");
  }

  /**
   * {@return the guest's clock}
   *
   * @throws KvmException if KVM refuses
   */
  public ClockData getClock() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, ClockDataLayout.SIZEOF);
      Kvm.check(Kvm.call(fd, KvmIoctl.KVM_GET_CLOCK, struct), "KVM_GET_CLOCK()");
      return ClockData.fromStruct(struct);
    }
  }

  /**
   * Sets the guest's clock.
   *
   * @param clock the time. Of the flags only {@link ClockData#KVM_CLOCK_REALTIME} does something;
   *     KVM since Linux 5.16 takes the others of {@link #getClock} as well, before it takes none.
   * @throws KvmException {@code EINVAL} for a flag that it does not take
   */
  public void setClock(ClockData clock) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_CLOCK, clock.toStruct(arena)),
          "KVM_SET_CLOCK(clock=" + clock.clock() + ", flags=" + clock.flags() + ")");
    }
  }

  /**
   * {@return the frequency of the time stamp counter that new vCPUs have, in kHz}
   *
   * @throws KvmException if this KVM lacks {@link Cap#GET_TSC_KHZ}
   */
  public int getTscKhz() throws KvmException {
    return Kvm.check(Kvm.call(fd, KvmIoctl.KVM_GET_TSC_KHZ, 0), "KVM_GET_TSC_KHZ()");
  }

  /**
   * Sets the frequency of the time stamp counter that new vCPUs have: {@link Cap#VM_TSC_CONTROL}.
   * Before the first vCPU is created.
   *
   * @param khz the frequency in kHz
   * @throws KvmException {@code EINVAL} if there are vCPUs or the processor cannot do it
   */
  public void setTscKhz(int khz) throws KvmException {
    Kvm.check(Kvm.call(fd, KvmIoctl.KVM_SET_TSC_KHZ, khz), "KVM_SET_TSC_KHZ(khz=" + khz + ")");
  }

  /**
   * Says which model-specific registers the guest may access: {@link Cap#X86_MSR_FILTER}.
   *
   * @param filter the filter, which replaces the one before
   * @throws KvmException if KVM refuses
   */
  public void setMsrFilter(MsrFilter filter) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_X86_SET_MSR_FILTER, filter.toStruct(arena)),
          "KVM_X86_SET_MSR_FILTER(ranges=" + filter.ranges() + ")");
    }
  }

  /**
   * Says which events the guest's performance counters may count: {@link Cap#PMU_EVENT_FILTER}.
   *
   * @param filter the filter, which replaces the one before
   * @throws KvmException if KVM refuses
   */
  public void setPmuEventFilter(PmuEventFilter filter) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_SET_PMU_EVENT_FILTER, filter.toStruct(arena)),
          "KVM_SET_PMU_EVENT_FILTER(deny="
              + filter.deny()
              + ", nevents="
              + filter.events().size()
              + ")");
    }
  }

  /**
   * Creates a device in the kernel: {@link Cap#DEVICE_CTRL}.
   *
   * @param type {@code KVM_DEV_TYPE_…}, such as {@link Device#KVM_DEV_TYPE_VFIO}
   * @return the device, closed with the VM at the latest
   * @throws KvmException {@code ENODEV} if this KVM lacks it, {@code EEXIST} if there can be only
   *     one
   */
  public Device createDevice(int type) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = createDevice(arena, type, 0);
      String name = "KVM device of type " + type;
      return new Device(own(OwnedFd.adopt(struct.get(U32, CreateDeviceLayout.FD), name)), type);
    }
  }

  /**
   * {@return whether {@link #createDevice} knows a kind of device}
   *
   * @param type {@code KVM_DEV_TYPE_…}
   * @throws KvmException if the question fails for another reason
   */
  public boolean hasDevice(int type) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      var _ = createDevice(arena, type, CreateDeviceLayout.KVM_CREATE_DEVICE_TEST);
      return true;
    } catch (KvmException e) {
      if (e.errno() == Errno.ENODEV) {
        return false;
      }
      throw e;
    }
  }

  private MemorySegment createDevice(Arena arena, int type, int flags) throws KvmException {
    MemorySegment struct = Kvm.struct(arena, CreateDeviceLayout.SIZEOF);
    struct.set(U32, CreateDeviceLayout.TYPE, type);
    struct.set(U32, CreateDeviceLayout.FLAGS, flags);
    int result = Kvm.call(fd, KvmIoctl.KVM_CREATE_DEVICE, struct);
    Kvm.check(result, "KVM_CREATE_DEVICE(type=" + type + ", flags=" + flags + ")");
    return struct;
  }

  /** {@return the VM's attributes; they need {@link Cap#VM_ATTRIBUTES}} */
  public DeviceAttributes attributes() {
    return new DeviceAttributes(fd.name(), (ioctl, argument) -> Kvm.call(fd, ioctl, argument));
  }

  /** {@return what KVM does for a guest made for Xen; it needs {@link Cap#XEN_HVM}} */
  public XenHvm xen() {
    return new XenHvm((ioctl, argument) -> Kvm.call(fd, ioctl, argument));
  }

  /**
   * Lets hypercalls of Hyper-V that signal an event signal an eventfd: {@link Cap#HYPERV_EVENTFD}.
   *
   * @param connection the connection's id, 24 bits
   * @param event the eventfd
   * @throws KvmException {@code EEXIST} if the connection has an eventfd, {@code ENOTTY} where KVM
   *     is built without Hyper-V
   */
  public void registerHypervEventfd(int connection, EventFd event) throws KvmException {
    int number = event.fd().acquire();
    try {
      hypervEventfd(connection, number, 0);
    } finally {
      event.fd().release();
    }
  }

  /**
   * Ends what {@link #registerHypervEventfd} began.
   *
   * @param connection the connection's id
   * @throws KvmException {@code ENOENT} if the connection has no eventfd, {@code ENOTTY} where KVM
   *     is built without Hyper-V
   */
  public void unregisterHypervEventfd(int connection) throws KvmException {
    hypervEventfd(connection, -1, HypervEventfdLayout.KVM_HYPERV_EVENTFD_DEASSIGN);
  }

  private void hypervEventfd(int connection, int event, int flags) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = Kvm.struct(arena, HypervEventfdLayout.SIZEOF);
      struct.set(U32, HypervEventfdLayout.CONN_ID, connection);
      struct.set(U32, HypervEventfdLayout.FD, event);
      struct.set(U32, HypervEventfdLayout.FLAGS, flags);
      Kvm.check(
          Kvm.call(fd, KvmIoctl.KVM_HYPERV_EVENTFD, struct),
          "KVM_HYPERV_EVENTFD(conn_id=" + Kvm.hex(connection) + ", flags=" + flags + ")");
    }
  }

  /**
   * {@return the VM's statistics: {@link Cap#BINARY_STATS_FD}}
   *
   * @throws KvmException if this KVM lacks them
   * @throws IOException if what KVM says of them cannot be read or makes no sense
   */
  public Stats stats() throws IOException {
    return stats(fd, "VM");
  }

  Stats stats(OwnedFd of, String name) throws IOException {
    int result =
        Kvm.check(Kvm.call(of, KvmIoctl.KVM_GET_STATS_FD, 0), "KVM_GET_STATS_FD(" + name + ")");
    return Stats.open(own(OwnedFd.adopt(result, "statistics of " + name)));
  }

  /** {@return the ring of collected writes in the mapping of a vCPU} */
  CoalescedRing coalescedRing(MemorySegment run) throws KvmException {
    int page = checkExtension(Cap.COALESCED_MMIO);
    long at = (long) page << PAGE_SHIFT;
    long size = 1L << PAGE_SHIFT;
    if (page == 0 || at + size > run.byteSize()) {
      throw new KvmException(
          "KVM_CHECK_EXTENSION(KVM_CAP_COALESCED_MMIO)",
          Errno.EOPNOTSUPP,
          "this KVM lacks coalesced accesses");
    }
    return new CoalescedRing(run.asSlice(at, size));
  }

  /** Keeps what holds the VM in the kernel, to be closed with it. */
  synchronized OwnedFd own(OwnedFd other) {
    if (fd.isClosed()) {
      other.close();
      throw new IllegalStateException("VM is closed");
    }
    others.removeIf(OwnedFd::isClosed);
    others.add(other);
    return other;
  }

  OwnedFd fd() {
    return fd;
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
        OwnedFd.adopt(Kvm.check(Kvm.call(fd, KvmIoctl.KVM_CREATE_VCPU, id), call), "vCPU " + id);
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

  /**
   * Calls an ioctl of the VM that has no method here, such as one of a newer kernel or of another
   * architecture, with a structure for its argument.
   *
   * <p>Dangers: the kernel reads and writes as many bytes as <em>it</em> thinks the structure has
   * and follows the addresses in it, of which nothing is checked here; a structure too small or an
   * address that is wrong corrupts this process. What a call changes behind this object's back
   * (memory slots, descriptors, devices) this object does not know, and a descriptor that the call
   * returns belongs to the caller, who must close it, for it may keep the VM in the kernel.
   *
   * @param call the ioctl and its arguments as an error shall name them: {@code
   *     KVM_SOMETHING(flags=1)}
   * @param number the ioctl's number, as the header defines it
   * @param argument the structure, in native memory, at least as large as the kernel takes it to be
   * @return the result, 0 or greater
   * @throws IllegalArgumentException if {@code argument} is not native memory
   * @throws IllegalStateException if closed
   * @throws KvmException if the ioctl fails
   */
  public int rawIoctl(String call, long number, MemorySegment argument) throws KvmException {
    return Kvm.raw(fd, call, number, argument);
  }

  /**
   * As {@link #rawIoctl(String, long, MemorySegment)}, with a number or nothing for its argument.
   *
   * @param call the ioctl and its arguments as an error shall name them
   * @param number the ioctl's number, as the header defines it
   * @param argument the argument; 0 if it has none. An address is as dangerous as above.
   * @return the result, 0 or greater
   * @throws IllegalStateException if closed
   * @throws KvmException if the ioctl fails
   */
  public int rawIoctl(String call, long number, long argument) throws KvmException {
    return Kvm.raw(fd, call, number, argument);
  }

  synchronized void forget(Vcpu vcpu) {
    vcpus.remove(vcpu);
  }

  /** {@return whether {@link #close} was called} */
  public boolean isClosed() {
    return fd.isClosed();
  }

  /**
   * Closes the vCPUs, devices, statistics and private memory, then the VM, and waits for the calls
   * that other threads are inside: then nothing of it is in use any more. Closing twice is safe.
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
          // Each of them keeps the VM in the kernel, as does a call inside it.
          others.forEach(OwnedFd::closeAndAwait);
          others.clear();
          fd.closeAndAwait();
          return;
        }
        left = List.copyOf(vcpus);
      }
      // Not under the lock: a vCPU that closes itself takes its own lock first and then this one.
      left.forEach(Vcpu::close);
    }
  }
}
