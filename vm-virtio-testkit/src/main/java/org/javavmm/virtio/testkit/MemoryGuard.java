// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestRegion;

/** A copy of guest memory, to see later what was written meanwhile. */
public final class MemoryGuard {
  private record Range(long address, long length) {}

  private final GuestMemory memory;
  private final List<byte[]> before = new ArrayList<>();
  private final List<Range> allowed = new ArrayList<>();

  /**
   * Copies the memory.
   *
   * @param memory the memory
   */
  public MemoryGuard(GuestMemory memory) {
    this.memory = memory;
    for (GuestRegion region : memory.regions()) {
      byte[] bytes = new byte[(int) region.size()];
      memory.read(region.gpa(), bytes);
      before.add(bytes);
    }
  }

  /**
   * Says that a range may be written.
   *
   * @param address its address
   * @param length its length in bytes
   */
  public void allow(long address, long length) {
    allowed.add(new Range(address, length));
  }

  /**
   * Checks that nothing changed but what may.
   *
   * @throws AssertionError if something did
   */
  public void verify() {
    int i = 0;
    for (GuestRegion region : memory.regions()) {
      byte[] old = before.get(i++);
      byte[] now = new byte[old.length];
      memory.read(region.gpa(), now);
      for (int at = 0; at < now.length; at++) {
        long gpa = region.gpa() + at;
        if (now[at] != old[at]
            && allowed.stream()
                .noneMatch(r -> Long.compareUnsigned(gpa - r.address, r.length) < 0)) {
          throw new AssertionError("0x" + Long.toHexString(gpa) + " was written");
        }
      }
    }
  }
}
