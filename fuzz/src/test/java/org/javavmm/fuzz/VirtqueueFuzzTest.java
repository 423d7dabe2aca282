// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Objects;
import org.javavmm.virtio.testkit.RingProgram;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Any bytes at all, run as a hostile driver of a ring of either format. */
class VirtqueueFuzzTest {
  private static @Nullable RingProgram check;

  @BeforeAll
  static void mapMemory() throws Exception {
    check = new RingProgram();
  }

  @AfterAll
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @FuzzTest
  void rings(byte[] program) {
    Objects.requireNonNull(check).run(program);
  }
}
