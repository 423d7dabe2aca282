// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Puts BARs where the guest says. {@link BarWindows} does it in the windows of a host bridge.
 *
 * <p>The guest's addresses are hostile: a mapper never throws for one and never lets a BAR take
 * another's place. It tells the BAR what came of it by {@link PciBar#onMapped} and {@link
 * PciBar#onUnmapped}, at once or later: a BAR that was refused may be mapped when the place becomes
 * free. Thread-safe.
 */
public interface BarMapper {
  /** Maps nothing. */
  BarMapper NONE =
      new BarMapper() {
        @Override
        public void map(PciBar bar, long address) {}

        @Override
        public void unmap(PciBar bar) {}
      };

  /**
   * Maps a BAR, or moves it if it is mapped. If it cannot be there it is nowhere afterwards.
   *
   * @param bar the BAR
   * @param address where, a multiple of its size and not 0
   */
  void map(PciBar bar, long address);

  /**
   * Takes a BAR out, or does nothing if it is not mapped.
   *
   * @param bar the BAR
   */
  void unmap(PciBar bar);
}
