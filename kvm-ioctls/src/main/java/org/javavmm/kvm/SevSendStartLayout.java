// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_send_start}. */
final class SevSendStartLayout {
  static final int POLICY = 0; // __u32
  static final int PDH_CERT_UADDR = 8; // pointer
  static final int PDH_CERT_LEN = 16; // __u32
  static final int PLAT_CERTS_UADDR = 24; // pointer
  static final int PLAT_CERTS_LEN = 32; // __u32
  static final int AMD_CERTS_UADDR = 40; // pointer
  static final int AMD_CERTS_LEN = 48; // __u32
  static final int SESSION_UADDR = 56; // pointer
  static final int SESSION_LEN = 64; // __u32
  static final int SIZEOF = 72;

  private SevSendStartLayout() {}
}
