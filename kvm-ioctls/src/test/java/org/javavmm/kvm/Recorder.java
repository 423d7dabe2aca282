// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Takes ioctls instead of the kernel, for what no machine of ours can run. */
final class Recorder implements IoctlCall {
  final List<KvmIoctl> ioctls = new ArrayList<>();

  /** A copy of the last structure as it was given. */
  MemorySegment given = MemorySegment.NULL;

  int result;

  /** What the kernel would write into the structure. */
  Consumer<MemorySegment> answer = _ -> {};

  @Override
  public int call(KvmIoctl ioctl, MemorySegment argument) {
    ioctls.add(ioctl);
    given = Arena.ofAuto().allocate(argument.byteSize(), 8).copyFrom(argument);
    answer.accept(argument);
    return result;
  }

  KvmIoctl last() {
    return ioctls.getLast();
  }

  /** Reads memory by an address that was given; it must still be there. */
  @SuppressWarnings("restricted") // the address is a kernel's view of what the caller holds
  static byte[] at(long address, int length) {
    return MemorySegment.ofAddress(address).reinterpret(length).toArray(ValueLayout.JAVA_BYTE);
  }

  @SuppressWarnings("restricted")
  static MemorySegment segment(long address, long length) {
    return MemorySegment.ofAddress(address).reinterpret(length);
  }
}
