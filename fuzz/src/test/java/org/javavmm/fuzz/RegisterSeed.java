// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.Locale;
import java.util.SplittableRandom;

/** Programs to begin with: a driver as far as each state, and then any bytes. */
enum RegisterSeed {
  NEW(0, 0, 0),
  FEATURES_OK(2, 0, 0),
  QUEUES_READY(3, 8, 1),
  DRIVER_OK(3, 24, 1),
  DRIVER_OK_SPLIT(3, 28, 0),
  SUSPENDED(3, 120, 1);

  /** The operation of a well-behaved driver. */
  private static final int AGREE = 14;

  private final int length;
  private final int choice;
  private final int queue;

  RegisterSeed(int length, int choice, int queue) {
    this.length = length;
    this.choice = choice;
    this.queue = queue;
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }

  byte[] bytes() {
    byte[] program = new byte[400];
    new SplittableRandom(name().hashCode()).nextBytes(program);
    int[] begin = {AGREE, choice, queue};
    for (int i = 0; i < length; i++) {
      program[i] = (byte) begin[i];
    }
    return program;
  }
}
