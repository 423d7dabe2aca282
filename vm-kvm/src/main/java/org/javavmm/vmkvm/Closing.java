// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Closing many, whatever happens to one. */
final class Closing {
  private Closing() {}

  /** Closes all, then throws what the first threw, with the others' suppressed. */
  static void all(List<? extends AutoCloseable> all) {
    @Nullable IllegalStateException failure = null;
    for (AutoCloseable one : all) {
      try {
        one.close();
      } catch (Exception e) {
        IllegalStateException said =
            e instanceof IllegalStateException i
                ? i
                : new IllegalStateException(one + " cannot be closed", e);
        if (failure == null) {
          failure = said;
        } else {
          failure.addSuppressed(said);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
