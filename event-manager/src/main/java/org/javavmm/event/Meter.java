// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Counts for one subscriber, or for what has none. */
final class Meter {
  final AtomicLong failures = new AtomicLong();

  /** Made when the first call is measured: most loops never measure. */
  private volatile @Nullable Histogram handling;

  /** On the loop's thread. */
  void record(long nanos) {
    Histogram h = handling;
    if (h == null) {
      h = new Histogram();
      handling = h;
    }
    h.record(nanos);
  }

  Histogram snapshot() {
    Histogram h = handling;
    return h == null ? new Histogram() : h.copy();
  }
}
