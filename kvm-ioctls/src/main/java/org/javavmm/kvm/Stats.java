// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.SystemCallException;

/**
 * The statistics that KVM keeps of a VM or of a vCPU: got from {@link Vm#stats} or {@link
 * Vcpu#stats}, needs {@link Cap#BINARY_STATS_FD}. What there is to know is read once; {@link #read}
 * reads the values of now. Closed with the VM at the latest. Thread-safe.
 */
public final class Stats implements AutoCloseable {
  /** What a value means over time. */
  public enum Type {
    /** It only grows. */
    CUMULATIVE,
    /** It is the value of this moment. */
    INSTANT,
    /** It is the greatest value so far. */
    PEAK,
    /** Counts of values, in buckets of the same width. */
    LINEAR_HIST,
    /** Counts of values, in buckets of which each is twice as wide as the one before. */
    LOG_HIST,
    /** A type that this version does not know. */
    UNKNOWN
  }

  /** What is counted. */
  public enum Unit {
    /** Things: exits, pages. */
    NONE,
    /** Memory, in bytes. */
    BYTES,
    /** Time, in seconds. */
    SECONDS,
    /** Time, in cycles of the processor. */
    CYCLES,
    /** 0 or 1. */
    BOOLEAN,
    /** A unit that this version does not know. */
    UNKNOWN
  }

  /**
   * What there is to know of a statistic.
   *
   * @param name its name
   * @param type what its values mean over time
   * @param unit what is counted
   * @param base 10 or 2: a value is counted in units of {@code base} to the power of {@code
   *     exponent}; 0 if this version does not know it
   * @param exponent the exponent, such as -9 for nanoseconds
   * @param size the number of values: buckets of a histogram, else 1
   * @param offset where the values stand, in bytes from the start of the data
   * @param bucketSize the width of a bucket of a linear histogram
   */
  public record Descriptor(
      String name,
      Type type,
      Unit unit,
      int base,
      int exponent,
      int size,
      long offset,
      long bucketSize) {
    /**
     * {@return a value in whole units, such as seconds}
     *
     * @param value a value as KVM counts it, unsigned
     */
    public double scaled(long value) {
      double unsigned = (value >>> 1) * 2.0 + (value & 1);
      return unsigned * Math.pow(Math.max(base, 1), exponent);
    }
  }

  /**
   * The values of a statistic.
   *
   * @param descriptor what they are
   * @param values the values, unsigned, as KVM counts them
   */
  public record Value(Descriptor descriptor, List<Long> values) {
    /** Copies the list. */
    public Value {
      values = List.copyOf(values);
    }

    /** {@return the first value; the only one unless this is a histogram} */
    public long value() {
      return values.getFirst();
    }

    @Override
    public String toString() {
      String unit =
          switch (descriptor.unit) {
            case NONE, BOOLEAN -> "";
            default -> " " + descriptor.unit.toString().toLowerCase(Locale.ROOT);
          };
      String scale =
          descriptor.exponent == 0 ? "" : " * " + descriptor.base + "^" + descriptor.exponent;
      String text = values.size() == 1 ? Long.toUnsignedString(value()) : "histogram " + values;
      return descriptor.name + ": " + text + scale + unit;
    }
  }

  /** Where the bytes come from: a descriptor, or a test. */
  interface Source {
    long pread(MemorySegment buffer, long offset);
  }

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final Type[] TYPES = Type.values();
  private static final Unit[] UNITS = Unit.values();

  /** Far above what kernels have (48, about 100, 64): what is beyond is no statistics file. */
  private static final int MAX_NAME = 256;

  private static final int MAX_DESCRIPTORS = 1 << 16;
  private static final long MAX_DATA = 16 << 20;

  private final OwnedFd fd;
  private final Source source;
  private final String id;
  private final List<Descriptor> descriptors;
  private final long dataOffset;
  private final long dataSize;

  private Stats(
      OwnedFd fd,
      Source source,
      String id,
      List<Descriptor> descriptors,
      long dataOffset,
      long dataSize) {
    this.fd = fd;
    this.source = source;
    this.id = id;
    this.descriptors = List.copyOf(descriptors);
    this.dataOffset = dataOffset;
    this.dataSize = dataSize;
  }

  /** Reads header and descriptors. The descriptor is closed if that fails. */
  static Stats open(OwnedFd fd) throws IOException {
    try {
      return parse(fd, fd::pread);
    } catch (IOException | RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  static Stats parse(OwnedFd fd, Source source) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(StatsLayout.SIZEOF);
      readFully(source, header, 0);
      int nameSize = limited("name_size", header.get(U32, StatsLayout.NAME_SIZE), MAX_NAME);
      int count = limited("num_desc", header.get(U32, StatsLayout.NUM_DESC), MAX_DESCRIPTORS);
      long dataOffset = Integer.toUnsignedLong(header.get(U32, StatsLayout.DATA_OFFSET));

      MemorySegment name = arena.allocate(nameSize + 1L);
      readFully(source, name.asSlice(0, nameSize), offset(header, StatsLayout.ID_OFFSET));
      String id = text(name, 0, nameSize);

      long each = StatsLayout.STAT_NAME + (long) nameSize;
      MemorySegment table = arena.allocate(count * each + 1);
      readFully(source, table.asSlice(0, count * each), offset(header, StatsLayout.DESC_OFFSET));
      List<Descriptor> descriptors = new ArrayList<>(count);
      long dataSize = 0;
      for (int i = 0; i < count; i++) {
        Descriptor d = descriptor(table.asSlice(i * each, each), nameSize);
        if (d.size == 0) {
          throw new IOException("statistics: " + d.name + " has no value");
        }
        long end = d.offset + (long) d.size * Long.BYTES;
        if (end > MAX_DATA) {
          throw new IOException(
              "statistics: " + d.name + " ends at " + end + ", must be at most " + MAX_DATA);
        }
        dataSize = Math.max(dataSize, end);
        descriptors.add(d);
      }
      return new Stats(fd, source, id, descriptors, dataOffset, dataSize);
    }
  }

  private static long offset(MemorySegment header, int field) {
    return Integer.toUnsignedLong(header.get(U32, field));
  }

  private static int limited(String field, int value, int max) throws IOException {
    if (value < 0 || value > max) {
      throw new IOException(
          "statistics: "
              + field
              + "="
              + Integer.toUnsignedString(value)
              + ", must be at most "
              + max);
    }
    return value;
  }

  private static Descriptor descriptor(MemorySegment d, int nameSize) {
    int flags = d.get(U32, StatsLayout.STAT_FLAGS);
    int type = (flags & StatsFlags.KVM_STATS_TYPE_MASK) >>> StatsFlags.KVM_STATS_TYPE_SHIFT;
    int unit = (flags & StatsFlags.KVM_STATS_UNIT_MASK) >>> StatsFlags.KVM_STATS_UNIT_SHIFT;
    int base = (flags & StatsFlags.KVM_STATS_BASE_MASK) >>> StatsFlags.KVM_STATS_BASE_SHIFT;
    return new Descriptor(
        text(d, StatsLayout.STAT_NAME, nameSize),
        TYPES[Math.min(type, TYPES.length - 1)],
        UNITS[Math.min(unit, UNITS.length - 1)],
        base == 0 ? 10 : base == 1 ? 2 : 0,
        d.get(U16, StatsLayout.STAT_EXPONENT),
        Short.toUnsignedInt(d.get(U16, StatsLayout.STAT_SIZE)),
        Integer.toUnsignedLong(d.get(U32, StatsLayout.STAT_OFFSET)),
        Integer.toUnsignedLong(d.get(U32, StatsLayout.STAT_BUCKET_SIZE)));
  }

  /** A text that ends with a zero or with its field. */
  private static String text(MemorySegment segment, long offset, int size) {
    byte[] bytes = segment.asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE);
    int end = 0;
    while (end < size && bytes[end] != 0) {
      end++;
    }
    return new String(bytes, 0, end, StandardCharsets.UTF_8);
  }

  private static void readFully(Source source, MemorySegment buffer, long offset)
      throws IOException {
    long done = 0;
    while (done < buffer.byteSize()) {
      long n = source.pread(buffer.asSlice(done), offset + done);
      if (n == 0) {
        throw new EOFException(
            "statistics: the file ends at "
                + (offset + done)
                + ", "
                + (buffer.byteSize() - done)
                + " bytes are missing");
      }
      if (n < 0 && n != -Errno.EINTR) {
        throw new SystemCallException("pread(statistics, offset=" + offset + ")", (int) -n);
      }
      done += Math.max(n, 0);
    }
  }

  /** {@return whose statistics these are, such as {@code kvm-4711/vcpu-0}} */
  public String id() {
    return id;
  }

  /** {@return what there is, in KVM's order} */
  public List<Descriptor> descriptors() {
    return descriptors;
  }

  /**
   * {@return the values of now, by name, in KVM's order; each for itself is exact, but they are not
   * of one moment}
   *
   * @throws IOException if they cannot be read
   * @throws IllegalStateException if closed
   */
  public Map<String, Value> read() throws IOException {
    Map<String, Value> values = new LinkedHashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(dataSize + 1, Long.BYTES);
      readFully(source, data.asSlice(0, dataSize), dataOffset);
      for (Descriptor d : descriptors) {
        List<Long> list = new ArrayList<>(d.size);
        for (int i = 0; i < d.size; i++) {
          list.add(data.get(ValueLayout.JAVA_LONG_UNALIGNED, d.offset + 8L * i));
        }
        values.put(d.name, new Value(d, list));
      }
    }
    return Collections.unmodifiableMap(values);
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }
}
