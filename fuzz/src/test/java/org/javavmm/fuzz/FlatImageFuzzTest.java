// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Any file at all, read as an arm64 or riscv64 Image. */
class FlatImageFuzzTest {
  private static @Nullable FlatImageCheck check;

  @BeforeAll
  static void mapMemory() throws Exception {
    check = new FlatImageCheck();
  }

  @AfterAll
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @FuzzTest
  void image(byte[] file) {
    Objects.requireNonNull(check).check(file);
  }
}
