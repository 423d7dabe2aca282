// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The device-specific configuration space (VIRTIO 1.4 §2.5): little-endian fields, declared with
 * their width and with whether the driver may write them, so that every access of the guest is
 * answered in one place.
 *
 * <p><b>Reads</b> of 1, 2, 4 or 8 bytes at any offset give the bytes that are there; what belongs
 * to no field is zero. <b>Writes</b> have an effect where they cover exactly a field that the
 * driver may write, or the lower or the upper half of one of 8 bytes, or lie within an array of
 * bytes. Every other write is ignored and counted: drivers access fields by their width (§4.1.3.1,
 * §4.2.2.2).
 *
 * <p><b>Generation.</b> It changes when the device changes a field that the guest may have read
 * before, so that a driver that reads the generation, several fields and the generation again knows
 * whether it saw one version of them (§2.5.3). What the device changes in one {@link #update}
 * appears at once and as one version.
 *
 * <p>Thread-safe. vCPU threads read and write; the device uses {@link Field} on any thread, and
 * tells the driver afterwards by {@link DeviceContext#notifyConfig}. While the device is suspended
 * the guest sees nothing of what the device sets; it appears with the resumption (§3.4.2).
 */
public final class ConfigSpace {
  /** The largest space, in bytes. */
  public static final int MAX_LENGTH = 4096 - 256;

  private final byte[] visible;
  private final byte[] current;

  /** The field that begins at an offset, or covers it. */
  private final @Nullable Field[] fieldAt;

  private final List<Field> fields;
  private final Object writes = new Object();

  // Guarded by this.
  private int generation;
  private boolean readSinceChange;
  private boolean changed;
  private boolean frozen;
  private int updates;
  private long ignoredWrites;

  private ConfigSpace(Builder builder) {
    current = new byte[builder.length];
    fieldAt = new Field[builder.length];
    fields = List.copyOf(builder.fields);
    for (Field field : fields) {
      field.space = this;
      Arrays.fill(fieldAt, field.offset, field.offset + field.length, field);
      System.arraycopy(field.initial, 0, current, field.offset, field.length);
    }
    visible = current.clone();
  }

  /** {@return a space without a field; a new one} */
  public static ConfigSpace none() {
    return builder().build();
  }

  /** {@return a builder} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return its length in bytes} */
  public int length() {
    return visible.length;
  }

  /**
   * Changes several fields as one version.
   *
   * @param change sets fields of this space, and does nothing else: the guest waits meanwhile
   */
  public synchronized void update(Runnable change) {
    updates++;
    try {
      change.run();
    } finally {
      updates--;
      show();
    }
  }

  /** {@return how many writes of the guest had no effect here} */
  public synchronized long ignoredWrites() {
    return ignoredWrites;
  }

  // ---- the guest -----------------------------------------------------------------------------

  /** The guest reads; {@code size} is 1, 2, 4 or 8, {@code offset} any. */
  synchronized long read(long offset, int size) {
    readSinceChange = true;
    return load(visible, offset, size);
  }

  private static long load(byte[] bytes, long offset, int size) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      long at = offset + i;
      if (at >= 0 && at < bytes.length) {
        value |= (bytes[(int) at] & 0xffL) << (8 * i);
      }
    }
    return value;
  }

  private static void store(byte[] bytes, int offset, int size, long value) {
    for (int i = 0; i < size; i++) {
      bytes[offset + i] = (byte) (value >>> (8 * i));
    }
  }

  /** The guest writes; {@code size} is 1, 2, 4 or 8, {@code offset} any. */
  void write(long offset, int size, long value) {
    // Handlers run one at a time, but not under the lock that the device's accesses take: they may
    // call what takes the device's registers' lock, whose holders access fields.
    synchronized (writes) {
      Field field = take(offset, size, value);
      LongConsumer handler = field == null ? null : field.onWrite;
      if (field != null && handler != null) {
        handler.accept(field.array ? 0 : field.get());
      }
    }
  }

  private synchronized @Nullable Field take(long offset, int size, long value) {
    Field field = offset >= 0 && offset < visible.length ? fieldAt[(int) offset] : null;
    if (field == null || !field.writable || frozen || !field.takes((int) offset, size)) {
      ignoredWrites++;
      return null;
    }
    store(visible, (int) offset, size, value);
    store(current, (int) offset, size, value);
    return field;
  }

  /** The guest reads the generation, which counts as reading: two equal ones mean no change. */
  synchronized int generation() {
    readSinceChange = true;
    return generation;
  }

  // ---- the device ----------------------------------------------------------------------------

  /** Makes what the device set visible. */
  private void show() {
    if (updates == 0 && !frozen && changed) {
      changed = false;
      System.arraycopy(current, 0, visible, 0, current.length);
      if (readSinceChange) {
        readSinceChange = false;
        generation++;
      }
    }
  }

  /** Holds back what the device sets, or shows it again. */
  synchronized void freeze(boolean newFrozen) {
    frozen = newFrozen;
    show();
  }

  /** What the driver may write goes back to what it was at first; the rest is the device's. */
  synchronized void reset() {
    frozen = false;
    for (Field field : fields) {
      if (field.writable) {
        System.arraycopy(field.initial, 0, current, field.offset, field.length);
        changed = true;
      }
    }
    show();
  }

  /** How many bytes {@link #save} gives. */
  int savedLength() {
    return 2 * current.length + 4;
  }

  /** All bytes, those that the guest sees and those held back, and the generation. */
  synchronized byte[] save() {
    byte[] state = Arrays.copyOf(current, savedLength());
    System.arraycopy(visible, 0, state, current.length, visible.length);
    int at = 2 * current.length;
    store(state, at, 4, generation);
    return state;
  }

  /**
   * Takes over what was saved; the length was checked. Whether the guest has read since the last
   * change was not saved, so that it counts as if it had: the next change is a new generation.
   */
  synchronized void restore(byte[] state) {
    System.arraycopy(state, 0, current, 0, current.length);
    System.arraycopy(state, current.length, visible, 0, visible.length);
    int at = 2 * current.length;
    generation = (int) load(state, at, 4);
    changed = !Arrays.equals(current, visible);
    readSinceChange = true;
  }

  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder("configuration generation=").append(generation);
    for (Field field : fields) {
      text.append(' ').append(field.name).append('=');
      if (field.array) {
        text.append(field.length).append(" bytes");
      } else {
        text.append("0x").append(Long.toHexString(load(current, field.offset, field.length)));
      }
    }
    return text.toString();
  }

  /** A field, as its device sees it. */
  public static final class Field {
    private final String name;
    private final int offset;
    private final int length;
    private final boolean array;
    private final boolean writable;
    private final byte[] initial;
    private @Nullable LongConsumer onWrite;
    private @Nullable ConfigSpace space;

    private Field(String name, int offset, int length, boolean array, boolean writable) {
      this.name = name;
      this.offset = offset;
      this.length = length;
      this.array = array;
      this.writable = writable;
      this.initial = new byte[length];
    }

    /** Whether a write is by the field's width, or by its halves. */
    private boolean takes(int at, int size) {
      if (array) {
        return at + size <= offset + length;
      }
      return (at == offset && size == length)
          || (length == 8 && size == 4 && (at == offset || at == offset + 4));
    }

    private ConfigSpace space() {
      ConfigSpace s = space;
      if (s == null) {
        throw new IllegalStateException("field " + name + " is used before its space is built");
      }
      return s;
    }

    /** {@return its name} */
    public String name() {
      return name;
    }

    /** {@return its offset in the space, in bytes} */
    public int offset() {
      return offset;
    }

    /**
     * {@return its value, zeroes above its width}
     *
     * @throws IllegalStateException if it is an array, or if its space is not built yet
     */
    public long get() {
      ConfigSpace s = space();
      if (array) {
        throw new IllegalStateException("field " + name + " is an array");
      }
      synchronized (s) {
        return load(s.current, offset, length);
      }
    }

    /**
     * Sets its value.
     *
     * @param value the value; bits above its width are ignored
     * @throws IllegalStateException if it is an array, or if its space is not built yet
     */
    public void set(long value) {
      ConfigSpace s = space();
      if (array) {
        throw new IllegalStateException("field " + name + " is an array");
      }
      synchronized (s) {
        if (load(s.current, offset, length) != (length == 8 ? value : value & mask())) {
          store(s.current, offset, length, value);
          s.changed = true;
          s.show();
        }
      }
    }

    private long mask() {
      return (1L << (8 * length)) - 1;
    }

    /**
     * {@return a copy of its bytes}
     *
     * @throws IllegalStateException if its space is not built yet
     */
    public byte[] bytes() {
      ConfigSpace s = space();
      synchronized (s) {
        return Arrays.copyOfRange(s.current, offset, offset + length);
      }
    }

    /**
     * Sets its bytes, with zeroes behind those given.
     *
     * @param value at most as many as it has
     * @throws IllegalArgumentException if there are more
     * @throws IllegalStateException if its space is not built yet
     */
    public void set(byte[] value) {
      ConfigSpace s = space();
      if (value.length > length) {
        throw new IllegalArgumentException(
            "field " + name + ": " + value.length + " bytes exceed " + length);
      }
      synchronized (s) {
        if (!Arrays.equals(
            s.current, offset, offset + length, Arrays.copyOf(value, length), 0, length)) {
          Arrays.fill(s.current, offset, offset + length, (byte) 0);
          System.arraycopy(value, 0, s.current, offset, value.length);
          s.changed = true;
          s.show();
        }
      }
    }

    /**
     * Says what happens when the driver has written it. It runs on the vCPU's thread, one such
     * handler of the space at a time: it may set other fields, and must not block. For use before
     * the device is attached.
     *
     * @param handler gets the new value, or 0 for an array
     * @return this
     * @throws IllegalStateException if the driver may not write it
     */
    public Field onWrite(LongConsumer handler) {
      if (!writable) {
        throw new IllegalStateException("field " + name + " is read-only");
      }
      onWrite = Objects.requireNonNull(handler, "handler");
      return this;
    }

    @Override
    public String toString() {
      return name + " offset=" + offset + " length=" + length + (writable ? " writable" : "");
    }
  }

  /** Declares the fields. For one thread. */
  public static final class Builder {
    private final List<Field> fields = new ArrayList<>();
    private int length;

    private Builder() {}

    /**
     * Declares a field that the driver reads.
     *
     * @param name its name, for messages
     * @param offset its offset in bytes, a multiple of its width
     * @param width 1, 2, 4 or 8 bytes
     * @param value its value
     * @return the field
     * @throws IllegalArgumentException if a number is not possible or it overlaps another field
     */
    public Field readOnly(String name, int offset, int width, long value) {
      return scalar(name, offset, width, value, false);
    }

    /**
     * Declares a field that the driver reads and writes. A reset of the device sets it to its first
     * value.
     *
     * @param name its name, for messages
     * @param offset its offset in bytes, a multiple of its width
     * @param width 1, 2, 4 or 8 bytes
     * @param value its first value
     * @return the field
     * @throws IllegalArgumentException if a number is not possible or it overlaps another field
     */
    public Field writable(String name, int offset, int width, long value) {
      return scalar(name, offset, width, value, true);
    }

    /**
     * Declares an array of bytes.
     *
     * @param name its name, for messages
     * @param offset its offset in bytes
     * @param size how many
     * @param writable whether the driver may write it
     * @return the field
     * @throws IllegalArgumentException if a number is not possible or it overlaps another field
     */
    public Field array(String name, int offset, int size, boolean writable) {
      return add(new Field(name, offset, check(name, offset, size), true, writable));
    }

    private Field scalar(String name, int offset, int width, long value, boolean writable) {
      if (width < 1 || width > 8 || Integer.bitCount(width) != 1) {
        throw new IllegalArgumentException(
            "field " + name + ": width=" + width + " is not 1, 2, 4 or 8");
      }
      if (offset % width != 0) {
        throw new IllegalArgumentException(
            "field " + name + ": offset=" + offset + " is not a multiple of width=" + width);
      }
      Field field = new Field(name, offset, check(name, offset, width), false, writable);
      store(field.initial, 0, width, value);
      return add(field);
    }

    private static int check(String name, int offset, int size) {
      if (offset < 0 || size < 1 || size > MAX_LENGTH || offset > MAX_LENGTH - size) {
        throw new IllegalArgumentException(
            "field " + name + ": offset=" + offset + " size=" + size + " exceeds " + MAX_LENGTH);
      }
      return size;
    }

    private Field add(Field field) {
      for (Field other : fields) {
        if (field.offset < other.offset + other.length
            && other.offset < field.offset + field.length) {
          throw new IllegalArgumentException("field " + field + " overlaps field " + other);
        }
      }
      fields.add(field);
      length = Math.max(length, field.offset + field.length);
      return field;
    }

    /** {@return the space with the fields declared} */
    public ConfigSpace build() {
      return new ConfigSpace(this);
    }
  }
}
