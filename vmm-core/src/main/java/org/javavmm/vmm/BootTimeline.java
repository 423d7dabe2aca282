// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * When what happened between the start of the process and the guest's first program.
 *
 * <p>Each mark is set once: of several calls the first counts, so that a machine which is built
 * again after a reboot does not change it. A monitor sets the marks of its own work, {@link Vmm}
 * those of its vCPUs. Thread-safe; setting a mark takes no lock and allocates nothing.
 */
public final class BootTimeline {
  /** What is marked, in the order of a boot. */
  public enum Mark {
    /** The JVM is up: the monitor's {@code main} began. */
    JVM("jvm", "JVM started"),
    /** Kernel, initrd and options were read and checked. */
    INPUTS("inputs", "inputs read and checked"),
    /** The VM, its memory, vCPUs and devices are there. */
    MACHINE("machine", "VM built"),
    /** Kernel, initrd, tables and registers are in place. */
    LOADED("loaded", "kernel loaded"),
    /** The boot processor enters the guest. */
    FIRST_INSTRUCTION("first-instruction", "first instruction"),
    /** The guest came to a device of the monitor for the first time. */
    KERNEL("kernel", "kernel's first exit"),
    /** The guest wrote the first byte to its console. */
    CONSOLE("console", "console's first byte"),
    /** The guest's first program runs: it said so, by a device that the monitor has for that. */
    INIT("init", "init");

    private final String key;
    private final String label;

    Mark(String key, String label) {
      this.key = key;
      this.label = label;
    }

    /** {@return the name in JSON} */
    public String key() {
      return key;
    }
  }

  private static final long UNSET = Long.MIN_VALUE;

  private final LongSupplier clock;
  private final long start;
  private final Map<Mark, AtomicLong> times = new EnumMap<>(Mark.class);

  BootTimeline(LongSupplier clock, long start) {
    this.clock = clock;
    this.start = start;
    for (Mark mark : Mark.values()) {
      times.put(mark, new AtomicLong(UNSET));
    }
  }

  /**
   * {@return a timeline that begins when the process did, as {@code /proc} tells: to 10 ms} Where
   * it does not tell, the timeline begins now.
   */
  public static BootTimeline ofProcess() {
    return new BootTimeline(System::nanoTime, System.nanoTime() - processAge());
  }

  /** {@return a timeline that begins now} */
  public static BootTimeline ofNow() {
    return new BootTimeline(System::nanoTime, System.nanoTime());
  }

  private static long processAge() {
    try {
      return processAge(
          Files.readString(Path.of("/proc/self/stat"), StandardCharsets.ISO_8859_1),
          Files.readString(Path.of("/proc/uptime"), StandardCharsets.US_ASCII));
    } catch (IOException | IllegalArgumentException e) {
      return 0;
    }
  }

  /**
   * proc(5): field 22 of stat is the start in ticks since boot, of which user space has 100 a
   * second; the second field, the program's name in brackets, may itself have blanks and brackets.
   */
  static long processAge(String stat, String uptime) {
    String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ", -1);
    if (fields.length < 20) {
      throw new IllegalArgumentException("stat has " + fields.length + " fields, not 20 or more");
    }
    long ticks = Long.parseLong(fields[19]);
    double up = Double.parseDouble(uptime.strip().split(" ", -1)[0]);
    return Math.max(0, Math.round(up * 1e9) - ticks * 10_000_000L);
  }

  /**
   * Sets a mark to the present time, if it is not set.
   *
   * @param mark what has happened
   */
  public void mark(Mark mark) {
    AtomicLong time = time(mark);
    if (time.get() == UNSET) {
      time.compareAndSet(UNSET, clock.getAsLong());
    }
  }

  private AtomicLong time(Mark mark) {
    return Objects.requireNonNull(times.get(mark), "no such mark");
  }

  /**
   * {@return when something happened, from the start of the timeline on; empty if it has not}
   *
   * @param mark what
   */
  public Optional<Duration> at(Mark mark) {
    long time = time(mark).get();
    return time == UNSET ? Optional.empty() : Optional.of(Duration.ofNanos(time - start));
  }

  /**
   * {@return the timeline as a table: one line for each mark, with the time since the start and
   * since the mark before, in milliseconds}
   */
  public String toText() {
    StringBuilder text = new StringBuilder();
    text.append(String.format(Locale.ROOT, "%-26s %10s %10s%n", "", "at ms", "took ms"));
    double before = 0;
    for (Mark mark : Mark.values()) {
      Optional<Duration> at = at(mark);
      if (at.isEmpty()) {
        text.append(String.format(Locale.ROOT, "%-26s %10s%n", mark.label, "not seen"));
        continue;
      }
      double ms = at.get().toNanos() / 1e6;
      text.append(String.format(Locale.ROOT, "%-26s %10.1f %10.1f%n", mark.label, ms, ms - before));
      before = ms;
    }
    return text.toString();
  }

  /**
   * {@return the timeline as a JSON object: for each mark its key and the time since the start in
   * milliseconds, or null if it was not seen}
   */
  public String toJson() {
    StringBuilder json = new StringBuilder("{\"unit\":\"ms\"");
    for (Mark mark : Mark.values()) {
      json.append(",\"").append(mark.key).append("\":");
      json.append(
          at(mark)
              .map(at -> String.format(Locale.ROOT, "%.3f", at.toNanos() / 1e6))
              .orElse("null"));
    }
    return json.append('}').toString();
  }
}
