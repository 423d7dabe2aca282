// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import org.javavmm.event.EventLoop;
import org.javavmm.event.LoopTimer;
import org.javavmm.event.TimerHandler;
import org.javavmm.sys.SystemCallException;

/** What calls a device at a time. Thread-safe; may be used under the device's lock. */
interface DeadlineTimer extends AutoCloseable {
  /** Never calls. */
  DeadlineTimer NONE =
      new DeadlineTimer() {
        @Override
        public void armAt(long nanoTime) {}

        @Override
        public void cancel() {}

        @Override
        public void close() {}
      };

  /** Calls once at a time of the device's monotonic clock; forgets what it was armed for. */
  void armAt(long nanoTime);

  /** Forgets what it was armed for; one call may be under way. */
  void cancel();

  @Override
  void close();

  /** A timer of an event loop. A loop that is closed calls no more, and is no error. */
  static DeadlineTimer of(EventLoop loop, String name, TimerHandler handler)
      throws SystemCallException {
    LoopTimer timer = loop.timer(name, handler);
    return new DeadlineTimer() {
      @Override
      public void armAt(long nanoTime) {
        try {
          timer.armAt(nanoTime);
        } catch (IllegalStateException _) {
          // A guest may outlive the loop; its access must not fail for that.
        }
      }

      @Override
      public void cancel() {
        timer.cancel();
      }

      @Override
      public void close() {
        timer.close();
      }
    };
  }
}
