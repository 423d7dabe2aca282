// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.util.List;
import org.javavmm.memory.GuestMemory;

/** What the plans look at before they write, so that they need not stop halfway. */
final class PlanCheck {
  private PlanCheck() {}

  /**
   * Looks whether guest memory can take a plan.
   *
   * @throws IllegalArgumentException if a range of the plan is not in memory
   * @throws IllegalStateException if the memory is closed
   */
  static void fits(GuestMemory memory, List<MemoryRange> ranges) {
    for (MemoryRange range : ranges) {
      if (!memory.contains(range.gpa(), range.size())) {
        throw new IllegalArgumentException(
            "planned range " + range + " is not in the " + memory + ": not the memory planned for");
      }
    }
    alive(memory.regions().getFirst().segment().scope().isAlive(), "guest memory");
  }

  /**
   * Refuses what is closed.
   *
   * @throws IllegalStateException if it is
   */
  static void alive(boolean alive, String what) {
    if (!alive) {
      throw new IllegalStateException(what + " is closed");
    }
  }
}
