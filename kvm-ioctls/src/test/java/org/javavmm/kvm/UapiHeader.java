// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** The kernel's own header, for what it says of other architectures and the bindings leave out. */
public final class UapiHeader {
  private UapiHeader() {}

  /** Skips the test, with the reason, where the header cannot be had. */
  static String text() throws Exception {
    return Files.readString(folder("x86").resolve("linux").resolve("kvm.h"));
  }

  /** The folder of an architecture's headers; skips the test where it cannot be had. */
  public static Path folder(String architecture) throws Exception {
    Path script = Path.of("../bindings/uapi-headers");
    String reason = "capability uapi-headers: " + script + " is not there";
    if (Files.isExecutable(script)) {
      Process process =
          new ProcessBuilder(script.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String folder = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
      if (process.waitFor() == 0) {
        return Path.of(folder, architecture, "include");
      }
      reason = "capability uapi-headers: the script failed, see bindings/README.md";
    }
    String required = System.getenv().getOrDefault("VMM_REQUIRE", "");
    if (Arrays.asList(required.split(",", -1)).contains("unit")) {
      throw new IOException(reason + ", but VMM_REQUIRE=" + required);
    }
    Assumptions.abort(reason);
    throw new AssertionError("not reached");
  }

  /** Names without their prefix, and decimal values, of lines {@code #define NAME NUMBER}. */
  public static Map<String, Integer> numbers(String text, String prefix) {
    Map<String, Integer> found = new TreeMap<>();
    Matcher m =
        Pattern.compile("(?m)^#define[ \t]+" + prefix + "(\\w+)[ \t]+(\\d+)\\b").matcher(text);
    while (m.find()) {
      found.put(m.group(1), Integer.valueOf(m.group(2)));
    }
    return found;
  }
}
