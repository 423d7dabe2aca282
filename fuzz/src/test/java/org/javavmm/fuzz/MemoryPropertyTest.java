// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Random programs of device accesses, for the search without Jazzer. */
class MemoryPropertyTest {
  @Property(tries = 500)
  void memoryAgreesWithTheModel(@ForAll long seed) throws Exception {
    byte[] program = new byte[2000];
    new SplittableRandom(seed).nextBytes(program);
    try (MemoryCheck check = new MemoryCheck()) {
      check.check(program);
    }
  }
}
