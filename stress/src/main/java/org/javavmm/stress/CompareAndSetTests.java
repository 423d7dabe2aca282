// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import org.javavmm.memory.Access;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestView;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;

/** Of two that compare and set, one wins; who writes beside loses nothing. */
public final class CompareAndSetTests {
  private CompareAndSetTests() {}

  /**
   * Two race from 0, to 1 and to 2, in each width. A result is the winner, by its own account,
   * times four plus what is in memory afterwards.
   */
  @JCStressTest
  @Outcome(id = "(5|10), (5|10), (5|10), (5|10)", expect = Expect.ACCEPTABLE, desc = "one wins")
  @Outcome(expect = Expect.FORBIDDEN, desc = "none or both won, or the loser's value is there")
  @State
  public static class Race {
    private final GuestMemory memory = Guest.Multi.MEMORY;
    private final long gpa = Guest.line(memory);
    private int first;
    private int second;

    private int race(int value) {
      int won = 0;
      won |= memory.compareAndSetByte(gpa + 1, (byte) 0, (byte) value) ? 1 : 0;
      won |= memory.compareAndSetShort(gpa + 2, (short) 0, (short) value) ? 2 : 0;
      won |= memory.compareAndSetInt(gpa + 4, 0, value) ? 4 : 0;
      won |= memory.compareAndSetLong(gpa + 8, 0, value) ? 8 : 0;
      return won;
    }

    /** The one. */
    @Actor
    public void one() {
      first = race(1);
    }

    /** The other. */
    @Actor
    public void other() {
      second = race(2);
    }

    private int result(int bit, long value) {
      return 4 * (((first & bit) != 0 ? 1 : 0) + ((second & bit) != 0 ? 2 : 0)) + (int) value;
    }

    /** Byte, short, int, long. */
    @Arbiter
    public void look(IIII_Result r) {
      r.r1 = result(1, memory.getByte(gpa + 1));
      r.r2 = result(2, memory.getShort(gpa + 2));
      r.r3 = result(4, memory.getInt(gpa + 4));
      r.r4 = result(8, memory.getLong(gpa + 8));
    }
  }

  /** The same through a view, which has the widths of a queue's fields. */
  @JCStressTest
  @Outcome(id = "(5|10), (5|10), 0", expect = Expect.ACCEPTABLE, desc = "one wins")
  @Outcome(expect = Expect.FORBIDDEN, desc = "none or both won, or the loser's value is there")
  @State
  public static class ViewRace {
    private final GuestView view =
        Guest.Single.MEMORY.view(Guest.line(Guest.Single.MEMORY), 64, Access.READ_WRITE);
    private int first;
    private int second;

    private int race(int value) {
      return (view.compareAndSetInt(4, 0, value) ? value : 0)
          + (view.compareAndSetLong(8, 0, value) ? 4 * value : 0);
    }

    /** The one. */
    @Actor
    public void one() {
      first = race(1);
    }

    /** The other. */
    @Actor
    public void other() {
      second = race(2);
    }

    /** Int, long, and what was not to be touched. */
    @Arbiter
    public void look(III_Result r) {
      r.r1 = 4 * ((first & 3) + (second & 3)) + view.getInt(4);
      r.r2 = 4 * ((first >> 2) + (second >> 2)) + (int) view.getLong(8);
      r.r3 = view.getInt(0);
    }
  }

  /** The narrow ones work on the word around the value: a plain write beside it is not undone. */
  @JCStressTest
  @Outcome(id = "3, 1, 1, 1", expect = Expect.ACCEPTABLE, desc = "all there")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a write was lost")
  @State
  public static class Neighbour {
    private final GuestMemory memory = Guest.Single.MEMORY;
    private final long gpa = Guest.line(memory);
    private int done;

    /** Compares and sets a byte and a short. */
    @Actor
    public void narrow() {
      done =
          (memory.compareAndSetByte(gpa + 1, (byte) 0, (byte) 1) ? 1 : 0)
              + (memory.compareAndSetShort(gpa + 4, (short) 0, (short) 1) ? 2 : 0);
    }

    /** Writes the byte and the short beside. */
    @Actor
    public void neighbour() {
      memory.putByte(gpa, (byte) 1);
      memory.putShort(gpa + 6, (short) 1);
    }

    /** Whether both were set, the values, and both neighbours. */
    @Arbiter
    public void look(IIII_Result r) {
      r.r1 = done;
      r.r2 = memory.getByte(gpa + 1) & memory.getShort(gpa + 4);
      r.r3 = memory.getByte(gpa);
      r.r4 = memory.getShort(gpa + 6);
    }
  }
}
