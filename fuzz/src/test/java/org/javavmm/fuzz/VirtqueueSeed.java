// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.Locale;
import java.util.SplittableRandom;

/** Programs to begin with: what any bytes reach soon, for each format and set of features. */
enum VirtqueueSeed {
  SPLIT(0),
  PACKED(1),
  SPLIT_INDIRECT(2),
  PACKED_INDIRECT(3),
  SPLIT_EVENT(6),
  PACKED_EVENT(7);

  private final int kind;

  VirtqueueSeed(int kind) {
    this.kind = kind;
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }

  byte[] bytes() {
    byte[] program = new byte[600];
    new SplittableRandom(kind).nextBytes(program);
    program[0] = (byte) kind;
    program[1] = 3;
    return program;
  }
}
