// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import org.javavmm.sys.EventFd;

/**
 * What KVM does for a guest made for Xen: {@code KVM_XEN_HVM_…}. Got from {@link Vm#xen}; needs
 * {@link Cap#XEN_HVM}, whose value tells which of these methods work. Thread-safe.
 *
 * <p>All methods throw {@link KvmException}: {@code EINVAL} or {@code ENOTTY} where this KVM cannot
 * do it.
 */
public final class XenHvm {
  /** {@link #config}: the guest sets up its hypercall page by the MSR. */
  public static final int KVM_XEN_HVM_CONFIG_HYPERCALL_MSR = 1;

  /** {@link #config}: hypercalls are exits. */
  public static final int KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL = 2;

  /** {@link Cap#XEN_HVM}: {@link #setSharedInfo} and what belongs to it. */
  public static final int KVM_XEN_HVM_CONFIG_SHARED_INFO = 4;

  /** {@link Cap#XEN_HVM}: the run state of vCPUs. */
  public static final int KVM_XEN_HVM_CONFIG_RUNSTATE = 8;

  /** {@link Cap#XEN_HVM}: GSI routes to event channels. */
  public static final int KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL = 0x10;

  /** {@link Cap#XEN_HVM}, {@link #config}: KVM delivers event channels. */
  public static final int KVM_XEN_HVM_CONFIG_EVTCHN_SEND = 0x20;

  /** {@link Cap#XEN_HVM}: {@link #setRunstateUpdateFlag}. */
  public static final int KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG = 0x40;

  /** {@link Cap#XEN_HVM}, {@link #config}: the guest's clock does not claim a stable counter. */
  public static final int KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE = 0x80;

  /** {@link Cap#XEN_HVM}: {@link #setSharedInfoHva}. */
  public static final int KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA = 0x100;

  /** {@link #setSharedInfo}: there is none. */
  public static final long KVM_XEN_INVALID_GFN = -1;

  /** An event channel between processors of the guest, as Xen numbers it. */
  private static final int EVTCHNSTAT_IPI = 5;

  /** An event channel to another port: of another domain, or of the same. */
  private static final int EVTCHNSTAT_INTERDOMAIN = 2;

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  private final IoctlCall call;

  XenHvm(IoctlCall call) {
    this.call = call;
  }

  /**
   * Says how hypercalls are made.
   *
   * @param flags {@code KVM_XEN_HVM_CONFIG_…}, or-ed
   * @param msr the MSR by which the guest asks for its hypercall page; 0 with {@link
   *     #KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL} if there is none
   * @param blob32 the pages' contents for 32-bit guests, whole pages; empty with {@link
   *     #KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL}, for then KVM makes it. The memory is the caller's and
   *     stays as it is while the VM runs.
   * @param blob64 the same for 64-bit guests
   * @throws IllegalArgumentException if a blob is not of 0 to 255 whole pages or not native memory
   * @throws IllegalStateException if a blob was freed
   * @throws KvmException if refused
   */
  public void config(int flags, int msr, MemorySegment blob32, MemorySegment blob64)
      throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, XenHvmConfigLayout.SIZEOF);
      s.set(U32, XenHvmConfigLayout.FLAGS, flags);
      s.set(U32, XenHvmConfigLayout.MSR, msr);
      s.set(U8, XenHvmConfigLayout.BLOB_SIZE_32, pages("blob32", blob32));
      s.set(U8, XenHvmConfigLayout.BLOB_SIZE_64, pages("blob64", blob64));
      s.set(U64, XenHvmConfigLayout.BLOB_ADDR_32, address(blob32));
      s.set(U64, XenHvmConfigLayout.BLOB_ADDR_64, address(blob64));
      Kvm.check(
          call.call(KvmIoctl.KVM_XEN_HVM_CONFIG, s),
          "KVM_XEN_HVM_CONFIG(flags=" + Kvm.hex(flags) + ", msr=" + Kvm.hex(msr) + ")");
    } finally {
      java.lang.ref.Reference.reachabilityFence(blob32);
      java.lang.ref.Reference.reachabilityFence(blob64);
    }
  }

  private static byte pages(String field, MemorySegment blob) {
    long size = blob.byteSize();
    if ((size & 0xfff) != 0 || size >> 12 > 0xff || (size > 0 && !blob.isNative())) {
      throw new IllegalArgumentException(
          field + ": " + size + " bytes, must be 0 to 255 whole pages of native memory");
    }
    if (size > 0) {
      Check.passable(field, blob);
    }
    return (byte) (size >> 12);
  }

  private static long address(MemorySegment blob) {
    return blob.byteSize() == 0 ? 0 : blob.address();
  }

  /**
   * Says whether the guest runs in 64-bit mode, which decides the layout of what it shares.
   *
   * @param longMode whether
   * @throws KvmException if refused
   */
  public void setLongMode(boolean longMode) throws KvmException {
    set(
        "LONG_MODE=" + longMode,
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_LONG_MODE,
        u -> u.set(U8, 0, (byte) (longMode ? 1 : 0)));
  }

  /** {@return whether the guest runs in 64-bit mode} */
  public boolean getLongMode() throws KvmException {
    return get("LONG_MODE", XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_LONG_MODE, XenHvm::u8) != 0;
  }

  /**
   * Says where the page is that the guest shares with Xen.
   *
   * @param gfn the guest's page number, or {@link #KVM_XEN_INVALID_GFN}
   * @throws KvmException if refused
   */
  public void setSharedInfo(long gfn) throws KvmException {
    set(
        "SHARED_INFO=" + Kvm.hex(gfn),
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_SHARED_INFO,
        u -> u.set(U64, 0, gfn));
  }

  /** {@return the page number of the shared page, or {@link #KVM_XEN_INVALID_GFN}} */
  public long getSharedInfo() throws KvmException {
    return get("SHARED_INFO", XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_SHARED_INFO, u -> u.get(U64, 0));
  }

  /**
   * Says where the shared page is in the monitor's memory.
   *
   * @param hva the host virtual address, or 0; it stays valid while the VM runs
   * @throws KvmException if refused
   */
  public void setSharedInfoHva(long hva) throws KvmException {
    set(
        "SHARED_INFO_HVA=" + Kvm.hex(hva),
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA,
        u -> u.set(U64, 0, hva));
  }

  /** {@return the host virtual address of the shared page, or 0} */
  public long getSharedInfoHva() throws KvmException {
    return get(
        "SHARED_INFO_HVA", XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, u -> u.get(U64, 0));
  }

  /**
   * Says by which interrupt the guest learns of event channels.
   *
   * @param vector the vector, 0x10 to 0xff; 0 for none
   * @throws IllegalArgumentException if {@code vector} is not a byte
   * @throws KvmException if refused
   */
  public void setUpcallVector(int vector) throws KvmException {
    byte value = (byte) Check.u8("vector", vector);
    set(
        "UPCALL_VECTOR=" + vector,
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_UPCALL_VECTOR,
        u -> u.set(U8, 0, value));
  }

  /** {@return the vector by which the guest learns of event channels; 0 for none} */
  public int getUpcallVector() throws KvmException {
    return (int) get("UPCALL_VECTOR", XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, XenHvm::u8);
  }

  /**
   * Says which version of Xen the guest is told.
   *
   * @param version major version in the high half, minor in the low
   * @throws KvmException if refused
   */
  public void setXenVersion(int version) throws KvmException {
    set(
        "XEN_VERSION=" + Kvm.hex(version),
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_XEN_VERSION,
        u -> u.set(U32, 0, version));
  }

  /** {@return the version that the guest is told} */
  public int getXenVersion() throws KvmException {
    return (int)
        get("XEN_VERSION", XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_XEN_VERSION, u -> u.get(U32, 0));
  }

  /**
   * Says whether a run state that is being written is marked so.
   *
   * @param flag whether
   * @throws KvmException if refused
   */
  public void setRunstateUpdateFlag(boolean flag) throws KvmException {
    set(
        "RUNSTATE_UPDATE_FLAG=" + flag,
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG,
        u -> u.set(U8, 0, (byte) (flag ? 1 : 0)));
  }

  /** {@return whether a run state that is being written is marked so} */
  public boolean getRunstateUpdateFlag() throws KvmException {
    return get(
            "RUNSTATE_UPDATE_FLAG",
            XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG,
            XenHvm::u8)
        != 0;
  }

  /**
   * Lets KVM itself deliver what the guest sends to one of its ports: to the same port, as between
   * its processors, or to another of its ports.
   *
   * @param sendPort the port that the guest sends to, not 0
   * @param port the port that receives, not 0
   * @param vcpu the vCPU that receives
   * @param update whether {@code sendPort} is known already, with the same {@code port}, and
   *     changes its vCPU
   * @throws IllegalArgumentException if {@code port} is 0, which to KVM is no port
   * @throws KvmException {@code EEXIST} if it is known and {@code update} is false
   */
  public void bindPort(int sendPort, int port, int vcpu, boolean update) throws KvmException {
    if (port == 0) {
      throw new IllegalArgumentException("port=0, must be a port of the guest");
    }
    evtchn(
        "EVTCHN send_port=" + sendPort + " port=" + port + " vcpu=" + vcpu,
        sendPort,
        // KVM takes the first for the same port alone.
        port == sendPort ? EVTCHNSTAT_IPI : EVTCHNSTAT_INTERDOMAIN,
        update ? XenHvmAttrLayout.KVM_XEN_EVTCHN_UPDATE : 0,
        deliver -> {
          deliver.set(U32, XenHvmAttrLayout.PORT_PORT - XenHvmAttrLayout.EVTCHN_DELIVER, port);
          deliver.set(U32, XenHvmAttrLayout.PORT_VCPU - XenHvmAttrLayout.EVTCHN_DELIVER, vcpu);
          deliver.set(
              U32,
              XenHvmAttrLayout.PORT_PRIORITY - XenHvmAttrLayout.EVTCHN_DELIVER,
              GsiRoute.XenEvtchn.KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL);
        });
  }

  /**
   * Lets what the guest sends to one of its ports signal an eventfd.
   *
   * @param sendPort the port that the guest sends to
   * @param event the eventfd
   * @throws KvmException {@code EEXIST} if the port is bound
   */
  public void bindEventfd(int sendPort, EventFd event) throws KvmException {
    int number = event.fd().acquire();
    try {
      evtchn(
          "EVTCHN send_port=" + sendPort + " " + event,
          sendPort,
          EVTCHNSTAT_INTERDOMAIN,
          0,
          deliver ->
              deliver.set(
                  U32, XenHvmAttrLayout.EVENTFD_FD - XenHvmAttrLayout.EVTCHN_DELIVER, number));
    } finally {
      event.fd().release();
    }
  }

  /**
   * Ends what {@link #bindPort} or {@link #bindEventfd} began.
   *
   * @param sendPort the port
   * @throws KvmException {@code ENOENT} if the port is not bound
   */
  public void unbind(int sendPort) throws KvmException {
    evtchn(
        "EVTCHN send_port=" + sendPort + " deassign",
        sendPort,
        0,
        XenHvmAttrLayout.KVM_XEN_EVTCHN_DEASSIGN,
        _ -> {});
  }

  /**
   * Ends all bindings.
   *
   * @throws KvmException if refused
   */
  public void unbindAll() throws KvmException {
    evtchn("EVTCHN reset", 0, 0, XenHvmAttrLayout.KVM_XEN_EVTCHN_RESET, _ -> {});
  }

  private void evtchn(
      String what, int sendPort, int type, int flags, Consumer<MemorySegment> deliver)
      throws KvmException {
    set(
        what,
        XenHvmAttrLayout.KVM_XEN_ATTR_TYPE_EVTCHN,
        u -> {
          u.set(U32, XenHvmAttrLayout.EVTCHN_SEND_PORT - XenHvmAttrLayout.U, sendPort);
          u.set(U32, XenHvmAttrLayout.EVTCHN_TYPE - XenHvmAttrLayout.U, type);
          u.set(U32, XenHvmAttrLayout.EVTCHN_FLAGS - XenHvmAttrLayout.U, flags);
          deliver.accept(u.asSlice(XenHvmAttrLayout.EVTCHN_DELIVER - XenHvmAttrLayout.U));
        });
  }

  /**
   * Sends an event to the guest. KVM does not say whether it was pending already or masked: the
   * shared page does.
   *
   * @param port the event channel
   * @param vcpu the vCPU's id
   * @throws KvmException {@code EINVAL} if there is no such port or vCPU, {@code EPERM} if the vCPU
   *     has no {@code vcpu_info}
   */
  public void evtchnSend(int port, int vcpu) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, IrqRoutingLayout.SIZEOF_XEN_EVTCHN);
      s.set(U32, IrqRoutingLayout.XEN_EVTCHN_PORT, port);
      s.set(U32, IrqRoutingLayout.XEN_EVTCHN_VCPU, vcpu);
      s.set(
          U32,
          IrqRoutingLayout.XEN_EVTCHN_PRIORITY,
          GsiRoute.XenEvtchn.KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL);
      Kvm.check(
          call.call(KvmIoctl.KVM_XEN_HVM_EVTCHN_SEND, s),
          "KVM_XEN_HVM_EVTCHN_SEND(port=" + port + ", vcpu=" + vcpu + ")");
    }
  }

  private static long u8(MemorySegment u) {
    return Byte.toUnsignedLong(u.get(U8, 0));
  }

  private void set(String what, int type, Consumer<MemorySegment> value) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = attr(arena, type);
      value.accept(s.asSlice(XenHvmAttrLayout.U));
      Kvm.check(call.call(KvmIoctl.KVM_XEN_HVM_SET_ATTR, s), "KVM_XEN_HVM_SET_ATTR(" + what + ")");
    }
  }

  private long get(String what, int type, ToLongFunction<MemorySegment> value) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = attr(arena, type);
      Kvm.check(call.call(KvmIoctl.KVM_XEN_HVM_GET_ATTR, s), "KVM_XEN_HVM_GET_ATTR(" + what + ")");
      return value.applyAsLong(s.asSlice(XenHvmAttrLayout.U));
    }
  }

  private static MemorySegment attr(Arena arena, int type) {
    MemorySegment s = Kvm.struct(arena, XenHvmAttrLayout.SIZEOF);
    s.set(ValueLayout.JAVA_SHORT, XenHvmAttrLayout.TYPE, (short) type);
    return s;
  }
}
