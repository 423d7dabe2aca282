// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_sev_attestation_report}. */
final class SevAttestationReportLayout {
  static final int MNONCE = 0; // __u8[16]
  static final int UADDR = 16; // pointer
  static final int LEN = 24; // __u32
  static final int SIZEOF = 32;

  private SevAttestationReportLayout() {}
}
