// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which stock kernels are booted in which way, and the page that says what came of it. */
final class BootMatrix {
  static final List<String> KERNELS = List.of("6.1-cloud", "6.1-generic", "6.1-rt", "6.12-cloud");
  static final List<String> ENTRIES =
      List.of("bzImage", "bzImage, decompressed on the host", "ELF", "PVH");

  /** The kernels that are booted on every machine. */
  private static final List<String> CLOUD = List.of("6.1-cloud", "6.12-cloud");

  /** Runs in the guest: what the kernel says of itself. A line each, with a key. */
  static final String QUESTIONS =
      """
      echo "release $(uname -r)"
      echo "cpus $(nproc)"
      echo "memory $(awk '/MemTotal/ {print $2}' /proc/meminfo)"
      for node in /sys/devices/system/node/node[0-9]*; do
        echo "node $(cat $node/cpulist) $(awk '/MemTotal/ {print $4}' $node/meminfo)"
      done
      echo "acpi $(ls -d /sys/firmware/acpi/tables 2>/dev/null)"
      dmesg -r | sed -n 's/^<[0-4]>/warning /p'
      dmesg | grep -i -e 'ACPI.*error' -e 'BIOS.*error' -e 'ACPI.*warning' -e 'Firmware Bug' |
        sed 's/^/complaint /'
      """;

  /**
   * One boot.
   *
   * @param row the kernel
   * @param column what is special about it
   * @param options of {@code vmm linux}, beside the command; {@code VMLINUX} stands for an ELF file
   *     made of the kernel
   * @param cpus how many processors the guest must see
   * @param minMemory how much memory it must see at least, in KiB
   * @param nodes the processors of each NUMA node
   * @param acpi whether it must see ACPI tables
   * @param reboots whether the guest reboots once, on its console, before it powers off
   * @param core whether every run of the tests has it, and not only the long one
   */
  record Cell(
      String row,
      String column,
      List<String> options,
      int cpus,
      long minMemory,
      List<String> nodes,
      boolean acpi,
      boolean reboots,
      boolean core) {

    String id() {
      return (row + " " + column).replaceAll("[^A-Za-z0-9.]+", "-");
    }

    @Override
    public String toString() {
      return row + ", " + column;
    }
  }

  private BootMatrix() {}

  private static Cell cell(String row, String column, boolean core, int cpus, String... options) {
    return new Cell(
        row,
        column,
        List.of(options),
        cpus,
        400 << 10,
        List.of(cpus == 1 ? "0" : "0-" + (cpus - 1)),
        true,
        false,
        core);
  }

  static List<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (String kernel : KERNELS) {
      boolean first = kernel.equals("6.1-cloud");
      String debian = "debian:" + kernel;
      cells.add(cell(kernel, ENTRIES.get(0), false, 2, "--kernel", debian, "--cpus", "2"));
      cells.add(
          cell(
              kernel, ENTRIES.get(1), false, 2, "--kernel", debian, "--cpus", "2", "--decompress"));
      cells.add(cell(kernel, ENTRIES.get(2), false, 2, "--kernel", "VMLINUX", "--cpus", "2"));
      cells.add(
          cell(
              kernel,
              ENTRIES.get(3),
              first,
              2,
              "--kernel",
              debian,
              "--cpus",
              "2",
              "--entry",
              "pvh"));
    }
    for (String kernel : CLOUD) {
      boolean first = kernel.equals("6.1-cloud");
      String debian = "debian:" + kernel;
      cells.add(cell(kernel, "1 vCPU", false, 1, "--kernel", debian));
      cells.add(cell(kernel, "8 vCPUs", false, 8, "--kernel", debian, "--cpus", "8"));
      cells.add(
          memory(cell(kernel, "128 MiB", false, 1, "--kernel", debian, "--memory", "128M"), 80));
      cells.add(
          memory(cell(kernel, "5 GiB", false, 1, "--kernel", debian, "--memory", "5G"), 4800));
      Cell numa =
          cell(
              kernel, "two NUMA nodes", first, 2, "--kernel", debian, "--cpus", "2", "--numa", "2");
      cells.add(
          new Cell(
              numa.row,
              numa.column,
              numa.options,
              2,
              numa.minMemory,
              List.of("0", "1"),
              true,
              false,
              numa.core));
      Cell reboot = cell(kernel, "reboot", false, 1, "--kernel", debian);
      cells.add(
          new Cell(
              reboot.row,
              reboot.column,
              reboot.options,
              1,
              reboot.minMemory,
              reboot.nodes,
              true,
              true,
              reboot.core));
    }
    for (String kernel : KERNELS) {
      int cpus = kernel.endsWith("cloud") ? 1 : 2;
      Cell c =
          cell(
              kernel,
              "without ACPI",
              kernel.equals("6.1-cloud"),
              cpus,
              "--kernel",
              "debian:" + kernel,
              "--no-acpi",
              "--cpus",
              Integer.toString(cpus));
      cells.add(
          new Cell(c.row, c.column, c.options, cpus, c.minMemory, c.nodes, false, false, c.core));
    }
    return List.copyOf(cells);
  }

  private static Cell memory(Cell c, long mib) {
    return new Cell(
        c.row, c.column, c.options, c.cpus, mib << 10, c.nodes, c.acpi, c.reboots, c.core);
  }

  /**
   * What came of a boot.
   *
   * @param release the kernel's release; empty if it did not come so far
   * @param problem what is wrong; empty if nothing is
   * @param warnings what the kernel logged at the level of a warning or above
   */
  record Result(Cell cell, String release, String problem, List<String> warnings) {
    boolean ok() {
      return problem.isEmpty();
    }
  }

  /**
   * Judges a boot by what it printed.
   *
   * @param status the monitor's
   * @param out its standard output: the answers to {@link #QUESTIONS}
   * @param err its standard error output
   */
  static Result judge(Cell cell, String status, String out, String err) {
    List<String> warnings = warnings(out);
    List<String> complaints = values(out, "complaint");
    String release = String.join("", values(out, "release"));
    String problem = "";
    if (!status.equals("0")) {
      problem = "status " + status + ": " + err.strip().lines().reduce("", (a, b) -> b);
    } else if (release.isEmpty()) {
      problem = "it did not say its release";
    } else if (!values(out, "cpus").equals(List.of(Integer.toString(cell.cpus)))) {
      problem = "processors: " + values(out, "cpus") + ", not " + cell.cpus;
    } else if (values(out, "memory").stream().mapToLong(Long::parseLong).sum() < cell.minMemory) {
      problem = "memory: " + values(out, "memory") + " KiB, not " + cell.minMemory;
    } else if (!nodes(out).equals(cell.nodes)) {
      problem = "NUMA nodes: " + nodes(out) + ", not " + cell.nodes;
    } else if (cell.acpi != !String.join("", values(out, "acpi")).isEmpty()) {
      problem = "ACPI tables: " + values(out, "acpi");
    } else if (!complaints.isEmpty()) {
      problem = "the kernel complains: " + String.join("; ", complaints);
    }
    return new Result(cell, release, problem, warnings);
  }

  /** Of a warning with registers and call trace, the two lines that say what and where. */
  private static List<String> warnings(String out) {
    List<String> kept = new ArrayList<>();
    int trace = -1;
    for (String value : values(out, "warning")) {
      String line = withoutTime(value);
      if (line.contains("[ cut here ]")) {
        trace = 0;
      } else if (trace < 0) {
        kept.add(line);
      } else if (line.contains("[ end trace")) {
        trace = -1;
      } else if (trace++ < 2) {
        kept.add(line);
      }
    }
    // The table of sizes that belongs to the warning of the XSAVE area.
    kept.removeIf(line -> line.startsWith("CPUID[0d, "));
    return kept;
  }

  private static List<String> nodes(String out) {
    return values(out, "node").stream().map(node -> node.split(" ", 2)[0]).toList();
  }

  private static List<String> values(String out, String key) {
    return out.lines()
        .map(String::strip)
        .filter(line -> line.equals(key) || line.startsWith(key + " "))
        .map(line -> line.substring(key.length()).strip())
        .toList();
  }

  private static String withoutTime(String line) {
    return line.replaceFirst("^\\[ *\\d+\\.\\d+\\] ", "");
  }

  /** The page {@code docs/boot-matrix.md}. */
  static String page(List<Result> results, String when) {
    StringBuilder page = new StringBuilder();
    page.append("# Boot matrix\n\n");
    page.append("Generated by `BootMatrixLabTest` (`-Dvmm.boot.matrix=FILE`), ").append(when);
    page.append(
        ". Stock kernels of Debian, unmodified, started by\n`./vmm linux` in the lab (KVM of AMD"
            + " under QEMU's software CPU). A cell is `ok` if the guest ran a command, saw the"
            + " processors,\nmemory and nodes that it was given, logged no ACPI or BIOS error or"
            + " warning, and powered off; or rebooted and powered off.\n\n");
    table(page, results, ENTRIES, KERNELS, "kernel, 2 vCPUs");
    List<String> machines = new ArrayList<>();
    results.stream()
        .map(r -> r.cell.column)
        .filter(column -> !ENTRIES.contains(column) && !machines.contains(column))
        .forEach(machines::add);
    table(page, results, machines, KERNELS, "kernel");
    page.append("`n/a`: not asked for. Without ACPI cloud kernels have one processor, for they do");
    page.append(" not read MP tables; the others have two.\n\n## Releases\n\n");
    Map<String, String> releases = new LinkedHashMap<>();
    results.forEach(r -> releases.putIfAbsent(r.cell.row, r.release));
    releases.forEach((row, release) -> page.append("- " + row + ": `" + release + "`\n"));
    page.append("\n## The kernels' words\n\n");
    page.append("What failed, and what was logged at the level of a warning or above:\n\n");
    Map<String, List<String>> said = new LinkedHashMap<>();
    for (Result result : results) {
      if (!result.ok()) {
        page.append("- **" + result.cell + "**: " + result.problem + "\n");
      }
      for (String warning : result.warnings) {
        said.computeIfAbsent(warning, _ -> new ArrayList<>()).add(result.cell.toString());
      }
    }
    said.forEach((warning, cells) ->
        page.append("- `" + warning.replace('`', '\'') + "` (" + where(cells) + ")\n"));
    return page.toString();
  }

  private static String where(List<String> cells) {
    return cells.size() > 3 ? cells.size() + " boots" : String.join("; ", cells);
  }

  private static void table(
      StringBuilder page,
      List<Result> results,
      List<String> columns,
      List<String> rows,
      String head) {
    page.append("| " + head + " | " + String.join(" | ", columns) + " |\n");
    page.append("|---|" + "---|".repeat(columns.size()) + "\n");
    for (String row : rows) {
      page.append("| " + row + " |");
      for (String column : columns) {
        String word =
            results.stream()
                .filter(r -> r.cell.row.equals(row) && r.cell.column.equals(column))
                .findFirst()
                .map(r -> r.ok() ? "ok" : "fail")
                .orElse("n/a");
        page.append(" " + word + " |");
      }
      page.append("\n");
    }
    page.append("\n");
  }
}
