// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.javavmm.virtio.testkit.ClauseList.Mutation;
import org.javavmm.virtio.testkit.ClauseList.Row;
import org.junit.jupiter.api.Test;

/** The list of clauses, the tests that name them, and the document of both agree. */
class ConformanceTest {
  /** The project: tests run in their module's folder. */
  private static final Path ROOT = Path.of("").toAbsolutePath().resolveSibling("");

  static Path root() {
    Path here = Path.of("").toAbsolutePath();
    return Files.isDirectory(here.resolve("vm-virtio-testkit")) ? here : ROOT;
  }

  @Test
  void everyClauseHasATestOrAReason() throws Exception {
    Set<String> named = new HashSet<>();
    ClauseList.tests(root()).values().forEach(named::addAll);
    List<String> wrong = new ArrayList<>();
    for (Row row : ClauseList.rows()) {
      boolean reasoned =
          row.reason().startsWith("not observable: ")
              || row.reason().startsWith("feature not offered: ");
      if (reasoned == named.contains(row.id())) {
        wrong.add(row.id());
      }
    }
    assertEquals(List.of(), wrong, "either a test or a reason");
  }

  @Test
  void theListIsWhole() throws Exception {
    List<Row> rows = ClauseList.rows();
    assertEquals(185, rows.stream().filter(Row::keyworded).count());
    assertEquals(50, rows.stream().filter(r -> !r.keyworded()).count());
    assertEquals(rows.size(), rows.stream().map(Row::id).distinct().count());
  }

  @Test
  void testsNameClausesThatExist() throws Exception {
    Set<String> ids = new HashSet<>();
    ClauseList.rows().forEach(r -> ids.add(r.id()));
    ClauseList.tests(root())
        .forEach((test, clauses) -> {
          for (String clause : clauses) {
            assertTrue(ids.contains(clause), test + " names " + clause);
          }
          assertEquals(clauses.size(), new HashSet<>(clauses).size(), test);
        });
  }

  @Test
  void mutationsFitTheSourcesAndTheTests() throws Exception {
    Map<String, List<String>> tests = ClauseList.tests(root());
    for (Mutation m : ClauseList.mutations()) {
      String source = Files.readString(m.path(root()));
      assertNotEquals(source, m.apply(source), m.what());
      Set<String> checked = new HashSet<>();
      for (String test : m.tests()) {
        assertTrue(tests.containsKey(test), m.what() + ": " + test);
        checked.addAll(tests.getOrDefault(test, List.of()));
      }
      for (String clause : m.clauses()) {
        assertTrue(checked.contains(clause), m.what() + ": no test of it names " + clause);
      }
    }
  }

  @Test
  void theDocumentIsUpToDate() throws Exception {
    ConformanceDocument.Results none =
        new ConformanceDocument.Results() {
          @Override
          public String clause(Row row, List<String> tests) {
            return "";
          }

          @Override
          public String test(String test) {
            return "";
          }

          @Override
          public String mutation(Mutation mutation) {
            return "";
          }
        };
    String expected =
        ConformanceDocument.write(
            ClauseList.rows(), ClauseList.tests(root()), ClauseList.mutations(), none);
    assertEquals(
        String.join("\n", ConformanceDocument.fixed(expected)),
        String.join(
            "\n",
            ConformanceDocument.fixed(Files.readString(root().resolve(ConformanceDocument.PATH)))),
        "run " + ConformanceDocument.COMMAND);
  }
}
