// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestView;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/** Who sees a flag raised by a release store with an acquire load sees what was stored before. */
public final class MessagePassingTests {
  private MessagePassingTests() {}

  /**
   * In memory of one region. A digit per width: 2 if the flag was up, plus 1 if the data was there.
   */
  @JCStressTest
  @Outcome(id = "[013], [013], [013], [013]", expect = Expect.ACCEPTABLE, desc = "in order")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a flag without its data")
  @State
  public static class Single {
    private final GuestMemory memory = Guest.Single.MEMORY;
    private final long gpa = Guest.line(memory);

    /** Stores data, then raises a flag, in each width. */
    @Actor
    public void writer() {
      memory.putLong(gpa + 32, 1);
      memory.putByteRelease(gpa + 1, (byte) 1);
      memory.putLong(gpa + 40, 1);
      memory.putShortRelease(gpa + 2, (short) 1);
      memory.putLong(gpa + 48, 1);
      memory.putIntRelease(gpa + 4, 1);
      memory.putLong(gpa + 56, 1);
      memory.putLongRelease(gpa + 8, 1);
    }

    /** Looks at each flag, then at its data. */
    @Actor
    public void reader(IIII_Result r) {
      // The last one first, or all after the first flag would have to be there.
      r.r4 = 2 * (int) memory.getLongAcquire(gpa + 8) + (int) memory.getLong(gpa + 56);
      r.r3 = 2 * memory.getIntAcquire(gpa + 4) + (int) memory.getLong(gpa + 48);
      r.r2 = 2 * memory.getShortAcquire(gpa + 2) + (int) memory.getLong(gpa + 40);
      r.r1 = 2 * memory.getByteAcquire(gpa + 1) + (int) memory.getLong(gpa + 32);
    }
  }

  /**
   * In memory of several regions. A digit per width: 2 if the flag was up, plus 1 if the data was
   * there.
   */
  @JCStressTest
  @Outcome(id = "[013], [013], [013], [013]", expect = Expect.ACCEPTABLE, desc = "in order")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a flag without its data")
  @State
  public static class Multi {
    private final GuestMemory memory = Guest.Multi.MEMORY;
    private final long gpa = Guest.line(memory);

    /** Stores data, then raises a flag, in each width. */
    @Actor
    public void writer() {
      memory.putLong(gpa + 32, 1);
      memory.putByteRelease(gpa + 1, (byte) 1);
      memory.putLong(gpa + 40, 1);
      memory.putShortRelease(gpa + 2, (short) 1);
      memory.putLong(gpa + 48, 1);
      memory.putIntRelease(gpa + 4, 1);
      memory.putLong(gpa + 56, 1);
      memory.putLongRelease(gpa + 8, 1);
    }

    /** Looks at each flag, then at its data. */
    @Actor
    public void reader(IIII_Result r) {
      // The last one first, or all after the first flag would have to be there.
      r.r4 = 2 * (int) memory.getLongAcquire(gpa + 8) + (int) memory.getLong(gpa + 56);
      r.r3 = 2 * memory.getIntAcquire(gpa + 4) + (int) memory.getLong(gpa + 48);
      r.r2 = 2 * memory.getShortAcquire(gpa + 2) + (int) memory.getLong(gpa + 40);
      r.r1 = 2 * memory.getByteAcquire(gpa + 1) + (int) memory.getLong(gpa + 32);
    }
  }

  /** Through a view. A digit per width: 2 if the flag was up, plus 1 if the data was there. */
  @JCStressTest
  @Outcome(id = "[013], [013], [013], [013]", expect = Expect.ACCEPTABLE, desc = "in order")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a flag without its data")
  @State
  public static class View {
    private final GuestView view =
        Guest.Single.MEMORY.view(Guest.line(Guest.Single.MEMORY), 64, Access.READ_WRITE);

    /** Stores data, then raises a flag, in each width. */
    @Actor
    public void writer() {
      view.putLong(32, 1);
      view.putByteRelease(1, (byte) 1);
      view.putLong(40, 1);
      view.putShortRelease(2, (short) 1);
      view.putLong(48, 1);
      view.putIntRelease(4, 1);
      view.putLong(56, 1);
      view.putLongRelease(8, 1);
    }

    /** Looks at each flag, then at its data. */
    @Actor
    public void reader(IIII_Result r) {
      // The last one first, or all after the first flag would have to be there.
      r.r4 = 2 * (int) view.getLongAcquire(8) + (int) view.getLong(56);
      r.r3 = 2 * view.getIntAcquire(4) + (int) view.getLong(48);
      r.r2 = 2 * view.getShortAcquire(2) + (int) view.getLong(40);
      r.r1 = 2 * view.getByteAcquire(1) + (int) view.getLong(32);
    }
  }
}
