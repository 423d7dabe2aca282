// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SizesTest {
  private static final long MIN = 1L << 20;
  private static final long MAX = 4L << 40;

  @ParameterizedTest
  @CsvSource({
    "512M, 536870912",
    "1G, 1073741824",
    "2048K, 2097152",
    "4194304, 4194304",
    "1MiB, 1048576",
    "4T, 4398046511104"
  })
  void readsUnits(String text, long bytes) throws UsageException {
    assertEquals(bytes, Sizes.parse("--memory", text, MIN, MAX));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x|--memory x: not a size; write a number with K, M, G or T, such as 512M",
        "512Q|--memory 512Q: not a size; write a number with K, M, G or T, such as 512M",
        "-1M|--memory -1M: not a size; write a number with K, M, G or T, such as 512M",
        "1K|--memory 1K: must be from 1M to 4T",
        "5T|--memory 5T: must be from 1M to 4T",
        "99999999999999999999|--memory 99999999999999999999: too large, at most 4T",
        "9999999999999T|--memory 9999999999999T: too large, at most 4T",
        "1048577|--memory 1048577: not a multiple of 4096 bytes"
      })
  void namesWhatIsWrong(String text, String message) {
    UsageException e =
        assertThrows(UsageException.class, () -> Sizes.parse("--memory", text, MIN, MAX));
    assertEquals(message, e.getMessage());
  }

  @Test
  void emptyIsNoSize() {
    assertThrows(UsageException.class, () -> Sizes.parse("--memory", "", MIN, MAX));
  }

  @Property
  void whatIsShownReadsBack(@ForAll @LongRange(min = 256, max = 1L << 30) long pages)
      throws UsageException {
    long bytes = pages * 4096;
    assertEquals(bytes, Sizes.parse("--memory", Sizes.show(bytes), MIN, MAX));
  }
}
