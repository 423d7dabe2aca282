// SPDX-License-Identifier: Apache-2.0
package org.javavmm.memory;

/** One region that stays: the segment's own bounds check is the check. */
final class SingleRegionMemory extends GuestMemory {
  private final RegionMap map;
  private final GuestRegion region;

  SingleRegionMemory(RegionMap map) {
    this.map = map;
    this.region = map.list().getFirst();
  }

  @Override
  RegionMap map() {
    return map;
  }

  @Override
  GuestRegion region(long gpa) {
    return region;
  }

  @Override
  void replace(RegionMap changed) {
    throw new AssertionError("checkResizable comes first");
  }

  @Override
  void checkResizable() {
    throw new IllegalStateException("guest memory was not built as resizable");
  }
}
