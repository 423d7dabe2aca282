// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.device.BusDevice;

/** A device that reads as one value and writes down its accesses. */
final class Recorder implements BusDevice {
  final List<String> accesses = new ArrayList<>();
  private final long value;

  Recorder(long value) {
    this.value = value;
  }

  @Override
  public long read(long offset, int size) {
    accesses.add("read " + Long.toHexString(offset) + "/" + size);
    return value;
  }

  @Override
  public void write(long offset, int size, long written) {
    accesses.add(
        "write " + Long.toHexString(offset) + "/" + size + "=" + Long.toHexString(written));
  }
}
