// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Keeps the output in memory, for tests and for callers that read what a guest printed. Output
 * beyond the limit is dropped and counted. Thread-safe.
 */
public final class CaptureSink implements SerialSink {
  private final int limit;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long dropped;

  /**
   * Creates an empty one.
   *
   * @param limit how many bytes to keep, positive
   * @throws IllegalArgumentException if {@code limit} is not positive
   */
  public CaptureSink(int limit) {
    if (limit <= 0) {
      throw new IllegalArgumentException("limit=" + limit + " is not positive");
    }
    this.limit = limit;
  }

  @Override
  public synchronized boolean offer(byte value) {
    if (bytes.size() < limit) {
      bytes.write(value);
      notifyAll();
    } else {
      dropped++;
    }
    return true;
  }

  @Override
  public void onSpace(Runnable callback) {}

  /** {@return the bytes kept so far} */
  public synchronized byte[] bytes() {
    return bytes.toByteArray();
  }

  /** {@return the bytes kept so far, read as UTF-8} */
  public synchronized String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** {@return how many bytes exceeded the limit} */
  public synchronized long dropped() {
    return dropped;
  }

  /**
   * Waits until the output contains a text.
   *
   * @param text the text
   * @param timeout how long to wait at most
   * @return whether it came in time
   * @throws InterruptedException if the thread is interrupted
   */
  public synchronized boolean await(String text, Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (!text().contains(text)) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000 + 1);
    }
    return true;
  }
}
