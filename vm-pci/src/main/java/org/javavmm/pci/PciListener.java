// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Is told when functions come and go, such as a hot-plug controller that tells the guest. Called by
 * the thread that adds or removes, after the guest can reach the function or cannot any more,
 * without a lock.
 */
public interface PciListener {
  /**
   * A function was added.
   *
   * @param function the function
   * @param address where
   */
  void added(PciFunction function, PciAddress address);

  /**
   * A function was removed.
   *
   * @param function the function
   * @param address where it was
   */
  void removed(PciFunction function, PciAddress address);
}
