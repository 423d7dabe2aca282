// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.javavmm.lab.DebianPackages;
import org.javavmm.lab.Lab;
import org.javavmm.lab.LabException;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Boots the kernels of {@link BootMatrix} in one lab, a test for each boot: the core of them, or
 * all with {@code -Dvmm.long=true} or {@code -Dvmm.boot.matrix=FILE}, which writes the page.
 */
@Tag("lab")
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class BootMatrixLabTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final String PAGE = System.getProperty("vmm.boot.matrix", "");
  private static final boolean ALL = Boolean.getBoolean("vmm.long") || !PAGE.isEmpty();

  /** A boot that takes longer has hung. */
  private static final int BOOT_SECONDS = 120;

  /** What timeout(1) says then. */
  private static final String HUNG = "124";

  /** How often the lab is started: in some, no guest gets timer interrupts. */
  private static final int LABS = 4;

  @TempDir private Path folder;

  @TestFactory
  List<DynamicTest> boots() throws Exception {
    List<BootMatrix.Cell> cells = BootMatrix.cells().stream().filter(c -> ALL || c.core()).toList();
    Files.writeString(folder.resolve("questions"), BootMatrix.QUESTIONS);
    for (String kernel : BootMatrix.KERNELS) {
      if (cells.stream().anyMatch(c -> c.row().equals(kernel) && needsElf(c))) {
        extract(kernel);
      }
    }
    Path script = Files.writeString(folder.resolve("script"), script(cells));
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    List<String> command = List.of("sh", script.toString());
    OptionalInt status = OptionalInt.empty();
    for (int lab = 1; lab <= LABS && !status.equals(OptionalInt.of(0)); lab++) {
      status = run(command, printed);
      if (!status.equals(OptionalInt.of(0))) {
        System.err.println("lab " + lab + ": " + status + " after " + done(cells) + " boots");
      }
    }
    assertEquals(OptionalInt.of(0), status, () -> printed.toString(StandardCharsets.UTF_8));

    List<BootMatrix.Result> results = new ArrayList<>();
    for (BootMatrix.Cell cell : cells) {
      String id = cell.id();
      results.add(
          BootMatrix.judge(cell, read(id + ".status"), read(id + ".out"), read(id + ".err")));
    }
    if (!PAGE.isEmpty()) {
      Files.writeString(
          ROOT.resolve(PAGE),
          BootMatrix.page(results, LocalDate.now(ZoneOffset.UTC) + ", commit " + commit()));
    }
    return results.stream()
        .map(r ->
            DynamicTest.dynamicTest(
                r.cell().toString(),
                () ->
                    assertTrue(
                        r.ok(), () -> r.problem() + "\n" + errors(r.cell()) + "\n" + r.warnings())))
        .toList();
  }

  private static String commit() throws IOException {
    Process git =
        new ProcessBuilder("git", "describe", "--always", "--dirty")
            .directory(ROOT.toFile())
            .redirectErrorStream(true)
            .start();
    try (BufferedReader line = git.inputReader(StandardCharsets.UTF_8)) {
      return String.valueOf(line.readLine());
    }
  }

  private String read(String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file)
        ? Files.readString(file, StandardCharsets.ISO_8859_1).strip()
        : "did not run";
  }

  private String errors(BootMatrix.Cell cell) {
    try {
      return read(cell.id() + ".err") + "\n" + read(cell.id() + ".out");
    } catch (IOException e) {
      return e.toString();
    }
  }

  private long done(List<BootMatrix.Cell> cells) {
    return cells.stream().filter(c -> Files.exists(folder.resolve(c.id() + ".status"))).count();
  }

  /** What the ELF file of a kernel is made of: here, where it is fast. */
  private void extract(String kernel) throws IOException, InterruptedException {
    Path bzImage = DebianPackages.ofUser(line -> {}).kernel(kernel).vmlinuz();
    Path target = folder.resolve("vmlinux-" + kernel);
    Process vmm =
        new ProcessBuilder(
                ROOT.resolve("vmm").toString(),
                "inspect",
                "--extract",
                target.toString(),
                bzImage.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("inspect-" + kernel).toFile())
            .start();
    int status = vmm.waitFor();
    assertEquals(0, status, () -> "vmm inspect --extract of " + bzImage);
  }

  /** The boots one after the other; one that is done is not repeated. */
  private String script(List<BootMatrix.Cell> cells) throws LabException {
    DebianPackages packages = DebianPackages.ofUser(line -> {});
    String vmm = ROOT.resolve("vmm").toString();
    StringBuilder script = new StringBuilder("cd " + folder + "\n");
    for (BootMatrix.Cell cell : cells) {
      var _ = packages.kernel(cell.row()); // fetched here, for the lab has no network
      String options = String.join(" ", cell.options()).replace("VMLINUX", "vmlinux-" + cell.row());
      String id = cell.id();
      String monitor = "timeout %d %s linux --kvm host %s".formatted(BOOT_SECONDS, vmm, options);
      script.append("if [ ! -e " + id + ".status ]; then\n");
      if (cell.reboots()) {
        script.append(
            """
              : >%1$s.out
              booted() { [ "$(grep -c 'exit or Ctrl-A' %1$s.out)" -ge $1 ]; }
              await() { n=0; until booted $1 || [ $n -gt %2$d ]; do sleep 1; n=$((n+1)); done; }
              { await 1; printf 'reboot -f\\n'; await 2; printf 'PS1= PS2=\\n'; cat questions
                printf 'poweroff -f\\n'; } | %3$s >%1$s.out 2>%1$s.err
            """
                .formatted(id, BOOT_SECONDS, monitor));
      } else {
        script.append(
            "  %s --command \"$(cat questions)\" >%s.out 2>%s.err\n".formatted(monitor, id, id));
      }
      // A boot that hangs may do so for the lab's sake: it has a second try in another.
      script.append(
          """
            status=$?
            if [ $status = %2$s ] && [ ! -e %1$s.hung ]; then
              mv %1$s.out %1$s.hung
              exit 75
            fi
            echo $status >%1$s.status
          fi
          """
              .formatted(id, HUNG));
    }
    return script.toString();
  }

  private static boolean needsElf(BootMatrix.Cell cell) {
    return cell.options().contains("VMLINUX");
  }

  /** The script's status; empty if the lab did not end. */
  private static OptionalInt run(List<String> command, ByteArrayOutputStream printed)
      throws Exception {
    Lab lab =
        Lab.builder()
            .cpus(1)
            .directory(ROOT)
            .stdin(InputStream.nullInputStream())
            .stdout(printed)
            .stderr(printed)
            .build();
    FutureTask<Integer> run = new FutureTask<>(() -> lab.run(command));
    Thread thread = Thread.ofPlatform().daemon().name("lab").start(run);
    try {
      return OptionalInt.of(run.get(ALL ? 25 : 8, TimeUnit.MINUTES));
    } catch (TimeoutException e) {
      return OptionalInt.empty();
    } finally {
      thread.interrupt();
      thread.join();
    }
  }
}
