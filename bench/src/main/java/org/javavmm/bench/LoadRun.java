// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.CommandLine;
import org.javavmm.loader.Initrd;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;

/**
 * {@code bench/compare load}: a kernel and an initrd put into guest memory, and the same bytes
 * copied to the same addresses by C, one after the other. Prints rows of a table.
 */
public final class LoadRun {
  private static final long MEMORY = 512L << 20;
  private static final double GOAL = 1.3;

  /** Java's nanoseconds: for all, and for {@code writeTo} alone. */
  private record Load(long all, long write) {}

  private record Round(Load java, long mmap, long read) {
    double toMmap() {
      return (double) java.all / mmap;
    }

    double toRead() {
      return (double) java.all / read;
    }
  }

  private LoadRun() {}

  /**
   * Measures.
   *
   * @param args the C program, how the flags of this JVM are to be called, the rounds to warm up
   *     with and to measure, a kernel, and the initrds
   * @throws Exception if a file cannot be read or the C program fails
   */
  public static void main(String[] args) throws Exception {
    if (args.length < 6) {
      System.err.println("usage: LoadRun PROGRAM FLAGS WARM_UP ROUNDS KERNEL INITRD...");
      System.exit(2);
    }
    int warmUp = Integer.parseInt(args[2]);
    int rounds = Integer.parseInt(args[3]);
    Path kernel = Path.of(args[4]);
    for (String initrd : Arrays.asList(args).subList(5, args.length)) {
      measure(args[0], args[1], warmUp, rounds, kernel, Path.of(initrd));
    }
  }

  private static void measure(
      String program, String flags, int warmUp, int rounds, Path kernel, Path initrd)
      throws Exception {
    BootPlan plan = plan(KernelImage.read(kernel), Initrd.read(initrd));
    long setup = setupSize(kernel);
    List<String> command =
        List.of(
            program,
            kernel.toString(),
            Long.toString(setup),
            Long.toString(plan.kernelRange().gpa()),
            initrd.toString(),
            Long.toString(plan.initrdRange().map(MemoryRange::gpa).orElseThrow()),
            Long.toString(MEMORY));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (PrintStream to =
            new PrintStream(process.getOutputStream(), true, StandardCharsets.US_ASCII);
        BufferedReader from =
            new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
        GuestMemory prefaulted = memory()) {
      prefaulted.fill(0, MEMORY, (byte) 1);
      long bytes = Files.size(kernel) - setup + Files.size(initrd);
      for (boolean fresh : new boolean[] {true, false}) {
        List<Round> measured = new ArrayList<>();
        Load first = null;
        for (int i = 0; i < warmUp + rounds; i++) {
          Round round = round(i, kernel, initrd, fresh ? null : prefaulted, to, from);
          if (first == null) {
            first = round.java;
          }
          if (i >= warmUp) {
            measured.add(round);
          }
        }
        print(flags, bytes, fresh, first, measured);
      }
    } finally {
      process.destroy();
      process.waitFor();
    }
  }

  /** Who comes first changes from round to round: it is the one that finds the caches cold. */
  private static Round round(
      int number,
      Path kernel,
      Path initrd,
      GuestMemory prefaulted,
      PrintStream to,
      BufferedReader from)
      throws Exception {
    String where = prefaulted == null ? "fresh" : "prefaulted";
    Load java = null;
    long mmap = 0;
    long read = 0;
    for (int i = 0; i < 3; i++) {
      switch ((number + i) % 3) {
        case 0 -> {
          if (prefaulted == null) {
            try (GuestMemory memory = memory()) {
              java = load(kernel, initrd, memory);
            }
          } else {
            java = load(kernel, initrd, prefaulted);
          }
        }
        case 1 -> mmap = ask(to, from, "mmap " + where);
        default -> read = ask(to, from, "read " + where);
      }
    }
    return new Round(java, mmap, read);
  }

  private static GuestMemory memory() throws IOException {
    return GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
  }

  /** What a monitor does, from the files' names on. */
  private static Load load(Path kernelFile, Path initrdFile, GuestMemory memory) throws Exception {
    long begin = System.nanoTime();
    long planned;
    long written;
    try (Arena arena = Arena.ofConfined()) {
      BootPlan plan = plan(KernelImage.read(kernelFile, arena), Initrd.read(initrdFile, arena));
      planned = System.nanoTime();
      plan.writeTo(memory, X86Layout.ACPI_START);
      written = System.nanoTime();
    }
    return new Load(System.nanoTime() - begin, written - planned);
  }

  private static BootPlan plan(KernelImage kernel, Initrd initrd) throws Exception {
    return BootPlan.builder(kernel)
        .ram(X86Layout.splitRam(MEMORY))
        .initrd(initrd)
        .commandLine(CommandLine.builder().add("console", "ttyS0").build())
        .build();
  }

  /** The bytes before a bzImage's protected-mode part (Documentation/arch/x86/boot.rst). */
  private static long setupSize(Path kernel) throws IOException {
    MemorySegment image = MemorySegment.ofArray(Files.readAllBytes(kernel));
    int sectors = Byte.toUnsignedInt(image.get(ValueLayout.JAVA_BYTE, 0x1f1));
    return (sectors == 0 ? 5 : sectors + 1) * 512L;
  }

  private static long ask(PrintStream to, BufferedReader from, String what) throws IOException {
    to.println(what);
    String answer = from.readLine();
    if (answer == null) {
      throw new IOException("the C program has ended");
    }
    return Long.parseLong(answer);
  }

  private static void print(
      String flags, long bytes, boolean fresh, Load first, List<Round> rounds) {
    double toMmap = median(rounds.stream().mapToDouble(Round::toMmap).toArray());
    double toRead = median(rounds.stream().mapToDouble(Round::toRead).toArray());
    double goal = Math.max(toMmap, toRead);
    System.out.printf(
        Locale.ROOT,
        "| %s | %.1f | %s | %.2f | %.2f | %.2f | %.2f | %.2f | %s | %s | %d | %s |%n",
        flags,
        bytes / (double) (1 << 20),
        fresh ? "fresh" : "prefaulted",
        first.all / 1e6,
        median(rounds.stream().mapToDouble(r -> r.java.all / 1e6).toArray()),
        median(rounds.stream().mapToDouble(r -> r.java.write / 1e6).toArray()),
        median(rounds.stream().mapToDouble(r -> r.mmap / 1e6).toArray()),
        median(rounds.stream().mapToDouble(r -> r.read / 1e6).toArray()),
        ratio(toMmap, rounds.stream().mapToDouble(Round::toMmap).toArray()),
        ratio(toRead, rounds.stream().mapToDouble(Round::toRead).toArray()),
        rounds.size(),
        goal <= GOAL ? "met" : "**missed**");
  }

  private static String ratio(double median, double[] all) {
    double[] sorted = all.clone();
    Arrays.sort(sorted);
    return String.format(
        Locale.ROOT, "%.2f (%.2f–%.2f)", median, sorted[0], sorted[sorted.length - 1]);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
