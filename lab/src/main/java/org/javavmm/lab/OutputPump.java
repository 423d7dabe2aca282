// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Copies what arrives from a port of the lab into a stream of the caller's. */
final class OutputPump implements Runnable {
  private final SocketChannel source;
  private final OutputStream target;
  private final Runnable onBroken;

  private long count;
  private boolean ended;

  /**
   * @param onBroken called once if the target takes no more bytes; what arrives is dropped then
   */
  OutputPump(SocketChannel source, OutputStream target, Runnable onBroken) {
    this.source = source;
    this.target = target;
    this.onBroken = onBroken;
  }

  @Override
  public void run() {
    byte[] buffer = new byte[64 << 10];
    boolean broken = false;
    try {
      while (true) {
        int n = source.read(ByteBuffer.wrap(buffer));
        if (n < 0) {
          break;
        }
        if (!broken) {
          try {
            target.write(buffer, 0, n);
            target.flush();
          } catch (IOException e) {
            broken = true;
            onBroken.run();
          }
        }
        synchronized (this) {
          count += n;
          notifyAll();
        }
      }
    } catch (IOException e) {
      // Closed by the lab's end.
    } finally {
      synchronized (this) {
        ended = true;
        notifyAll();
      }
    }
  }

  /** Waits until that many bytes have been written, or until no more will come. */
  synchronized void await(long bytes) throws InterruptedException {
    while (count < bytes && !ended) {
      wait();
    }
  }
}
