// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.IommuView;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A translation that was looked up before an invalidation is not kept after it. */
public final class IommuTests {
  private static final long IOVA = 0x1000;

  private IommuTests() {}

  /** The guest's table changes from the first address to the second. */
  @JCStressTest
  @Outcome(id = "[12], 2", expect = Expect.ACCEPTABLE, desc = "after the invalidation the new one")
  @Outcome(expect = Expect.FORBIDDEN, desc = "the old translation was kept")
  @State
  public static class Invalidate {
    private final GuestMemory memory = Guest.Single.MEMORY;
    private final long first = Guest.line(memory);
    private volatile long table = first;
    private final IommuView view =
        new IommuView(
            memory,
            (iova, access, found) -> {
              found.set(IOVA, 8, table, Access.READ_WRITE);
              return true;
            },
            4);

    /** What each translation leads to. */
    public Invalidate() {
      memory.putLong(first, 1);
      memory.putLong(first + 8, 2);
    }

    /** Reads through the view. */
    @Actor
    public void device(II_Result r) {
      r.r1 = (int) view.getLong(IOVA);
    }

    /** Changes the table, then invalidates. */
    @Actor
    public void driver() {
      table = first + 8;
      view.invalidate(IOVA, 8);
    }

    /** Reads again. */
    @Arbiter
    public void look(II_Result r) {
      r.r2 = (int) view.getLong(IOVA);
    }
  }
}
