// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.javavmm.virtio.RingFeatures;
import org.javavmm.virtio.testkit.ClauseList.Mutation;
import org.javavmm.virtio.testkit.ClauseList.Row;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests that name clauses, then each mutation with its tests, and writes the document of
 * both. All in one JVM: a mutation is one source file, compiled beside the classes it belongs to,
 * and a class loader that finds it first and loads the device, the testkit and the tests anew.
 *
 * <p>Arguments: the project's folder, and optionally parts of mutations' descriptions, to try these
 * alone and write nothing.
 */
final class Conformance {
  /** One run of a test. */
  record Run(String where, TestExecutionResult.Status status, String message) {}

  /** What is loaded anew for each mutation. */
  private static final List<String> RELOADED = List.of("org.javavmm.virtio.", "org.javavmm.pci.");

  private final Path root;
  private final String classPath = System.getProperty("java.class.path");
  private final List<Row> rows = ClauseList.rows();
  private final List<Mutation> mutations = ClauseList.mutations();
  private final Map<String, List<String>> tests;
  private Map<String, List<Run>> results = Map.of();
  private final Map<Mutation, String> outcomes = new HashMap<>();

  private Conformance(Path root) throws IOException, ClassNotFoundException {
    this.root = root;
    tests = ClauseList.tests(root);
  }

  public static void main(String[] args) throws Exception {
    Conformance all = new Conformance(Path.of(args[0]).toAbsolutePath());
    List<String> only = List.of(args).subList(1, args.length);
    boolean well = only.isEmpty() ? all.everything() : all.mutate(only);
    System.exit(well ? 0 : 1);
  }

  private boolean everything() throws Exception {
    results = run(tests.keySet(), Conformance.class.getClassLoader());
    boolean well = true;
    for (String test : tests.keySet()) {
      for (Run run : results.getOrDefault(test, List.of())) {
        if (run.status != TestExecutionResult.Status.SUCCESSFUL) {
          System.out.println(test + " " + run);
          well = false;
        }
      }
    }
    well &= mutate(List.of(""));
    String document =
        ConformanceDocument.write(
            rows,
            tests,
            mutations,
            new ConformanceDocument.Results() {
              @Override
              public String clause(Row row, List<String> of) {
                return summary(of.stream().flatMap(t -> runs(t).stream()).toList());
              }

              @Override
              public String test(String test) {
                return summary(runs(test));
              }

              @Override
              public String mutation(Mutation mutation) {
                return outcomes.getOrDefault(mutation, "not run");
              }
            });
    Files.writeString(root.resolve(ConformanceDocument.PATH), document);
    System.out.println("wrote " + ConformanceDocument.PATH);
    return well;
  }

  private List<Run> runs(String test) {
    return results.getOrDefault(test, List.of());
  }

  // ---- running -------------------------------------------------------------------------------

  private static Map<String, List<Run>> run(Collection<String> tests, ClassLoader loader)
      throws ClassNotFoundException {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(loader);
    PrintStream out = System.out;
    PrintStream err = System.err;
    try {
      List<org.junit.platform.engine.DiscoverySelector> selectors = new ArrayList<>();
      for (String test : tests) {
        int dot = test.indexOf('.');
        Class<?> type =
            Class.forName(
                Conformance.class.getPackageName() + "." + test.substring(0, dot), true, loader);
        for (Method method : type.getDeclaredMethods()) {
          if (method.getName().equals(test.substring(dot + 1))) {
            selectors.add(DiscoverySelectors.selectMethod(type, method));
          }
        }
      }
      LauncherDiscoveryRequest request =
          LauncherDiscoveryRequestBuilder.request()
              .selectors(selectors)
              .configurationParameter("jqwik.reporting.onlyfailures", "true")
              .configurationParameter("jqwik.database", "")
              .build();
      Map<String, List<Run>> results = new ConcurrentHashMap<>();
      Launcher launcher = LauncherFactory.create();
      // What devices log and properties report is no part of this.
      System.setOut(new PrintStream(OutputStream.nullOutputStream()));
      System.setErr(new PrintStream(OutputStream.nullOutputStream()));
      launcher.execute(
          request,
          new TestExecutionListener() {
            @Override
            public void executionSkipped(TestIdentifier id, String reason) {
              add(id, TestExecutionResult.aborted(null));
            }

            @Override
            public void executionFinished(TestIdentifier id, TestExecutionResult result) {
              add(id, result);
            }

            private void add(TestIdentifier id, TestExecutionResult result) {
              if (id.getSource().orElse(null) instanceof MethodSource source
                  && (id.isTest() || result.getStatus() != TestExecutionResult.Status.SUCCESSFUL)) {
                String type = source.getClassName();
                type = type.substring(type.lastIndexOf('.') + 1);
                String message = result.getThrowable().map(String::valueOf).orElse("");
                results
                    .computeIfAbsent(type + "." + source.getMethodName(), k -> new ArrayList<>())
                    .add(
                        new Run(
                            where(type, source.getMethodName(), id.getDisplayName()),
                            result.getStatus(),
                            message));
              }
            }
          });
      return new TreeMap<>(results);
    } finally {
      System.setOut(out);
      System.setErr(err);
      thread.setContextClassLoader(before);
    }
  }

  private static final Pattern INVOCATION = Pattern.compile("\\[\\d+] (?:\\w+ ?= ?)?(.*)");

  /** In which combination a test ran, by its display name. */
  private static String where(String type, String method, String name) {
    Matcher matcher = INVOCATION.matcher(name);
    String argument = matcher.matches() ? matcher.group(1) : "";
    if (argument.matches("-?\\d{6,}")) {
      return ring(Long.parseLong(argument));
    }
    if (argument.startsWith("MMIO") || argument.startsWith("PCI")) {
      return argument.toLowerCase(java.util.Locale.ROOT);
    }
    String all = type + " " + method;
    return Stream.of("mmio", "pci", "split", "packed")
        .filter(w -> all.toLowerCase(java.util.Locale.ROOT).contains(w))
        .reduce((a, b) -> a + " " + b)
        .orElse("");
  }

  private static String ring(long features) {
    String text = (features & RingFeatures.RING_PACKED) != 0 ? "packed" : "split";
    if ((features & RingFeatures.EVENT_IDX) != 0) {
      text += "+event_idx";
    }
    if ((features & RingFeatures.IN_ORDER) != 0) {
      text += "+in_order";
    }
    return text;
  }

  private static String summary(List<Run> runs) {
    Map<TestExecutionResult.Status, Integer> counts = new TreeMap<>();
    Set<String> where = new LinkedHashSet<>();
    for (Run run : runs) {
      counts.merge(run.status, 1, Integer::sum);
      if (!run.where.isEmpty()) {
        where.add(run.where);
      }
    }
    List<String> parts = new ArrayList<>();
    counts.forEach((status, count) ->
        parts.add(
            switch (status) {
                  case SUCCESSFUL -> "passed ";
                  case FAILED -> "FAILED ";
                  case ABORTED -> "skipped ";
                }
                + count));
    String text = parts.isEmpty() ? "not run" : String.join(", ", parts);
    return where.isEmpty() ? text : text + ": " + String.join(", ", where);
  }

  // ---- mutations -----------------------------------------------------------------------------

  private boolean mutate(List<String> only) throws Exception {
    boolean well = true;
    Path classes = Files.createTempDirectory("mutations");
    try {
      int number = 0;
      for (Mutation m : mutations) {
        if (only.stream().noneMatch(o -> m.what().contains(o) || m.clauses().contains(o))) {
          continue;
        }
        long begun = System.nanoTime();
        String outcome = outcome(m, Files.createDirectory(classes.resolve("m" + number++)));
        outcomes.put(m, outcome);
        boolean killed = outcome.startsWith("killed");
        well &= killed;
        System.out.printf(
            "%s %d ms %s: %s%n",
            m.clauses(), (System.nanoTime() - begun) / 1_000_000, m.what(), outcome);
      }
    } finally {
      try (Stream<Path> files = Files.walk(classes)) {
        files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
      }
    }
    return well;
  }

  private String outcome(Mutation m, Path classes) throws Exception {
    Path path = m.path(root);
    compile(path.toUri(), m.apply(Files.readString(path)), classes);
    try (Mutated loader = new Mutated(classes)) {
      Map<String, List<Run>> runs = run(m.tests(), loader);
      List<String> survived = new ArrayList<>();
      for (String test : m.tests()) {
        boolean failed = false;
        for (Run run : runs.getOrDefault(test, List.of())) {
          if (run.status == TestExecutionResult.Status.FAILED) {
            failed = true;
            if (System.getenv("VERBOSE") != null) {
              System.out.println("  " + test + " " + run);
            }
          }
        }
        if (!failed) {
          survived.add("`" + test + "`");
        }
      }
      return survived.isEmpty() ? "killed" : "survived " + String.join(", ", survived);
    }
  }

  private void compile(URI uri, String source, Path classes) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    JavaFileObject file =
        new SimpleJavaFileObject(uri, JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return source;
          }
        };
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(
                  messages,
                  files,
                  null,
                  List.of("-proc:none", "-nowarn", "-cp", classPath, "-d", classes.toString()),
                  null,
                  List.of(file))
              .call();
      if (!compiled) {
        throw new IOException("a mutation does not compile: " + messages);
      }
    }
  }

  /** Loads the mutated class, and all that may refer to it, itself. */
  private final class Mutated extends URLClassLoader {
    Mutated(Path classes) throws MalformedURLException {
      super(urls(classes), Conformance.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (RELOADED.stream().noneMatch(name::startsWith)) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded != null ? loaded : findClass(name);
      }
    }
  }

  private URL[] urls(Path classes) throws MalformedURLException {
    List<URL> urls = new ArrayList<>(List.of(classes.toUri().toURL()));
    for (String entry : Arrays.asList(classPath.split(File.pathSeparator, -1))) {
      if (!entry.isEmpty()) {
        urls.add(Path.of(entry).toUri().toURL());
      }
    }
    return urls.toArray(URL[]::new);
  }
}
