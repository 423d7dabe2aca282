// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/**
 * What an {@link IommuView} asks for translations it does not know: a virtio-iommu, or a walk of
 * page tables that the guest wrote.
 */
@FunctionalInterface
public interface Iommu {
  /**
   * Translates an I/O virtual address. Called by any thread that accesses memory; not under a lock
   * of the view.
   *
   * @param iova the address
   * @param access what is to be done there; the answer may permit more
   * @param found receives the translation of the largest range around {@code iova} that is known
   * @return whether there is a translation; one that does not permit the access is one
   */
  boolean translate(long iova, Access access, Translation found);
}
