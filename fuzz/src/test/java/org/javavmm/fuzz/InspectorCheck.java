// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.ImageReport;
import org.javavmm.loader.KernelInspector;
import org.javavmm.loader.LoaderException;

/**
 * Inspects any bytes and unpacks them: there is always a report, of bounded size and without what a
 * terminal would act upon, and nothing larger than the limit is unpacked.
 */
final class InspectorCheck {
  private static final long LIMIT = 1 << 20;
  private static final int DEPTH = 3;

  private InspectorCheck() {}

  /**
   * Inspects the file.
   *
   * @return whether it is a kernel
   * @throws AssertionError if the inspector is wrong
   */
  static boolean check(byte[] file) {
    MemorySegment segment = MemorySegment.ofArray(file);
    ImageReport report = KernelInspector.inspect("file", segment, LIMIT);
    Optional<ImageReport> next = Optional.of(report);
    for (int depth = 0; next.isPresent(); depth++) {
      require(depth <= DEPTH, "boxes in boxes");
      checkReport(next.get());
      next = next.get().contents();
    }
    require(report.fileSize() == file.length, "size");
    try {
      MemorySegment kernel = KernelInspector.extract("file", segment, LIMIT);
      require(kernel.byteSize() <= Math.max(LIMIT, file.length), "limit");
    } catch (LoaderException e) {
      checkProblem(e);
    }
    return report.isKernel();
  }

  private static void checkReport(ImageReport report) {
    report.problem().ifPresent(InspectorCheck::checkProblem);
    for (Optional<String> text :
        List.of(report.architecture(), report.release(), report.version())) {
      text.ifPresent(InspectorCheck::checkText);
    }
    require(report.entries().size() <= KernelInspector.LIST_LIMIT + 8, "entries");
    report
        .elf()
        .ifPresent(elf -> {
          require(elf.segments().size() <= KernelInspector.LIST_LIMIT, "segments");
          require(elf.notes().size() <= KernelInspector.LIST_LIMIT, "notes");
          elf.notes().forEach(note -> checkText(note.owner()));
        });
    require(!report.isKernel() || report.format() != ImageReport.Format.OTHER, "kernel");
  }

  private static void checkText(String text) {
    require(text.codePoints().noneMatch(Character::isISOControl), "control character: " + text);
    require(text.length() <= 1 << 20, "length of text");
  }

  private static void checkProblem(LoaderException e) {
    String message = String.valueOf(e.getMessage());
    require(message.lines().count() == 1, "not one line: " + message);
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
