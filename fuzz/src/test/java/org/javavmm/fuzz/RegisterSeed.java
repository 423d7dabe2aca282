// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.Locale;
import java.util.SplittableRandom;

/** Programs to begin with: a driver as far as each state, and then any bytes. */
enum RegisterSeed {
  NEW,
  FEATURES_OK(14, 0),
  QUEUES_READY(14, 8, 1),
  DRIVER_OK(14, 24, 1),
  DRIVER_OK_SPLIT(14, 28, 0),
  SUSPENDED(14, 120, 1);

  private final int[] begin;

  RegisterSeed(int... begin) {
    this.begin = begin;
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }

  byte[] bytes() {
    byte[] program = new byte[400];
    new SplittableRandom(name().hashCode()).nextBytes(program);
    for (int i = 0; i < begin.length; i++) {
      program[i] = (byte) begin[i];
    }
    return program;
  }
}
