// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AmlPathTest {
  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  @ParameterizedTest
  @CsvSource({
    "\\, 5c00",
    "^, 5e00",
    "A, 415f5f5f",
    "_S5, 5f53355f",
    "COM1, 434f4d31",
    "\\_SB, 5c5f53425f",
    "^^FOO, 5e5e464f4f5f",
    "_SB.PCI0, 2e5f53425f50434930",
    "\\_SB.PCI0, 5c2e5f53425f50434930",
    "^A.B.C, 5e2f03415f5f5f425f5f5f435f5f5f",
  })
  void encodes(String text, String expected) {
    assertEquals(expected, hex(AmlPath.of(text).toBytes()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "com1", "1COM", "ABCDE", "A.", ".A", "A..B", "\\\\A", "\\^A", "^\\A", "A^B", "A B", "Ä",
        "\\.", "A.\\B"
      })
  void refusesMalformed(String text) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> AmlPath.of(text));
    assertTrue(String.valueOf(e.getMessage()).contains("of path \"" + text + "\""));
  }

  @Test
  void refusesEmpty() {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> AmlPath.of(""));
    assertEquals("path is empty", e.getMessage());
  }

  @Test
  void takes255SegmentsAndNoMore() {
    String text = String.join(".", Collections.nCopies(255, "ABCD"));
    byte[] bytes = AmlPath.of(text).toBytes();
    assertEquals("2fff41424344", hex(bytes).substring(0, 12));
    assertEquals(2 + 4 * 255, bytes.length);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> AmlPath.of(text + ".A"));
    assertEquals("path has 256 segments, not 1..255", e.getMessage());
  }

  @Test
  void paddingMakesNoDifference() {
    assertEquals(AmlPath.of("\\_S5"), AmlPath.of("\\_S5_"));
    assertEquals(AmlPath.of("\\_S5").hashCode(), AmlPath.of("\\_S5_").hashCode());
    assertNotEquals(AmlPath.of("\\_S5"), AmlPath.of("_S5"));
    assertEquals("\\_S5_.A___", AmlPath.of("\\_S5.A").toString());
  }
}
