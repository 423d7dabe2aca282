// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.util.concurrent.TimeUnit;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Accesses of a bus while its ranges change, and level-triggered lines that are shared. */
public class BusTests {
  private static final long HERE = 0x1000;
  private static final long THERE = 0x2000;

  private BusTests() {}

  /** Answers with a number of its own, which a plain store gave it. */
  private static final class Answer implements BusDevice {
    @SuppressWarnings("FieldMayBeFinal") // a final field would be published however it was added
    private int answer;

    Answer(int answer) {
      this.answer = answer;
    }

    @Override
    public long read(long offset, int size) {
      return answer;
    }

    @Override
    public void write(long offset, int size, long value) {
      // Nothing to note.
    }
  }

  private static int read(Bus bus, long address) {
    return (int) bus.read(address, 1);
  }

  /** A device is added: it answers as it was made, or nobody does. */
  @JCStressTest
  @Outcome(id = "255, (255|1)", expect = Expect.ACCEPTABLE, desc = "not there yet")
  @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "there, and it stays")
  @Outcome(expect = Expect.FORBIDDEN, desc = "half made, or gone again")
  @State
  public static class Add {
    private final Bus bus = Bus.mmio();

    /** Adds. */
    @Actor
    public void adder() {
      bus.add("device", HERE, 8, new Answer(1));
    }

    /** Reads twice. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = read(bus, HERE);
      r.r2 = read(bus, HERE);
    }
  }

  /** A range moves: who does not find it at the old place finds it at the new. */
  @JCStressTest
  @Outcome(id = "1, (255|1)", expect = Expect.ACCEPTABLE, desc = "still at the old place")
  @Outcome(id = "255, 1", expect = Expect.ACCEPTABLE, desc = "at the new place")
  @Outcome(expect = Expect.FORBIDDEN, desc = "nowhere")
  @State
  public static class Move {
    private final Bus bus = Bus.mmio();

    /** Has a device. */
    public Move() {
      bus.add("device", HERE, 8, new Answer(1));
    }

    /** Moves. */
    @Actor
    public void mover() {
      bus.move(HERE, THERE);
    }

    /** Reads the old place, then the new. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = read(bus, HERE);
      r.r2 = read(bus, THERE);
    }
  }

  /** A range moves: who finds it at the new place does not find it at the old any more. */
  @JCStressTest
  @Outcome(id = "255, (255|1)", expect = Expect.ACCEPTABLE, desc = "not at the new place yet")
  @Outcome(id = "1, 255", expect = Expect.ACCEPTABLE, desc = "at the new place alone")
  @Outcome(expect = Expect.FORBIDDEN, desc = "at both")
  @State
  public static class MoveSeenBackwards {
    private final Bus bus = Bus.mmio();

    /** Has a device. */
    public MoveSeenBackwards() {
      bus.add("device", HERE, 8, new Answer(1));
    }

    /** Moves. */
    @Actor
    public void mover() {
      bus.move(HERE, THERE);
    }

    /** Reads the new place, then the old. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = read(bus, THERE);
      r.r2 = read(bus, HERE);
    }
  }

  /** Two ranges change places: each place always has one of them. */
  @JCStressTest
  @Outcome(id = "1, (1|2)", expect = Expect.ACCEPTABLE, desc = "before, and maybe after")
  @Outcome(id = "2, 1", expect = Expect.ACCEPTABLE, desc = "after")
  @Outcome(expect = Expect.FORBIDDEN, desc = "a hole, or a mix of maps")
  @State
  public static class ChangePlaces {
    private final Bus bus = Bus.mmio();

    /** Has two devices. */
    public ChangePlaces() {
      bus.add("one", HERE, 8, new Answer(1));
      bus.add("two", THERE, 8, new Answer(2));
    }

    /** Lets them change places. */
    @Actor
    public void mover() {
      bus.change(change -> {
        change.move(HERE, THERE);
        change.move(THERE, HERE);
      });
    }

    /** Reads both places. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = read(bus, HERE);
      r.r2 = read(bus, THERE);
    }
  }

  /** Knows whether it is closed. Its accesses are long, so that it may be closed during one. */
  private static final class Closable implements BusDevice {
    private static final int CLOSED = 2;

    private volatile int state = 1;

    @Override
    public long read(long offset, int size) {
      int seen = state;
      for (int i = 0; i < 500 && seen == 1; i++) {
        seen = state;
      }
      return seen;
    }

    @Override
    public void write(long offset, int size, long value) {
      // Nothing to note.
    }

    void close() {
      state = CLOSED;
    }
  }

  /** A device is removed, waited for and closed: no access sees it closed. */
  @JCStressTest
  @Outcome(id = "1, (1|255)", expect = Expect.ACCEPTABLE, desc = "open")
  @Outcome(id = "255, 255", expect = Expect.ACCEPTABLE, desc = "gone")
  @Outcome(expect = Expect.FORBIDDEN, desc = "used after the wait")
  @State
  public static class RemoveAndWait {
    private final Bus bus = Bus.mmio();
    private final Closable device = new Closable();

    /** Has a device. */
    public RemoveAndWait() {
      bus.add("device", HERE, 8, device);
    }

    /** Removes, waits, closes. */
    @Actor
    public void closer() {
      var _ = bus.remove(HERE);
      try {
        if (bus.awaitAccesses(1, TimeUnit.HOURS)) {
          device.close();
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    /** Reads twice. */
    @Actor
    public void reader(II_Result r) {
      r.r1 = read(bus, HERE);
      r.r2 = read(bus, HERE);
    }
  }

  /** Keeps the last level. */
  private static final class Level implements LevelLine {
    volatile boolean level;

    @Override
    public void setLevel(boolean asserted) {
      level = asserted;
    }
  }

  /** One source is taken back while another is asserted: the line is asserted in the end. */
  @JCStressTest
  @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "asserted")
  @Outcome(expect = Expect.FORBIDDEN, desc = "taken back although one source is asserted")
  @State
  public static class SharedLine {
    private final Level line = new Level();
    private final SharedLevelLine shared = new SharedLevelLine(line);
    private final LevelLine a = shared.source();
    private final LevelLine b = shared.source();

    /** The first is asserted. */
    public SharedLine() {
      a.setLevel(true);
    }

    /** Takes the first back. */
    @Actor
    public void lower() {
      a.setLevel(false);
    }

    /** Asserts the second. */
    @Actor
    public void raise() {
      b.setLevel(true);
    }

    /** Looks. */
    @Arbiter
    public void end(I_Result r) {
      r.r1 = line.level ? 1 : 0;
    }
  }
}
