// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * Turns the lines of {@code bench/compare} into tables: a row for each operation, with the median
 * and the least of the rounds of each side, the ratios, and whether the goal is met.
 */
@NullMarked
public final class ComparisonReport {
  private static final String BEGIN = "<!-- bench/compare: begin -->";
  private static final String END = "<!-- bench/compare: end -->";

  /** What an operation is to cost. */
  private sealed interface Goal {
    /** At most Rust's time. */
    record NotAboveRust() implements Goal {}

    /** At most C's time and some nanoseconds. */
    record AboveC(double nanos) implements Goal {}

    /** At most a multiple of C's time. */
    record TimesC(double factor) implements Goal {}

    /** At most some nanoseconds. */
    record Nanos(double nanos) implements Goal {}

    /** To be compared, without a goal. */
    record None() implements Goal {}
  }

  private record Row(String id, String text, Goal goal) {}

  private record Section(String title, List<Row> rows) {}

  private static final Goal RUST = new Goal.NotAboveRust();
  private static final Goal NONE = new Goal.None();
  private static final Goal VIEW = new Goal.AboveC(1.5);
  private static final Goal SHORT_COPY = new Goal.AboveC(6);
  private static final Goal LONG_COPY = new Goal.TimesC(1.1);
  private static final Goal EVENTS = new Goal.TimesC(1.3);

  private static final List<Section> SECTIONS =
      List.of(
          new Section(
              "Scalars by guest-physical address, one region",
              List.of(
                  new Row("scalar.loop", "loop and next address alone", NONE),
                  new Row("scalar.read8", "read 8 bytes", RUST),
                  new Row("scalar.write8", "write 8 bytes", RUST),
                  new Row("scalar.loadAcquire2", "load 2 bytes, acquire", RUST),
                  new Row("scalar.storeRelease2", "store 2 bytes, release", RUST))),
          new Section(
              "Scalars of a view resolved once",
              List.of(
                  new Row("view.read8", "read 8 bytes", VIEW),
                  new Row("view.write8", "write 8 bytes", VIEW),
                  new Row("view.loadAcquire2", "load 2 bytes, acquire", VIEW),
                  new Row("view.storeRelease2", "store 2 bytes, release", VIEW))),
          new Section(
              "Copies, one region",
              List.of(
                  new Row("copy.read/64", "read 64 bytes", SHORT_COPY),
                  new Row("copy.write/64", "write 64 bytes", SHORT_COPY),
                  new Row("copy.read/96", "read an object of 96 bytes", SHORT_COPY),
                  new Row("copy.write/96", "write an object of 96 bytes", SHORT_COPY),
                  new Row("copy.read/512", "read 512 bytes", SHORT_COPY),
                  new Row("copy.write/512", "write 512 bytes", SHORT_COPY),
                  new Row("copy.read/4096", "read 4 KiB", LONG_COPY),
                  new Row("copy.write/4096", "write 4 KiB", LONG_COPY),
                  new Row("copy.read/65536", "read 64 KiB", LONG_COPY),
                  new Row("copy.write/65536", "write 64 KiB", LONG_COPY),
                  new Row("copy.read/1048576", "read 1 MiB", LONG_COPY),
                  new Row("copy.write/1048576", "write 1 MiB", LONG_COPY))),
          new Section(
              "From one region into the next",
              List.of(
                  new Row("across.read/8", "read 8 bytes", RUST),
                  new Row("across.write/8", "write 8 bytes", RUST),
                  new Row("across.read/512", "read 512 bytes", RUST),
                  new Row("across.write/512", "write 512 bytes", RUST))),
          new Section(
              "With dirty tracking",
              List.of(
                  new Row("dirty.write8", "write 8 bytes", RUST),
                  new Row("dirty.storeRelease2", "store 2 bytes, release", RUST),
                  new Row("dirty.write/4096", "write 4 KiB", RUST))),
          new Section(
              "256 regions",
              List.of(
                  new Row("regions.loop", "loop and next address alone", NONE),
                  new Row(
                      "regions.find/sequence",
                      "find the region, one after the other",
                      new Goal.Nanos(8)),
                  new Row("regions.find/random", "find the region, at random", NONE),
                  new Row("regions.read/sequence", "read 8 bytes, one after the other", RUST),
                  new Row("regions.read/random", "read 8 bytes, at random", RUST))),
          new Section(
              "Two threads at once, one region",
              List.of(
                  new Row("threads.read8", "read 8 bytes", RUST),
                  new Row("threads.write8", "write 8 bytes", RUST))),
          new Section(
              "System calls on guest memory, 512 bytes",
              List.of(
                  new Row("file.readZero", "`read` from `/dev/zero`", NONE),
                  new Row("file.writeNull", "`write` to `/dev/null`", NONE))),
          new Section(
              "Event loop",
              List.of(
                  new Row("events.ready/200", "a round, 200 of 200 ready", EVENTS),
                  new Row("events.ready/9", "a round, 9 of 200 ready", EVENTS),
                  new Row("events.pingPong", "round trip between two threads", EVENTS))));

  /** The rounds of one operation on one side. */
  private static final class Sample {
    final List<Double> nanos = new ArrayList<>();
    final List<Double> bytes = new ArrayList<>();

    double median() {
      return ComparisonReport.median(nanos);
    }

    double least() {
      return nanos.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
    }

    @Override
    public String toString() {
      return number(median()) + " (" + number(least()) + ")";
    }
  }

  private final Map<String, Sample> samples = new HashMap<>();

  ComparisonReport(List<String> lines) {
    for (String line : lines) {
      String[] fields = line.split(" ", -1);
      if (fields.length < 3
          || !List.of("java", "rust", "c").contains(fields[0])
          || SECTIONS.stream()
              .flatMap(s -> s.rows().stream())
              .noneMatch(row -> row.id().equals(fields[1]))) {
        throw new IllegalArgumentException("not a known side, operation and time: " + line);
      }
      Sample sample = samples.computeIfAbsent(fields[0] + ' ' + fields[1], _ -> new Sample());
      sample.nanos.add(Double.valueOf(fields[2]));
      if (fields.length > 3) {
        sample.bytes.add(Double.valueOf(fields[3]));
      }
    }
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  private static String number(double value) {
    return value < 100
        ? String.format(Locale.ROOT, "%.1f", value)
        : String.format(Locale.ROOT, "%,.0f", value);
  }

  private static String ratio(@Nullable Sample ours, @Nullable Sample theirs) {
    return ours == null || theirs == null
        ? "n/a"
        : String.format(
            Locale.ROOT,
            "%.2f (%.2f)",
            ours.median() / theirs.median(),
            ours.least() / theirs.least());
  }

  private static String difference(@Nullable Sample ours, @Nullable Sample theirs) {
    if (ours == null || theirs == null) {
      return "n/a";
    }
    double nanos = ours.median() - theirs.median();
    return (nanos < 0 ? "" : "+") + number(nanos);
  }

  /** The most that a goal allows, from the other sides' medians or leasts; NaN if not known. */
  private static double limit(
      Goal goal, @Nullable Sample rust, @Nullable Sample c, ToDoubleFunction<Sample> of) {
    return switch (goal) {
      case Goal.NotAboveRust _ -> rust == null ? Double.NaN : of.applyAsDouble(rust);
      case Goal.AboveC(double nanos) -> c == null ? Double.NaN : of.applyAsDouble(c) + nanos;
      case Goal.TimesC(double factor) -> c == null ? Double.NaN : of.applyAsDouble(c) * factor;
      case Goal.Nanos(double nanos) -> nanos;
      case Goal.None _ -> Double.NaN;
    };
  }

  /** Half a percent is as good as equal. */
  private static boolean met(Sample ours, double limit, ToDoubleFunction<Sample> of) {
    return of.applyAsDouble(ours) <= limit * 1.005;
  }

  /** What is wanted, and whether both the medians and the leasts have it. */
  private static String verdict(
      Goal goal, @Nullable Sample ours, @Nullable Sample rust, @Nullable Sample c) {
    String text =
        switch (goal) {
          case Goal.NotAboveRust _ -> "≤ Rust";
          case Goal.AboveC(double nanos) -> "≤ C + " + nanos + " ns";
          case Goal.TimesC(double factor) -> "≤ " + factor + " × C";
          case Goal.Nanos(double nanos) -> "≤ " + nanos + " ns";
          case Goal.None _ -> "";
        };
    if (text.isEmpty()) {
      return text;
    }
    double limit = limit(goal, rust, c, Sample::median);
    if (ours == null || Double.isNaN(limit)) {
      return text + ": n/a";
    }
    boolean median = met(ours, limit, Sample::median);
    boolean least = met(ours, limit(goal, rust, c, Sample::least), Sample::least);
    if (median == least) {
      return text + (median ? ": met" : ": **missed**");
    }
    return text + (median ? ": **missed** by the least" : ": **missed** by the median");
  }

  private long measured(Row row) {
    return Stream.of("java ", "rust ", "c ").filter(s -> samples.containsKey(s + row.id())).count();
  }

  /** {@return the tables, in Markdown} */
  String tables() {
    StringBuilder out = new StringBuilder();
    for (Section section : SECTIONS) {
      if (section.rows().stream().allMatch(row -> measured(row) == 0)) {
        continue; // not asked for
      }
      out.append("\n### ").append(section.title()).append("\n\n");
      out.append("| operation | Java ns | Rust ns | C ns | Java/Rust | Java/C | Java − C, ns")
          .append(" | B/op | goal |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n");
      for (Row row : section.rows()) {
        Sample ours = samples.get("java " + row.id());
        Sample rust = samples.get("rust " + row.id());
        Sample c = samples.get("c " + row.id());
        List<String> cells =
            Arrays.asList(
                row.text(),
                ours == null ? "n/a" : ours.toString(),
                rust == null ? "n/a" : rust.toString(),
                c == null ? "n/a" : c.toString(),
                ratio(ours, rust),
                ratio(ours, c),
                difference(ours, c),
                ours == null || ours.bytes.isEmpty() ? "n/a" : number(median(ours.bytes)),
                verdict(row.goal(), ours, rust, c));
        out.append("| ").append(String.join(" | ", cells)).append(" |\n");
      }
    }
    return out.toString();
  }

  /** {@return a page whose generated part is replaced} */
  static String replace(String page, String generated) {
    int begin = page.indexOf(BEGIN);
    int end = page.indexOf(END);
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException("the page lacks " + BEGIN + " ... " + END);
    }
    return page.substring(0, begin + BEGIN.length()) + '\n' + generated + page.substring(end);
  }

  /**
   * Prints the report, or puts it into a page.
   *
   * @param args the file of the lines {@code SIDE OPERATION NANOSECONDS [BYTES]}, the file of the
   *     text above the tables, and the page if any
   * @throws IOException if a file cannot be read or written
   */
  public static void main(String[] args) throws IOException {
    String generated =
        Files.readString(Path.of(args[1]))
            + new ComparisonReport(Files.readAllLines(Path.of(args[0]))).tables();
    if (args.length == 2) {
      System.out.print(generated);
    } else {
      Path page = Path.of(args[2]);
      Files.writeString(page, replace(Files.readString(page), generated));
    }
  }
}
