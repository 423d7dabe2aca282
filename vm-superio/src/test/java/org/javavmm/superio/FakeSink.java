// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.ArrayList;
import java.util.List;

/** A sink that is full when told so. */
final class FakeSink implements SerialSink {
  final List<Integer> bytes = new ArrayList<>();
  boolean full;
  private boolean refused;
  private Runnable onSpace = () -> {};

  @Override
  public boolean offer(byte value) {
    if (full) {
      refused = true;
      return false;
    }
    bytes.add(value & 0xff);
    return true;
  }

  @Override
  public void onSpace(Runnable callback) {
    onSpace = callback;
  }

  void setFull(boolean now) {
    full = now;
    if (!now && refused) {
      refused = false;
      onSpace.run();
    }
  }
}
