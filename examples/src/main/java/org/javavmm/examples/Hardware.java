// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.javavmm.arch.CpuFeatures;
import org.javavmm.arch.CpuModel;
import org.javavmm.arch.Topology;
import org.javavmm.vmm.NumaNode;
import org.javavmm.vmm.Vmm;

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

  /** An MP table in the last KiB of base memory has room for 40, but nobody tried as many. */
  static final int MAX_CPUS_WITHOUT_ACPI = 16;

  /** The distances between more of them would not fit into the place of the tables. */
  private static final int MAX_NODES = 128;

  static void addTo(Syntax syntax) {
    syntax
        .add(Options.value("--memory", "SIZE", "the guest's memory, by default 512M"))
        .add(Options.value("--cpus", "N", "the guest's CPUs, by default 1"))
        .add(
            new Syntax.Option(
                "--cpu-model",
                "MODEL",
                // The tables of models would cost the start of each machine.
                () ->
                    "what the guest's CPUs are, by default host; "
                        + CpuModel.all().stream()
                            .map(CpuModel::name)
                            .collect(Collectors.joining(", "))))
        .add(
            Options.value(
                "--cpu-features",
                "LIST",
                "features switched on and off, by the names of /proc/cpuinfo: +avx2,-x2apic"))
        .add(
            Options.value(
                "--numa",
                "NODES",
                "how many NUMA nodes share memory and CPUs equally; or for each node its memory and"
                    + " its CPUs, as in 256M:0-1,256M:2,3"))
        .add(
            Options.flag(
                "--no-acpi",
                "no ACPI tables: an MP table, and the interrupt controllers, timer, clock and"
                    + " keyboard of a PC. Cloud kernels then use one CPU; no guest can power off"));
  }

  static Hardware of(Options options) throws UsageException {
    boolean acpi = !options.has("--no-acpi");
    long memory = options.size("--memory", DEFAULT_MEMORY, MIN_MEMORY, MAX_MEMORY);
    int cpus = options.number("--cpus", 1, 1, MAX_CPUS);
    if (!acpi && cpus > MAX_CPUS_WITHOUT_ACPI) {
      throw new UsageException(
          "--cpus " + cpus + ": at most " + MAX_CPUS_WITHOUT_ACPI + " with --no-acpi");
    }
    Optional<String> model = options.get("--cpu-model");
    Optional<String> features = options.get("--cpu-features");
    Optional<String> numa = options.get("--numa");
    if (numa.isPresent() && !acpi) {
      throw new UsageException("--numa: ACPI tables tell of nodes, so not with --no-acpi");
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

  /** Reads {@code 2}, or {@code 256M:0-1,256M:2,3}: sizes and vCPUs of each node. */
  static List<NumaNode> nodes(String text, long memory, int cpus) throws UsageException {
    String option = "--numa " + text;
    if (text.indexOf(':') < 0) {
      int count;
      try {
        count = Integer.parseInt(text);
      } catch (NumberFormatException e) {
        throw new UsageException(
            option + ": must be how many nodes, or SIZE:CPUS for each, as in 256M:0-1,256M:2,3", e);
      }
      checkNodes(option, count);
      return checked(option, () -> NumaNode.equal(count, memory, cpus));
    }
    List<NumaNode.Share> shares = new ArrayList<>();
    long size = -1;
    List<Integer> members = new ArrayList<>();
    // A part with a colon begins a node; those without are more CPUs of it.
    for (String part : text.split(",", -1)) {
      int colon = part.indexOf(':');
      if (colon == 0 || (colon < 0 && size < 0)) {
        throw new UsageException(option + ": \"" + part + "\" is not SIZE:CPUS");
      }
      if (colon > 0) {
        if (size >= 0) {
          shares.add(new NumaNode.Share(size, members));
          members = new ArrayList<>();
        }
        size = Sizes.parse(option + ": memory", part.substring(0, colon), 0, MAX_MEMORY);
      }
      String range = part.substring(colon + 1);
      if (colon < 0 || !range.isEmpty()) { // a node may have no CPUs
        members.addAll(cpuRange(option, range, cpus));
      }
    }
    shares.add(new NumaNode.Share(size, members));
    checkNodes(option, shares.size());
    return checked(option, () -> NumaNode.of(shares, memory, cpus));
  }

  private static void checkNodes(String option, int count) throws UsageException {
    if (count > MAX_NODES) {
      throw new UsageException(option + ": " + count + " nodes are more than " + MAX_NODES);
    }
  }

  private static List<Integer> cpuRange(String option, String text, int cpus)
      throws UsageException {
    String[] ends = text.split("-", -1);
    try {
      int first = Integer.parseInt(ends[0]);
      int last = ends.length == 2 ? Integer.parseInt(ends[1]) : first;
      if (ends.length <= 2 && first >= 0 && first <= last && last < cpus) {
        return IntStream.rangeClosed(first, last).boxed().toList();
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UsageException(
        option + ": CPUs \"" + text + "\" are not a number or FIRST-LAST from 0 to " + (cpus - 1));
  }

  /**
   * A package for each node, for CPUs of different nodes share no cache; or for each CPU, where
   * nodes are not alike, or APIC ids would be too large: those of a package fill whole bits.
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
    Topology packages = new Topology(nodes.size(), 1, each, 1);
    return packages.maxApicId() < MAX_CPUS ? packages : new Topology(cpus, 1, 1, 1);
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
