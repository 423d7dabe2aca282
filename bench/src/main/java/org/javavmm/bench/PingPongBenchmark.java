// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

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
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Two event loops on two threads that wake each other through eventfds. An operation is a round
 * trip.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class PingPongBenchmark {
  private static final int ROUND_TRIPS = 1000;

  private final Semaphore end = new Semaphore(0);
  private EventLoop first;
  private EventLoop second;
  private EventFd ping;
  private EventFd pong;

  /** Written by the first loop's thread alone while a measurement is under way. */
  private int left;

  /**
   * Starts the loops.
   *
   * @throws Exception if the process has no descriptor left
   */
  @Setup(Level.Trial)
  public void setUp() throws Exception {
    first = EventLoop.create("first");
    second = EventLoop.create("second");
    ping = EventFd.create("ping");
    pong = EventFd.create("pong");
    first.register("ping", ping.fd(), Epoll.EPOLLIN, this::answered);
    second.register("pong", pong.fd(), Epoll.EPOLLIN, this::answer);
    first.start();
    second.start();
  }

  private void answered(int events) {
    ping.drain();
    if (--left < 0) {
      end.release();
    } else {
      pong.signal();
    }
  }

  private void answer(int events) {
    pong.drain();
    ping.signal();
  }

  /** Ends the loops. */
  @TearDown(Level.Trial)
  public void tearDown() {
    first.close();
    second.close();
    ping.close();
    pong.close();
  }

  /** Lets the loops play. */
  @Benchmark
  @OperationsPerInvocation(ROUND_TRIPS)
  public void roundTrip() {
    left = ROUND_TRIPS;
    ping.signal();
    end.acquireUninterruptibly();
  }
}
