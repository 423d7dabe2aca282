// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.VcpuExit;

/**
 * What a monitor does with an exit: it decodes the access and calls a device, which does nothing.
 * There are devices of four classes, by turns, so that the compiler cannot know which is called.
 */
final class NoOpMonitor {
  /** The devices of {@link #bus}, each of 8 ports. */
  static final int RANGES = 8;

  private static final BusDevice[] DEVICES = {
    new First(), new Second(), new Third(), new Fourth(),
  };

  private NoOpMonitor() {}

  private static final class First implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return 0;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  private static final class Second implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return 1;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  private static final class Third implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return 2;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  private static final class Fourth implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return 3;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }

  /** {@return a device} */
  static BusDevice device(int n) {
    return DEVICES[n & 3];
  }

  /** {@return a bus with devices around a port} */
  static Bus bus(int port) {
    Bus bus = Bus.pio();
    for (int i = 0; i < RANGES; i++) {
      bus.add("device " + i, port + (i - RANGES / 2) * 8L, 8, device(i));
    }
    return bus;
  }

  /** Decodes a port or MMIO access and takes it to a device. */
  static void dispatch(ExitReason reason, VcpuExit exit, BusDevice device) {
    if (reason == ExitReason.IO) {
      int port = exit.ioPort();
      int size = exit.ioSize();
      int count = exit.ioCount();
      if (exit.ioIsWrite()) {
        for (int i = 0; i < count; i++) {
          device.write(port, size, exit.ioData(i));
        }
      } else {
        for (int i = 0; i < count; i++) {
          exit.setIoData(i, device.read(port, size));
        }
      }
    } else if (reason == ExitReason.MMIO) {
      long gpa = exit.mmioAddress();
      int size = exit.mmioSize();
      if (exit.mmioIsWrite()) {
        device.write(gpa, size, exit.mmioData());
      } else {
        exit.setMmioData(device.read(gpa, size));
      }
    } else if (reason != ExitReason.REENTER) {
      throw new IllegalStateException("the guest stopped: " + exit);
    }
  }

  /** Decodes a port access and takes it to the device that a bus finds. */
  static void dispatch(ExitReason reason, VcpuExit exit, Bus bus) {
    if (reason != ExitReason.IO) {
      throw new IllegalStateException("the guest stopped: " + exit);
    }
    int port = exit.ioPort();
    int size = exit.ioSize();
    int count = exit.ioCount();
    if (exit.ioIsWrite()) {
      for (int i = 0; i < count; i++) {
        bus.write(port, size, exit.ioData(i));
      }
    } else {
      for (int i = 0; i < count; i++) {
        exit.setIoData(i, bus.read(port, size));
      }
    }
  }
}
