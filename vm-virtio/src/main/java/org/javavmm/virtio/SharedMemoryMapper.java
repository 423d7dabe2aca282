// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/**
 * Is told where the guest sees the shared memory regions of a device, to put memory there. Called
 * by the vCPU thread that moves the BAR, with locks of {@code vm-pci} held: it must neither access
 * configuration space nor throw.
 */
public interface SharedMemoryMapper {
  /** Maps nothing. */
  SharedMemoryMapper NONE =
      new SharedMemoryMapper() {
        @Override
        public void mapped(SharedMemory region, long gpa) {}

        @Override
        public void unmapped(SharedMemory region, long gpa) {}
      };

  /**
   * The guest sees the region from now on.
   *
   * @param region the region
   * @param gpa the guest-physical address of its first byte
   */
  void mapped(SharedMemory region, long gpa);

  /**
   * The guest no longer sees the region there.
   *
   * @param region the region
   * @param gpa the guest-physical address of its first byte until now
   */
  void unmapped(SharedMemory region, long gpa);
}
