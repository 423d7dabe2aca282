// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/** Any bytes at all, run as a program of a guest's accesses to PCI functions. */
class PciFuzzTest {
  @FuzzTest
  void pci(byte[] program) {
    PciCheck.check(program);
  }
}
