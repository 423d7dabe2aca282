// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.sys.Errno;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * One round of our side of {@code bench/compare}: measures groups of operations with JMH and prints
 * a line for each, as the other sides do: operation, nanoseconds, bytes allocated.
 */
public final class ComparisonRun {
  /** The benchmarks of a group. A group that is not here has none yet. */
  private static final Map<String, String> GROUPS =
      Map.ofEntries(
          Map.entry("scalar", "ScalarBenchmark"),
          Map.entry("view", "ViewBenchmark"),
          Map.entry("copy", "CopyBenchmark"),
          Map.entry("across", "AcrossRegionsBenchmark"),
          Map.entry("dirty", "DirtyBenchmark"),
          Map.entry("regions", "RegionLookupBenchmark"),
          Map.entry("threads", "TwoThreadsBenchmark"),
          Map.entry("file", "FileBenchmark"),
          Map.entry("events", "(ReadyEvents|PingPong)Benchmark"),
          Map.entry("loop", "ExitLoopBenchmark"),
          Map.entry("exit", "ExitBenchmark"),
          Map.entry("notify", "KvmEventsBenchmark"));

  /** The groups that need {@code /dev/kvm}. */
  private static final Set<String> NEED_KVM = Set.of("exit", "notify");

  /** Operations whose names do not follow from class, method and parameter; empty: not shown. */
  private static final Map<String, String> NAMES =
      Map.of(
          "dirty.write", "dirty.write/4096",
          "events.round/200", "events.ready/200",
          "events.round/9", "events.ready/9",
          "events.roundTrip", "events.pingPong",
          "regions.loop/sequence", "regions.loop",
          "regions.loop/random", "");

  private ComparisonRun() {}

  /**
   * Measures.
   *
   * @param args the number of iterations to warm up with and to measure, the milliseconds of each,
   *     then the groups
   * @throws RunnerException if a benchmark fails
   */
  public static void main(String[] args) throws RunnerException {
    if (args.length < 3) {
      System.err.println("usage: ComparisonRun ITERATIONS MILLISECONDS GROUP...");
      System.exit(2);
    }
    int iterations = Integer.parseInt(args[0]);
    TimeValue time = TimeValue.milliseconds(Long.parseLong(args[1]));
    for (int i = 2; i < args.length; i++) {
      String group = args[i];
      String benchmarks = GROUPS.get(group);
      if (benchmarks == null) {
        continue;
      }
      if (NEED_KVM.contains(group)) {
        try (Kvm _ = Kvm.open()) {
          // It is there.
        } catch (KvmException e) {
          System.out.println(group + ".* n/a " + e.call() + ": " + Errno.name(e.errno()));
          continue;
        }
      }
      Collection<RunResult> results =
          new Runner(
                  new OptionsBuilder()
                      .include("\\." + benchmarks + "\\.")
                      .forks(1)
                      .warmupIterations(iterations)
                      .warmupTime(time)
                      .measurementIterations(iterations)
                      .measurementTime(time)
                      .addProfiler(GCProfiler.class)
                      .shouldFailOnError(true)
                      .verbosity(VerboseMode.SILENT)
                      .build())
              .run();
      for (RunResult result : results) {
        print(group, result);
      }
    }
  }

  private static void print(String group, RunResult result) {
    StringBuilder id = new StringBuilder(group).append('.');
    id.append(result.getPrimaryResult().getLabel());
    for (String parameter : result.getParams().getParamsKeys()) {
      id.append('/').append(result.getParams().getParam(parameter));
    }
    String name = NAMES.getOrDefault(id.toString(), id.toString());
    if (name.isEmpty()) {
      return;
    }
    Result<?> allocated = result.getSecondaryResults().get("gc.alloc.rate.norm");
    System.out.printf(
        Locale.ROOT,
        "%s %.4f %.3f%n",
        name,
        result.getPrimaryResult().getScore(),
        allocated.getScore());
  }
}
