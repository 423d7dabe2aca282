// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import java.util.ArrayList;
import java.util.List;

/** A device that notes what reaches it and answers with a value of its own. */
final class RecordingDevice implements BusDevice {
  final List<String> accesses = new ArrayList<>();
  private final long answer;

  RecordingDevice(long answer) {
    this.answer = answer;
  }

  @Override
  public long read(long offset, int size) {
    accesses.add("read " + Long.toHexString(offset) + "/" + size);
    return answer;
  }

  @Override
  public void write(long offset, int size, long value) {
    accesses.add("write " + Long.toHexString(offset) + "/" + size + "=" + Long.toHexString(value));
  }
}
