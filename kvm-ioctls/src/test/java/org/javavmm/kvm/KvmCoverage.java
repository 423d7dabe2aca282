// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The document that says which ioctls a test run has shown to work, and where. Written after each
 * class of the tier {@code kvm} if the property {@code vmm.kvm.coverage} names the file; the
 * property {@code vmm.kvm.where} says in which column.
 */
final class KvmCoverage {
  static final String HOST = "host";
  static final String LAB = "lab";

  private static final String YES = "yes";
  private static final String NO = "no";
  private static final String NOT_YET = "not yet";
  private static final String ABSENT = "absent";
  private static final String MOCK_ONLY = "mock only";

  private KvmCoverage() {}

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
    write(Path.of(file), System.getProperty("vmm.kvm.where", HOST), taken, caps);
  }

  /** Writes one column, and leaves the other as it was. */
  static void write(Path file, String where, Set<String> taken, Map<String, Integer> caps)
      throws IOException {
    if (!where.equals(HOST) && !where.equals(LAB)) {
      throw new IllegalArgumentException("vmm.kvm.where=" + where + ", must be host or lab");
    }
    Map<String, String[]> before = columns(file);
    StringBuilder text =
        new StringBuilder(
            """
            # KVM coverage

            Every ioctl of the header of Linux 6.12, the method that calls it, and where a test run saw it succeed; then every
            capability and what KVM answers for it. Generated; each command renews its column from one run:

            ```text
            mvn -pl kvm-ioctls -am test -Dskip.kvm=false -Dvmm.kvm.coverage=$PWD/docs/kvm-coverage.md
            mvn -pl kvm-ioctls -am test -Dskip.kvm=false -Dvmm.kvm.coverage=$PWD/docs/kvm-coverage.md -Dvmm.kvm.where=lab
            ```

            The host's KVM is the one of the development machine, a software KVM without nested state, SMM, Xen, Hyper-V's CPUID,
            memory attributes and pre-fault. What ran nowhere is tested by what it marshals and by the error it ends in.
            No machine of the project is an arm64 one: what is marked "mock only" no kernel ever took, its tests are against mocks.

            ## Ioctls

            | ioctl | method | host KVM | lab | ran nowhere |
            |---|---|---|---|---|
            """);
    List<String> nowhere = new ArrayList<>();
    List<String> mockOnly = new ArrayList<>();
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      text.append(start(ioctl, row));
      if (row.methods().isEmpty()) {
        text.append(" – | – |  |\n");
        return;
      }
      if (row.isMockOnly()) {
        mockOnly.add("`" + ioctl + "`");
        text.append(' ').append(MOCK_ONLY).append(" | ").append(MOCK_ONLY).append(" | ");
        text.append(row.limit()).append(" |\n");
        return;
      }
      String[] columns = before.getOrDefault(ioctl, new String[] {NOT_YET, NOT_YET});
      columns[where.equals(HOST) ? 0 : 1] = taken.contains(ioctl) ? YES : NO;
      boolean ran = columns[0].equals(YES) || columns[1].equals(YES);
      if (!ran) {
        nowhere.add("`" + ioctl + "`");
      }
      text.append(' ').append(columns[0]).append(" | ").append(columns[1]).append(" | ");
      text.append(ran ? "" : "nowhere").append(" |\n");
    });
    text.append("\nRan nowhere: ").append(String.join(", ", nowhere)).append(".\n");
    text.append("\nMock only: ").append(String.join(", ", mockOnly)).append(".\n");
    text.append(
        """

        ## Capabilities

        | capability | number | host KVM | lab |
        |---|---|---|---|
        """);
    for (Cap cap : Cap.values()) {
      String name = "KVM_CAP_" + cap;
      String[] columns = before.getOrDefault(name, new String[] {NOT_YET, NOT_YET});
      int answer = caps.getOrDefault(cap.name(), 0);
      columns[where.equals(HOST) ? 0 : 1] = answer == 0 ? ABSENT : Integer.toString(answer);
      text.append("| `").append(name).append("` | ").append(cap.number()).append(" | ");
      text.append(columns[0]).append(" | ").append(columns[1]).append(" |\n");
    }
    Files.writeString(file, text);
  }

  /** A row up to where it ran. */
  static String start(String ioctl, IoctlTable.Row row) {
    String method =
        row.methods().isEmpty()
            ? "– " + row.absence()
            : "`" + String.join("`, `", row.methods()) + "`";
    return "| `" + ioctl + "` | " + method + " |";
  }

  /** What a document says so far: by name, host and lab. */
  private static Map<String, String[]> columns(Path file) throws IOException {
    Map<String, String[]> columns = new HashMap<>();
    if (Files.exists(file)) {
      for (String line : Files.readAllLines(file)) {
        String[] cells = line.split("\\|", -1);
        if (cells.length >= 6 && cells[1].startsWith(" `KVM_")) {
          String name = cells[1].replace("`", "").strip();
          columns.put(name, new String[] {cells[3].strip(), cells[4].strip()});
        }
      }
    }
    return columns;
  }
}
