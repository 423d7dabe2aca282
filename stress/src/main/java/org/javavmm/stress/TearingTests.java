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
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * Aligned plain accesses of 2, 4 and 8 bytes are whole: a reader sees all of a value or nothing.
 */
public final class TearingTests {
  private static final int SHORT = 2;
  private static final int INT = 4;
  private static final int LONG = 8;

  /** What a reader saw: 0, all ones, or something between. */
  private static int whole(long value) {
    return value == 0 ? 0 : value == -1 ? 1 : 2;
  }

  private static void write(GuestMemory memory, long gpa) {
    memory.putShort(gpa + SHORT, (short) -1);
    memory.putInt(gpa + INT, -1);
    memory.putLong(gpa + LONG, -1);
  }

  private static void read(GuestMemory memory, long gpa, III_Result r) {
    r.r1 = whole(memory.getShort(gpa + SHORT));
    r.r2 = whole(memory.getInt(gpa + INT));
    r.r3 = whole(memory.getLong(gpa + LONG));
  }

  private TearingTests() {}

  /** In memory of one region. */
  @JCStressTest
  @Outcome(id = "[01], [01], [01]", expect = Expect.ACCEPTABLE, desc = "each old or new")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a torn value")
  @State
  public static class Single {
    private final long gpa = Guest.line(Guest.Single.MEMORY);

    /** Writes. */
    @Actor
    public void writer() {
      write(Guest.Single.MEMORY, gpa);
    }

    /** Reads: short, int, long. */
    @Actor
    public void reader(III_Result r) {
      read(Guest.Single.MEMORY, gpa, r);
    }
  }

  /** In memory of several regions. */
  @JCStressTest
  @Outcome(id = "[01], [01], [01]", expect = Expect.ACCEPTABLE, desc = "each old or new")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a torn value")
  @State
  public static class Multi {
    private final long gpa = Guest.line(Guest.Multi.MEMORY);

    /** Writes. */
    @Actor
    public void writer() {
      write(Guest.Multi.MEMORY, gpa);
    }

    /** Reads: short, int, long. */
    @Actor
    public void reader(III_Result r) {
      read(Guest.Multi.MEMORY, gpa, r);
    }
  }

  /** Through a view. */
  @JCStressTest
  @Outcome(id = "[01], [01], [01]", expect = Expect.ACCEPTABLE, desc = "each old or new")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a torn value")
  @State
  public static class View {
    private final GuestView view =
        Guest.Single.MEMORY.view(Guest.line(Guest.Single.MEMORY), 64, Access.READ_WRITE);

    /** Writes. */
    @Actor
    public void writer() {
      view.putShort(SHORT, (short) -1);
      view.putInt(INT, -1);
      view.putLong(LONG, -1);
    }

    /** Reads: short, int, long. */
    @Actor
    public void reader(III_Result r) {
      r.r1 = whole(view.getShort(SHORT));
      r.r2 = whole(view.getInt(INT));
      r.r3 = whole(view.getLong(LONG));
    }
  }
}
