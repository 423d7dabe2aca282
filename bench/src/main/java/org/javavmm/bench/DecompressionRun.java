// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.Decompressors;

/**
 * {@code bench/compare decompress}: a Linux kernel decompressed in this process, and by each
 * format's own tool as a process with its output thrown away, one after the other. Prints a table.
 */
public final class DecompressionRun {
  private static final long LIMIT = 512L << 20;

  /** A format, how its tool compresses from input to output, and how it decompresses a file. */
  private record Side(CompressionFormat format, List<String> compress, List<String> decompress) {}

  private static final List<Side> SIDES =
      List.of(
          side(CompressionFormat.LZ4_LEGACY, "lz4 -l -9 -c", "lz4 -d -q -c"),
          side(CompressionFormat.LZ4, "lz4 -9 -c", "lz4 -d -q -c"),
          side(CompressionFormat.ZSTD, "zstd -9 -q -c", "zstd -d -q -c"),
          side(CompressionFormat.GZIP, "gzip -9 -c", "gzip -d -c"),
          side(CompressionFormat.XZ, "xz --check=crc32 -2 -c", "xz -d -c"),
          side(CompressionFormat.LZMA, "xz --format=lzma -2 -c", "xz --format=lzma -d -c"),
          side(CompressionFormat.BZIP2, "bzip2 -9 -c", "bzip2 -d -c"));

  private DecompressionRun() {}

  private static Side side(CompressionFormat format, String compress, String decompress) {
    return new Side(format, List.of(compress.split(" ", -1)), List.of(decompress.split(" ", -1)));
  }

  /**
   * Measures.
   *
   * @param args a bzImage, a folder for files, the number of pairs to warm up with and to measure
   * @throws IOException if a file cannot be read or a tool fails
   * @throws InterruptedException if the thread is interrupted
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length != 4) {
      System.err.println("usage: DecompressionRun BZIMAGE FOLDER WARM_UP_PAIRS PAIRS");
      System.exit(2);
    }
    Path folder = Files.createDirectories(Path.of(args[1]));
    int warmUp = Integer.parseInt(args[2]);
    int pairs = Integer.parseInt(args[3]);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment output = arena.allocate(LIMIT, 4096);
      MemorySegment payload = payload(MemorySegment.ofArray(Files.readAllBytes(Path.of(args[0]))));
      CompressionFormat own = CompressionFormat.detect(payload).orElseThrow();
      long size = Decompressors.decompress(own, payload, output);
      MemorySegment kernel =
          MemorySegment.ofArray(output.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE));
      System.out.printf(
          Locale.ROOT,
          "- kernel: `%s`, payload of %d bytes (%s), %d bytes decompressed%n%n",
          Path.of(args[0]).getFileName(),
          payload.byteSize(),
          own.label(),
          size);
      System.out.println(
          "| format | compressed | tool | Java first ms | Java ms | tool ms | Java/tool in the pairs"
              + " | pairs |");
      System.out.println("|---|--:|---|--:|--:|--:|--:|--:|");
      Path plain = folder.resolve("kernel");
      Files.write(plain, kernel.toArray(ValueLayout.JAVA_BYTE));
      for (Side side : SIDES) {
        Path file = folder.resolve("kernel." + side.format());
        OptionalLong compressed = run(side.compress(), plain, file);
        if (compressed.isEmpty()) {
          System.out.printf("| %s | n/a: no `%s` |%n", side.format().label(), tool(side));
          continue;
        }
        measure(side, file, kernel, output, warmUp, pairs);
      }
    }
  }

  private static String tool(Side side) {
    return side.decompress().getFirst();
  }

  private static void measure(
      Side side, Path file, MemorySegment kernel, MemorySegment output, int warmUp, int pairs)
      throws IOException, InterruptedException {
    double first = 0;
    List<Double> ours = new ArrayList<>();
    List<Double> theirs = new ArrayList<>();
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < warmUp + pairs; i++) {
      long begin = System.nanoTime();
      try (Arena arena = Arena.ofConfined();
          FileChannel channel = FileChannel.open(file)) {
        MemorySegment input = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        long length = Decompressors.decompress(side.format(), input, output);
        double java = (System.nanoTime() - begin) / 1e6;
        if (length != kernel.byteSize() || output.asSlice(0, length).mismatch(kernel) >= 0) {
          throw new IOException(side.format() + ": wrong result");
        }
        double tool = run(side.decompress(), file, Path.of("/dev/null")).orElseThrow() / 1e6;
        if (i == 0) {
          first = java;
        }
        if (i >= warmUp) {
          ours.add(java);
          theirs.add(tool);
          ratios.add(java / tool);
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "| %s | %d | `%s` | %.0f | %.0f | %.0f | %.2f | %d |%n",
        side.format().label(),
        Files.size(file),
        String.join(" ", side.decompress()),
        first,
        median(ours),
        median(theirs),
        median(ratios),
        pairs);
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  /** Runs a tool and gives its nanoseconds from start to end; empty if there is no such tool. */
  private static OptionalLong run(List<String> command, Path input, Path output)
      throws IOException, InterruptedException {
    boolean there =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":", -1))
            .anyMatch(path -> Files.isExecutable(Path.of(path, command.getFirst())));
    if (!there) {
      return OptionalLong.empty();
    }
    long begin = System.nanoTime();
    Process process =
        new ProcessBuilder(command)
            .redirectInput(input.toFile())
            .redirectOutput(output.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    int status = process.waitFor();
    long nanos = System.nanoTime() - begin;
    if (status != 0) {
      throw new IOException(command + ": status " + status);
    }
    return OptionalLong.of(nanos);
  }

  /** The payload of a bzImage without the size behind it (Documentation/arch/x86/boot.rst). */
  private static MemorySegment payload(MemorySegment image) {
    int sectors = Byte.toUnsignedInt(image.get(ValueLayout.JAVA_BYTE, 0x1f1));
    long setup = (sectors == 0 ? 5 : sectors + 1) * 512L;
    int offset = image.get(ValueLayout.JAVA_INT_UNALIGNED, 0x248);
    int length = image.get(ValueLayout.JAVA_INT_UNALIGNED, 0x24c);
    return image.asSlice(setup + offset, length - Integer.BYTES);
  }
}
