// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.PeImage;
import org.javavmm.loader.UnifiedKernelImage;

/**
 * Reads any bytes as a PE file and compares with a second reader, which takes each number from
 * single bytes and compares all ranges with all. Either both agree, or the error is one line.
 */
final class PeCheck {
  private PeCheck() {}

  /** A section as the second reader sees it: all numbers as in the table. */
  private record Row(long memorySize, long memory, long fileSize, long file) {
    boolean clashes(Row other) {
      return meet(memory, memorySize, other.memory, other.memorySize)
          || meet(file, fileSize, other.file, other.fileSize);
    }

    private static boolean meet(long a, long aSize, long b, long bSize) {
      return aSize > 0 && bSize > 0 && a < b + bSize && b < a + aSize;
    }
  }

  private static long number(byte[] file, long offset, int bytes) {
    long value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      value = value * 256 + (file[(int) offset + i] & 0xff);
    }
    return value;
  }

  /** {@return the sections, or nothing for a file that must be refused} */
  private static Optional<List<Row>> expect(byte[] file) {
    if (file.length < 64 || file[0] != 'M' || file[1] != 'Z') {
      return Optional.empty();
    }
    long pe = number(file, 0x3c, 4);
    if (pe + 24 > file.length || number(file, pe, 4) != 0x4550) {
      return Optional.empty();
    }
    final long count = number(file, pe + 6, 2);
    long optionalSize = number(file, pe + 20, 2);
    long optional = pe + 24;
    long table = optional + optionalSize;
    if (table > file.length || optionalSize < 2) {
      return Optional.empty();
    }
    long magic = number(file, optional, 2);
    long directories = magic == 0x10b ? 96 : 112;
    if ((magic != 0x10b && magic != 0x20b) || optionalSize < directories) {
      return Optional.empty();
    }
    long directoryCount = number(file, optional + directories - 4, 4);
    long headers = number(file, optional + 60, 4);
    if (directories + 8 * directoryCount > optionalSize
        || count > 256
        || table + 40 * count > headers
        || headers > file.length) {
      return Optional.empty();
    }
    if (directoryCount > 4) {
      long size = number(file, optional + directories + 36, 4);
      if (size > 0 && number(file, optional + directories + 32, 4) + size > file.length) {
        return Optional.empty();
      }
    }
    return rows(file, table, count, headers, number(file, optional + 56, 4));
  }

  private static Optional<List<Row>> rows(
      byte[] file, long table, long count, long headers, long imageSize) {
    List<Row> rows = new ArrayList<>();
    Row first = new Row(headers, 0, headers, 0);
    for (int i = 0; i < count; i++) {
      long at = table + 40L * i;
      long fileSize = number(file, at + 16, 4);
      long memorySize = number(file, at + 8, 4);
      Row row =
          new Row(
              memorySize == 0 ? fileSize : memorySize,
              number(file, at + 12, 4),
              fileSize,
              fileSize == 0 ? 0 : number(file, at + 20, 4));
      if (row.file() + row.fileSize() > file.length
          || row.memory() + row.memorySize() > imageSize
          || row.clashes(first)
          || rows.stream().anyMatch(row::clashes)) {
        return Optional.empty();
      }
      rows.add(row);
    }
    return Optional.of(rows);
  }

  /**
   * Reads the file.
   *
   * @return whether it was accepted
   * @throws AssertionError if the reader is wrong
   */
  static boolean check(byte[] file) {
    Optional<List<Row>> expected = expect(file);
    PeImage pe;
    try {
      pe = PeImage.parse("file", MemorySegment.ofArray(file));
    } catch (LoaderException e) {
      checkMessage(e);
      require(expected.isEmpty(), "refused, and must be accepted: " + e.getMessage());
      return false;
    }
    require(expected.isPresent(), "accepted, and must be refused: " + pe);
    List<Row> rows = expected.orElseThrow();
    require(rows.size() == pe.sections().size(), "sections of " + pe);
    for (int i = 0; i < rows.size(); i++) {
      PeImage.Section section = pe.sections().get(i);
      Row row = rows.get(i);
      require(
          new Row(
                  section.virtualSize(),
                  section.virtualAddress(),
                  section.fileSize(),
                  section.fileOffset())
              .equals(row),
          section + ", expected " + row);
      byte[] contents = contents(pe, section);
      int start = (int) row.file();
      int end = (int) (row.file() + Math.min(row.fileSize(), row.memorySize()));
      require(Arrays.equals(contents, Arrays.copyOfRange(file, start, end)), "contents");
      require(section.name().chars().allMatch(c -> c >= ' ' && c < 0x7f), "name");
    }
    checkUnified(pe);
    return true;
  }

  private static byte[] contents(PeImage pe, PeImage.Section section) {
    try {
      return pe.contents(section).toArray(ValueLayout.JAVA_BYTE);
    } catch (LoaderException e) {
      throw new AssertionError("what lies in memory was cut short", e);
    }
  }

  private static void checkUnified(PeImage pe) {
    try {
      Optional<UnifiedKernelImage> uki = UnifiedKernelImage.of(pe);
      require(uki.isPresent() == pe.section(".linux").isPresent(), "UKI or not");
      if (uki.isPresent()) {
        require(uki.get().kernel().byteSize() <= pe.fileSize(), "kernel");
        var _ = uki.get().osName();
        var _ = uki.get().uname();
        var _ = uki.get().commandLine();
      }
    } catch (LoaderException e) {
      checkMessage(e);
    }
  }

  private static void checkMessage(LoaderException e) {
    String message = String.valueOf(e.getMessage());
    require(message.lines().count() == 1, "not one line: " + message);
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
