// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.bindings.kvm.kvm_stats_desc;
import org.javavmm.bindings.kvm.kvm_stats_header;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;

/** Statistics files made by the generated accessors, well-formed and not. */
class StatsTest {
  private static final int NAME_SIZE = 48;
  private static final List<Stats.Type> TYPES = List.of(Stats.Type.values());
  private static final List<Stats.Unit> UNITS = List.of(Stats.Unit.values());

  /** What a file holds of one statistic. */
  record Given(int type, int unit, int base, short exponent, List<Long> values, int bucketSize) {}

  @Provide
  Arbitrary<Given> given() {
    return Combinators.combine(
            Arbitraries.integers().between(0, 15),
            Arbitraries.integers().between(0, 15),
            Arbitraries.integers().between(0, 15),
            Arbitraries.shorts(),
            Arbitraries.longs().list().ofMinSize(1).ofMaxSize(20),
            Arbitraries.integers())
        .as(Given::new);
  }

  private static MemorySegment file(List<Given> given) {
    long each = kvm_stats_desc.sizeof() + NAME_SIZE;
    long descs = kvm_stats_header.sizeof() + NAME_SIZE;
    long data = descs + given.size() * each;
    long size = data + given.stream().mapToLong(g -> 8L * g.values.size()).sum();
    MemorySegment file = Arena.ofAuto().allocate(size, 8);
    kvm_stats_header.name_size(file, NAME_SIZE);
    kvm_stats_header.num_desc(file, given.size());
    kvm_stats_header.id_offset(file, (int) kvm_stats_header.sizeof());
    kvm_stats_header.desc_offset(file, (int) descs);
    kvm_stats_header.data_offset(file, (int) data);
    put(file, kvm_stats_header.sizeof(), "kvm-17/vcpu-3");
    long offset = 0;
    for (int i = 0; i < given.size(); i++) {
      Given g = given.get(i);
      MemorySegment d = file.asSlice(descs + i * each, each);
      kvm_stats_desc.flags(d, g.type | (g.unit << 4) | (g.base << 8));
      kvm_stats_desc.exponent(d, g.exponent);
      kvm_stats_desc.size(d, (short) g.values.size());
      kvm_stats_desc.offset(d, (int) offset);
      kvm_stats_desc.bucket_size(d, g.bucketSize);
      put(d, kvm_stats_desc.name$offset(), "stat_" + i);
      for (long value : g.values) {
        file.set(ValueLayout.JAVA_LONG_UNALIGNED, data + offset, value);
        offset += 8;
      }
    }
    return file;
  }

  private static void put(MemorySegment at, long offset, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    MemorySegment.copy(bytes, 0, at, ValueLayout.JAVA_BYTE, offset, bytes.length);
  }

  /** Gives at most some bytes at a time, as a descriptor may. */
  private static Stats.Source source(MemorySegment file, int most) {
    return (buffer, offset) -> {
      long n = Math.min(Math.min(most, buffer.byteSize()), file.byteSize() - offset);
      if (n <= 0) {
        return 0;
      }
      buffer.asSlice(0, n).copyFrom(file.asSlice(offset, n));
      return n;
    };
  }

  private static Stats parse(Stats.Source source) throws IOException {
    return Stats.parse(OwnedFd.standardStream(0), source);
  }

  private static Stats parse(MemorySegment file) throws IOException {
    return parse(source(file, Integer.MAX_VALUE));
  }

  @Property(tries = 200)
  void filesAreReadBack(
      @ForAll @Size(max = 20) List<@From("given") Given> given,
      @ForAll @IntRange(min = 1, max = 100) int most)
      throws IOException {
    Stats stats = parse(source(file(given), most));
    assertEquals("kvm-17/vcpu-3", stats.id());
    Map<String, Stats.Value> values = stats.read();
    assertEquals(given.size(), values.size());
    for (int i = 0; i < given.size(); i++) {
      Given g = given.get(i);
      Stats.Value value = Optional.ofNullable(values.get("stat_" + i)).orElseThrow();
      Stats.Descriptor d = value.descriptor();
      assertEquals(stats.descriptors().get(i), d);
      assertEquals(g.values, value.values());
      assertEquals(g.values.getFirst(), value.value());
      assertEquals(g.exponent, d.exponent());
      assertEquals(Integer.toUnsignedLong(g.bucketSize), d.bucketSize());
      assertEquals(g.type > 4 ? Stats.Type.UNKNOWN : TYPES.get(g.type), d.type());
      assertEquals(g.unit > 4 ? Stats.Unit.UNKNOWN : UNITS.get(g.unit), d.unit());
      assertEquals(g.base == 0 ? 10 : g.base == 1 ? 2 : 0, d.base());
    }
  }

  /** Whatever a file holds, reading it ends with values or with an IOException. */
  @Property(tries = 1000)
  void anyFileIsReadOrRefused(@ForAll long seed) {
    Random random = new Random(seed);
    List<Given> given = new ArrayList<>();
    for (int i = random.nextInt(5); i >= 0; i--) {
      given.add(new Given(0, 0, 0, (short) 0, List.of(1L, 2L), 0));
    }
    MemorySegment file = file(given);
    for (int i = random.nextInt(6); i >= 0; i--) {
      long at = random.nextLong(Math.min(file.byteSize() - 4, 160));
      int value = random.nextBoolean() ? random.nextInt() : random.nextInt(300);
      file.set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
    }
    try {
      Map<String, Stats.Value> values = parse(file).read();
      assertTrue(values.size() <= 0x10000);
    } catch (IOException e) {
      assertTrue(String.valueOf(e.getMessage()).contains("statistics"), e::toString);
    }
  }

  private static MemorySegment one() {
    return file(List.of(new Given(0, 0, 0, (short) 0, List.of(7L), 0)));
  }

  private static String refused(MemorySegment file) {
    return String.valueOf(assertThrows(IOException.class, () -> parse(file).read()).getMessage());
  }

  @Example
  void limits() {
    MemorySegment file = one();
    kvm_stats_header.name_size(file, 257);
    assertEquals("statistics: name_size=257, must be at most 256", refused(file));
    kvm_stats_header.name_size(file, -1);
    assertEquals("statistics: name_size=4294967295, must be at most 256", refused(file));
    file = one();
    kvm_stats_header.num_desc(file, 65_537);
    assertEquals("statistics: num_desc=65537, must be at most 65536", refused(file));
    file = one();
    MemorySegment desc = file.asSlice(kvm_stats_header.sizeof() + NAME_SIZE);
    kvm_stats_desc.size(desc, (short) 0);
    assertEquals("statistics: stat_0 has no value", refused(file));
    kvm_stats_desc.size(desc, (short) 1);
    kvm_stats_desc.offset(desc, 16 << 20);
    assertEquals("statistics: stat_0 ends at 16777224, must be at most 16777216", refused(file));
    kvm_stats_desc.offset(desc, 8);
    assertTrue(refused(file).endsWith("8 bytes are missing"), refused(file));
    assertThrows(EOFException.class, () -> parse(Arena.ofAuto().allocate(23)));
  }

  @Example
  void errorsAreNamed() throws Exception {
    MemorySegment file = one();
    Stats.Source good = source(file, 10);
    int[] left = {5};
    Stats stats = parse((b, o) -> left[0]-- > 0 ? -Errno.EINTR : good.pread(b, o));
    assertEquals("{stat_0=stat_0: 7}", stats.read().toString());
    assertEquals(
        "pread(statistics, offset=0): EBADF (bad file descriptor)",
        assertThrows(IOException.class, () -> parse((_, _) -> -Errno.EBADF)).getMessage());
  }

  @Example
  void aDescriptorThatIsNoneIsClosed() throws Exception {
    OwnedFd fd = OwnedFd.openReadOnly("/dev/null");
    assertThrows(EOFException.class, () -> Stats.open(fd));
    assertTrue(fd.isClosed());
  }

  @Example
  void values() throws Exception {
    MemorySegment file =
        file(
            List.of(
                new Given(0, 2, 0, (short) -9, List.of(1_500_000_000L), 0),
                new Given(1, 1, 1, (short) 10, List.of(3L), 0),
                new Given(4, 0, 0, (short) 0, List.of(1L, -1L), 0)));
    List<Stats.Value> values = List.copyOf(parse(file).read().values());
    assertEquals("stat_0: 1500000000 * 10^-9 seconds", values.get(0).toString());
    assertEquals(1.5, values.get(0).descriptor().scaled(1_500_000_000L), 1e-12);
    assertEquals("stat_1: 3 * 2^10 bytes", values.get(1).toString());
    assertEquals(3072, values.get(1).descriptor().scaled(3));
    assertEquals("stat_2: histogram [1, -1]", values.get(2).toString());
    assertEquals(0x1p64, values.get(2).descriptor().scaled(-1));
  }
}
