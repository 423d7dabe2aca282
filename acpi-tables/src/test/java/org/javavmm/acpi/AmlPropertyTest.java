// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
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

/** What the encoder writes is what an independent reader reads. */
class AmlPropertyTest {

  @Property(tries = 300)
  void pkgLengthsRoundTrip(@ForAll @IntRange(max = 0x20_0000) int size) {
    checkPkgLength(size);
  }

  @Example
  void pkgLengthsRoundTripAtTheEdges() {
    for (int limit : new int[] {0x3f, 0xfff, 0xf_ffff}) {
      for (int size = limit - 6; size <= limit + 2; size++) {
        checkPkgLength(size);
      }
    }
  }

  private static void checkPkgLength(int size) {
    byte[] bytes = AmlCode.pkg(new ByteSink(), new ByteSink().zeros(size)).toByteArray();
    int[] read = AmlDecoder.pkgLength(bytes);
    assertEquals(bytes.length, read[0]);
    assertEquals(size, bytes.length - read[1]);
    int shortest = size + 1 <= 0x3f ? 1 : size + 2 <= 0xfff ? 2 : size + 3 <= 0xf_ffff ? 3 : 4;
    assertEquals(shortest, read[1]);
  }

  @Property
  void plainPkgLengthsRoundTrip(@ForAll @IntRange(max = AmlCode.MAX_PKG_LENGTH) int length) {
    byte[] bytes = AmlCode.plainPkgLength(new ByteSink(), length).toByteArray();
    assertArrayEquals(new int[] {length, bytes.length}, AmlDecoder.pkgLength(bytes));
  }

  @Example
  void packagesBeyondFourLengthBytesAreRefused() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> AmlCode.plainPkgLength(new ByteSink(), 0x1000_0000L));
    assertEquals("package length 0x10000000 (268435456) is outside 0x0..0xfffffff", e.getMessage());
    assertEquals(4, AmlCode.plainPkgLength(new ByteSink(), 0xfff_ffff).size());
  }

  @Property(tries = 500)
  void termsReadBack(@ForAll Random random) {
    RandomAml.Described<List<AmlTerm>> terms = new RandomAml(random).terms(0);
    byte[] table = Dsdt.of(terms.node()).toBytes();
    assertEquals(0, TableReader.sum(table));
    byte[] aml = Arrays.copyOfRange(table, Sdt.HEADER_LENGTH, table.length);
    assertEquals(terms.text(), AmlDecoder.terms(aml, RandomAml.METHODS));
  }

  @Property
  void resourceTemplatesSumToZero(
      @ForAll @Size(max = 20) List<@From("resources") AmlResource> resources) {
    byte[] template = bufferBytes(Aml.resourceTemplate(resources));
    assertEquals(0, TableReader.sum(template));
    assertEquals(0x79, template[template.length - 2]);
    int length = resources.stream().mapToInt(r -> r.toBytes().length).sum();
    assertEquals(length + 2, template.length);
  }

  private static byte[] bufferBytes(AmlData buffer) {
    String text = AmlDecoder.terms(buffer.toBytes());
    int from = text.indexOf('{');
    byte[] bytes = HexFormat.of().parseHex(text, from + 1, text.length() - 1);
    assertEquals("Buffer(" + bytes.length + ")", text.substring(0, from));
    return bytes;
  }

  @Provide
  Arbitrary<AmlResource> resources() {
    Arbitrary<Trigger> trigger = Arbitraries.of(Trigger.class);
    Arbitrary<Polarity> polarity = Arbitraries.of(Polarity.class);
    Arbitrary<Sharing> sharing = Arbitraries.of(Sharing.class);
    return Arbitraries.oneOf(
        Combinators.combine(
                Arbitraries.integers().between(0, 0xff00), Arbitraries.integers().between(1, 255))
            .as(AmlResource::io),
        Combinators.combine(Arbitraries.integers().between(0, 15), trigger, polarity, sharing)
            .as(AmlResource::irq),
        Combinators.combine(
                Arbitraries.longs().between(0, 0xffff_ffffL), trigger, polarity, sharing)
            .as(AmlResource::interrupt),
        Combinators.combine(
                Arbitraries.longs().between(0, 0x7fff_ffff),
                Arbitraries.longs().between(1, 0x7fff_ffff),
                Arbitraries.of(true, false))
            .as(AmlResource::memory32Fixed));
  }
}
