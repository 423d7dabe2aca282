// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Objects;
import org.javavmm.virtio.testkit.RegisterProgram;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Any bytes at all, run as a hostile driver of virtio-mmio and virtio-pci. */
class RegisterFuzzTest {
  private static @Nullable RegisterProgram check;

  @BeforeAll
  static void attach() throws Exception {
    check = new RegisterProgram();
  }

  @AfterAll
  static void detach() throws Exception {
    Objects.requireNonNull(check).close();
  }

  @FuzzTest
  void registers(byte[] program) {
    Objects.requireNonNull(check).run(program);
  }
}
