// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any file at all, read as a PE file and as a unified kernel image. */
class PeFuzzTest {
  @FuzzTest
  void pe(byte[] file) {
    PeCheck.check(file);
  }
}
