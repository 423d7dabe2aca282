// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.MemorySegment;

/** Objects of this package that reach a test instead of the kernel, for tests of other packages. */
public final class Mocks {
  private Mocks() {}

  /** Takes an ioctl. */
  public interface Call {
    /** {@return the result, or {@code -errno}} */
    int call(String ioctl, MemorySegment argument);
  }

  /** {@return attributes whose structures a test gets} */
  public static DeviceAttributes attributes(String owner, Call call) {
    return new DeviceAttributes(owner, (ioctl, argument) -> call.call(ioctl.name(), argument));
  }

  /** {@return the view of an exit whose page is a test's} */
  public static VcpuExit exit(MemorySegment run) {
    return new VcpuExit(run);
  }

  /** {@return what an address given to the kernel leads to} */
  public static byte[] at(long address, int length) {
    return Recorder.at(address, length);
  }

  /** Writes where an address given to the kernel leads to. */
  public static void put(long address, byte... bytes) {
    Recorder.put(address, bytes);
  }
}
