// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.javavmm.kvm.KvmException;
import org.junit.jupiter.api.Test;

class TscCheckTest {
  /** A counter that advances by a step at each reading. */
  private static final class Steps implements TscCheck.Counter {
    private final long stepAtHostRate;
    private long step;
    private long value;
    int asked;

    Steps(long step, long stepAtHostRate) {
      this.step = step;
      this.stepAtHostRate = stepAtHostRate;
    }

    @Override
    public long read() {
      value += step;
      return value;
    }

    @Override
    public void useHostRate() {
      asked++;
      step = stepAtHostRate;
    }

    @Override
    public String toString() {
      return "vCPU 3";
    }
  }

  @Test
  void leavesARunningCounterAlone() throws KvmException {
    Steps steps = new Steps(1, 1);
    assertFalse(TscCheck.ensureRuns(steps));
    assertEquals(0, steps.asked);
  }

  @Test
  void mendsOneThatStands() throws KvmException {
    Steps steps = new Steps(0, 700);
    assertTrue(TscCheck.ensureRuns(steps));
    assertEquals(1, steps.asked);
    assertFalse(TscCheck.ensureRuns(steps));
  }

  @Test
  void saysWhenItCannot() {
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> TscCheck.ensureRuns(new Steps(0, 0)));
    assertEquals(
        "vCPU 3: the time stamp counter stands still, even at the host's frequency",
        e.getMessage());
  }
}
