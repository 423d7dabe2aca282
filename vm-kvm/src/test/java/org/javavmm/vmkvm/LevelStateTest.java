// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.javavmm.device.LevelLine;
import org.javavmm.device.SharedLevelLine;
import org.junit.jupiter.api.Test;

/**
 * The protocol of a level-triggered line under any interleaving: two devices behind one line, KVM's
 * worker that raises it, a guest that serves and ends interrupts, and a loop that takes the
 * notices. Each is a thread, of which one runs at a time, to its next step.
 */
class LevelStateTest {
  private static final int ROUNDS = 6;
  private static final int MOST_STEPS = 20_000;

  @SuppressWarnings("ReferenceEquality") // actors are what they are
  private static final class Model implements LevelState.Wire {
    /** Ends the threads that wait for ever. */
    private static final class Over extends RuntimeException {
      private static final long serialVersionUID = 1L;
    }

    private final class Actor {
      final Semaphore turn = new Semaphore(0);
      final Thread thread;
      boolean over;

      Actor(Runnable program) {
        thread =
            Thread.ofVirtual()
                .unstarted(() -> {
                  try {
                    step();
                    program.run();
                  } catch (Over e) {
                    // as asked for
                  } catch (Throwable t) {
                    failure = t;
                  } finally {
                    over = true;
                    moved.release();
                  }
                });
      }
    }

    private final class Device {
      final LevelLine line;
      boolean locked;
      boolean reason;

      Device(LevelLine line) {
        this.line = line;
      }

      void lock() {
        while (locked) {
          step();
        }
        locked = true;
      }

      void wants() {
        for (int i = 0; i < ROUNDS; i++) {
          // Rests between its reasons, for the guest to have served the last.
          for (int rest = random.nextInt(40); rest >= 0; rest--) {
            step();
          }
          lock();
          reason = true;
          line.setLevel(true);
          locked = false;
        }
        finished++;
      }

      void serve() {
        lock();
        step();
        reason = false;
        line.setLevel(false);
        locked = false;
      }
    }

    private final SplittableRandom random;
    private final Semaphore moved = new Semaphore(0);
    private final List<Actor> actors = new ArrayList<>();
    private final LevelState state = new LevelState(this);
    private final SharedLevelLine shared = new SharedLevelLine(state::setLevel);
    private final List<Device> devices =
        List.of(new Device(shared.source()), new Device(shared.source()));

    /** Whose turn it is. */
    private volatile Actor running;

    private volatile boolean ending;
    private volatile Throwable failure = new Over();

    // KVM's side.
    private boolean signalled;
    private boolean raising;
    private boolean up;
    private boolean serving;
    private int notices;
    private boolean resampling;

    private int finished;
    private int signals;
    private int interrupts;

    Model(long seed) {
      random = new SplittableRandom(seed);
      for (Device device : devices) {
        actors.add(new Actor(device::wants));
      }
      actors.add(new Actor(this::worker));
      actors.add(new Actor(this::guest));
      actors.add(new Actor(this::loop));
      running = actors.getFirst();
    }

    /** Lets others run. */
    private void step() {
      Actor me = running;
      moved.release();
      me.turn.acquireUninterruptibly();
      if (ending) {
        throw new Over();
      }
    }

    @Override
    public void raise() {
      step();
      signalled = true;
      signals++;
      step();
    }

    @Override
    public void takeNotices() {
      step();
      notices = 0;
      step();
    }

    private void worker() {
      while (true) {
        step();
        if (signalled) {
          raising = true;
          signalled = false;
          step();
          up = true;
          raising = false;
        }
      }
    }

    private void guest() {
      while (true) {
        step();
        if (up) {
          serving = true;
          interrupts++;
          int which = random.nextInt(3);
          if (which < 2) {
            devices.get(which).serve();
          } else {
            devices.forEach(Device::serve);
          }
          step();
          up = false;
          step();
          notices++;
          serving = false;
        }
      }
    }

    private void loop() {
      while (true) {
        step();
        if (notices > 0) {
          resampling = true;
          state.resampled();
          resampling = false;
        }
      }
    }

    private boolean quiet() {
      return finished == devices.size()
          && !(signalled || raising || up || serving || resampling)
          && notices == 0;
    }

    /** Runs until nothing is left to happen. */
    void run() {
      for (Actor actor : actors) {
        running = actor;
        actor.thread.start();
        moved.acquireUninterruptibly();
      }
      int steps = 0;
      // One is held up for long, again and again: rare interleavings become likely.
      Actor held = actors.getFirst();
      int heldUntil = 0;
      while (!quiet() && failure instanceof Over && steps++ < MOST_STEPS) {
        if (steps > heldUntil) {
          held = actors.get(random.nextInt(actors.size()));
          heldUntil = steps + random.nextInt(80);
        }
        Actor next = actors.get(random.nextInt(actors.size()));
        if (!next.over && next != held) {
          running = next;
          next.turn.release();
          moved.acquireUninterruptibly();
        }
      }
      ending = true;
      for (Actor actor : actors) {
        actor.turn.release();
      }
      if (!(failure instanceof Over)) {
        throw new AssertionError(failure);
      }
      assertTrue(steps < MOST_STEPS, "does not come to rest");
    }
  }

  @Property(tries = 400)
  void noInterruptIsLostAndSpuriousOnesAreBounded(@ForAll long seed) {
    Model model = new Model(seed);
    model.run();
    for (Model.Device device : model.devices) {
      assertFalse(device.reason, "lost: nothing happens any more, and a device waits");
    }
    assertFalse(model.state.wanted());
    assertEquals(0, model.shared.assertedSources());
    assertTrue(
        model.interrupts <= model.signals,
        () -> model.interrupts + " interrupts of " + model.signals + " signals");
  }

  /** What each call does to the wire. */
  @Test
  void callsAndSignals() {
    List<String> seen = new ArrayList<>();
    LevelState state =
        new LevelState(
            new LevelState.Wire() {
              @Override
              public void raise() {
                seen.add("raise");
              }

              @Override
              public void takeNotices() {
                seen.add("take");
              }
            });
    state.setLevel(false);
    state.setLevel(true);
    state.setLevel(true);
    assertEquals(List.of("raise"), seen);
    state.resampled();
    assertEquals(List.of("raise", "take", "raise"), seen);
    state.setLevel(false);
    state.resampled();
    assertEquals(List.of("raise", "take", "raise", "take"), seen);
    state.setLevel(true);
    assertEquals(List.of("raise", "take", "raise", "take", "raise"), seen);
  }
}
