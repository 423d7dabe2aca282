// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Which part of the union of {@code struct kvm_xen_vcpu_attr} an attribute uses. */
enum XenAttrForm {
  ADDRESS,
  RUNSTATE,
  VCPU_ID,
  TIMER,
  VECTOR;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  static XenAttrForm of(XenVcpuAttr.Type type) {
    return switch (type) {
      case VCPU_INFO, VCPU_TIME_INFO, RUNSTATE_ADDR, VCPU_INFO_HVA -> ADDRESS;
      case RUNSTATE_CURRENT, RUNSTATE_DATA, RUNSTATE_ADJUST -> RUNSTATE;
      case VCPU_ID -> VCPU_ID;
      case TIMER -> TIMER;
      case UPCALL_VECTOR -> VECTOR;
    };
  }

  static MemorySegment empty(Arena arena, XenVcpuAttr.Type type) {
    MemorySegment struct = Kvm.struct(arena, XenVcpuAttrLayout.SIZEOF);
    struct.set(ValueLayout.JAVA_SHORT, XenVcpuAttrLayout.TYPE, (short) type.number());
    return struct;
  }

  static MemorySegment toStruct(Arena arena, XenVcpuAttr attr) {
    MemorySegment struct = empty(arena, attr.type());
    switch (attr) {
      case XenVcpuAttr.Address a -> struct.set(U64, XenVcpuAttrLayout.U_GPA, a.address());
      case XenVcpuAttr.Runstate r -> {
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_STATE, r.state());
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_STATE_ENTRY_TIME, r.stateEntryTime());
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_TIME_RUNNING, r.running());
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_TIME_RUNNABLE, r.runnable());
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_TIME_BLOCKED, r.blocked());
        struct.set(U64, XenVcpuAttrLayout.RUNSTATE_TIME_OFFLINE, r.offline());
      }
      case XenVcpuAttr.VcpuId v -> struct.set(U32, XenVcpuAttrLayout.U_VCPU_ID, v.id());
      case XenVcpuAttr.Timer t -> {
        struct.set(U32, XenVcpuAttrLayout.TIMER_PORT, t.port());
        struct.set(U32, XenVcpuAttrLayout.TIMER_PRIORITY, t.priority());
        struct.set(U64, XenVcpuAttrLayout.TIMER_EXPIRES_NS, t.expiresNs());
      }
      case XenVcpuAttr.UpcallVector v ->
          struct.set(ValueLayout.JAVA_BYTE, XenVcpuAttrLayout.U_VECTOR, (byte) v.vector());
    }
    return struct;
  }

  static XenVcpuAttr fromStruct(XenVcpuAttr.Type type, MemorySegment struct) {
    return switch (of(type)) {
      case ADDRESS -> new XenVcpuAttr.Address(type, struct.get(U64, XenVcpuAttrLayout.U_GPA));
      case RUNSTATE ->
          new XenVcpuAttr.Runstate(
              type,
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_STATE),
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_STATE_ENTRY_TIME),
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_TIME_RUNNING),
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_TIME_RUNNABLE),
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_TIME_BLOCKED),
              struct.get(U64, XenVcpuAttrLayout.RUNSTATE_TIME_OFFLINE));
      case VCPU_ID -> new XenVcpuAttr.VcpuId(struct.get(U32, XenVcpuAttrLayout.U_VCPU_ID));
      case TIMER ->
          new XenVcpuAttr.Timer(
              struct.get(U32, XenVcpuAttrLayout.TIMER_PORT),
              struct.get(U32, XenVcpuAttrLayout.TIMER_PRIORITY),
              struct.get(U64, XenVcpuAttrLayout.TIMER_EXPIRES_NS));
      case VECTOR ->
          new XenVcpuAttr.UpcallVector(
              Byte.toUnsignedInt(struct.get(ValueLayout.JAVA_BYTE, XenVcpuAttrLayout.U_VECTOR)));
    };
  }
}
