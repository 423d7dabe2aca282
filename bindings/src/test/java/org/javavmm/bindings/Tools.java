// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bindings;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** Programs that the tests of this module run, and what a test does where one is missing. */
final class Tools {
  private static final long TIMEOUT_SECONDS = 300;

  private Tools() {}

  /** What a program said. */
  record Result(int status, String out, String err) {}

  /** The module's folder. */
  static Path basedir() {
    String basedir = System.getProperty("basedir", System.getProperty("user.dir"));
    return Path.of(basedir).toAbsolutePath();
  }

  /** Skips the test unless the program is on the PATH. */
  static void require(String program) {
    boolean found =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    if (!found) {
      lacking(program, "not on the PATH");
    }
  }

  /** Skips the test unless the host has this architecture, in Java's words. */
  static void requireArch(String arch) {
    String host = System.getProperty("os.arch");
    if (!host.equals(arch)) {
      lacking(arch, "this host is " + host);
    }
  }

  /** The folder that {@code uapi-headers} prints; skips the test where the script gets none. */
  static Path uapiHeaders() throws IOException, InterruptedException {
    Result result = run(List.of("sh", basedir().resolve("uapi-headers").toString()));
    if (result.status() != 0) {
      // The last line says why, the others what was tried.
      String reason = result.err().lines().reduce("", (first, next) -> next);
      lacking("uapi-headers", reason.replaceFirst("^uapi-headers: ", ""));
    }
    return Path.of(result.out().strip());
  }

  /** Skips the test for want of a capability, or fails it where the unit tier must run. */
  private static void lacking(String capability, String reason) {
    String message = capability + ": " + reason;
    List<String> required = List.of(System.getenv().getOrDefault("VMM_REQUIRE", "").split(","));
    if (required.contains("unit")) {
      Assertions.fail(message + " (VMM_REQUIRE has unit)");
    }
    Assumptions.abort(message);
  }

  static Result run(List<String> command) throws IOException, InterruptedException {
    return run(command, Map.of());
  }

  /** Runs a program to its end, with these changes to the environment. */
  static Result run(List<String> command, Map<String, String> environment)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile("out", ".txt");
    Path err = Files.createTempFile("err", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectInput(new File("/dev/null"))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        Assertions.fail(command + " did not end in " + TIMEOUT_SECONDS + " s");
      }
      return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }
}
