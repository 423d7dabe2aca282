// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.RejectedExecutionException;
import org.javavmm.event.EventLoop;
import org.javavmm.event.LoopTimer;
import org.javavmm.event.Registration;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** What other threads ask of an event loop that runs, or ends, at this moment. */
public final class EventLoopTests {
  private EventLoopTests() {}

  private static EventLoop create() {
    try {
      return EventLoop.create("stress", 4);
    } catch (SystemCallException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(EventLoop loop) {
    try {
      loop.run();
    } catch (SystemCallException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A task is posted while the loop stops: was it taken, did it run. */
  @JCStressTest
  @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "taken, and run")
  @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "refused")
  @Outcome(expect = Expect.FORBIDDEN, desc = "taken and dropped, or run though refused")
  @State
  public static class PostStop {
    private final EventLoop loop = create();
    private int ran;

    /** Stops in its first round. */
    public PostStop() {
      loop.execute(loop::stop);
    }

    /** The loop. */
    @Actor
    public void loop() {
      run(loop);
    }

    /** Posts. */
    @Actor
    public void poster(II_Result r) {
      try {
        loop.execute(() -> ran++);
        r.r1 = 1;
      } catch (RejectedExecutionException e) {
        r.r1 = 0;
      }
    }

    /** Whether it ran. */
    @Arbiter
    public void look(II_Result r) {
      r.r2 = ran;
      loop.close();
    }
  }

  /** A timer is cancelled when it is due: did it expire, was it cancelled. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "expired")
  @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "cancelled")
  @Outcome(expect = Expect.FORBIDDEN, desc = "both, or neither")
  @State
  public static class TimerCancel {
    private final EventLoop loop = create();
    private final LoopTimer timer;
    private int expired;

    /** The second timer is due after the first and ends the loop. */
    public TimerCancel() {
      try {
        timer = loop.timer("first", expirations -> expired++);
        LoopTimer last = loop.timer("last", expirations -> loop.stop());
        timer.armOnce(0);
        last.armOnce(0);
      } catch (SystemCallException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** The loop. */
    @Actor
    public void loop() {
      run(loop);
    }

    /** Cancels. */
    @Actor
    public void canceller(II_Result r) {
      r.r2 = timer.cancel() ? 1 : 0;
    }

    /** Whether it expired. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = expired;
      loop.close();
    }
  }

  /** A registration is closed under its events, and its slot given to another at once. */
  @JCStressTest
  @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "only its own events")
  @Outcome(expect = Expect.FORBIDDEN, desc = "the other got an event of the closed one")
  @State
  public static class CloseDispatch {
    private final EventLoop loop = create();
    private final EventFd ready;
    private final EventFd quiet;
    private final Registration registration;
    private int strays;

    /** The loop has an event again and again until the registration is closed. */
    public CloseDispatch() {
      try {
        ready = EventFd.create("ready");
        quiet = EventFd.create("quiet");
        ready.signal();
        registration = loop.register("ready", ready.fd(), Epoll.EPOLLIN, events -> {});
      } catch (SystemCallException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** The loop. */
    @Actor
    public void loop() {
      run(loop);
    }

    /** Closes, and registers what is never ready. */
    @Actor
    public void closer() {
      registration.close();
      try {
        var _ = loop.register("quiet", quiet.fd(), Epoll.EPOLLIN, events -> strays++);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      loop.stop();
    }

    /** What came to the wrong one. */
    @Arbiter
    public void look(I_Result r) {
      r.r1 = strays;
      loop.close();
      ready.close();
      quiet.close();
    }
  }
}
