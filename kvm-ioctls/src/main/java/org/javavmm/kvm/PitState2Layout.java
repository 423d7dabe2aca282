// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/** {@code struct kvm_pit_state2}, with {@code struct kvm_pit_channel_state}. */
final class PitState2Layout {
  static final int CHANNELS = 0; // channel[3]
  static final int FLAGS = 72; // __u32
  static final int SIZEOF = 112;

  // struct kvm_pit_channel_state
  static final int CHANNEL_COUNT = 0; // __u32
  static final int CHANNEL_LATCHED_COUNT = 4; // __u16
  static final int CHANNEL_COUNT_LATCHED = 6; // __u8
  static final int CHANNEL_STATUS_LATCHED = 7; // __u8
  static final int CHANNEL_STATUS = 8; // __u8
  static final int CHANNEL_READ_STATE = 9; // __u8
  static final int CHANNEL_WRITE_STATE = 10; // __u8
  static final int CHANNEL_WRITE_LATCH = 11; // __u8
  static final int CHANNEL_RW_MODE = 12; // __u8
  static final int CHANNEL_MODE = 13; // __u8
  static final int CHANNEL_BCD = 14; // __u8
  static final int CHANNEL_GATE = 15; // __u8
  static final int CHANNEL_COUNT_LOAD_TIME = 16; // __s64
  static final int SIZEOF_ENTRY = 24;

  private PitState2Layout() {}
}
