// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.concurrent.atomic.AtomicLong;
import org.javavmm.kvm.KvmException;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** A thread that runs a guest, and what it saw. */
@NullMarked
abstract class VcpuRunner {
  /** How often the vCPU's thread saw what it was asked for. */
  final AtomicLong seen = new AtomicLong();

  private long asked;
  volatile boolean ready;
  volatile boolean ending;
  private volatile @Nullable Throwable failure;
  private @Nullable Thread thread;

  /** Waits for another thread, as the C side does. */
  @SuppressWarnings("ThreadPriorityCheck") // what is measured must not depend on time slices alone
  static void yieldProcessor() {
    Thread.yield();
  }

  /** Runs the guest until {@link #ending}. */
  abstract void loop() throws KvmException;

  final void start() {
    thread =
        Thread.ofPlatform()
            .name("vCPU")
            .start(() -> {
              try {
                loop();
              } catch (KvmException | RuntimeException e) {
                failure = e;
              }
            });
    while (!ready) {
      check();
      yieldProcessor();
    }
  }

  private void check() {
    Throwable cause = failure;
    if (cause != null) {
      throw new IllegalStateException("the vCPU's thread failed", cause);
    }
  }

  /** Waits until what was asked for once more was seen. */
  final void await() {
    long n = ++asked;
    while (seen.get() != n) {
      check();
      yieldProcessor();
    }
  }

  final void join() throws InterruptedException {
    if (thread != null) {
      thread.join();
    }
  }
}
