// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** Which level of an interrupt line is active. */
public enum Polarity {
  /** High is active. */
  ACTIVE_HIGH,
  /** Low is active. */
  ACTIVE_LOW
}
