// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

/**
 * A level-triggered interrupt line as a device sees it: asserted for as long as the device has a
 * reason to interrupt. Thread-safe; allocates nothing.
 *
 * <p>Devices know only this interface, so that they run without KVM.
 */
@FunctionalInterface
public interface LevelLine {
  /** A line that leads nowhere. */
  LevelLine NONE = asserted -> {};

  /**
   * Asserts the line or takes it back. Setting the level that the line has does nothing.
   *
   * @param asserted whether the device wants to interrupt
   */
  void setLevel(boolean asserted);
}
