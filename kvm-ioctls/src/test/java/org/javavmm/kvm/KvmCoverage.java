// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.javavmm.kvm.arm64.ArmCap;

/**
 * The document that says which ioctls a test run has shown to work, and where. Written after each
 * class of the tier {@code kvm} if the property {@code vmm.kvm.coverage} names the file; the
 * property {@code vmm.kvm.where} says in which column.
 */
final class KvmCoverage {
  /** The columns: the property's value, and the heading. */
  private static final Map<String, String> COLUMNS = columns();

  private static final String YES = "yes";
  private static final String NO = "no";
  private static final String NOT_YET = "not yet";
  private static final String ABSENT = "absent";
  private static final String MOCK_ONLY = "mock only";
  private static final String NOWHERE = "nowhere";

  private KvmCoverage() {}

  private static Map<String, String> columns() {
    Map<String, String> columns = new LinkedHashMap<>();
    columns.put("host", "host KVM");
    columns.put("lab-6.1", "lab 6.1");
    columns.put("lab-6.12", "lab 6.12");
    return columns;
  }

  /** Writes what this process has seen, if asked for by the property. */
  static void writeIfAskedFor() throws IOException {
    String file = System.getProperty("vmm.kvm.coverage", "");
    if (file.isEmpty()) {
      return;
    }
    Set<String> taken = new TreeSet<>();
    for (KvmIoctl ioctl : KvmIoctl.values()) {
      if (ioctl.isTaken()) {
        taken.add(ioctl.name());
      }
    }
    Map<String, Integer> caps = new HashMap<>();
    try (Kvm kvm = Kvm.open();
        Vm vm = kvm.createVm()) {
      for (Cap cap : Cap.values()) {
        // Some are told by the system alone.
        caps.put(cap.name(), Math.max(vm.checkExtension(cap), kvm.checkExtension(cap)));
      }
    }
    write(Path.of(file), System.getProperty("vmm.kvm.where", "host"), taken, caps);
  }

  /** Writes one column, and leaves the others as they were. */
  static void write(Path file, String where, Set<String> taken, Map<String, Integer> caps)
      throws IOException {
    String column = COLUMNS.get(where);
    if (column == null) {
      throw new IllegalArgumentException(
          "vmm.kvm.where=" + where + ", must be one of " + COLUMNS.keySet());
    }
    Map<String, Map<String, String>> before = read(file);
    String headings = String.join(" | ", COLUMNS.values());
    StringBuilder text =
        new StringBuilder(
            """
            # KVM coverage

            Every ioctl of the header of Linux 6.12, the method that calls it, and where a run of the tests saw it succeed; then
            every capability and what KVM answers for it; then what ran nowhere, and why. Generated. The first command renews the
            column of the host, on a host with `/dev/kvm`; the second those of the lab, which are `kvm_amd` of Debian's cloud
            kernels 6.1 and 6.12 on QEMU's emulated processor:

            ```text
            mvn -pl kvm-ioctls -am test -Dskip.kvm=false -Dvmm.kvm.coverage=$PWD/docs/kvm-coverage.md
            mvn -pl examples -am verify -Dskip.lab=false -Dtest=KvmSuiteLabTest -Dvmm.kvm.coverage=docs/kvm-coverage.md
            ```

            No machine of the project is an arm64 one: what is marked "mock only" no kernel ever took, its tests are against mocks.

            ## Ioctls

            | ioctl | method | HEADINGS | run nowhere |
            |---|---|---|---|---|---|
            """
                .replace("HEADINGS", headings));
    List<String> nowhere = new ArrayList<>();
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      text.append(start(ioctl, row));
      if (row.methods().isEmpty()) {
        text.append(" – |".repeat(COLUMNS.size())).append("  |\n");
        return;
      }
      if (row.isMockOnly()) {
        text.append((" " + MOCK_ONLY + " |").repeat(COLUMNS.size()));
        text.append(' ').append(row.limit()).append(" |\n");
        return;
      }
      Map<String, String> cells = cells(before, ioctl);
      cells.put(column, taken.contains(ioctl) ? YES : NO);
      boolean ran = cells.containsValue(YES);
      if (!ran) {
        nowhere.add("| `" + ioctl + "` | " + KvmNowhere.why(ioctl) + " |\n");
      }
      appendCells(text, cells, ran);
    });
    text.append(
        """

        ## Capabilities

        | capability | number | HEADINGS | has it nowhere |
        |---|---|---|---|---|---|
        """
            .replace("HEADINGS", headings));
    for (Cap cap : Cap.values()) {
      String name = "KVM_CAP_" + cap;
      Map<String, String> cells = cells(before, name);
      int answer = caps.getOrDefault(cap.name(), 0);
      cells.put(column, answer == 0 ? ABSENT : Integer.toString(answer));
      boolean there =
          cells.values().stream().anyMatch(c -> !c.equals(ABSENT) && !c.equals(NOT_YET));
      if (!there) {
        nowhere.add("| `" + name + "` | " + KvmNowhere.why(cap) + " |\n");
      }
      text.append("| `").append(name).append("` | ").append(cap.number()).append(" |");
      appendCells(text, cells, there);
    }
    for (ArmCap cap : ArmCap.values()) {
      text.append(otherRow(cap.name(), cap.number(), MOCK_ONLY, IoctlTable.ARM64));
    }
    CapTable.OTHER_ARCHITECTURES.forEach(
        (name, number) -> text.append(otherRow(name, number, "–", IoctlTable.OTHER_ARCHITECTURE)));
    text.append(
        """

        ## Run nowhere

        Tested by what is marshalled, and by the error that names the call.

        | ioctl or capability | why |
        |---|---|
        """);
    nowhere.forEach(text::append);
    Files.writeString(file, text);
  }

  /** The row of a capability that x86 does not have. */
  static String otherRow(String cap, int number, String cell, String why) {
    String cells = (" " + cell + " |").repeat(COLUMNS.size());
    return "| `KVM_CAP_" + cap + "` | " + number + " |" + cells + " " + why + " |\n";
  }

  private static void appendCells(StringBuilder text, Map<String, String> cells, boolean ran) {
    cells.values().forEach(cell -> text.append(' ').append(cell).append(" |"));
    text.append(' ').append(ran ? "" : NOWHERE).append(" |\n");
  }

  private static Map<String, String> cells(Map<String, Map<String, String>> before, String name) {
    Map<String, String> cells = new LinkedHashMap<>();
    Map<String, String> old = before.getOrDefault(name, Map.of());
    COLUMNS.values().forEach(column -> cells.put(column, old.getOrDefault(column, NOT_YET)));
    return cells;
  }

  /** A row up to where it ran. */
  static String start(String ioctl, IoctlTable.Row row) {
    String method =
        row.methods().isEmpty()
            ? "– " + row.absence()
            : "`" + String.join("`, `", row.methods()) + "`";
    return "| `" + ioctl + "` | " + method + " |";
  }

  /** What a document says so far: by name, what stands under each heading. */
  static Map<String, Map<String, String>> read(Path file) throws IOException {
    Map<String, Map<String, String>> rows = new HashMap<>();
    List<String> headings = List.of();
    for (String line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
      if (!line.startsWith("|")) {
        headings = List.of();
        continue;
      }
      List<String> cells = Arrays.stream(line.split("\\|", -1)).map(String::strip).toList();
      if (headings.isEmpty()) {
        headings = cells;
      } else if (cells.get(1).startsWith("`KVM_") && headings.contains("host KVM")) {
        Map<String, String> row = new HashMap<>();
        for (int i = 3; i < Math.min(cells.size(), headings.size()); i++) {
          row.put(headings.get(i), cells.get(i));
        }
        rows.put(cells.get(1).replace("`", ""), row);
      }
    }
    return rows;
  }
}
