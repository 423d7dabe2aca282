// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.statistics.Statistics;

/** Random trees come back, and damaged ones are read as the second reader reads them. */
class FdtPropertyTest {
  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz";
  private static final String REST = LETTERS + "0123456789,._+-";

  static Fdt random(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Fdt.Builder tree = Fdt.builder(node(random, FdtNode.root(), 0));
    for (int i = random.nextInt(3); i > 0; i--) {
      tree.reserve(random.nextLong() >>> 1, 1 + random.nextLong(1 << 20));
    }
    return tree.bootCpu(random.nextInt()).build();
  }

  private static String name(SplittableRandom random, int limit) {
    StringBuilder name = new StringBuilder();
    name.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    for (int i = random.nextInt(limit); i > 0; i--) {
      name.append(REST.charAt(random.nextInt(REST.length())));
    }
    return name.toString();
  }

  private static FdtNode node(SplittableRandom random, FdtNode.Builder node, int depth) {
    for (int i = random.nextInt(5); i > 0; i--) {
      byte[] value = new byte[random.nextInt(20)];
      random.nextBytes(value);
      try {
        node.bytes(name(random, random.nextBoolean() ? 2 : 31), value);
      } catch (IllegalArgumentException e) {
        // The name was taken.
      }
    }
    for (int i = depth > 4 ? 0 : random.nextInt(4); i > 0; i--) {
      String name = name(random, 31) + (random.nextBoolean() ? "@" + random.nextInt(99) : "");
      try {
        node.child(node(random, FdtNode.node(name), depth + 1));
      } catch (IllegalArgumentException e) {
        // The name was taken.
      }
    }
    return node.build();
  }

  @Property(tries = 500)
  void treesComeBack(@ForAll long seed) throws LoaderException {
    Fdt tree = random(seed);
    byte[] bytes = tree.toBytes();
    Fdt read = FdtTest.parse(bytes);
    assertEquals(tree, read);
    assertArrayEquals(bytes, read.toBytes());
    assertEquals(Optional.of(FdtOracle.text(tree)), FdtOracle.read(bytes));
  }

  @Property(tries = 3000)
  void damageIsReadAsTheSecondReaderReadsIt(
      @ForAll @IntRange(max = 99) int seed,
      @ForAll @Size(min = 1, max = 3) int[] places,
      @ForAll @Size(3) byte[] values,
      @ForAll boolean small) {
    byte[] bytes = (seed == 0 ? FdtTest.machine() : random(seed)).toBytes();
    for (int i = 0; i < places.length; i++) {
      // Tokens, lengths and characters are small numbers.
      bytes[Math.floorMod(places[i], bytes.length)] = small ? (byte) (values[i] & 15) : values[i];
    }
    Optional<String> found;
    try {
      found = Optional.of(FdtOracle.text(FdtTest.parse(bytes)));
    } catch (LoaderException e) {
      assertEquals(1, String.valueOf(e.getMessage()).lines().count());
      found = Optional.empty();
    }
    assertEquals(FdtOracle.read(bytes), found);
    Statistics.collect(found.isPresent() ? "read" : "refused");
  }
}
