// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.javavmm.sys.OwnedFd;

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

  /** Reads what an address given to the kernel leads to. */
  static byte[] at(long address, int length) {
    try (OwnedFd memory = OwnedFd.openReadOnly("/proc/self/mem");
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(length);
      memory.preadFully(bytes, address);
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes where an address given to the kernel leads to. */
  static void put(long address, byte... bytes) {
    try (OwnedFd memory = OwnedFd.openReadWrite("/proc/self/mem");
        Arena arena = Arena.ofConfined()) {
      memory.pwriteFully(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), address);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
