// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import org.javavmm.device.BusDevice;

/**
 * A port for the messages of firmware: each byte written goes to a sink. It reads as 0xe9, by which
 * guests see that it is there.
 *
 * <p>The port has no way to make a guest wait: what the sink refuses is lost and counted. Of a
 * wider write the lowest byte counts. Thread-safe; the sink is called under this device's lock.
 */
public final class DebugPort implements BusDevice {
  /** Where SeaBIOS and OVMF look for QEMU's debug console. */
  public static final int PORT = 0x402;

  /** Where Bochs has it. */
  public static final int BOCHS_PORT = 0xe9;

  /** What it reads as. */
  public static final int PRESENT = 0xe9;

  private final SerialSink sink;
  private long lost;

  /**
   * Creates a port.
   *
   * @param sink where the bytes go; not shared with a UART, whose output it would hold up
   */
  public DebugPort(SerialSink sink) {
    this.sink = Objects.requireNonNull(sink, "sink");
  }

  @Override
  public long read(long offset, int size) {
    return PRESENT;
  }

  @Override
  public synchronized void write(long offset, int size, long value) {
    if (!sink.offer((byte) value)) {
      lost++;
    }
  }

  /** {@return how many bytes the sink refused} */
  public synchronized long lost() {
    return lost;
  }
}
