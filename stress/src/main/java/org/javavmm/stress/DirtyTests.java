// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import org.javavmm.memory.DirtyBitmap;
import org.javavmm.memory.DirtyLog;
import org.javavmm.memory.GuestMemory;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;

/** Store, then mark, against clear, then copy: no copy is old without a mark that says so. */
public final class DirtyTests {
  private DirtyTests() {}

  /** Fetches and clears; what was marked. */
  private static int fetch(DirtyLog log) {
    return (int) log.fetchAndClear(new DirtyBitmap(log.size(), log.pageSize()));
  }

  /** A clean page: was a mark fetched, was the data there, is there a mark afterwards. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "mark and data")
  @Outcome(id = "0, [01], 1", expect = Expect.ACCEPTABLE, desc = "the mark is for the next round")
  @Outcome(expect = Expect.FORBIDDEN, desc = "old data, and no mark left")
  @State
  public static class Clean {
    private final GuestMemory memory = Guest.Single.MEMORY;
    private final long gpa = Guest.line(memory);
    private final DirtyLog log = new DirtyLog(64, 64);

    /** Stores, then marks. */
    @Actor
    public void writer() {
      memory.putLong(gpa, 1);
      log.mark(0, 8);
    }

    /** Clears, then copies. */
    @Actor
    public void copier(III_Result r) {
      r.r1 = fetch(log);
      r.r2 = (int) memory.getLong(gpa);
    }

    /** What is left. */
    @Arbiter
    public void look(III_Result r) {
      r.r3 = log.isDirty(0) ? 1 : 0;
    }
  }

  /** A page that is marked already: the second mark must not be lost with the first. */
  @JCStressTest
  @Outcome(id = "1, 1, [01]", expect = Expect.ACCEPTABLE, desc = "mark and data")
  @Outcome(id = "1, 0, 1", expect = Expect.ACCEPTABLE, desc = "the data is for the next round")
  @Outcome(expect = Expect.FORBIDDEN, desc = "old data, and no mark left")
  @State
  public static class Marked {
    private final GuestMemory memory = Guest.Single.MEMORY;
    private final long gpa = Guest.line(memory);
    private final DirtyLog log = new DirtyLog(64, 64);

    /** Marks. */
    public Marked() {
      log.markAll();
    }

    /** Stores, then marks. */
    @Actor
    public void writer() {
      memory.putLong(gpa, 1);
      log.mark(0, 8);
    }

    /** Clears, then copies. */
    @Actor
    public void copier(III_Result r) {
      r.r1 = fetch(log);
      r.r2 = (int) memory.getLong(gpa);
    }

    /** What is left. */
    @Arbiter
    public void look(III_Result r) {
      r.r3 = log.isDirty(0) ? 1 : 0;
    }
  }

  /** The marks that the memory itself makes: by a store, and by a copy. */
  @JCStressTest
  @Outcome(id = "1, 1, 1, 0", expect = Expect.ACCEPTABLE, desc = "marks and data")
  @Outcome(
      id = "1, 1, [01], 1",
      expect = Expect.ACCEPTABLE,
      desc = "the copy is for the next round")
  @Outcome(id = "0, [01], [01], 1", expect = Expect.ACCEPTABLE, desc = "all for the next round")
  @Outcome(expect = Expect.FORBIDDEN, desc = "old data, and no mark left")
  @State
  public static class ByMemory {
    private final GuestMemory memory =
        Guest.build(
            GuestMemory.builder().region(Guest.page("ram", Guest.BASE, (byte) 0).dirtyLog()));
    private final DirtyLog log = memory.regions().getFirst().dirtyLog().orElseThrow();

    /** Starts clean. */
    public ByMemory() {
      log.clear();
    }

    /** Stores and copies. */
    @Actor
    public void writer() {
      memory.putInt(Guest.BASE, 1);
      memory.write(Guest.BASE + 64, new byte[] {1});
    }

    /** Clears, then copies. */
    @Actor
    public void copier(IIII_Result r) {
      r.r1 = fetch(log);
      r.r2 = memory.getInt(Guest.BASE);
      r.r3 = memory.getByte(Guest.BASE + 64);
    }

    /** What is left. */
    @Arbiter
    public void look(IIII_Result r) {
      r.r4 = log.isDirty(0) ? 1 : 0;
      memory.close();
    }
  }

  /** Two fetch: each mark is moved once. The last result is what neither fetched. */
  @JCStressTest
  @Outcome(
      id = {"2, 0, 0", "1, 1, 0", "0, 2, 0"},
      expect = Expect.ACCEPTABLE,
      desc = "once")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a mark twice, or lost")
  @State
  public static class TwoFetchers {
    private static final long LAST = 64 * 8; // in another word

    private final DirtyLog log = new DirtyLog(LAST + 64, 64);

    /** Marks two pages. */
    public TwoFetchers() {
      log.mark(0, 1);
      log.mark(LAST, 1);
    }

    /** The one. */
    @Actor
    public void one(III_Result r) {
      r.r1 = fetch(log);
    }

    /** The other. */
    @Actor
    public void other(III_Result r) {
      r.r2 = fetch(log);
    }

    /** What is left. */
    @Arbiter
    public void look(III_Result r) {
      r.r3 = (log.isDirty(0) ? 1 : 0) + (log.isDirty(LAST) ? 1 : 0);
    }
  }
}
