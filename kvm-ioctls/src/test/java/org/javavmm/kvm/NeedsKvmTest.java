// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The condition of the tier itself: it must neither run nor skip silently. */
class NeedsKvmTest {
  private static final Path MISSING = Path.of("/dev/null/kvm");

  @Test
  void runsWhereTheDeviceIs() {
    assertFalse(NeedsKvm.Condition.evaluate(Path.of("/dev/null"), "unit,kvm").isDisabled());
  }

  @Test
  void skipsWithAReason() {
    var result = NeedsKvm.Condition.evaluate(MISSING, "unit,lab");
    assertTrue(result.isDisabled());
    assertEquals(
        "capability kvm: /dev/null/kvm is not there or may not be used",
        result.getReason().orElseThrow());
  }

  @Test
  void failsWhereTheTierIsRequired() {
    AssertionError e =
        assertThrows(
            AssertionError.class, () -> NeedsKvm.Condition.evaluate(MISSING, "unit,kvm,lab"));
    assertEquals(
        "capability kvm: /dev/null/kvm is not there or may not be used, but"
            + " VMM_REQUIRE=unit,kvm,lab",
        e.getMessage());
  }
}
