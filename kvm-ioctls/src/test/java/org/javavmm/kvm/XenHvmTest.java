// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.kvm.kvm_irq_routing_xen_evtchn;
import org.javavmm.bindings.kvm.kvm_xen_hvm_attr;
import org.javavmm.bindings.kvm.kvm_xen_hvm_config;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.junit.jupiter.api.Test;

/** What the methods for Xen give to the kernel, read by the generated accessors. */
class XenHvmTest {
  private final Recorder recorder = new Recorder();
  private final XenHvm xen = new XenHvm(recorder);

  private MemorySegment union(int type) {
    assertEquals(KvmIoctl.KVM_XEN_HVM_SET_ATTR, recorder.last());
    assertEquals(kvm_xen_hvm_attr.sizeof(), recorder.given.byteSize());
    assertEquals((short) type, kvm_xen_hvm_attr.type(recorder.given));
    return kvm_xen_hvm_attr.u(recorder.given);
  }

  @Test
  void config() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment blob = arena.allocate(0x3000, 0x1000);
      xen.config(XenHvm.KVM_XEN_HVM_CONFIG_HYPERCALL_MSR, 0x4000_0000, blob, MemorySegment.NULL);
      assertEquals(KvmIoctl.KVM_XEN_HVM_CONFIG, recorder.last());
      assertEquals(1, kvm_xen_hvm_config.flags(recorder.given));
      assertEquals(0x4000_0000, kvm_xen_hvm_config.msr(recorder.given));
      assertEquals(blob.address(), kvm_xen_hvm_config.blob_addr_32(recorder.given));
      assertEquals(3, kvm_xen_hvm_config.blob_size_32(recorder.given));
      assertEquals(0, kvm_xen_hvm_config.blob_addr_64(recorder.given));
      assertEquals(0, kvm_xen_hvm_config.blob_size_64(recorder.given));
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> xen.config(0, 0, MemorySegment.NULL, arena.allocate(100)));
      assertEquals(
          "blob64: 100 bytes, must be 0 to 255 whole pages of native memory", e.getMessage());
      assertThrows(
          IllegalArgumentException.class,
          () -> xen.config(0, 0, MemorySegment.ofArray(new byte[4096]), MemorySegment.NULL));
      assertThrows(
          IllegalArgumentException.class,
          () -> xen.config(0, 0, arena.allocate(256 << 12), MemorySegment.NULL));
    }
  }

  @Test
  void attributesThatAreSet() throws Exception {
    xen.setLongMode(true);
    assertEquals(1, kvm_xen_hvm_attr.u.long_mode(union(kvm_h.KVM_XEN_ATTR_TYPE_LONG_MODE())));
    xen.setLongMode(false);
    assertEquals(0, kvm_xen_hvm_attr.u.long_mode(union(kvm_h.KVM_XEN_ATTR_TYPE_LONG_MODE())));
    xen.setUpcallVector(0xf3);
    assertEquals(
        (byte) 0xf3, kvm_xen_hvm_attr.u.vector(union(kvm_h.KVM_XEN_ATTR_TYPE_UPCALL_VECTOR())));
    assertThrows(IllegalArgumentException.class, () -> xen.setUpcallVector(256));
    xen.setSharedInfo(0x1234_5678_9abcL);
    MemorySegment info =
        kvm_xen_hvm_attr.u.shared_info(union(kvm_h.KVM_XEN_ATTR_TYPE_SHARED_INFO()));
    assertEquals(0x1234_5678_9abcL, kvm_xen_hvm_attr.u.shared_info.gfn(info));
    xen.setSharedInfoHva(0x7fff_0000_1000L);
    info = kvm_xen_hvm_attr.u.shared_info(union(kvm_h.KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA()));
    assertEquals(0x7fff_0000_1000L, kvm_xen_hvm_attr.u.shared_info.hva(info));
    xen.setXenVersion(0x4_0011);
    assertEquals(
        0x4_0011, kvm_xen_hvm_attr.u.xen_version(union(kvm_h.KVM_XEN_ATTR_TYPE_XEN_VERSION())));
    xen.setRunstateUpdateFlag(true);
    assertEquals(
        1,
        kvm_xen_hvm_attr.u.runstate_update_flag(
            union(kvm_h.KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG())));
    xen.setRunstateUpdateFlag(false);
    assertEquals(
        0,
        kvm_xen_hvm_attr.u.runstate_update_flag(
            union(kvm_h.KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG())));
  }

  @Test
  void attributesThatAreRead() throws Exception {
    recorder.answer = s -> kvm_xen_hvm_attr.u.long_mode(kvm_xen_hvm_attr.u(s), (byte) 1);
    assertTrue(xen.getLongMode());
    assertTrue(xen.getRunstateUpdateFlag());
    assertEquals(1, xen.getUpcallVector());
    recorder.answer = s -> kvm_xen_hvm_attr.u.vector(kvm_xen_hvm_attr.u(s), (byte) 0xf3);
    assertEquals(0xf3, xen.getUpcallVector());
    recorder.answer = _ -> {};
    assertFalse(xen.getLongMode());
    assertFalse(xen.getRunstateUpdateFlag());
    recorder.answer = s -> kvm_xen_hvm_attr.u.xen_version(kvm_xen_hvm_attr.u(s), 0x4_0011);
    assertEquals(0x4_0011, xen.getXenVersion());
    recorder.answer =
        s -> {
          MemorySegment info = kvm_xen_hvm_attr.u.shared_info(kvm_xen_hvm_attr.u(s));
          kvm_xen_hvm_attr.u.shared_info.gfn(info, -1);
        };
    assertEquals(XenHvm.KVM_XEN_INVALID_GFN, xen.getSharedInfo());
    assertEquals(-1, xen.getSharedInfoHva());
    assertEquals(KvmIoctl.KVM_XEN_HVM_GET_ATTR, recorder.last());
    assertEquals(
        (short) kvm_h.KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA(), kvm_xen_hvm_attr.type(recorder.given));
  }

  @Test
  void eventChannels() throws Exception {
    xen.bindPort(7, 9, 2, false);
    MemorySegment evtchn = evtchn();
    assertEquals(7, kvm_xen_hvm_attr.u.evtchn.send_port(evtchn));
    // Xen's "interdomain": KVM refuses its "IPI" to another port.
    assertEquals(2, kvm_xen_hvm_attr.u.evtchn.type(evtchn));
    assertEquals(0, kvm_xen_hvm_attr.u.evtchn.flags(evtchn));
    MemorySegment port =
        kvm_xen_hvm_attr.u.evtchn.deliver.port(kvm_xen_hvm_attr.u.evtchn.deliver(evtchn));
    assertEquals(9, kvm_xen_hvm_attr.u.evtchn.deliver.port.port(port));
    assertEquals(2, kvm_xen_hvm_attr.u.evtchn.deliver.port.vcpu(port));
    assertEquals(-1, kvm_xen_hvm_attr.u.evtchn.deliver.port.priority(port));
    xen.bindPort(7, 7, 2, false);
    assertEquals(5, kvm_xen_hvm_attr.u.evtchn.type(evtchn()));
    assertEquals(
        "port=0, must be a port of the guest",
        assertThrows(IllegalArgumentException.class, () -> xen.bindPort(7, 0, 2, false))
            .getMessage());

    xen.bindPort(7, 9, 3, true);
    assertEquals(kvm_h.KVM_XEN_EVTCHN_UPDATE(), kvm_xen_hvm_attr.u.evtchn.flags(evtchn()));
    // An update must be of the same type.
    assertEquals(2, kvm_xen_hvm_attr.u.evtchn.type(evtchn()));
    xen.unbind(7);
    assertEquals(kvm_h.KVM_XEN_EVTCHN_DEASSIGN(), kvm_xen_hvm_attr.u.evtchn.flags(evtchn()));
    assertEquals(7, kvm_xen_hvm_attr.u.evtchn.send_port(evtchn()));
    xen.unbindAll();
    assertEquals(kvm_h.KVM_XEN_EVTCHN_RESET(), kvm_xen_hvm_attr.u.evtchn.flags(evtchn()));

    try (EventFd event = EventFd.create("xen")) {
      xen.bindEventfd(8, event);
      evtchn = evtchn();
      assertEquals(2, kvm_xen_hvm_attr.u.evtchn.type(evtchn));
      MemorySegment fd =
          kvm_xen_hvm_attr.u.evtchn.deliver.eventfd(kvm_xen_hvm_attr.u.evtchn.deliver(evtchn));
      assertEquals(event.fd().number(), kvm_xen_hvm_attr.u.evtchn.deliver.eventfd.fd(fd));
      assertEquals(0, kvm_xen_hvm_attr.u.evtchn.deliver.eventfd.port(fd));
    }
  }

  private MemorySegment evtchn() {
    return kvm_xen_hvm_attr.u.evtchn(union(kvm_h.KVM_XEN_ATTR_TYPE_EVTCHN()));
  }

  @Test
  void sending() throws Exception {
    xen.evtchnSend(5, 1);
    assertEquals(KvmIoctl.KVM_XEN_HVM_EVTCHN_SEND, recorder.last());
    assertEquals(5, kvm_irq_routing_xen_evtchn.port(recorder.given));
    assertEquals(1, kvm_irq_routing_xen_evtchn.vcpu(recorder.given));
    assertEquals(-1, kvm_irq_routing_xen_evtchn.priority(recorder.given));
  }

  @Test
  void refusals() {
    recorder.result = -Errno.EEXIST;
    assertEquals(
        "KVM_XEN_HVM_SET_ATTR(EVTCHN send_port=7 port=9 vcpu=2): EEXIST (exists already)",
        assertThrows(KvmException.class, () -> xen.bindPort(7, 9, 2, false)).getMessage());
    assertEquals(
        "KVM_XEN_HVM_GET_ATTR(XEN_VERSION): EEXIST (exists already)",
        assertThrows(KvmException.class, xen::getXenVersion).getMessage());
  }
}
