// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class CommandScriptPropertyTest {
  @Provide
  Arbitrary<List<String>> arguments() {
    return Arbitraries.strings()
        .withChars("ab =-'\"\\$`*?!#;&|<>()\n\t~")
        .withChars('\u00e4', '\u20ac')
        .ofMaxLength(12)
        .list()
        .ofMaxSize(6);
  }

  @Property(tries = 60)
  void theCommandGetsItsArgumentsAndEnvironmentUnchanged(
      @ForAll("arguments") List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("/bin/sh", "-c"));
    command.add("printf '%s\\0' \"$X\" \"$PWD\" \"$@\"");
    command.add("sh");
    command.addAll(arguments);
    String value = String.join("/", arguments);
    String expected =
        value + "\0/usr\0" + String.join("", arguments.stream().map(a -> a + "\0").toList());
    assertEquals(expected, run(command, Map.of("X", value, "PATH", "/usr/bin:/bin")));
  }

  @Example
  void nothingOfTheCallersEnvironmentPasses() throws Exception {
    assertEquals("A=b c\n", run(List.of("/usr/bin/env"), Map.of("A", "b c")));
  }

  @Example
  void aProgramMayHaveANameThatLooksLikeAnAssignment() throws Exception {
    Path folder = Files.createTempDirectory("script");
    try {
      FakeQemu.script(folder.resolve("a=b"), "echo ran \"$1\"");
      assertEquals("ran x\n", run(List.of(folder.resolve("a=b").toString(), "x"), Map.of()));
    } finally {
      DebianPackages.deleteTree(folder);
    }
  }

  @Example
  void aProgramThatIsMissingIs127() throws Exception {
    assertEquals("status 127", run(List.of("no-such-program"), Map.of("PATH", "/bin")));
  }

  private static String run(List<String> command, Map<String, String> environment)
      throws Exception {
    Path script = Files.createTempFile("command", ".sh");
    try {
      Files.write(script, CommandScript.of(command, Path.of("/usr"), environment));
      Process process =
          new ProcessBuilder("/bin/sh", script.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      return status == 0 ? out : "status " + status;
    } finally {
      Files.delete(script);
    }
  }
}
