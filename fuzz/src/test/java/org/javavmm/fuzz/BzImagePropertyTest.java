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
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import org.jspecify.annotations.Nullable;

/** The seeds with a few bytes of the header changed. */
class BzImagePropertyTest {
  private static final int HEADER = 0x1f1;
  private static final int HEADER_END = 0x291;

  private static @Nullable BzImageCheck check;

  @BeforeContainer
  static void mapMemory() throws Exception {
    check = new BzImageCheck();
  }

  @AfterContainer
  static void unmapMemory() {
    Objects.requireNonNull(check).close();
  }

  @Provide
  Arbitrary<Integer> offsets() {
    return Arbitraries.integers()
        .between(HEADER, HEADER_END)
        .withDistribution(RandomDistribution.uniform());
  }

  @Property(tries = 3000)
  void loadsAsTheProtocolSaysOrNotAtAll(
      @ForAll BzImageSeed seed,
      @ForAll @Size(max = 4) List<@From("offsets") Integer> offsets,
      @ForAll @Size(4) List<Byte> values) {
    byte[] file = seed.bytes();
    for (int i = 0; i < offsets.size(); i++) {
      file[offsets.get(i)] = values.get(i);
    }
    boolean accepted = Objects.requireNonNull(check).check(file);
    Statistics.collect(accepted ? "loaded" : "refused");
  }
}
