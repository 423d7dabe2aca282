// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

/** Whether a device's interrupt may belong to other devices too. */
public enum Sharing {
  /** One device alone. */
  EXCLUSIVE,
  /** Several devices; every driver looks whether its device asked. */
  SHARED
}
