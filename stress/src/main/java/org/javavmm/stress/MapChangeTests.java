// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.Lease;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Who reads while the map changes finds the old map, the new one, or a fault; never a mix. */
public final class MapChangeTests {
  private static final byte OLD = 0x11;
  private static final byte NEW = 0x22;
  private static final int LENGTH = 128;

  private static final int FAULT = 0;
  private static final int ALL_OLD = 1;
  private static final int ALL_NEW = 2;
  private static final int MIXED = 3;

  /** A hole where at each moment is a region. */
  private static final int GAP = 4;

  /** A change takes long beside a read: a reader goes on until it sees it, or gives up. */
  private static final int READS = 5_000;

  private MapChangeTests() {}

  /** Reads again and again while it sees the same. */
  private static int readUntilNot(int same, GuestMemory memory, long gpa, int stay) {
    int seen = same;
    for (int i = 0; i < READS && seen == same; i++) {
      seen = read(memory, gpa, stay);
    }
    return seen;
  }

  /** Copies a range out; its first bytes may be of a region that stays. */
  private static int read(GuestMemory memory, long gpa, int stay) {
    byte[] bytes = new byte[LENGTH];
    try {
      memory.read(gpa, bytes);
    } catch (GuestMemoryException e) {
      return e.reason() == GuestMemoryException.Reason.CLOSED ? FAULT : GAP;
    }
    for (int i = 0; i < LENGTH; i++) {
      if (bytes[i] != (i < stay ? OLD : bytes[LENGTH - 1])) {
        return MIXED;
      }
    }
    return bytes[LENGTH - 1] == OLD ? ALL_OLD : bytes[LENGTH - 1] == NEW ? ALL_NEW : MIXED;
  }

  private static int readLong(GuestMemory memory, long gpa) {
    try {
      long value = memory.getLong(gpa);
      return value == 0x1111_1111_1111_1111L
          ? ALL_OLD
          : value == 0x2222_2222_2222_2222L ? ALL_NEW : MIXED;
    } catch (GuestMemoryException e) {
      return e.reason() == GuestMemoryException.Reason.CLOSED ? FAULT : GAP;
    }
  }

  /** A region is replaced. There is one at each moment, so a fault can only be that of a race. */
  @JCStressTest
  @Outcome(
      id = "[012], [02]",
      expect = Expect.ACCEPTABLE,
      desc = "old, new or a fault, then new or a fault")
  @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "old twice")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a mix, a hole, or old after new")
  @State
  public static class Replace {
    private final GuestMemory memory =
        Guest.build(GuestMemory.builder().region(Guest.page("old", Guest.BASE, OLD)).resizable());

    /** Replaces the region. */
    @Actor
    public void replacer() {
      try {
        var _ =
            memory.replaceRegion(memory.regions().getFirst(), Guest.page("new", Guest.BASE, NEW));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Copies, then loads. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = readUntilNot(ALL_OLD, memory, Guest.BASE + 64, 0);
      r.r2 = readLong(memory, Guest.BASE + 256);
      if (r.r1 == ALL_NEW && r.r2 == FAULT) {
        r.r2 = GAP; // nobody takes the new one away
      }
    }

    /** Unmaps. */
    @Arbiter
    public void end() {
      memory.close();
    }
  }

  /** A region is removed that a copy reaches into from another. */
  @JCStressTest
  @Outcome(id = "[01]", expect = Expect.ACCEPTABLE, desc = "all or a fault")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a part")
  @State
  public static class Remove {
    private final GuestMemory memory =
        Guest.build(
            GuestMemory.builder()
                .region(Guest.page("stays", Guest.BASE, OLD))
                .region(Guest.page("goes", Guest.BASE + Guest.PAGE, OLD))
                .resizable());

    /** Removes the region. */
    @Actor
    public void remover() {
      memory.removeRegion(memory.regions().getLast());
    }

    /** Copies across the boundary. */
    @Actor
    public void reader(I_Result r) {
      int seen = readUntilNot(ALL_OLD, memory, Guest.BASE + Guest.PAGE - LENGTH / 2, LENGTH / 2);
      r.r1 = seen == GAP ? FAULT : seen;
    }

    /** Unmaps. */
    @Arbiter
    public void end() {
      memory.close();
    }
  }

  /** A region is added that a copy reaches into from another: with its contents, or not at all. */
  @JCStressTest
  @Outcome(id = "4", expect = Expect.ACCEPTABLE, desc = "a fault: not there yet")
  @Outcome(id = "2", expect = Expect.ACCEPTABLE, desc = "there with its contents")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a part, or without its contents")
  @State
  public static class Add {
    private final GuestMemory memory =
        Guest.build(GuestMemory.builder().region(Guest.page("stays", Guest.BASE, OLD)).resizable());

    /** Adds the region. */
    @Actor
    public void adder() {
      try {
        var _ = memory.addRegion(Guest.page("comes", Guest.BASE + Guest.PAGE, NEW));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Copies across the boundary. */
    @Actor
    public void reader(I_Result r) {
      // A fault is explained by the map of a moment later, in which it may be there.
      int seen = readUntilNot(GAP, memory, Guest.BASE + Guest.PAGE - LENGTH / 2, LENGTH / 2);
      r.r1 = seen == FAULT ? GAP : seen;
    }

    /** Unmaps. */
    @Arbiter
    public void end() {
      memory.close();
    }
  }

  /** A lease is granted, or the memory is closed; what is leased is mapped. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "leased, so the close was refused")
  @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "closed, so the lease was refused")
  @Outcome(expect = Expect.FORBIDDEN, desc = "both, or neither, or a lease of unmapped memory")
  @State
  public static class LeaseOrClose {
    private final GuestMemory memory =
        Guest.build(GuestMemory.builder().anonymous("ram", Guest.BASE, Guest.PAGE));
    private final GuestRegion region = memory.regions().getFirst();
    private @Nullable Lease lease;

    /** Takes a lease, and looks whether the memory is there a little later as well. */
    @Actor
    public void holder(II_Result r) {
      try {
        lease = region.lease("stress");
      } catch (IllegalStateException e) {
        return;
      }
      boolean mapped = true;
      for (int i = 0; i < 16; i++) {
        mapped &= region.segment().scope().isAlive();
      }
      r.r1 = mapped ? 1 : 2;
    }

    /** Closes. */
    @Actor
    public void closer(II_Result r) {
      try {
        memory.close();
        r.r2 = 1;
      } catch (IllegalStateException e) {
        r.r2 = 0;
      }
    }

    /** Unmaps. */
    @Arbiter
    public void end() {
      Lease held = lease;
      if (held != null) {
        held.close();
      }
      memory.close();
    }
  }
}
