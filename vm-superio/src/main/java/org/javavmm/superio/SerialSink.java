// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.function.IntConsumer;

/**
 * Where the output of one {@link Uart16550} or {@link DebugPort} goes.
 *
 * <p>A sink never blocks and never grows: what it cannot take it refuses, and says later that there
 * is space again. Meanwhile the UART withholds THRE, so that the guest waits.
 */
public interface SerialSink {
  /**
   * Takes a byte, if there is space. Called by vCPU threads, one at a time, under the UART's lock:
   * it must be short and must not call the UART.
   *
   * @param value the byte
   * @return whether it was taken; after {@code false} the callback of {@link #onSpace} follows
   */
  boolean offer(byte value);

  /**
   * Tells the sink what to call, from any thread but not from within {@link #offer}, when it has
   * space after it refused a byte. The UART calls this once, when it is built.
   *
   * @param callback what to call
   */
  void onSpace(Runnable callback);

  /** {@return a sink that takes everything and keeps nothing} */
  static SerialSink discard() {
    return to(value -> {});
  }

  /**
   * A sink that hands each byte over at once.
   *
   * @param consumer gets bytes as 0 to 255, on vCPU threads under the UART's lock; it must not
   *     block, throw or call the UART
   * @return the sink, which is never full
   */
  static SerialSink to(IntConsumer consumer) {
    return new SerialSink() {
      @Override
      public boolean offer(byte value) {
        consumer.accept(Byte.toUnsignedInt(value));
        return true;
      }

      @Override
      public void onSpace(Runnable callback) {}
    };
  }
}
