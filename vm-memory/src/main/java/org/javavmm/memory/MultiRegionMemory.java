// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** Several regions, or a map that changes. */
final class MultiRegionMemory extends GuestMemory {
  private final boolean resizable;
  private volatile RegionMap map;

  MultiRegionMemory(RegionMap map, boolean resizable) {
    this.map = map;
    this.resizable = resizable;
  }

  @Override
  RegionMap map() {
    return map;
  }

  @Override
  GuestRegion region(long gpa) {
    return map.find(gpa);
  }

  @Override
  void replace(RegionMap changed) {
    map = changed;
  }

  @Override
  void checkResizable() {
    if (!resizable) {
      throw new IllegalStateException("guest memory was not built as resizable");
    }
  }
}
