// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleReference;
import java.lang.module.ResolvedModule;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.javavmm.lab.Lab;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The tests of the tier {@code kvm} against {@code kvm_amd}: one lab for each series of its kernel,
 * in it one JVM, and a test here for each test in there. On a host without {@code /dev/kvm} this is
 * where that tier runs, and {@code ./test} counts it there.
 */
@Tag("lab")
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class KvmSuiteLabTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** The modules whose tests are run; the coverage is written by those of the last. */
  private static final Map<String, String> MODULES = modules();

  /** Of each kind, where the host makes 20,000. */
  private static final int KICKS = 400;

  /** Of memory replaced under a guest, where the host makes 10,000. */
  private static final int ROUNDS = 100;

  /** Enough for a thread that runs a vCPU and one that kicks it; cheaper than two. */
  private static final int CPUS = 1;

  /** Longer than the tests' own watchdogs wait. */
  private static final long STALLED_SECONDS = 240;

  private static final long POLL_SECONDS = 5;

  @TempDir private Path folder;

  private static Map<String, String> modules() {
    Map<String, String> modules = new LinkedHashMap<>();
    modules.put("org.javavmm.vmm", "vmm-core");
    modules.put("org.javavmm.arch", "vm-arch");
    modules.put("org.javavmm.vmkvm", "vm-kvm");
    modules.put("org.javavmm.kvm", "kvm-ioctls");
    return modules;
  }

  @TestFactory
  List<DynamicTest> kernel61() throws Exception {
    return run("6.1");
  }

  @TestFactory
  List<DynamicTest> kernel612() throws Exception {
    assumeTrue(
        Boolean.getBoolean("vmm.long") || !coverage().isEmpty(),
        "long: the suite on an outer kernel 6.12");
    return run("6.12");
  }

  private static String coverage() {
    return System.getProperty("vmm.kvm.coverage", "");
  }

  private List<DynamicTest> run(String kernel) throws Exception {
    Path report = folder.resolve("report-" + kernel);
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    Map<String, String> environment = Lab.defaultEnvironment();
    // There it is to be used, not to be missed.
    environment.put("VMM_REQUIRE", "kvm");
    Lab lab =
        Lab.builder()
            .kernel(kernel)
            .cpus(CPUS)
            .directory(ROOT.resolve("kvm-ioctls"))
            .environment(environment)
            .stdin(InputStream.nullInputStream())
            .stdout(printed)
            .stderr(printed)
            .build();
    List<String> command = command(kernel, report);
    OptionalInt status = run(lab, command, report);
    if (status.isEmpty()) {
      // Seen on a host with many times more to do than it has processors. A test of ours that
      // hangs does so twice.
      System.err.println("the lab " + kernel + " stood still at " + last(report) + "; once more");
      Files.deleteIfExists(report);
      status = run(lab, command, report);
    }
    assertEquals(
        OptionalInt.of(0),
        status,
        () -> "the suite came to " + last(report) + " and printed:\n" + text(printed));
    return results(kernel, report);
  }

  /** The status of the command; empty if it was ended because no test began or ended any more. */
  private static OptionalInt run(Lab lab, List<String> command, Path report) throws Exception {
    FutureTask<Integer> run = new FutureTask<>(() -> lab.run(command));
    Thread thread = Thread.ofPlatform().daemon().name("lab").start(run);
    try {
      long size = -1;
      for (long still = 0; still < STALLED_SECONDS; still += POLL_SECONDS) {
        try {
          return OptionalInt.of(run.get(POLL_SECONDS, TimeUnit.SECONDS));
        } catch (TimeoutException e) {
          long now = Files.exists(report) ? Files.size(report) : -1;
          still = now == size ? still : 0;
          size = now;
        }
      }
      return OptionalInt.empty();
    } finally {
      thread.interrupt();
      thread.join();
    }
  }

  private static String text(ByteArrayOutputStream printed) {
    return printed.toString(StandardCharsets.UTF_8);
  }

  private static String last(Path report) {
    try {
      List<String> lines = Files.readAllLines(report);
      return lines.isEmpty() ? "no test" : KvmSuite.Line.of(lines.getLast()).name();
    } catch (IOException e) {
      return "no test";
    }
  }

  private static List<DynamicTest> results(String kernel, Path report) throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    Set<String> started = new LinkedHashSet<>();
    int passed = 0;
    for (String text : Files.readAllLines(report)) {
      KvmSuite.Line line = KvmSuite.Line.of(text);
      String name = kernel + " " + line.name();
      switch (line.state()) {
        case STARTED -> started.add(name);
        case PASSED -> {
          passed++;
          tests.add(DynamicTest.dynamicTest(name, () -> {}));
        }
        case SKIPPED -> tests.add(DynamicTest.dynamicTest(name, () -> abort(line.why())));
        case FAILED ->
            tests.add(DynamicTest.dynamicTest(name, () -> fail(name + ": " + line.why())));
      }
      if (line.state() != KvmSuite.State.STARTED) {
        started.remove(name);
      }
    }
    assertEquals(Set.of(), started, "tests without an end");
    assertTrue(passed > 0, "no test passed");
    return tests;
  }

  /** As the build runs these tests: their classes belong to the module, JUnit to no module. */
  private static List<String> command(String kernel, Path report) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(Lab.JVM_OPTIONS);
    command.add("--enable-native-access=org.javavmm.sys");
    command.add("--illegal-native-access=deny");
    command.add("-Dorg.javavmm.sys.faultInjection=true");
    command.add("-Dvmm.kicks=" + KICKS);
    command.add("-Dvmm.rounds=" + ROUNDS);
    if (!coverage().isEmpty()) {
      command.add("-Dvmm.kvm.coverage=" + ROOT.resolve(coverage()));
      command.add("-Dvmm.kvm.where=lab-" + kernel);
    }
    command.addAll(List.of("--module-path", String.join(File.pathSeparator, locations())));
    command.addAll(List.of("--add-modules", "org.javavmm.vmm,jdk.management"));
    List<String> classes = new ArrayList<>();
    for (Map.Entry<String, String> module : MODULES.entrySet()) {
      Path tests = ROOT.resolve(module.getValue()).resolve("target/test-classes");
      classes.addAll(testClasses(tests));
      String name = module.getKey();
      command.add("--patch-module=" + name + "=" + tests);
      command.add("--add-opens=" + name + "/" + name + "=ALL-UNNAMED");
      command.add("--add-reads=" + name + "=ALL-UNNAMED,java.management,jdk.management");
    }
    command.addAll(
        List.of(
            "-cp",
            Path.of("target/test-classes").toAbsolutePath()
                + File.pathSeparator
                + System.getProperty("java.class.path"),
            KvmSuite.class.getName(),
            report.toString()));
    command.addAll(classes);
    return command;
  }

  /** Where the modules are that vmm-core needs, itself included. */
  private static Set<String> locations() {
    Set<ResolvedModule> needed = new LinkedHashSet<>();
    List<ResolvedModule> open = new ArrayList<>();
    open.add(ModuleLayer.boot().configuration().findModule("org.javavmm.vmm").orElseThrow());
    while (!open.isEmpty()) {
      ResolvedModule module = open.removeLast();
      if (module.name().startsWith("org.javavmm.") && needed.add(module)) {
        open.addAll(module.reads());
      }
    }
    Set<String> locations = new LinkedHashSet<>();
    for (ResolvedModule module : needed) {
      ModuleReference reference = module.reference();
      URI location = reference.location().orElseThrow();
      locations.add(Path.of(location).toString());
    }
    return locations;
  }

  private static List<String> testClasses(Path folder) throws IOException {
    assertTrue(Files.isDirectory(folder), folder + ": not compiled");
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .map(file -> folder.relativize(file).toString())
          .filter(file -> file.endsWith("Test.class") && file.indexOf('$') < 0)
          .map(file -> file.substring(0, file.length() - 6).replace('/', '.'))
          .sorted()
          .toList();
    }
  }
}
