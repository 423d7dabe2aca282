// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
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
  /** What the page's marks are called: all but KVM's tables, KVM's, and KVM's in the lab. */
  private static final List<String> PARTS =
      List.of("bench/compare", "bench/compare kvm", "bench/compare kvm, in the lab");

  /** What an operation is to cost. */
  private sealed interface Goal {
    /** At most Rust's time. */
    record NotAboveRust() implements Goal {}

    /** At most C's time and some nanoseconds. */
    record AboveC(double nanos) implements Goal {}

    /** At most a multiple of C's time. */
    record TimesC(double factor) implements Goal {}

    /** At most a multiple of C's time in the median of the pairs. */
    record PairsTimesC(double factor) implements Goal {}

    /** At most some nanoseconds. */
    record Nanos(double nanos) implements Goal {}

    /** To be compared, without a goal. */
    record None() implements Goal {}
  }

  /**
   * A row.
   *
   * @param id the operation in the lines
   * @param text the operation in the table
   * @param goal what it is to cost
   * @param noBytes whether it is to allocate nothing
   */
  private record Row(String id, String text, Goal goal, boolean noBytes) {
    Row(String id, String text, Goal goal) {
      this(id, text, goal, false);
    }
  }

  /** The columns of a table. */
  private enum Columns {
    /** Medians and leasts of three sides. */
    SIDES(
        """
        | operation | Java ns | Rust ns | C ns | Java/Rust | Java/C | Java − C, ns | B/op | goal |
        |---|--:|--:|--:|--:|--:|--:|--:|---|
        """),
    /** Java and C, and the ratio within each pair. */
    PAIRS(
        """
        | operation | Java ns | C ns | Java/C in the pairs | pairs | Java − C, ns | B/op | goal |
        |---|--:|--:|--:|--:|--:|--:|---|
        """),
    /** Steps and their shares of the whole, which is the last row. */
    SHARES(
        """
        | step | Java µs | share | C µs | share | Java/C in the pairs | pairs |
        |---|--:|--:|--:|--:|--:|--:|
        """);

    private final String head;

    Columns(String head) {
      this.head = head;
    }
  }

  private record Section(String title, Columns columns, List<Row> rows) {
    Section(String title, List<Row> rows) {
      this(title, Columns.SIDES, rows);
    }
  }

  private static final Goal RUST = new Goal.NotAboveRust();
  private static final Goal NONE = new Goal.None();
  private static final Goal VIEW = new Goal.AboveC(1.5);
  private static final Goal SHORT_COPY = new Goal.AboveC(6);
  private static final Goal LONG_COPY = new Goal.TimesC(1.1);
  private static final Goal EVENTS = new Goal.TimesC(1.3);
  private static final Goal EXIT_LOOP = new Goal.AboveC(100);
  private static final Goal EXIT = new Goal.PairsTimesC(1.05);

  private static final String START_TOTAL = "start.total";

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
                  new Row("events.pingPong", "round trip between two threads", EVENTS))),
          new Section(
              "An exit without KVM",
              Columns.PAIRS,
              List.of(
                  new Row("loop.ioctl", "the ioctl alone, answered `ENOTTY`", NONE, true),
                  new Row("loop.port", "run, decode, call: port write", EXIT_LOOP, true),
                  new Row("loop.mmio", "run, decode, call: MMIO write", EXIT_LOOP, true),
                  new Row("loop.bus", "port write to a bus of 8 devices", NONE, true))),
          new Section(
              "Exits of a guest",
              Columns.PAIRS,
              List.of(
                  new Row("exit.run/portWrite", "port write, 1 byte", EXIT, true),
                  new Row("exit.run/portRead", "port read, 1 byte", EXIT, true),
                  new Row("exit.run/mmioWrite", "MMIO write, 1 byte", EXIT, true),
                  new Row("exit.run/mmioRead", "MMIO read, 1 byte", EXIT, true))),
          new Section(
              "Between threads and the guest",
              Columns.PAIRS,
              List.of(
                  new Row("notify.ioeventfd", "ioeventfd to a waiting thread", NONE),
                  new Row("notify.irqfd", "irqfd to the guest's handler and back", NONE),
                  new Row("notify.kick", "kick of a running guest", NONE),
                  new Row("notify.create", "VM, irqchip, vCPU: made and closed", NONE))),
          new Section(
              "From `main` to the first exit",
              Columns.SHARES,
              List.of(
                  new Row("start.open", "open `/dev/kvm`", NONE),
                  new Row("start.createVm", "create the VM", NONE),
                  new Row("start.mapMemory", "map and fill memory, set the slot", NONE),
                  new Row("start.createVcpu", "create the vCPU", NONE),
                  new Row("start.setRegisters", "set registers", NONE),
                  new Row("start.firstRun", "run to the first exit", NONE),
                  new Row(START_TOTAL, "`main` to the first exit", NONE))),
          new Section(
              "A whole process",
              Columns.PAIRS,
              List.of(
                  new Row("process.start", "the process of the table above", NONE),
                  new Row("process.hello", "`./vmm hello`", NONE))));

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
  }

  private final Map<String, Sample> samples = new HashMap<>();

  /** Why a side has nothing, by side and group. */
  private final Map<String, String> reasons = new HashMap<>();

  ComparisonReport(List<String> lines) {
    for (String line : lines) {
      String[] fields = line.split(" ", 4);
      if (fields.length < 3
          || !List.of("java", "rust", "c").contains(fields[0])
          || SECTIONS.stream()
              .flatMap(s -> s.rows().stream())
              .noneMatch(row -> row.id().equals(fields[1]) || group(row).equals(fields[1]))) {
        throw new IllegalArgumentException("not a known side, operation and time: " + line);
      }
      if (fields[1].endsWith(".*")) {
        if (!fields[2].equals("n/a") || fields.length < 4) {
          throw new IllegalArgumentException("not a reason why a group is n/a: " + line);
        }
        reasons.put(fields[0] + ' ' + fields[1], fields[3]);
        continue;
      }
      Sample sample = samples.computeIfAbsent(fields[0] + ' ' + fields[1], _ -> new Sample());
      sample.nanos.add(Double.valueOf(fields[2]));
      if (fields.length > 3) {
        sample.bytes.add(Double.valueOf(fields[3]));
      }
    }
  }

  /** {@return what stands for all operations of a row's group} */
  private static String group(Row row) {
    return row.id().substring(0, row.id().indexOf('.')) + ".*";
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

  /** Java's time divided by C's, round by round. */
  private static List<Double> pairs(@Nullable Sample ours, @Nullable Sample c) {
    List<Double> ratios = new ArrayList<>();
    if (ours != null && c != null) {
      for (int i = 0; i < Math.min(ours.nanos.size(), c.nanos.size()); i++) {
        ratios.add(ours.nanos.get(i) / c.nanos.get(i));
      }
    }
    return ratios;
  }

  /** The median of the ratios, and the least and the most of them. */
  private static String pairRatio(List<Double> ratios) {
    return ratios.isEmpty()
        ? "n/a"
        : String.format(
            Locale.ROOT,
            "%.2f (%.2f–%.2f)",
            median(ratios),
            Collections.min(ratios),
            Collections.max(ratios));
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
      case Goal.PairsTimesC _ -> Double.NaN; // its own rule
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
          case Goal.PairsTimesC(double factor) -> "≤ " + factor + " × C";
          case Goal.Nanos(double nanos) -> "≤ " + nanos + " ns";
          case Goal.None _ -> "";
        };
    if (text.isEmpty()) {
      return text;
    }
    if (goal instanceof Goal.PairsTimesC(double factor)) {
      List<Double> ratios = pairs(ours, c);
      return text
          + (ratios.isEmpty() ? ": n/a" : median(ratios) <= factor ? ": met" : ": **missed**");
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

  /** JMH allocates for itself; divided by the operations, that is less than one byte. */
  private static String verdict(Row row, @Nullable Sample ours, @Nullable Sample c) {
    String text = verdict(row.goal(), ours, null, c);
    if (!row.noBytes()) {
      return text;
    }
    String bytes =
        ours == null || ours.bytes.isEmpty()
            ? "0 B: n/a"
            : median(ours.bytes) < 1 ? "0 B: met" : "0 B: **missed**";
    return text.isEmpty() ? bytes : text + "; " + bytes;
  }

  private boolean asked(Row row) {
    return Stream.of("java ", "rust ", "c ")
        .anyMatch(s -> samples.containsKey(s + row.id()) || reasons.containsKey(s + group(row)));
  }

  /** A side's time, or why there is none. */
  private String time(String side, Row row, double unit) {
    Sample sample = samples.get(side + ' ' + row.id());
    if (sample != null) {
      return number(sample.median() / unit) + " (" + number(sample.least() / unit) + ")";
    }
    String reason = reasons.get(side + ' ' + group(row));
    return reason == null ? "n/a" : "n/a: " + reason;
  }

  private String share(@Nullable Sample step, String side) {
    Sample total = samples.get(side + ' ' + START_TOTAL);
    return step == null || total == null
        ? "n/a"
        : String.format(Locale.ROOT, "%.0f %%", 100 * step.median() / total.median());
  }

  private List<String> cells(Columns columns, Row row) {
    Sample ours = samples.get("java " + row.id());
    Sample rust = samples.get("rust " + row.id());
    Sample c = samples.get("c " + row.id());
    List<Double> pairs = pairs(ours, c);
    String bytes = ours == null || ours.bytes.isEmpty() ? "n/a" : number(median(ours.bytes));
    return switch (columns) {
      case SIDES ->
          List.of(
              row.text(),
              time("java", row, 1),
              time("rust", row, 1),
              time("c", row, 1),
              ratio(ours, rust),
              ratio(ours, c),
              difference(ours, c),
              bytes,
              verdict(row.goal(), ours, rust, c));
      case PAIRS ->
          List.of(
              row.text(),
              time("java", row, 1),
              time("c", row, 1),
              pairRatio(pairs),
              Integer.toString(pairs.size()),
              difference(ours, c),
              bytes,
              verdict(row, ours, c));
      case SHARES ->
          List.of(
              row.text(),
              time("java", row, 1000),
              share(ours, "java"),
              time("c", row, 1000),
              share(c, "c"),
              pairRatio(pairs),
              Integer.toString(pairs.size()));
    };
  }

  /** {@return the tables, in Markdown} */
  String tables() {
    StringBuilder out = new StringBuilder();
    for (Section section : SECTIONS) {
      if (section.rows().stream().noneMatch(this::asked)) {
        continue; // not asked for
      }
      out.append("\n### ").append(section.title()).append("\n\n").append(section.columns().head);
      for (Row row : section.rows()) {
        out.append("| ").append(String.join(" | ", cells(section.columns(), row))).append(" |\n");
      }
    }
    return out.toString();
  }

  /** {@return a page of which one generated part is replaced, that of the marks of this name} */
  static String replace(String page, String part, String generated) {
    if (!PARTS.contains(part)) {
      throw new IllegalArgumentException("part \"" + part + "\" is none of " + PARTS);
    }
    String first = "<!-- " + part + ": begin -->";
    String last = "<!-- " + part + ": end -->";
    int begin = page.indexOf(first);
    int end = page.indexOf(last);
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException("the page lacks " + first + " ... " + last);
    }
    return page.substring(0, begin + first.length()) + '\n' + generated + page.substring(end);
  }

  /**
   * Prints the report, or puts it into a page.
   *
   * @param args the file of the lines {@code SIDE OPERATION NANOSECONDS [BYTES]} and {@code SIDE
   *     GROUP.* n/a REASON}, the file of the text above the tables, and, to write them, the page
   *     and the name of its part
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
      Files.writeString(page, replace(Files.readString(page), args[3], generated));
    }
  }
}
