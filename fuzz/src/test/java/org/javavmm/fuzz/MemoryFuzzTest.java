// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Any bytes at all, run as a program of device accesses. */
class MemoryFuzzTest {
  private static @Nullable MemoryCheck check;

  @BeforeAll
  static void mapMemory() throws Exception {
    check = new MemoryCheck();
  }

  @AfterAll
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @FuzzTest
  void memory(byte[] program) {
    Objects.requireNonNull(check).check(program);
  }
}
