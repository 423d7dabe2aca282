// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A line that we read ourselves is read as picocli reads it. */
class SyntaxTest {
  private static final List<String> COMMANDS = List.of("hello", "linux", "inspect", "lab");

  /** Names, values, and what looks like the one or the other. */
  private static final List<String> WORDS =
      List.of(
          "--kernel",
          "--kernel=",
          "--kernel=k",
          "--kernel=--rng",
          "--cmdline",
          "--cmdline=a=b",
          "--cpu-features",
          "-x2apic",
          "+avx2,-hle",
          "-hle",
          "--rng",
          "--rng=true",
          "--no-acpi",
          "--verbose",
          "--json",
          "--extract",
          "--memory",
          "--memory=1G",
          "--kvm",
          "host",
          "--help",
          "-h",
          "-h=1",
          "-",
          "--",
          "---",
          "",
          " ",
          "@file",
          "\"quoted\"",
          "a b",
          "a=b",
          "${x}",
          "kernel",
          "rng",
          "--unknown",
          "--kern",
          "--cpus",
          "2",
          "-v",
          "=",
          "--=x",
          "\\");

  private static Optional<Syntax.Line> byPicocli(Syntax syntax, List<String> args) {
    try {
      return Optional.of(syntax.readByPicocli(args));
    } catch (UsageException e) {
      return Optional.empty();
    }
  }

  @Test
  void asPicocliReadsIt() {
    Random random = new Random(25);
    int plain = 0;
    for (int round = 0; round < 20_000; round++) {
      String command = COMMANDS.get(random.nextInt(COMMANDS.size()));
      List<String> args = new ArrayList<>();
      for (int i = random.nextInt(5); i > 0; i--) {
        args.add(WORDS.get(random.nextInt(WORDS.size())));
      }
      Syntax syntax = Options.syntax(command);
      Optional<Syntax.Line> line = syntax.readPlain(args);
      if (line.isPresent()) {
        assertEquals(byPicocli(syntax, args), line, () -> command + " " + args);
        plain += args.size() > 1 ? 1 : 0;
      }
    }
    int read = plain;
    assertTrue(read > 500, () -> "only " + read + " lines of several words were plain");
  }

  /** Else they would cost the start of every monitor. */
  @Test
  void whatUsersTypeIsPlain() {
    assertEquals(
        Optional.of(
            new Syntax.Line(
                Map.of(
                    "--kernel", "bzImage", "--cpus", "2", "--cpu-features", "-x2apic", "--rng", ""),
                List.of())),
        Options.syntax("linux")
            .readPlain(
                List.of("--kernel", "bzImage", "--cpus=2", "--cpu-features", "-x2apic", "--rng")));
    assertEquals(
        Optional.of(new Syntax.Line(Map.of("--json", ""), List.of("vmlinuz"))),
        Options.syntax("inspect").readPlain(List.of("vmlinuz", "--json")));
    assertTrue(Options.syntax("hello").readPlain(List.of("--kvm", "host")).isPresent());
  }

  @Test
  void whatIsPicoclis() {
    Syntax linux = Options.syntax("linux");
    for (List<String> args :
        List.of(
            List.of("--help"),
            List.of("-h"),
            List.of("--kernel"),
            List.of("--kernel", ""),
            List.of("--kernel", "--rng"),
            List.of("--rng", "--rng"),
            List.of("--rng=true"),
            List.of("file"),
            List.of("--unknown"))) {
      assertFalse(linux.readPlain(args).isPresent(), args::toString);
    }
  }
}
