// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import org.javavmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

class LoaderPropertyTest {
  private static final int SIZE = 0x140000;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[SIZE]);

  private static @Nullable GuestMemory shared;

  @BeforeContainer
  static void mapMemory() throws Exception {
    shared = TestKernels.memory(SIZE);
  }

  @AfterContainer
  static void unmapMemory() {
    memory().close();
  }

  private static GuestMemory memory() {
    GuestMemory memory = shared;
    if (memory == null) {
      throw new AssertionError("no memory");
    }
    return memory;
  }

  /** A change of a file: so many bytes at an offset take a value. */
  record Mutation(int offset, int width, long value) {
    void apply(byte[] file) {
      for (int i = 0; i < width && offset + i < file.length; i++) {
        file[offset + i] = (byte) (value >> (8 * i));
      }
    }

    @Override
    public String toString() {
      return String.format("[0x%x]%d=0x%x", offset, width, value);
    }
  }

  private static Arbitrary<Long> values() {
    List<Long> edges = new ArrayList<>();
    for (long power = 1; power != 0; power <<= 1) {
      edges.addAll(List.of(power - 1, power, power + 1, -power));
    }
    edges.addAll(List.of(0x205L, 0x206L, 0x20bL, 0x20cL, 0x20eL, 0x20fL, 0x110000L, 0x130000L));
    edges.addAll(List.of(0x6aL, 0x66L, 0x65L, 0x8eL, 0x8fL, 0x40000L, 0x40001L, 0x21L, 0x101L));
    return Arbitraries.frequencyOf(
        Tuple.of(6, Arbitraries.of(edges)),
        Tuple.of(2, Arbitraries.longs().between(0, 0x300)),
        Tuple.of(2, Arbitraries.longs().between(0x100000, 0x150000)),
        Tuple.of(1, Arbitraries.longs()));
  }

  private static Arbitrary<Mutation> mutations(Map<Integer, Integer> fields, int headerSize) {
    Arbitrary<Mutation> known =
        Combinators.combine(Arbitraries.of(fields.entrySet()), values())
            .as((field, value) -> new Mutation(field.getKey(), field.getValue(), value));
    Arbitrary<Mutation> anywhere =
        Combinators.combine(Arbitraries.integers().between(0, headerSize - 1), values())
            .as((offset, value) -> new Mutation(offset, 1, value));
    return Arbitraries.frequencyOf(Tuple.of(4, known), Tuple.of(1, anywhere));
  }

  @Provide
  Arbitrary<List<Mutation>> headerMutations() {
    Map<Integer, Integer> fields = new HashMap<>();
    for (int offset : new int[] {0x1f1, 0x200, 0x201, 0x210, 0x211, 0x234, 0x235}) {
      fields.put(offset, 1);
    }
    for (int offset : new int[] {0x1fe, 0x206, 0x20e, 0x224, 0x226, 0x236}) {
      fields.put(offset, 2);
    }
    for (int offset :
        new int[] {
          0x1f4, 0x202, 0x214, 0x218, 0x21c, 0x228, 0x22c, 0x230, 0x238, 0x248, 0x24c, 0x260
        }) {
      fields.put(offset, 4);
    }
    fields.put(0x250, 8);
    fields.put(0x258, 8);
    return mutations(fields, 0x280).list().ofMinSize(0).ofMaxSize(3);
  }

  @Provide
  Arbitrary<List<Mutation>> elfMutations() {
    Map<Integer, Integer> fields = new HashMap<>();
    for (int offset : new int[] {4, 5, 6}) {
      fields.put(offset, 1);
    }
    for (int offset : new int[] {16, 18, 54, 56}) {
      fields.put(offset, 2);
    }
    for (int offset : new int[] {24, 32}) {
      fields.put(offset, 8);
    }
    for (int header = 64; header < 64 + 3 * 56; header += 56) {
      fields.put(header, 4);
      fields.put(header + 4, 4);
      fields.put(header + 8, 8);
      fields.put(header + 24, 8);
      fields.put(header + 32, 8);
      fields.put(header + 40, 8);
    }
    return mutations(fields, 64 + 3 * 56).list().ofMinSize(0).ofMaxSize(3);
  }

  private static boolean isZero() {
    return memory().slice(0, SIZE).mismatch(ZEROS) < 0;
  }

  private static byte[] contents() {
    byte[] bytes = new byte[SIZE];
    memory().read(0, bytes);
    return bytes;
  }

  /** Plans and loads; a refusal leaves memory as it was. Empty if refused. */
  private static Optional<BootPlan> load(byte[] file, int initrdSize) {
    try {
      BootPlan.Builder builder =
          BootPlan.builder(TestKernels.parse(ByteBuffer.wrap(file)))
              .ram(TestKernels.ram(SIZE))
              .entry(BootEntry.LINUX_64);
      if (initrdSize > 0) {
        builder.initrd(TestKernels.initrd(TestKernels.noise(initrdSize)));
      }
      BootPlan plan = builder.build();
      plan.writeTo(memory(), 0xe0000);
      return Optional.of(plan);
    } catch (LoaderException e) {
      assertFalse(e.getMessage().contains("\n"), e.getMessage());
      assertTrue(e.getMessage().endsWith(e.value() + ", " + e.limit()), e.getMessage());
      assertTrue(isZero(), "memory was written: " + e.getMessage());
      return Optional.empty();
    }
  }

  /** Clears what the plan says and checks that all else was still zero. */
  private static void clear(BootPlan plan) {
    for (MemoryRange range : plan.ranges()) {
      memory().fill(range.gpa(), range.size(), (byte) 0);
    }
    boolean clean = isZero();
    memory().fill(0, SIZE, (byte) 0);
    assertTrue(clean, "written outside " + plan.ranges());
  }

  @Property(tries = 2000)
  void bzImageLoadsAsTheProtocolSaysOrNotAtAll(
      @ForAll("headerMutations") List<Mutation> mutations,
      @ForAll @IntRange(max = 0x10000) int initrdSize) {
    byte[] file = TestKernels.bytes(TestKernels.bzImage());
    mutations.forEach(mutation -> mutation.apply(file));
    Optional<BzImageOracle> oracle = BzImageOracle.read(file, SIZE);
    Optional<BootPlan> plan = load(file, initrdSize);
    Statistics.collect(plan.isPresent() ? "loaded" : "refused");
    if (plan.isEmpty()) {
      // The oracle knows the kernel only; with an initrd there is one more reason.
      if (initrdSize == 0) {
        assertEquals(Optional.empty(), oracle);
      }
      return;
    }
    BzImageOracle expected = oracle.orElseThrow();
    assertEquals(expected.entry(), plan.get().entry());
    assertEquals(MemoryRange.between(expected.load(), expected.end()), plan.get().kernelRange());
    byte[] contents = contents();
    assertArrayEquals(
        Arrays.copyOfRange(
            file, expected.setupBytes(), expected.setupBytes() + expected.kernelBytes()),
        Arrays.copyOfRange(
            contents, (int) expected.load(), (int) expected.load() + expected.kernelBytes()));
    checkInitrd(plan.get(), contents, initrdSize);
    long initrd = plan.get().initrdRange().map(MemoryRange::gpa).orElse(0L);
    for (Map.Entry<Integer, Byte> entry :
        BzImageOracle.header(file, expected.load(), initrd, initrdSize).entrySet()) {
      assertEquals(
          entry.getValue(),
          contents[0x7000 + entry.getKey()],
          "zero page 0x" + Integer.toHexString(entry.getKey()));
    }
    clear(plan.get());
  }

  private static void checkInitrd(BootPlan plan, byte[] contents, int size) {
    if (size == 0) {
      assertEquals(Optional.empty(), plan.initrdRange());
      return;
    }
    MemoryRange range = plan.initrdRange().orElseThrow();
    assertEquals(0, range.gpa() % 4096);
    assertFalse(range.overlaps(plan.kernelRange()));
    assertArrayEquals(
        TestKernels.noise(size),
        Arrays.copyOfRange(contents, (int) range.gpa(), (int) range.end()));
  }

  @Property(tries = 2000)
  void elfLoadsWhatItsSegmentsSayOrNotAtAll(@ForAll("elfMutations") List<Mutation> mutations) {
    byte[] file = TestKernels.bytes(TestKernels.elf());
    mutations.forEach(mutation -> mutation.apply(file));
    Optional<byte[]> oracle = ElfOracle.read(file, SIZE);
    Optional<BootPlan> plan = load(file, 0);
    Statistics.collect(plan.isPresent() ? "loaded" : "refused");
    assertEquals(oracle.isPresent(), plan.isPresent());
    if (plan.isPresent()) {
      byte[] contents = contents();
      Arrays.fill(contents, 0, 0x100000, (byte) 0);
      assertTrue(Arrays.equals(oracle.orElseThrow(), contents), "other bytes in memory");
      clear(plan.get());
    }
  }

  @Property(tries = 500)
  void cutFilesAreRefusedOrTheirTailWasNotNeeded(
      @ForAll boolean elf, @ForAll @IntRange(max = 0x2400) int length) {
    byte[] whole = TestKernels.bytes(elf ? TestKernels.elf() : TestKernels.bzImage());
    byte[] file = Arrays.copyOf(whole, Math.min(length, whole.length));
    Optional<BootPlan> plan = load(file, 0);
    assertEquals(file.length == whole.length, plan.isPresent());
    plan.ifPresent(LoaderPropertyTest::clear);
  }

  @Property(tries = 500)
  void mapSaysOfEachPageWhatTheLastEntrySaid(
      @ForAll @Size(max = 12) List<@IntRange(max = 63) Integer> starts,
      @ForAll @Size(12) List<@IntRange(min = 1, max = 20) Integer> sizes,
      @ForAll @Size(12) List<E820Map.Type> types) {
    E820Map.Builder builder = E820Map.builder();
    E820Map.@Nullable Type[] pages = new E820Map.@Nullable Type[100];
    for (int i = 0; i < starts.size(); i++) {
      builder.put(new MemoryRange(starts.get(i), sizes.get(i)), types.get(i));
      Arrays.fill(pages, starts.get(i), starts.get(i) + sizes.get(i), types.get(i));
    }
    E820Map.@Nullable Type[] found = new E820Map.@Nullable Type[100];
    long end = -1;
    E820Map.@Nullable Type last = null;
    for (E820Map.Entry entry : builder.build().entries()) {
      Arrays.fill(found, (int) entry.range().gpa(), (int) entry.range().end(), entry.type());
      assertTrue(entry.range().gpa() > end || entry.type() != last, "neighbours of one type");
      end = entry.range().end();
      last = entry.type();
    }
    assertArrayEquals(pages, found);
  }

  @Property(tries = 500)
  void initrdLiesAsHighAsItCan(
      @ForAll @IntRange(min = 1, max = 20 * 4096) int size,
      @ForAll @Size(max = 5) List<@IntRange(min = 0x110, max = 0x13f) Integer> taken)
      throws Exception {
    BootPlan.Builder builder =
        BootPlan.builder(TestKernels.parse(TestKernels.bzImage()))
            .ram(TestKernels.ram(SIZE))
            .initrd(TestKernels.initrd(new byte[size]));
    boolean[] used = new boolean[SIZE / 4096];
    Arrays.fill(used, 0, 0x110, true); // low memory and the kernel
    for (int page : taken) {
      builder.reserve(new MemoryRange(page * 4096L + 100, 10), E820Map.Type.RESERVED);
      used[page] = true;
    }
    int pages = (size + 4095) / 4096;
    long expected = -1;
    for (int page = 0x110; page + pages <= used.length; page++) {
      boolean free = true;
      for (int i = page; i < page + pages - 1; i++) {
        free &= !used[i];
      }
      // A range may end in the last page before what is taken there.
      int tail = size - (pages - 1) * 4096;
      free &= !used[page + pages - 1] || tail <= 100;
      if (free) {
        expected = page * 4096L;
      }
    }
    long found;
    try {
      found = builder.build().initrdRange().orElseThrow().gpa();
    } catch (LoaderException e) {
      found = -1;
    }
    Statistics.collect(found < 0 ? "refused" : "placed");
    assertEquals(expected, found);
  }

  @Property(tries = 200)
  void archivesReadBack(
      @ForAll @Size(max = 10) List<byte[]> contents, @ForAll @IntRange(max = 07777) int mode)
      throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    InitramfsWriter writer = new InitramfsWriter(out).folder("d", 0755);
    for (int i = 0; i < contents.size(); i++) {
      writer.file("d/" + "x".repeat(i + 1), mode, contents.get(i));
    }
    writer.finish();
    List<CpioReader.Entry> entries = CpioReader.read(out.toByteArray());
    assertEquals(contents.size() + 1, entries.size());
    for (int i = 0; i < contents.size(); i++) {
      assertEquals("d/" + "x".repeat(i + 1), entries.get(i + 1).name());
      assertEquals(0100000 | mode, entries.get(i + 1).mode());
      assertArrayEquals(contents.get(i), entries.get(i + 1).content().bytes());
    }
  }
}
