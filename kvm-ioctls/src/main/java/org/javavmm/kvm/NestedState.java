// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The state of virtualization inside the guest, {@code struct kvm_nested_state}: whether it runs a
 * guest of its own, and that guest's control block. Immutable.
 */
public final class NestedState {
  /** The guest's processor is Intel's. */
  public static final int KVM_STATE_NESTED_FORMAT_VMX = 0;

  /** The guest's processor is AMD's. */
  public static final int KVM_STATE_NESTED_FORMAT_SVM = 1;

  /** Flag: the vCPU runs a guest of the guest. */
  public static final int KVM_STATE_NESTED_GUEST_MODE = 1;

  /** Flag: it is about to. */
  public static final int KVM_STATE_NESTED_RUN_PENDING = 2;

  /** Flag: the control block has Hyper-V's form. */
  public static final int KVM_STATE_NESTED_EVMCS = 4;

  /** Flag: a monitor trap is pending. */
  public static final int KVM_STATE_NESTED_MTF_PENDING = 8;

  /** Flag, AMD: interrupts are not held back as a whole. */
  public static final int KVM_STATE_NESTED_GIF_SET = 0x100;

  /** The length of the header, and of a state without control blocks. */
  public static final int HEADER_SIZE = 128;

  static final int FLAGS = 0; // __u16
  static final int FORMAT = 2; // __u16
  static final int SIZE = 4; // __u32
  static final int HDR = 8;
  static final int DATA = HEADER_SIZE;

  // struct kvm_vmx_nested_state_hdr and struct kvm_svm_nested_state_hdr, at HDR
  static final int VMX_VMXON_PA = 0; // __u64
  static final int VMX_VMCS12_PA = 8; // __u64
  static final int SVM_VMCB_PA = 0; // __u64

  private static final int KVM_STATE_NESTED_VMX_VMCS_SIZE = 0x1000;
  private static final int KVM_STATE_NESTED_SVM_VMCB_SIZE = 0x1000;
  private static final int MAX_SIZE = HEADER_SIZE + 2 * KVM_STATE_NESTED_VMX_VMCS_SIZE;

  private static final int KNOWN_FLAGS =
      KVM_STATE_NESTED_GUEST_MODE
          | KVM_STATE_NESTED_RUN_PENDING
          | KVM_STATE_NESTED_EVMCS
          | KVM_STATE_NESTED_MTF_PENDING
          | KVM_STATE_NESTED_GIF_SET;

  private final MemorySegment segment;

  private NestedState(MemorySegment segment) {
    this.segment = segment;
  }

  /**
   * Takes a state that was saved. The bytes may come from anywhere: their structure is checked
   * here, the control blocks by KVM.
   *
   * @param bytes the state, from {@link #toBytes}
   * @return the state
   * @throws IllegalArgumentException if the length is below 128 or above 8320, if it is not what
   *     the state says, if format or flags are not known, or if the length is not one that the
   *     format has
   */
  public static NestedState of(byte[] bytes) {
    if (bytes.length < HEADER_SIZE || bytes.length > MAX_SIZE) {
      throw new IllegalArgumentException(
          "length=" + bytes.length + ", must be " + HEADER_SIZE + " to " + MAX_SIZE);
    }
    MemorySegment segment = Arena.ofAuto().allocate(bytes.length, 8);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    NestedState state = new NestedState(segment);
    int size = segment.get(ValueLayout.JAVA_INT, SIZE);
    if (size != bytes.length) {
      throw new IllegalArgumentException(
          "size=" + Integer.toUnsignedString(size) + ", but there are " + bytes.length + " bytes");
    }
    if ((state.flags() & ~KNOWN_FLAGS) != 0) {
      throw new IllegalArgumentException(
          "flags=0x" + Integer.toHexString(state.flags()) + ", known are 0x10f");
    }
    int data = size - HEADER_SIZE;
    boolean fits =
        switch (state.format()) {
          case KVM_STATE_NESTED_FORMAT_VMX -> data % KVM_STATE_NESTED_VMX_VMCS_SIZE == 0;
          case KVM_STATE_NESTED_FORMAT_SVM -> data == 0 || data == KVM_STATE_NESTED_SVM_VMCB_SIZE;
          default ->
              throw new IllegalArgumentException("format=" + state.format() + ", known are 0, 1");
        };
    if (!fits) {
      throw new IllegalArgumentException(
          "size=" + size + " is not one that format=" + state.format() + " has");
    }
    return state;
  }

  MemorySegment segment() {
    return segment;
  }

  /** {@return the state, for {@link #of}} */
  public byte[] toBytes() {
    return segment.toArray(ValueLayout.JAVA_BYTE);
  }

  /** {@return whose processor, {@code KVM_STATE_NESTED_FORMAT_…}} */
  public int format() {
    return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT, FORMAT));
  }

  /** {@return the flags, {@code KVM_STATE_NESTED_…} or-ed} */
  public int flags() {
    return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT, FLAGS));
  }

  /** {@return the size in bytes} */
  public int size() {
    return (int) segment.byteSize();
  }

  /**
   * {@return the guest-physical address of the area that turned virtualization on (Intel); -1 if it
   * is off}
   */
  public long vmxonPa() {
    return segment.get(ValueLayout.JAVA_LONG, HDR + VMX_VMXON_PA);
  }

  /** {@return the guest-physical address of the current control block (Intel); -1 if none} */
  public long vmcs12Pa() {
    return segment.get(ValueLayout.JAVA_LONG, HDR + VMX_VMCS12_PA);
  }

  /** {@return the guest-physical address of the current control block (AMD)} */
  public long vmcbPa() {
    return segment.get(ValueLayout.JAVA_LONG, HDR + SVM_VMCB_PA);
  }

  @Override
  public String toString() {
    return "format=" + format() + " flags=0x" + Integer.toHexString(flags()) + " size=" + size();
  }
}
