// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Saved state as bytes, little-endian. What is read is not trusted: every count has a limit. */
final class StateCodec {
  private StateCodec() {}

  /** Writes numbers one after the other. */
  static final class Writer {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Writer putInt(int value) {
      for (int i = 0; i < 4; i++) {
        out.write(value >>> (8 * i));
      }
      return this;
    }

    Writer putLong(long value) {
      return putInt((int) value).putInt((int) (value >>> 32));
    }

    Writer putBytes(byte[] bytes) {
      putInt(bytes.length);
      out.writeBytes(bytes);
      return this;
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }

  /** Reads numbers one after the other. */
  static final class Reader {
    private final String name;
    private final ByteBuffer in;

    Reader(String name, byte[] state) {
      this.name = name;
      this.in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    }

    private IllegalArgumentException tooShort() {
      return new IllegalArgumentException(
          name + ": state of " + in.capacity() + " bytes is too short");
    }

    int getInt() {
      try {
        return in.getInt();
      } catch (BufferUnderflowException e) {
        throw tooShort();
      }
    }

    long getLong() {
      try {
        return in.getLong();
      } catch (BufferUnderflowException e) {
        throw tooShort();
      }
    }

    /** A number from 0 to a limit. */
    int getInt(String field, int limit) {
      int value = getInt();
      if (value < 0 || value > limit) {
        throw new IllegalArgumentException(
            "%s: saved %s=%d is not in 0..%d".formatted(name, field, value & 0xffff_ffffL, limit));
      }
      return value;
    }

    void expect(String field, int expected) {
      int value = getInt();
      if (value != expected) {
        throw new IllegalArgumentException(
            "%s: saved %s=0x%x, must be 0x%x".formatted(name, field, value, expected));
      }
    }

    void expect(String field, long expected) {
      long value = getLong();
      if (value != expected) {
        throw new IllegalArgumentException(
            "%s: saved %s=0x%x, must be 0x%x".formatted(name, field, value, expected));
      }
    }

    byte[] getBytes(String field) {
      byte[] bytes = new byte[getInt(field + " length", in.remaining())];
      in.get(bytes);
      return bytes;
    }

    void end() {
      if (in.hasRemaining()) {
        throw new IllegalArgumentException(
            name + ": saved state has " + in.remaining() + " bytes too many");
      }
    }
  }

  static void put(Writer out, QueueState state) {
    switch (state) {
      case QueueState.Split s -> out.putInt(0).putInt(s.nextAvail()).putInt(s.nextUsed());
      case QueueState.Packed p ->
          out.putInt(1)
              .putInt(p.nextAvail())
              .putInt(p.availWrap())
              .putInt(p.nextUsed())
              .putInt(p.usedWrap());
    }
    out.putInt(state.inFlight().size());
    for (QueueState.InFlight request : state.inFlight()) {
      out.putInt(request.head())
          .putInt(request.id())
          .putInt(request.descriptors())
          .putLong(request.written())
          .putInt(request.parts().size());
      for (QueueState.Part part : request.parts()) {
        out.putLong(part.address()).putLong(part.length()).putInt(part.writable() ? 1 : 0);
      }
    }
  }

  static QueueState getQueue(Reader in, int size) {
    int kind = in.getInt("queue format", 1);
    int a = in.getInt();
    int b = in.getInt();
    int c = kind == 0 ? 0 : in.getInt();
    int d = kind == 0 ? 0 : in.getInt();
    int count = in.getInt("requests in flight", size);
    List<QueueState.InFlight> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int head = in.getInt();
      int id = in.getInt();
      int descriptors = in.getInt();
      long written = in.getLong();
      int parts = in.getInt("buffers of a request", size);
      List<QueueState.Part> all = new ArrayList<>();
      for (int p = 0; p < parts; p++) {
        all.add(
            new QueueState.Part(
                in.getLong(), in.getLong(), in.getInt("whether it is writable", 1) == 1));
      }
      requests.add(new QueueState.InFlight(head, id, descriptors, all, written));
    }
    return kind == 0
        ? new QueueState.Split(a, b, requests)
        : new QueueState.Packed(a, b, c, d, requests);
  }
}
