// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** The elements of {@code setup_data} as one block: each with its header, linked, at 16 bytes. */
final class SetupDataList {
  private static final int ALIGNMENT = 16;

  private SetupDataList() {}

  /** {@return the size of the block in bytes} */
  static long size(List<SetupData> elements) {
    return elements.stream().mapToLong(SetupDataList::size).sum();
  }

  private static long size(SetupData element) {
    return MemoryRange.alignUp(BootParamsLayout.SETUP_DATA_SIZE + (long) element.size(), ALIGNMENT);
  }

  /** {@return the block for an address} */
  static byte[] bytes(List<SetupData> elements, long base) {
    ByteBuffer block =
        ByteBuffer.allocate(Math.toIntExact(size(elements))).order(ByteOrder.LITTLE_ENDIAN);
    int at = 0;
    for (SetupData element : elements) {
      int next = at + (int) size(element);
      boolean last = next == block.capacity();
      block.putLong(at, last ? 0 : base + next);
      block.putInt(at + 8, element.type());
      block.putInt(at + 12, element.size());
      block.put(at + BootParamsLayout.SETUP_DATA_SIZE, element.data());
      at = next;
    }
    return block.array();
  }
}
