// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any file at all, inspected and unpacked. */
class InspectorFuzzTest {
  @FuzzTest
  void inspect(byte[] file) {
    InspectorCheck.check(file);
  }
}
