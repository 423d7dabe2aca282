// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The tables as ACPICA's compiler reads them: the code that Linux reads them with. */
class IaslTest {
  private static final Pattern COMPLAINT = Pattern.compile("(?i)error|warning|remark|invalid");
  private static final Pattern NO_COMPLAINT =
      Pattern.compile("Compilation successful. 0 Errors, 0 Warnings, 0 Remarks");

  private static final Optional<Path> IASL =
      Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
          .filter(directory -> !directory.isEmpty())
          .map(directory -> Path.of(directory, "iasl"))
          .filter(Files::isExecutable)
          .findFirst();

  @TempDir Path directory;

  @BeforeEach
  void iaslIsThere() {
    assumeTrue(IASL.isPresent(), "iasl not found: install acpica-tools");
  }

  @ParameterizedTest
  @EnumSource
  void disassemblesWithoutComplaint(TestMachines machine) throws Exception {
    int tables = 0;
    for (Path table : writeTables(machine)) {
      String output = iasl("-d", table.toString());
      String source = Files.readString(dsl(table), StandardCharsets.ISO_8859_1);
      assertNoComplaint(table, output);
      assertNoComplaint(table, source);
      assertTrue(source.contains("Signature"), source);
      tables++;
    }
    assertEquals(machine.placed().entries().size() - 1, tables); // all but the RSDP
  }

  /**
   * What iasl makes of its own disassembly has the same AML but for the checksums in end tags: iasl
   * writes zero there, which means unchecked.
   */
  @ParameterizedTest
  @EnumSource
  void recompilesToTheSameAml(TestMachines machine) throws Exception {
    for (Path table : writeTables(machine)) {
      byte[] original = Files.readAllBytes(table);
      String signature = TableReader.signature(original);
      if (!signature.equals("DSDT") && !signature.equals("SSDT")) {
        continue;
      }
      iasl("-d", table.toString());
      Path again = directory.resolve("again.aml");
      String output =
          iasl("-oa", "-p", again.toString().replace(".aml", ""), dsl(table).toString());
      assertTrue(NO_COMPLAINT.matcher(output).find(), output);
      byte[] recompiled = Files.readAllBytes(again);
      assertEquals(
          AmlDecoder.terms(amlOf(original), TestMachines.CALLED)
              .replaceAll("79[0-9a-f]{2}\\}", "7900}"),
          AmlDecoder.terms(amlOf(recompiled), TestMachines.CALLED));
      assertEquals(original.length, recompiled.length);
    }
  }

  private static byte[] amlOf(byte[] table) {
    return Arrays.copyOfRange(table, Sdt.HEADER_LENGTH, table.length);
  }

  private List<Path> writeTables(TestMachines machine) throws IOException {
    PlacedTables placed = machine.placed();
    List<Path> files = new ArrayList<>();
    for (byte[] table : new TableReader(placed).walk(placed.rsdpAddress()).values()) {
      String name = TableReader.signature(table).toLowerCase(Locale.ROOT);
      Path file = directory.resolve(name + files.size() + ".dat");
      files.add(Files.write(file, table));
    }
    return files;
  }

  private static Path dsl(Path table) {
    return table.resolveSibling(table.getFileName().toString().replace(".dat", ".dsl"));
  }

  private static void assertNoComplaint(Path table, String text) {
    for (String line : text.lines().toList()) {
      assertFalse(COMPLAINT.matcher(line).find(), table.getFileName() + ": " + line);
    }
  }

  private String iasl(String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of(IASL.orElseThrow().toString()));
    command.addAll(List.of(args));
    Process process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertEquals(0, process.waitFor(), output);
    return output;
  }
}
