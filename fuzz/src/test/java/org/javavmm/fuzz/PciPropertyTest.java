// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Random programs of a guest's accesses to PCI functions, for the search without Jazzer. */
class PciPropertyTest {
  @Property(tries = 500)
  void nothingBreaksWhatMustHold(@ForAll long seed) {
    byte[] program = new byte[12 * 200];
    SplittableRandom random = new SplittableRandom(seed);
    random.nextBytes(program);
    PciCheck.check(program);
  }
}
