// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.nio.charset.StandardCharsets;
import org.javavmm.superio.SerialSink;

/** Keeps the last part of a guest's console, to be shown when the guest fails. Thread-safe. */
final class TailSink implements SerialSink {
  private static final int SIZE = 16 * 1024;
  private static final int LINES = 15;

  private final byte[] ring = new byte[SIZE];
  private long count;

  @Override
  public synchronized boolean offer(byte value) {
    ring[(int) (count++ % SIZE)] = value;
    return true;
  }

  @Override
  public void onSpace(Runnable callback) {}

  /** The last lines, indented. */
  synchronized String lastLines() {
    int n = (int) Math.min(count, SIZE);
    byte[] bytes = new byte[n];
    for (int i = 0; i < n; i++) {
      bytes[i] = ring[(int) ((count - n + i) % SIZE)];
    }
    String[] lines = new String(bytes, StandardCharsets.UTF_8).strip().split("\\R", -1);
    StringBuilder text = new StringBuilder();
    for (int i = Math.max(0, lines.length - LINES); i < lines.length; i++) {
      text.append("  ").append(lines[i]).append('\n');
    }
    return text.toString();
  }
}
