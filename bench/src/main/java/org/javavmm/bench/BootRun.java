// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code bench/compare boot}: {@code ./vmm linux} and QEMU's microvm boot the same kernel and
 * initrd with the same command line, one after the other. Prints tables.
 *
 * <p>The first instruction is, on our side, the mark before the boot processor's first {@code
 * KVM_RUN}; on QEMU's, the trace event {@code vm_state_notify}, which comes before its vCPUs start:
 * in its firmware, for QEMU's firmware fetches the kernel. Init is the byte that the guest's init
 * writes to port 0xe9.
 */
public final class BootRun {
  /** What {@code ./vmm linux --no-reboot --timing json} gives the kernel. */
  private static final String COMMAND_LINE = "console=ttyS0 reboot=a panic=-1 vmm.timing quiet";

  /** The common pool has a single thread on two processors. */
  private static final Executor THREADS = task -> Thread.ofPlatform().daemon().start(task);

  private static final double GOAL = 1.1;
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Pattern EVENT =
      Pattern.compile("^\\d+@(\\d+)\\.(\\d{6}):(vm_state_notify|fw_cfg_select) (.*)$");
  private static final List<String> KEYS =
      List.of("jvm", "inputs", "machine", "loaded", "first-instruction", "kernel", "init");

  /** Milliseconds since the process was started. */
  private record Boot(double firstInstruction, double init, List<Double> marks) {
    double guest() {
      return init - firstInstruction;
    }
  }

  private record Pair(Boot ours, Boot qemu) {}

  private BootRun() {}

  /**
   * Measures.
   *
   * @param args the {@code vmm} script, a folder for files, the pairs to warm up with and to
   *     measure, the guest's MiB, a kernel, an initrd, and further arguments for QEMU
   * @throws Exception if a process fails or a guest does not come to its init
   */
  public static void main(String[] args) throws Exception {
    if (args.length < 7) {
      System.err.println("usage: BootRun VMM FOLDER WARM_UP PAIRS MIB KERNEL INITRD [QEMU_ARG...]");
      System.exit(2);
    }
    Path folder = Files.createDirectories(Path.of(args[1]));
    int warmUp = Integer.parseInt(args[2]);
    int pairs = Integer.parseInt(args[3]);
    List<String> extra = Arrays.asList(args).subList(7, args.length);
    List<String> ours = vmm(args[0], args[4], args[5], args[6]);
    List<String> theirs = qemu(args[4], args[5], args[6], extra);
    List<Pair> measured = new ArrayList<>();
    for (int i = 0; i < warmUp + pairs; i++) {
      // Who is first changes, for the host's load does.
      Boot qemu = i % 2 == 0 ? null : bootQemu(theirs, folder.resolve("trace"));
      Boot java = bootOurs(ours);
      if (qemu == null) {
        qemu = bootQemu(theirs, folder.resolve("trace"));
      }
      System.err.printf(
          Locale.ROOT,
          "pair %d of %d%s: first instruction to init %.0f ms, QEMU %.0f ms; start to init %.0f ms,"
              + " QEMU %.0f ms%n",
          i + 1,
          warmUp + pairs,
          i < warmUp ? ", not counted" : "",
          java.guest(),
          qemu.guest(),
          java.init,
          qemu.init);
      if (i >= warmUp) {
        measured.add(new Pair(java, qemu));
      }
    }
    System.out.println("- ours: `" + String.join(" ", ours.subList(1, ours.size())) + "`");
    System.out.println("- QEMU: `" + String.join(" ", theirs) + "`");
    print(measured);
  }

  private static List<String> vmm(String vmm, String mib, String kernel, String initrd) {
    return List.of(
        vmm,
        "linux",
        "--kvm",
        "host",
        "--kernel",
        kernel,
        "--initrd",
        initrd,
        "--memory",
        mib + "M",
        "--no-reboot",
        "--timing",
        "json");
  }

  private static List<String> qemu(String mib, String kernel, String initrd, List<String> extra) {
    List<String> command = new ArrayList<>();
    command.addAll(
        List.of(
            "qemu-system-x86_64",
            "-M",
            "microvm,acpi=on,isa-serial=on,auto-kernel-cmdline=off",
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-m",
            mib,
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-serial",
            "null",
            "-chardev",
            "stdio,id=mark,signal=off",
            "-device",
            "isa-debugcon,iobase=0xe9,chardev=mark",
            "-msg",
            "timestamp=on",
            "-trace",
            "vm_state_notify",
            "-trace",
            "fw_cfg_select"));
    command.addAll(extra);
    command.addAll(List.of("-kernel", kernel, "-initrd", initrd, "-append", COMMAND_LINE));
    return command;
  }

  /** Ends the monitor, which then prints its times, when the guest's shell greets. */
  private static Boot bootOurs(List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).start();
    CompletableFuture<String> errors =
        CompletableFuture.supplyAsync(() -> text(process.getErrorStream()), THREADS);
    try (BufferedReader console =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
      CompletableFuture<Void> greeting =
          CompletableFuture.runAsync(() -> readUntil(console, "java-vmm: Linux"), THREADS);
      greeting.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      process.toHandle().destroy(); // SIGTERM; Process.destroy() would close our ends as well
      String printed = errors.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      process.waitFor();
      List<Double> marks = new ArrayList<>();
      for (String key : KEYS) {
        Matcher mark = Pattern.compile("\"" + key + "\":([0-9.]+)").matcher(printed);
        if (!mark.find()) {
          throw new IOException("no mark " + key + " in: " + printed);
        }
        marks.add(Double.parseDouble(mark.group(1)));
      }
      return new Boot(
          marks.get(KEYS.indexOf("first-instruction")), marks.get(KEYS.indexOf("init")), marks);
    } finally {
      process.destroyForcibly();
    }
  }

  private static void readUntil(BufferedReader console, String start) {
    try {
      for (String line = console.readLine(); line != null; line = console.readLine()) {
        if (line.startsWith(start)) {
          return;
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    throw new IllegalStateException("the console ended without: " + start);
  }

  private static String text(InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Boot bootQemu(List<String> command, Path trace) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(trace.toFile());
    double start = now();
    Process process = builder.start();
    try {
      InputStream mark = process.getInputStream();
      CompletableFuture<Double> init =
          CompletableFuture.supplyAsync(() -> {
            try {
              return mark.read() < 0 ? Double.NaN : now();
            } catch (IOException e) {
              throw new IllegalStateException(e);
            }
          });
      double reached = init.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      process.destroyForcibly();
      process.waitFor();
      String printed = Files.readString(trace, StandardCharsets.ISO_8859_1);
      if (Double.isNaN(reached)) {
        throw new IOException("QEMU ended before the guest's init: " + printed);
      }
      double running = Double.NaN;
      double selected = Double.NaN;
      for (String line : printed.lines().toList()) {
        Matcher event = EVENT.matcher(line);
        if (!event.matches()) {
          continue;
        }
        double at = Long.parseLong(event.group(1)) * 1e3 + Long.parseLong(event.group(2)) / 1e3;
        if (event.group(3).equals("fw_cfg_select")) {
          selected = at < reached ? at : selected;
        } else if (Double.isNaN(running) && event.group(4).startsWith("running 1")) {
          running = at;
        }
      }
      if (Double.isNaN(running)) {
        throw new IOException("QEMU did not say when it started its vCPUs: " + printed);
      }
      return new Boot(running - start, reached - start, List.of(selected - start));
    } finally {
      process.destroyForcibly();
    }
  }

  /** Milliseconds of the realtime clock, which QEMU's trace has as well. */
  private static double now() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1e3 + now.getNano() / 1e6;
  }

  private static void print(List<Pair> pairs) {
    System.out.println();
    System.out.println("| | ours ms | QEMU ms | ours/QEMU in the pairs | pairs | goal |");
    System.out.println("|---|--:|--:|--:|--:|---|");
    double[] guest = pairs.stream().mapToDouble(p -> p.ours.guest() / p.qemu.guest()).toArray();
    row(
        "first instruction to init",
        pairs.stream().mapToDouble(p -> p.ours.guest()).toArray(),
        pairs.stream().mapToDouble(p -> p.qemu.guest()).toArray(),
        guest,
        "≤ %.1f: %s".formatted(GOAL, median(guest) <= GOAL ? "met" : "**missed**"));
    row(
        "kernel's entry to init",
        pairs.stream().mapToDouble(p -> p.ours.guest()).toArray(),
        pairs.stream().mapToDouble(p -> p.qemu.init - p.qemu.marks.getFirst()).toArray(),
        pairs.stream()
            .mapToDouble(p -> p.ours.guest() / (p.qemu.init - p.qemu.marks.getFirst()))
            .toArray(),
        "");
    row(
        "process to first instruction",
        pairs.stream().mapToDouble(p -> p.ours.firstInstruction).toArray(),
        pairs.stream().mapToDouble(p -> p.qemu.firstInstruction).toArray(),
        pairs.stream()
            .mapToDouble(p -> p.ours.firstInstruction / p.qemu.firstInstruction)
            .toArray(),
        "");
    row(
        "process to init",
        pairs.stream().mapToDouble(p -> p.ours.init).toArray(),
        pairs.stream().mapToDouble(p -> p.qemu.init).toArray(),
        pairs.stream().mapToDouble(p -> p.ours.init / p.qemu.init).toArray(),
        "");
    System.out.println();
    System.out.println("| our start, in ms | " + String.join(" | ", KEYS) + " |");
    System.out.println("|---|" + "--:|".repeat(KEYS.size()));
    StringBuilder line = new StringBuilder("| at, medians |");
    for (int i = 0; i < KEYS.size(); i++) {
      int mark = i;
      line.append(
          String.format(
              Locale.ROOT,
              " %.0f |",
              median(pairs.stream().mapToDouble(p -> p.ours.marks.get(mark)).toArray())));
    }
    System.out.println(line);
  }

  private static void row(String name, double[] ours, double[] qemu, double[] ratios, String goal) {
    double[] sorted = ratios.clone();
    Arrays.sort(sorted);
    System.out.printf(
        Locale.ROOT,
        "| %s | %.0f | %.0f | %.2f (%.2f–%.2f) | %d | %s |%n",
        name,
        median(ours),
        median(qemu),
        median(ratios),
        sorted[0],
        sorted[sorted.length - 1],
        ratios.length,
        goal);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
