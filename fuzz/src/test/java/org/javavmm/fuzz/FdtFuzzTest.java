// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import org.javavmm.loader.Fdt;
import org.javavmm.loader.LoaderException;

/** Any bytes, read as a device tree: what is read comes back the same when it is written. */
class FdtFuzzTest {
  @FuzzTest
  void tree(byte[] file) {
    Fdt tree;
    try {
      tree = Fdt.parse("tree", MemorySegment.ofArray(file));
    } catch (LoaderException e) {
      if (String.valueOf(e.getMessage()).lines().count() != 1) {
        throw new AssertionError("not one line: " + e.getMessage());
      }
      return;
    }
    try {
      if (!Fdt.parse("again", MemorySegment.ofArray(tree.toBytes())).equals(tree)) {
        throw new AssertionError("comes back as another tree");
      }
    } catch (LoaderException e) {
      throw new AssertionError("was written and cannot be read", e);
    }
  }
}
