// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import org.jspecify.annotations.Nullable;

/** The seeds of Images, PE files and bzImages with a few bytes of their headers changed. */
class ImagePropertyTest {
  private static @Nullable FlatImageCheck check;

  @BeforeContainer
  static void mapMemory() throws Exception {
    check = new FlatImageCheck();
  }

  @AfterContainer
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  private static Arbitrary<Integer> upTo(int end) {
    return Arbitraries.integers()
        .between(0, end - 1)
        .withDistribution(RandomDistribution.uniform());
  }

  @Provide
  Arbitrary<Integer> flatOffsets() {
    return upTo(64);
  }

  @Provide
  Arbitrary<Integer> peOffsets() {
    return upTo(PeSeed.SECTIONS + 3 * 40);
  }

  @Provide
  Arbitrary<Integer> bzImageOffsets() {
    return upTo(0x291);
  }

  private static byte[] changed(byte[] file, List<Integer> offsets, List<Byte> values) {
    for (int i = 0; i < offsets.size(); i++) {
      file[offsets.get(i)] = values.get(i);
    }
    return file;
  }

  @Property(tries = 1000)
  void imagesLoadAsTheDocumentsSayOrNotAtAll(
      @ForAll FlatImageSeed seed,
      @ForAll @Size(max = 3) List<@From("flatOffsets") Integer> offsets,
      @ForAll @Size(3) List<Byte> values) {
    byte[] file = changed(seed.bytes(), offsets, values);
    boolean accepted = Objects.requireNonNull(check).check(file);
    Statistics.collect(accepted ? "loaded" : "refused");
    InspectorCheck.check(file);
  }

  @Property(tries = 3000)
  void peFilesReadAsTheSecondReaderSaysOrNotAtAll(
      @ForAll PeSeed seed,
      @ForAll @Size(max = 3) List<@From("peOffsets") Integer> offsets,
      @ForAll @Size(3) List<Byte> values) {
    byte[] file = changed(seed.bytes(), offsets, values);
    Statistics.collect(PeCheck.check(file) ? "read" : "refused");
    InspectorCheck.check(file);
  }

  @Property(tries = 1000)
  void bzImagesAreInspectedWhateverTheySay(
      @ForAll BzImageSeed seed,
      @ForAll @Size(max = 4) List<@From("bzImageOffsets") Integer> offsets,
      @ForAll @Size(4) List<Byte> values) {
    InspectorCheck.check(changed(seed.bytes(), offsets, values));
  }

  @Property(tries = 1000)
  void cutFilesAreInspected(
      @ForAll PeSeed pe, @ForAll FlatImageSeed flat, @ForAll @From("peOffsets") Integer length) {
    InspectorCheck.check(Arrays.copyOf(pe.bytes(), length));
    PeCheck.check(Arrays.copyOf(pe.bytes(), length));
    byte[] cut = Arrays.copyOf(flat.bytes(), length);
    Objects.requireNonNull(check).check(cut);
    InspectorCheck.check(cut);
  }
}
