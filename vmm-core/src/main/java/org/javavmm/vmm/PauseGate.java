// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;

/**
 * Where the threads of vCPUs wait while their machine is paused. A thread asks {@link #isClosed}
 * before its first entry into the guest and after each kick, and nowhere else.
 */
final class PauseGate {
  private volatile boolean closed;
  private final TreeSet<Integer> running = new TreeSet<>();
  private final TreeSet<Integer> waiting = new TreeSet<>();

  boolean isClosed() {
    return closed;
  }

  /** A vCPU's thread begins. */
  synchronized void enter(int vcpu) {
    running.add(vcpu);
  }

  /** A vCPU's thread ends. */
  synchronized void leave(int vcpu) {
    running.remove(vcpu);
    notifyAll();
  }

  /** Waits until the gate opens or the machine stops. Interrupts are for others. */
  synchronized void await(int vcpu, BooleanSupplier stopping) {
    boolean interrupted = false;
    waiting.add(vcpu);
    notifyAll();
    while (closed && !stopping.getAsBoolean()) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    waiting.remove(vcpu);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  void close() {
    closed = true;
  }

  synchronized void open() {
    closed = false;
    notifyAll();
  }

  /** Lets waiting threads look whether the machine stops. */
  synchronized void wake() {
    notifyAll();
  }

  /**
   * Waits until every running vCPU is at the closed gate.
   *
   * @param deadline on the clock of {@link System#nanoTime}
   * @return the vCPUs that are not; empty if all are
   */
  synchronized List<Integer> awaitAll(long deadline) throws InterruptedException {
    while (!waiting.containsAll(running)) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        List<Integer> missing = new ArrayList<>(running);
        missing.removeAll(waiting);
        return missing;
      }
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
    return List.of();
  }
}
