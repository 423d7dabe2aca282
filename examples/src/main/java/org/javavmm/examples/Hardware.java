// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.javavmm.arch.CpuFeatures;
import org.javavmm.arch.CpuModel;
import org.javavmm.arch.Topology;
import org.javavmm.vmm.NumaNode;
import org.javavmm.vmm.Vmm;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What a guest of {@code vmm linux} runs on.
 *
 * @param memory the size of its memory in bytes
 * @param cpus how many processors it has
 * @param model the model of its processors; the host's if empty
 * @param features the features that are switched on or off in it
 * @param nodes its NUMA nodes, if it is to know of any
 * @param acpi whether ACPI tables describe it
 */
record Hardware(
    long memory,
    int cpus,
    Optional<CpuModel> model,
    CpuFeatures features,
    List<NumaNode> nodes,
    boolean acpi) {
  private static final long DEFAULT_MEMORY = 512L << 20;
  private static final long MIN_MEMORY = 1L << 20;
  private static final long MAX_MEMORY = 4L << 40;
  private static final int MAX_CPUS = 254;

  /** As many as an MP table in the last KiB of conventional memory holds. */
  private static final int MAX_CPUS_WITHOUT_ACPI = 16;

  static void addTo(CommandSpec spec) {
    spec.addOption(Options.value("--memory", "SIZE", "the guest's memory, by default 512M"))
        .addOption(Options.value("--cpus", "N", "the guest's CPUs, by default 1"))
        .addOption(
            Options.value(
                "--cpu-model",
                "MODEL",
                "what the guest's CPUs are, by default host; "
                    + CpuModel.all().stream()
                        .map(CpuModel::name)
                        .collect(Collectors.joining(", "))))
        .addOption(
            Options.value(
                "--cpu-features",
                "LIST",
                "features switched on and off, by the names of /proc/cpuinfo: +avx2,-x2apic"))
        .addOption(
            Options.value(
                "--numa",
                "NODES",
                "how many NUMA nodes share memory and CPUs equally; or for each node its memory and"
                    + " its CPUs: 256M:0-1,256M:2,3"))
        .addOption(
            Options.flag(
                "--no-acpi",
                "no ACPI tables: an MP table, and the interrupt controllers, timer, clock and"
                    + " keyboard of a PC. Cloud kernels then use one CPU; no guest can power off"));
  }

  static Hardware of(Options options) throws UsageException {
    boolean acpi = !options.has("--no-acpi");
    long memory = options.size("--memory", DEFAULT_MEMORY, MIN_MEMORY, MAX_MEMORY);
    int cpus = options.number("--cpus", 1, 1, acpi ? MAX_CPUS : MAX_CPUS_WITHOUT_ACPI);
    Optional<String> model = options.get("--cpu-model");
    Optional<String> features = options.get("--cpu-features");
    Optional<String> numa = options.get("--numa");
    if (numa.isPresent() && !acpi) {
      throw new UsageException("--numa: is told by ACPI tables; not with --no-acpi");
    }
    return new Hardware(
        memory,
        cpus,
        model.isEmpty()
            ? Optional.empty()
            : Optional.of(checked("--cpu-model", () -> CpuModel.of(model.get()))),
        features.isEmpty()
            ? CpuFeatures.NONE
            : checked("--cpu-features", () -> CpuFeatures.parse(features.get())),
        numa.isEmpty() ? List.of() : nodes(numa.get(), memory, cpus),
        acpi);
  }

  private interface Reading<T> {
    T read() throws UsageException;
  }

  /** What a module says of a value, with the option's name before it. */
  private static <T> T checked(String option, Reading<T> reading) throws UsageException {
    try {
      return reading.read();
    } catch (IllegalArgumentException e) {
      throw new UsageException(option + ": " + e.getMessage(), e);
    }
  }

  private static List<NumaNode> nodes(String text, long memory, int cpus) throws UsageException {
    if (text.indexOf(':') < 0) {
      int count;
      try {
        count = Integer.parseInt(text);
      } catch (NumberFormatException e) {
        throw new UsageException("--numa " + text + ": must be a number, or SIZE:CPUS,...", e);
      }
      return checked("--numa " + text, () -> NumaNode.equal(count, memory, cpus));
    }
    List<NumaNode.Share> shares = new ArrayList<>();
    String size = "";
    List<Integer> members = new ArrayList<>();
    // A part with a colon begins a node; those without are more CPUs of it.
    for (String part : text.split(",", -1)) {
      int colon = part.indexOf(':');
      if (colon >= 0) {
        if (!size.isEmpty()) {
          shares.add(new NumaNode.Share(Sizes.parse("--numa", size, 0, MAX_MEMORY), members));
          members = new ArrayList<>();
        }
        size = part.substring(0, colon);
      }
      members.addAll(cpuRange(part.substring(colon + 1)));
    }
    shares.add(new NumaNode.Share(Sizes.parse("--numa", size, 0, MAX_MEMORY), members));
    return checked("--numa", () -> NumaNode.of(shares, memory, cpus));
  }

  private static List<Integer> cpuRange(String text) throws UsageException {
    String[] ends = text.split("-", -1);
    try {
      int first = Integer.parseInt(ends[0]);
      int last = ends.length == 2 ? Integer.parseInt(ends[1]) : first;
      if (ends.length <= 2 && first >= 0 && first <= last && last < MAX_CPUS) {
        return IntStream.rangeClosed(first, last).boxed().toList();
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UsageException(
        String.format(Locale.ROOT, "--numa: CPUs %s: must be a number, or FIRST-LAST", text));
  }

  /**
   * A package for each node, for CPUs of different nodes share no cache; or for each CPU, where
   * nodes are not alike.
   */
  private Topology topology() {
    if (nodes.isEmpty()) {
      return Topology.ofCores(cpus);
    }
    int each = cpus / nodes.size();
    for (int node = 0; node < nodes.size(); node++) {
      if (!nodes.get(node).cpus().equals(consecutive(node * each, each))) {
        return new Topology(cpus, 1, 1, 1);
      }
    }
    return new Topology(nodes.size(), 1, each, 1);
  }

  private static List<Integer> consecutive(int first, int count) {
    return IntStream.range(first, first + count).boxed().toList();
  }

  Vmm.Builder builder() {
    Vmm.Builder builder = Vmm.builder().memory(memory).topology(topology());
    if (model.isPresent() || !features.equals(CpuFeatures.NONE)) {
      builder.cpu(model.orElseGet(() -> CpuModel.of("host")), features);
    }
    return acpi ? builder : builder.intervalTimer();
  }
}
