// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Any file at all, read as an ELF kernel. */
class ElfFuzzTest {
  private static @Nullable KernelCheck check;

  @BeforeAll
  static void mapMemory() throws Exception {
    check = new KernelCheck();
  }

  @AfterAll
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @FuzzTest
  void elf(byte[] file) {
    Objects.requireNonNull(check).check(file);
  }
}
