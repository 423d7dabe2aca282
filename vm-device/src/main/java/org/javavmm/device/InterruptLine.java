// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * An edge-triggered interrupt line as a device sees it. Thread-safe; allocates nothing.
 *
 * <p>Devices know only this interface, so that they run without KVM.
 */
@FunctionalInterface
public interface InterruptLine {
  /** A line that leads nowhere. */
  InterruptLine NONE = () -> {};

  /** Raises one edge. Edges that the guest has not seen yet merge into one. */
  void trigger();
}
