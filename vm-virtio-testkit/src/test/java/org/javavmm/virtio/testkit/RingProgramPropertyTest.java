// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Hostile rings of both formats: the queues and the model agree. */
class RingProgramPropertyTest {
  @Property(tries = 3000)
  void hostileRingsLookTheSameToTheModel(@ForAll long seed) throws Exception {
    byte[] program = new byte[2000];
    new SplittableRandom(seed).nextBytes(program);
    try (RingProgram check = new RingProgram()) {
      check.run(program);
    }
  }
}
