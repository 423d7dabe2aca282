// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A level-triggered line that several devices share: asserted for as long as one of them asserts
 * its source. Thread-safe; {@link LevelLine#setLevel} of a source takes no lock and allocates
 * nothing.
 *
 * <p>When no call of a source is under way, the line has the level that the sources say. A call may
 * return before that: if two threads change sources at once, one of them sets the line for both. A
 * level that is taken back at once may never be set.
 */
public final class SharedLevelLine {
  private final LevelLine line;
  private final AtomicInteger asserted = new AtomicInteger();

  /** Changes that the line has not been told; whoever counts from 0 tells it. */
  private final AtomicInteger untold = new AtomicInteger();

  /**
   * Creates the sharing of a line, without sources.
   *
   * @param line the line, which is low and from now on set by this alone
   */
  public SharedLevelLine(LevelLine line) {
    this.line = line;
  }

  /** {@return a new source, not asserted; dropping it while asserted leaves the line asserted} */
  public LevelLine source() {
    return new Source();
  }

  /** {@return how many sources are asserted} */
  public int assertedSources() {
    return asserted.get();
  }

  private final class Source implements LevelLine {
    private final AtomicBoolean level = new AtomicBoolean();

    @Override
    public void setLevel(boolean wanted) {
      if (level.getAndSet(wanted) != wanted) {
        int before = asserted.getAndAdd(wanted ? 1 : -1);
        if (wanted ? before == 0 : before == 1) {
          tell();
        }
      }
    }
  }

  /**
   * Tells the line. One thread at a time, so that the last that it hears is the last that was; the
   * level is read after the change was counted, so none is missed.
   */
  private void tell() {
    if (untold.getAndIncrement() != 0) {
      return;
    }
    int seen = 1;
    do {
      try {
        line.setLevel(asserted.get() > 0);
      } catch (Throwable t) {
        // Else nobody would tell the line any more, nor what others counted on this thread to tell.
        if (untold.getAndSet(0) > seen) {
          try {
            tell();
          } catch (Throwable again) {
            t.addSuppressed(again);
          }
        }
        throw t;
      }
      seen = untold.addAndGet(-seen);
    } while (seen != 0);
  }
}
