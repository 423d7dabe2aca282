// SPDX-License-Identifier: Apache-2.0
package org.javavmm.stress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Runs all jcstress tests, in a short form unless {@code -Dvmm.long=true}, and shows each as a test
 * of its own. The whole output is in {@code target/jcstress}.
 */
class StressTest {
  private static final String NATIVE =
      "--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow";

  private static final String SUFFIX = "_jcstress.class";

  /** Few states at a time, as some hold descriptors or mappings. */
  private static final List<String> STATES = List.of("-strideSize", "32", "-strideCount", "8");

  /** One JVM per test, one way of compiling it: a second or two per test. */
  private static final List<String> SHORT =
      List.of("-m", "sanity", "-sc", "false", "-f", "1", "-iters", "3", "-time", "250");

  private static final List<String> LONG = List.of("-m", "default");

  /** The header of a test among the results. */
  private static final Pattern HEADER = Pattern.compile("\\.+ \\[(.*?)] (org\\.javavmm\\.\\S+)");

  private record Run(int status, List<String> lines) {
    /** The results: after the progress. */
    Map<String, List<String>> results() {
      Map<String, List<String>> results = new TreeMap<>();
      List<String> block = new ArrayList<>();
      for (String line : lines.subList(lines.indexOf("RUN RESULTS:") + 1, lines.size())) {
        Matcher header = HEADER.matcher(line.strip());
        if (header.matches()) {
          block = results.computeIfAbsent(header.group(2), name -> new ArrayList<>());
        }
        block.add(line);
      }
      return results;
    }

    String tail() {
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
    }
  }

  private static Run run() throws IOException, InterruptedException {
    Path folder = Files.createDirectories(Path.of("target/jcstress"));
    Path log = folder.resolve("log.txt");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(NATIVE.split(" ")));
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "org.openjdk.jcstress.Main"));
    command.addAll(List.of("-v", "-r", "results", "-jvmArgs", NATIVE));
    command.addAll(STATES);
    command.addAll(Boolean.getBoolean("vmm.long") ? LONG : SHORT);
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    process.getOutputStream().close();
    int status = process.waitFor();
    return new Run(status, Files.readAllLines(log));
  }

  /** The tests that were compiled: none may be left out. */
  private static Set<String> compiled() throws Exception {
    Path classes =
        Path.of(TearingTests.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.walk(classes)) {
      return files
          .map(file -> classes.relativize(file).toString())
          .filter(file -> file.endsWith(SUFFIX))
          .map(file -> file.substring(0, file.length() - SUFFIX.length()))
          .map(file -> file.replace('/', '.').replace('_', '.'))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  /** A forbidden outcome with samples; one that is declared is listed without, too. */
  private static boolean isSeen(String line) {
    return line.contains("Forbidden") && !line.matches(".*\\s0\\s+0\\.00%\\s+Forbidden.*");
  }

  @TestFactory
  List<DynamicTest> eachTestHasOnlyAcceptableOutcomes() throws Exception {
    Run run = run();
    Map<String, List<String>> results = run.results();
    List<DynamicTest> tests = new ArrayList<>();
    results.forEach((name, block) ->
        tests.add(
            DynamicTest.dynamicTest(
                name,
                () -> {
                  String text = String.join("\n", block);
                  assertTrue(block.getFirst().contains("[OK]"), text);
                  assertEquals(List.of(), block.stream().filter(StressTest::isSeen).toList(), text);
                })));
    tests.add(
        DynamicTest.dynamicTest(
            "none is missing",
            () -> {
              assertEquals(compiled(), results.keySet(), run.tail());
              assertFalse(results.isEmpty());
            }));
    tests.add(DynamicTest.dynamicTest("status", () -> assertEquals(0, run.status(), run.tail())));
    return tests;
  }
}
