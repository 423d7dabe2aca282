// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.List;
import java.util.Objects;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import org.jspecify.annotations.Nullable;

/** The seeds with a few bytes of headers and notes changed. */
class KernelPropertyTest {
  private static @Nullable KernelCheck check;

  @BeforeContainer
  static void mapMemory() throws Exception {
    check = new KernelCheck();
  }

  @AfterContainer
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @Provide
  Arbitrary<Integer> offsets() {
    return Arbitraries.frequencyOf(
        Tuple.of(3, between(0, 0xff)),
        Tuple.of(1, between(0x100, 0x110)),
        Tuple.of(1, between(0x700, 0x730)));
  }

  private static Arbitrary<Integer> between(int from, int to) {
    return Arbitraries.integers().between(from, to).withDistribution(RandomDistribution.uniform());
  }

  @Property(tries = 1500)
  void loadsAsTheFormatsSayOrNotAtAll(
      @ForAll KernelSeed seed,
      @ForAll @Size(max = 4) List<@From("offsets") Integer> offsets,
      @ForAll @Size(4) List<Byte> values) {
    byte[] file = seed.bytes();
    for (int i = 0; i < offsets.size(); i++) {
      file[offsets.get(i)] = values.get(i);
    }
    Statistics.collect(Objects.requireNonNull(check).check(file));
  }
}
