// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** What a test does where something that it needs is missing. */
final class TestTools {
  private TestTools() {}

  /** Skips the test unless the program is on the PATH. */
  static void require(String program) {
    boolean found =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    if (!found) {
      lacking(program, "not on the PATH");
    }
  }

  /** Skips the test for want of a capability, or fails it where the unit tier must run. */
  static void lacking(String capability, String reason) {
    String message = capability + ": " + reason;
    List<String> required = List.of(System.getenv().getOrDefault("VMM_REQUIRE", "").split(","));
    if (required.contains("unit")) {
      Assertions.fail(message + " (VMM_REQUIRE has unit)");
    }
    Assumptions.abort(message);
  }
}
