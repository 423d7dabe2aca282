// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.javavmm.codec.Decompressors;

/** The formats' own command line tools, and data to compress with them. */
enum Tool {
  GZIP(CompressionFormat.GZIP, "gzip"),
  XZ(CompressionFormat.XZ, "xz"),
  LZMA(CompressionFormat.LZMA, "xz", "--format=lzma"),
  ZSTD(CompressionFormat.ZSTD, "zstd"),
  LZ4(CompressionFormat.LZ4, "lz4"),
  LZ4_LEGACY(CompressionFormat.LZ4_LEGACY, "lz4", "-l"),
  BZIP2(CompressionFormat.BZIP2, "bzip2");

  final CompressionFormat format;
  private final String command;

  Tool(CompressionFormat format, String... command) {
    this.format = format;
    this.command = String.join(" ", command);
  }

  private List<String> parts() {
    return List.of(command.split(" ", -1));
  }

  void assumeThere() {
    String name = parts().getFirst();
    boolean there =
        Arrays.stream(System.getenv("PATH").split(":", -1))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
    assumeTrue(there, "capability " + name + ": the command is not on the PATH");
  }

  byte[] compress(byte[] data, String... options) throws IOException {
    List<String> all = new ArrayList<>(parts());
    all.addAll(List.of(options));
    all.add("-c");
    return run(all, data).orElseThrow(() -> new IOException(all + " failed"));
  }

  /**
   * Whether the tool refuses a file for its header alone: xz takes an .lzma file only if the size
   * of its dictionary is 2^n or 2^n + 2^(n-1), and its length unknown or less than 256 GiB. A
   * header of other values is as valid, and says nothing of the data behind it.
   */
  boolean isPickyAbout(byte[] data) {
    if (this != LZMA || data.length < 13) {
      return false;
    }
    ByteBuffer header = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    long dictionary = Integer.toUnsignedLong(header.getInt(1));
    long rest = dictionary & ~Long.highestOneBit(dictionary);
    boolean usual = rest == 0 || rest == Long.highestOneBit(dictionary) >> 1;
    long length = header.getLong(5);
    return !(usual || dictionary == 0xffff_ffffL) || (length != -1 && length >>> 38 != 0);
  }

  /** What the tool decompresses, or empty if it refuses. */
  Optional<byte[]> decompress(byte[] data) throws IOException {
    List<String> all = new ArrayList<>(parts());
    all.remove("-l");
    all.add("-dc");
    return run(all, data);
  }

  private static Optional<byte[]> run(List<String> command, byte[] data) throws IOException {
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              try (OutputStream to = process.getOutputStream();
                  InputStream from = new ByteArrayInputStream(data)) {
                from.transferTo(to);
              } catch (IOException e) {
                // The tool had enough; its status tells.
              }
            });
    try {
      byte[] result = process.getInputStream().readAllBytes();
      writer.join();
      return process.waitFor() == 0 ? Optional.of(result) : Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  static byte[] decompress(CompressionFormat format, byte[] input, int limit)
      throws DecompressionException {
    byte[] output = new byte[limit];
    long length =
        Decompressors.decompress(
            format, MemorySegment.ofArray(input), MemorySegment.ofArray(output));
    return Arrays.copyOf(output, Math.toIntExact(length));
  }

  /** Data with what compressors look for: repeats near and far, runs, skewed and random bytes. */
  static byte[] data(long seed, int size) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] data = new byte[size];
    for (int at = 0; at < size; ) {
      int length = Math.min(size - at, 1 + random.nextInt(random.nextInt(1, 3000)));
      switch (random.nextInt(5)) {
        case 0 -> {
          byte[] bytes = new byte[length];
          random.nextBytes(bytes);
          System.arraycopy(bytes, 0, data, at, length);
        }
        case 1 -> Arrays.fill(data, at, at + length, (byte) random.nextInt());
        case 2 -> {
          for (int i = 0; i < length; i++) {
            data[at + i] = (byte) ('a' + Long.numberOfTrailingZeros(random.nextLong()));
          }
        }
        default -> {
          int distance =
              1 + random.nextInt(Math.max(1, random.nextInt(2) == 0 ? at : Math.min(at, 20)));
          for (int i = 0; i < length; i++) {
            data[at + i] = at + i >= distance ? data[at + i - distance] : 0;
          }
        }
      }
      at += length;
    }
    return data;
  }
}
