// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.ClassSelector;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs test classes of the tier {@code kvm} in a JVM of its own, which Maven is too heavy to do in
 * the lab. What becomes of each test is a line of a file, written at once: it says how far a run
 * came that did not end.
 */
final class KvmSuite {
  /** What a line says of a test. */
  enum State {
    STARTED,
    PASSED,
    FAILED,
    SKIPPED
  }

  /**
   * A line.
   *
   * @param state what became of the test
   * @param type the class's full name
   * @param method the method; empty for what befell the class as a whole
   * @param nanos how long it took; 0 if not ended
   * @param why the reason of a skip, or the stack trace of a failure
   */
  record Line(State state, String type, String method, long nanos, String why) {
    String name() {
      return type.substring(type.lastIndexOf('.') + 1) + (method.isEmpty() ? "" : "." + method);
    }

    String text() {
      String escaped = why.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t");
      return String.join("\t", state.name(), type, method, Long.toString(nanos), escaped);
    }

    static Line of(String text) {
      String[] fields = text.split("\t", -1);
      StringBuilder why = new StringBuilder();
      for (int i = 0; i < fields[4].length(); i++) {
        char c = fields[4].charAt(i);
        if (c == '\\') {
          c = fields[4].charAt(++i);
          c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        why.append(c);
      }
      return new Line(
          State.valueOf(fields[0]),
          fields[1],
          fields[2],
          Long.parseLong(fields[3]),
          why.toString());
    }
  }

  private KvmSuite() {}

  /**
   * Runs test classes.
   *
   * @param args the file for the lines, then the classes' names
   */
  public static void main(String[] args) throws IOException {
    List<ClassSelector> classes =
        Arrays.stream(args).skip(1).map(name -> selectClass(name)).toList();
    try (BufferedWriter out = Files.newBufferedWriter(Path.of(args[0]))) {
      LauncherFactory.create()
          .execute(
              LauncherDiscoveryRequestBuilder.request()
                  .selectors(classes)
                  .filters(
                      EngineFilter.includeEngines("junit-jupiter"), TagFilter.includeTags("kvm"))
                  .build(),
              new Writer(out));
    }
    // Threads that a failed test left behind do not keep the lab up.
    System.exit(0);
  }

  private static final class Writer implements TestExecutionListener {
    private final BufferedWriter out;
    private final List<Long> begun = new ArrayList<>();

    Writer(BufferedWriter out) {
      this.out = out;
    }

    private void write(State state, TestIdentifier test, long nanos, String why) {
      String type = "";
      String method = "";
      switch (test.getSource().orElse(null)) {
        case MethodSource source -> {
          type = source.getClassName();
          method = source.getMethodName();
        }
        case ClassSource source -> type = source.getClassName();
        case null, default -> type = test.getUniqueId();
      }
      try {
        out.write(new Line(state, type, method, nanos, why).text());
        out.newLine();
        out.flush();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void executionStarted(TestIdentifier test) {
      begun.addLast(System.nanoTime());
      if (test.isTest()) {
        write(State.STARTED, test, 0, "");
      }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      write(State.SKIPPED, test, 0, reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      long nanos = System.nanoTime() - begun.removeLast();
      String why =
          result
              .getThrowable()
              .map(t ->
                  result.getStatus() == TestExecutionResult.Status.FAILED ? trace(t) : reason(t))
              .orElse("");
      switch (result.getStatus()) {
        case ABORTED -> write(State.SKIPPED, test, nanos, why);
        case FAILED -> write(State.FAILED, test, nanos, why);
        case SUCCESSFUL -> {
          if (test.isTest()) {
            write(State.PASSED, test, nanos, "");
          }
        }
      }
    }

    private static String reason(Throwable t) {
      String message = t.getMessage();
      return message == null ? t.toString() : message.replaceFirst("^Assumption failed: ", "");
    }

    private static String trace(Throwable t) {
      StringWriter text = new StringWriter();
      t.printStackTrace(new PrintWriter(text));
      return text.toString();
    }
  }
}
