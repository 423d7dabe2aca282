// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** What an interrupt line's controller reacts to. */
public enum Trigger {
  /** A change from inactive to active. */
  EDGE,
  /** The line being active. */
  LEVEL
}
