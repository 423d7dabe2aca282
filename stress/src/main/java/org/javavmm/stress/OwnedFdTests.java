// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.sys.MemFd;
import org.javavmm.sys.OwnedFd;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A descriptor's number is closed once, and not while somebody is in a call. Who closed it opens
 * another file at once, a stranger, which usually gets the same number: a second close of the
 * number would take the stranger's away. Nobody else opens files meanwhile.
 */
public final class OwnedFdTests {
  private static final AtomicLong NEXT = new AtomicLong();

  private OwnedFdTests() {}

  private static String fresh() {
    return "stress-" + NEXT.getAndIncrement();
  }

  private static OwnedFd open(String name) {
    try {
      return MemFd.create(name, 0).fd();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether a number is the file of a name. */
  private static boolean isOpen(int number, String name) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + number))
          .toString()
          .equals("/memfd:" + name + " (deleted)");
    } catch (IOException e) {
      return false;
    }
  }

  /** One acquires and releases, one closes. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "acquired before the close")
  @Outcome(id = "0, 1, 0", expect = Expect.ACCEPTABLE, desc = "refused after the close")
  @Outcome(expect = Expect.FORBIDDEN, desc = "closed in use, or twice, or never")
  @State
  public static class AcquireClose {
    private final String name = fresh();
    private final String strangerName = fresh();
    private final OwnedFd fd = open(name);
    private final int number = fd.number();
    private @Nullable OwnedFd stranger;

    /** Whether it acquired, 1; 2 if it was another file then. */
    @Actor
    public void user(III_Result r) {
      int acquired;
      try {
        acquired = fd.acquire();
      } catch (IllegalStateException e) {
        return;
      }
      r.r1 = isOpen(acquired, name) ? 1 : 2;
      fd.release();
    }

    /** Closes. */
    @Actor
    public void closer() {
      fd.close();
      stranger = open(strangerName);
    }

    /** Whether the stranger is there, and the file still. */
    @Arbiter
    public void look(III_Result r) {
      OwnedFd other = stranger;
      if (other != null) {
        r.r2 = isOpen(other.number(), strangerName) ? 1 : 0;
        other.close();
      }
      r.r3 = isOpen(number, name) ? 1 : 0;
    }
  }

  /** Two close. */
  @JCStressTest
  @Outcome(id = "2, 0", expect = Expect.ACCEPTABLE, desc = "closed once")
  @Outcome(expect = Expect.FORBIDDEN, desc = "closed twice, or never")
  @State
  public static class CloseClose {
    private final String name = fresh();
    private final String firstName = fresh();
    private final String secondName = fresh();
    private final OwnedFd fd = open(name);
    private final int number = fd.number();
    private @Nullable OwnedFd first;
    private @Nullable OwnedFd second;

    /** The one. */
    @Actor
    public void one() {
      fd.close();
      first = open(firstName);
    }

    /** The other. */
    @Actor
    public void other() {
      fd.close();
      second = open(secondName);
    }

    private static int endOf(@Nullable OwnedFd stranger, String name) {
      if (stranger == null || !isOpen(stranger.number(), name)) {
        return 0; // and not closed: the number may be another stranger's
      }
      stranger.close();
      return 1;
    }

    /** How many strangers are there, and the file still. */
    @Arbiter
    public void look(II_Result r) {
      r.r1 = endOf(first, firstName) + endOf(second, secondName);
      r.r2 = isOpen(number, name) ? 1 : 0;
    }
  }
}
