// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every byte of the test machines' tables against files under version control. After an intended
 * change: {@code mvn test -Dtest.extra.args=-Dacpi.golden.update=true}, and read the difference.
 */
class GoldenTest {
  private static final Path DIRECTORY = Path.of("src/test/resources/org/javavmm/acpi");

  @ParameterizedTest
  @EnumSource
  void bytesAreThoseOfTheGoldenFile(TestMachines machine) throws IOException {
    String actual = dump(machine.placed());
    Path file = DIRECTORY.resolve(machine.name().toLowerCase(Locale.ROOT) + ".hex");
    if (Boolean.getBoolean("acpi.golden.update")) {
      Files.writeString(file, actual);
    }
    assertEquals(Files.readString(file), actual);
  }

  private static String dump(PlacedTables placed) {
    TableReader reader = new TableReader(placed);
    StringBuilder text = new StringBuilder();
    for (PlacedTables.Entry entry : placed.entries()) {
      text.append(
          "%s at 0x%x, %d bytes\n"
              .formatted(entry.signature().strip(), entry.gpa(), entry.length()));
      byte[] bytes = reader.read(entry.gpa(), entry.length());
      for (int row = 0; row < bytes.length; row += 16) {
        StringBuilder hex = new StringBuilder();
        StringBuilder ascii = new StringBuilder();
        for (int i = row; i < Math.min(row + 16, bytes.length); i++) {
          hex.append("%02x ".formatted(bytes[i]));
          ascii.append(bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char) bytes[i] : '.');
        }
        text.append("%04x  %-48s |%s|\n".formatted(row, hex, ascii));
      }
    }
    return text.toString();
  }
}
