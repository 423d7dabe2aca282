// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The state of the interval timer, {@code struct kvm_pit_state2}.
 *
 * @param channels the three channels
 * @param flags {@code KVM_PIT_FLAGS_…}, or-ed
 */
public record PitState(List<Channel> channels, int flags) {
  /** {@link #flags}: the HPET has taken the timer's interrupt. */
  public static final int KVM_PIT_FLAGS_HPET_LEGACY = 1;

  /** {@link #flags}: the speaker's data bit of port 0x61 is set. */
  public static final int KVM_PIT_FLAGS_SPEAKER_DATA_ON = 2;

  private static final int CHANNELS_COUNT = 3;
  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong S64 = ValueLayout.JAVA_LONG;

  /**
   * A channel, {@code struct kvm_pit_channel_state}. Each but the count and its time is one byte if
   * nothing else is said.
   *
   * @param count the count it starts from, 0 to 65,536
   * @param latchedCount the count latched for reading, 16 bits
   * @param countLatched which bytes of the count are latched
   * @param statusLatched whether the status is
   * @param status the latched status
   * @param readState which byte is read next
   * @param writeState which byte is written next
   * @param writeLatch the low byte written first
   * @param rwMode how the count is accessed
   * @param mode the counting mode, 0 to 5
   * @param bcd whether it counts in decimal
   * @param gate the gate
   * @param countLoadTime when the count was loaded, in nanoseconds of the host's monotonic clock
   */
  public record Channel(
      int count,
      int latchedCount,
      int countLatched,
      int statusLatched,
      int status,
      int readState,
      int writeState,
      int writeLatch,
      int rwMode,
      int mode,
      int bcd,
      int gate,
      long countLoadTime) {
    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if one is out of its range
     */
    public Channel {
      var _ = Check.check("count", count, 0, 0x10000);
      var _ = Check.check("latchedCount", latchedCount, 0, 0xffff);
      var _ = Check.u8("countLatched", countLatched);
      var _ = Check.u8("statusLatched", statusLatched);
      var _ = Check.u8("status", status);
      var _ = Check.u8("readState", readState);
      var _ = Check.u8("writeState", writeState);
      var _ = Check.u8("writeLatch", writeLatch);
      var _ = Check.u8("rwMode", rwMode);
      var _ = Check.u8("mode", mode);
      var _ = Check.u8("bcd", bcd);
      var _ = Check.u8("gate", gate);
    }

    private static Channel fromStruct(MemorySegment s) {
      return new Channel(
          s.get(U32, PitState2Layout.CHANNEL_COUNT),
          Short.toUnsignedInt(s.get(U16, PitState2Layout.CHANNEL_LATCHED_COUNT)),
          u8(s, PitState2Layout.CHANNEL_COUNT_LATCHED),
          u8(s, PitState2Layout.CHANNEL_STATUS_LATCHED),
          u8(s, PitState2Layout.CHANNEL_STATUS),
          u8(s, PitState2Layout.CHANNEL_READ_STATE),
          u8(s, PitState2Layout.CHANNEL_WRITE_STATE),
          u8(s, PitState2Layout.CHANNEL_WRITE_LATCH),
          u8(s, PitState2Layout.CHANNEL_RW_MODE),
          u8(s, PitState2Layout.CHANNEL_MODE),
          u8(s, PitState2Layout.CHANNEL_BCD),
          u8(s, PitState2Layout.CHANNEL_GATE),
          s.get(S64, PitState2Layout.CHANNEL_COUNT_LOAD_TIME));
    }

    private static int u8(MemorySegment s, int offset) {
      return Byte.toUnsignedInt(s.get(U8, offset));
    }

    private void toStruct(MemorySegment s) {
      s.set(U32, PitState2Layout.CHANNEL_COUNT, count);
      s.set(U16, PitState2Layout.CHANNEL_LATCHED_COUNT, (short) latchedCount);
      s.set(U8, PitState2Layout.CHANNEL_COUNT_LATCHED, (byte) countLatched);
      s.set(U8, PitState2Layout.CHANNEL_STATUS_LATCHED, (byte) statusLatched);
      s.set(U8, PitState2Layout.CHANNEL_STATUS, (byte) status);
      s.set(U8, PitState2Layout.CHANNEL_READ_STATE, (byte) readState);
      s.set(U8, PitState2Layout.CHANNEL_WRITE_STATE, (byte) writeState);
      s.set(U8, PitState2Layout.CHANNEL_WRITE_LATCH, (byte) writeLatch);
      s.set(U8, PitState2Layout.CHANNEL_RW_MODE, (byte) rwMode);
      s.set(U8, PitState2Layout.CHANNEL_MODE, (byte) mode);
      s.set(U8, PitState2Layout.CHANNEL_BCD, (byte) bcd);
      s.set(U8, PitState2Layout.CHANNEL_GATE, (byte) gate);
      s.set(S64, PitState2Layout.CHANNEL_COUNT_LOAD_TIME, countLoadTime);
    }
  }

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are not three channels
   */
  public PitState {
    channels = List.copyOf(channels);
    var _ = Check.check("channels", channels.size(), CHANNELS_COUNT, CHANNELS_COUNT);
  }

  private static MemorySegment channel(MemorySegment struct, int index) {
    return struct.asSlice(
        PitState2Layout.CHANNELS + (long) index * PitState2Layout.SIZEOF_ENTRY,
        PitState2Layout.SIZEOF_ENTRY);
  }

  static PitState fromStruct(MemorySegment struct) {
    List<Channel> channels = new ArrayList<>();
    for (int i = 0; i < CHANNELS_COUNT; i++) {
      channels.add(Channel.fromStruct(channel(struct, i)));
    }
    return new PitState(channels, struct.get(U32, PitState2Layout.FLAGS));
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = Kvm.struct(arena, PitState2Layout.SIZEOF);
    for (int i = 0; i < CHANNELS_COUNT; i++) {
      channels.get(i).toStruct(channel(struct, i));
    }
    struct.set(U32, PitState2Layout.FLAGS, flags);
    return struct;
  }
}
