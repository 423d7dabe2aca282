// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The clauses, the tests of each, and the mutations that a test has to notice. */
final class ClauseList {
  /**
   * A clause.
   *
   * @param section the heading it stands under
   * @param keyworded whether it has a keyword or is one of the facts told without
   * @param reason why it is not tested; empty if it is
   */
  record Row(
      String section, boolean keyworded, String id, String keyword, String text, String reason) {}

  /**
   * A replacement in a source file.
   *
   * @param old the text to be replaced, found once; white space of any kind counts as one blank
   * @param replacement what comes in its place
   */
  record Edit(String old, String replacement) {
    String apply(String source) {
      String pattern =
          String.join(
              "\\s+", Arrays.stream(old.strip().split("\\s+", -1)).map(Pattern::quote).toList());
      Matcher matcher = Pattern.compile(pattern).matcher(source);
      if (!matcher.find()) {
        throw new IllegalArgumentException("not found: " + old);
      }
      int start = matcher.start();
      int end = matcher.end();
      if (matcher.find()) {
        throw new IllegalArgumentException("found twice: " + old);
      }
      return source.substring(0, start) + replacement + source.substring(end);
    }
  }

  /**
   * A change to the device that makes tests fail.
   *
   * @param clauses the clauses that it breaks
   * @param what what the device then does
   * @param module the module of the source file
   * @param file the name of the source file
   * @param tests the tests that have to fail, as {@code Class.method}
   * @param edits the change
   */
  record Mutation(
      List<String> clauses,
      String what,
      String module,
      String file,
      List<String> tests,
      List<Edit> edits) {
    Path path(Path root) {
      return root.resolve(module + "/src/main/java/org/javavmm")
          .resolve(module.substring(module.indexOf('-') + 1))
          .resolve(file + ".java");
    }

    /** The source with the change. */
    String apply(String source) {
      String changed = source;
      for (Edit edit : edits) {
        changed = edit.apply(changed);
      }
      return changed;
    }
  }

  /** The package's tests are taken from here. */
  static final String SOURCES = "vm-virtio-testkit/src/test/java/org/javavmm/virtio/testkit";

  private ClauseList() {}

  private static String resource(String name) throws IOException {
    try (InputStream in = ClauseList.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException(name + " is missing");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The clauses in their order. */
  static List<Row> rows() throws IOException {
    List<Row> rows = new ArrayList<>();
    String section = "";
    boolean keyworded = true;
    for (String line : resource("clauses.tsv").lines().toList()) {
      if (line.startsWith("##")) {
        keyworded = !line.startsWith("###");
        section = line.substring(line.indexOf(' ') + 1);
      } else if (!line.isEmpty() && !line.startsWith("#")) {
        String[] cells = line.split("\t", -1);
        if (cells.length != 4) {
          throw new IOException("clauses.tsv: not four columns: " + line);
        }
        rows.add(new Row(section, keyworded, cells[0], cells[1], cells[2], cells[3]));
      }
    }
    return rows;
  }

  /** The mutations in their order. */
  static List<Mutation> mutations() throws IOException {
    List<Mutation> mutations = new ArrayList<>();
    for (String block : resource("mutations.txt").split("\n\n+", -1)) {
      List<String> lines = block.lines().filter(l -> !l.startsWith("#")).toList();
      if (lines.isEmpty()) {
        continue;
      }
      String module = "vm-virtio";
      String file = "";
      List<String> clauses = List.of();
      String what = "";
      List<String> tests = new ArrayList<>();
      List<Edit> edits = new ArrayList<>();
      Edit edit = new Edit("", "");
      for (String line : lines) {
        String rest = line.length() < 2 ? "" : line.substring(2);
        switch (line.charAt(0)) {
          case '=' -> {
            clauses = List.of(rest.substring(0, rest.indexOf(':')).split(", "));
            what = rest.substring(rest.indexOf(':') + 2);
          }
          case '@' -> {
            int slash = rest.indexOf('/');
            module = slash < 0 ? module : rest.substring(0, slash);
            file = rest.substring(slash + 1);
          }
          case '?' -> tests.add(rest);
          case '-' -> {
            if (!edit.replacement().isEmpty()) {
              edits.add(edit);
              edit = new Edit("", "");
            }
            edit = new Edit(edit.old() + rest + "\n", "");
          }
          case '+' -> edit = new Edit(edit.old(), edit.replacement() + rest + "\n");
          default -> throw new IOException("mutations.txt: " + line);
        }
      }
      edits.add(edit);
      mutations.add(
          new Mutation(clauses, what, module, file, List.copyOf(tests), List.copyOf(edits)));
    }
    return mutations;
  }

  /** The tests that name clauses, by {@code Class.method}, in alphabetical order. */
  static Map<String, List<String>> tests(Path root) throws IOException, ClassNotFoundException {
    List<String> names;
    try (Stream<Path> files = Files.list(root.resolve(SOURCES))) {
      names =
          files
              .map(f -> String.valueOf(f.getFileName()))
              .filter(f -> f.endsWith("Test.java"))
              .map(f -> f.substring(0, f.length() - ".java".length()))
              .sorted()
              .toList();
    }
    Map<String, List<String>> tests = new LinkedHashMap<>();
    for (String name : names) {
      Class<?> type = Class.forName(ClauseList.class.getPackageName() + "." + name);
      Method[] methods = type.getDeclaredMethods();
      Arrays.sort(methods, Comparator.comparing(Method::getName));
      for (Method method : methods) {
        Clause clause = method.getAnnotation(Clause.class);
        if (clause != null) {
          tests.put(name + "." + method.getName(), List.of(clause.value()));
        }
      }
    }
    return tests;
  }
}
