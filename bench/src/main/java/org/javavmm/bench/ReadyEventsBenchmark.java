// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.javavmm.event.EventLoop;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.EventFd;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A round of an event loop with 200 descriptors, some or all of which are always ready: waiting,
 * finding and calling the handlers. An operation is a round, in which each ready one is handled
 * once.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ReadyEventsBenchmark {
  private static final int DESCRIPTORS = 200;

  /** Handing over to the loop's thread and back costs as much as one of so many rounds. */
  private static final int ROUNDS = 5000;

  /** How many are ready. */
  @Param({"200", "9"})
  public int ready;

  private final List<EventFd> events = new ArrayList<>();
  private final Semaphore begin = new Semaphore(0);
  private final Semaphore end = new Semaphore(0);
  private EventLoop loop;

  /** Written by the loop's thread alone while a measurement is under way. */
  private long left;

  /**
   * Registers the descriptors and starts the loop, which waits for the first measurement.
   *
   * @throws Exception if the process has no descriptor left
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    loop = EventLoop.create("bench");
    for (int i = 0; i < DESCRIPTORS; i++) {
      EventFd event = EventFd.create("event " + i);
      events.add(event);
      // The ready ones are spread over the registrations.
      if (i * ready / DESCRIPTORS != (i + 1) * ready / DESCRIPTORS) {
        event.signal();
      }
      loop.register("event " + i, event.fd(), Epoll.EPOLLIN, this::handle);
    }
    loop.start();
  }

  private void handle(int events) {
    if (--left <= 0) {
      end.release();
      begin.acquireUninterruptibly();
    }
  }

  /**
   * Ends the loop.
   *
   * @throws Exception if interrupted
   */
  @TearDown(Level.Trial)
  public void tearDown() throws Exception {
    loop.stop();
    left = Long.MAX_VALUE;
    begin.release();
    loop.close();
    events.forEach(EventFd::close);
  }

  /** Lets the loop go for many rounds. */
  @Benchmark
  @OperationsPerInvocation(ROUNDS)
  public void round() {
    end.acquireUninterruptibly();
    left = (long) ROUNDS * ready;
    begin.release();
    end.acquireUninterruptibly();
    end.release();
  }
}
