// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * Is told where a function's BARs are, to move doorbells or memory slots along. Called by whichever
 * thread changes a register or a bus, one call at a time per mapper; a move is {@link #unmapped}
 * and {@link #mapped}. The bus has the new map already when {@code mapped} is called.
 *
 * <p>The caller holds the mapper's lock and that of some function; of another one where a BAR that
 * waited for its place gets it. A listener must not access the configuration space of any function,
 * nor wait for a thread that does. It must not throw.
 */
public interface BarListener {
  /** Does nothing. */
  BarListener NONE =
      new BarListener() {
        @Override
        public void mapped(PciBar bar, long address) {}

        @Override
        public void unmapped(PciBar bar, long address) {}
      };

  /**
   * The guest reaches the BAR from now on.
   *
   * @param bar the BAR
   * @param address its first address
   */
  void mapped(PciBar bar, long address);

  /**
   * The guest no longer reaches the BAR; accesses that run already may still end.
   *
   * @param bar the BAR
   * @param address its first address until now
   */
  void unmapped(PciBar bar, long address);
}
