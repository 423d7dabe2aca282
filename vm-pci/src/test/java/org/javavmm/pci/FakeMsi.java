// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.util.ArrayList;
import java.util.List;
import org.javavmm.device.MsiController;
import org.javavmm.device.MsiVector;

/** A controller that writes down what it is told, and refuses what it is told to. */
final class FakeMsi implements MsiController {
  static final class Vector implements MsiVector {
    final String name;
    final List<String> log;
    boolean refuses;
    boolean closed;
    long address;
    int data;
    int sent;

    Vector(String name, List<String> log) {
      this.name = name;
      this.log = log;
    }

    @Override
    public void route(long newAddress, int newData) {
      if (newAddress == REFUSED_ADDRESS) {
        throw new IllegalStateException("refused");
      }
      address = newAddress;
      data = newData;
      log.add(name + " -> " + Long.toHexString(address) + "/" + Integer.toHexString(data));
    }

    @Override
    public void trigger() {
      if (closed) {
        throw new IllegalStateException(name + " is closed");
      }
      sent++;
    }

    @Override
    public void close() {
      closed = true;
      log.add(name + " closed");
    }
  }

  static final long REFUSED_ADDRESS = 0xdead_0000L;

  final List<String> log = new ArrayList<>();
  final List<Vector> vectors = new ArrayList<>();
  boolean exhausted;

  @Override
  public MsiVector allocate(String name) {
    if (exhausted) {
      throw new IllegalStateException("no vector left");
    }
    Vector vector = new Vector(name, log);
    vectors.add(vector);
    return vector;
  }
}
