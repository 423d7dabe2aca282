// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The protocol of {@link KvmLevelLine}, apart from its descriptors.
 *
 * <p>KVM lowers the line at the end of each interrupt and says so afterwards. The claim: while the
 * device wants the line, it is up in KVM, or a signal to raise it is under way, or a notice of the
 * end is. Setting the wish comes before the signal, so a wish that is set finds the line raised by
 * its own signal. An interrupt that ends afterwards leaves a notice, and the wish is read after
 * that was taken: either it is seen and the line raised again, or it is gone, and whoever sets it
 * anew signals on its own.
 */
final class LevelState {
  /** What leads to KVM and back. */
  interface Wire {
    /** Raises the line, soon. */
    void raise();

    /** Takes the notices that are there. */
    void takeNotices();
  }

  private final Wire wire;
  private final AtomicBoolean wanted = new AtomicBoolean();

  LevelState(Wire wire) {
    this.wire = wire;
  }

  void setLevel(boolean asserted) {
    if (!wanted.getAndSet(asserted) && asserted) {
      wire.raise();
    }
  }

  void resampled() {
    // In this order: a notice that comes after the wish was read must be found next time.
    wire.takeNotices();
    if (wanted.get()) {
      wire.raise();
    }
  }

  boolean wanted() {
    return wanted.get();
  }
}
