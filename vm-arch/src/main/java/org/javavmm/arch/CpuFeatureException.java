// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.io.Serial;
import java.util.List;

/** A CPU that was asked for and that this host's KVM cannot give. */
public final class CpuFeatureException extends IllegalArgumentException {
  @Serial private static final long serialVersionUID = 1L;

  /** Records are not worth serializing here; the message has it all. */
  private final transient List<CpuFeature> missing;

  CpuFeatureException(String message, List<CpuFeature> missing) {
    super(message);
    this.missing = List.copyOf(missing);
  }

  /** {@return the features that the host lacks; empty if it has the wrong vendor} */
  public List<CpuFeature> missing() {
    return missing;
  }
}
