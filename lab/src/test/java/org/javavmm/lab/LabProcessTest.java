// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The launcher against stand-ins for QEMU, virtiofsd and apt. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LabProcessTest {
  private static final List<String> COMMAND = List.of("true");

  @TempDir Path folder;
  private Path bin;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void fakes() throws IOException {
    bin = Files.createDirectories(folder.resolve("bin"));
    Fakes.packages(folder.resolve("tree"));
    Fakes.apt(bin, folder.resolve("tree"), folder.resolve("calls"));
    Fakes.virtiofsd(bin);
  }

  @AfterEach
  void nothingIsLeft() {
    assertEquals(
        List.of(),
        ProcessHandle.current()
            .descendants()
            .filter(p -> p.info().commandLine().orElse("").contains(folder.toString()))
            .toList());
  }

  private Lab.Builder builder() {
    return Lab.builder()
        .packages(new DebianPackages(folder.resolve("cache"), Fakes.tools(bin), line -> {}))
        .progress(line -> {})
        .stdin(InputStream.nullInputStream())
        .stdout(out)
        .stderr(err);
  }

  private LabException failure(Lab lab) {
    return assertThrows(LabException.class, () -> lab.run(COMMAND));
  }

  @Test
  void allOutputArrivesEvenIfTheEndIsAnnouncedBefore() throws Exception {
    FakeQemu.install(bin, "echo");
    byte[] random = new byte[3 << 20];
    new Random(1).nextBytes(random);
    assertEquals(42, builder().stdin(new ByteArrayInputStream(random)).build().run(COMMAND));
    assertArrayEquals(random, out.toByteArray());
    assertEquals("to err", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void aSignalReachesTheCommand() throws Exception {
    FakeQemu.install(bin, "signal");
    try (LabProcess process = builder().build().start(COMMAND)) {
      assertThrows(IllegalArgumentException.class, () -> process.signal("TERM\nexit"));
      process.signal("TERM");
      assertEquals(143, process.waitFor());
    }
    assertEquals("signal TERM\n", out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void theLabIsToldThatNobodyReads() throws Exception {
    FakeQemu.install(bin, "closed");
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    assertEquals(141, builder().stdout(full).build().run(COMMAND));
    assertEquals("closed 3", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void aMachineThatSaysNothingIsGivenUp() throws Exception {
    FakeQemu.install(bin, "silent");
    LabException e = failure(builder().startLimit(Duration.ofSeconds(3)).build());
    assertEquals(
        "the lab did not come up: no sign of progress for 3 s; last on its console:"
            + " [    0.1] last words",
        e.getMessage());
    assertEquals(List.of("[    0.1] last words"), e.console());
  }

  @Test
  void anErrorInsideIsPassedOn() throws Exception {
    FakeQemu.install(bin, "error");
    assertEquals("the lab did not come up: no network", failure(builder().build()).getMessage());
  }

  @Test
  void aPowerOffBeforeTheEndIsAnError() throws Exception {
    FakeQemu.install(bin, "off");
    assertEquals(
        "the lab was switched off before the command had ended: [    9.9] reboot: Power down",
        failure(builder().build()).getMessage());
  }

  @Test
  void aPanicIsShown() throws Exception {
    FakeQemu.script(
        bin.resolve("qemu-system-x86_64"),
        "echo '[ 1.0] Kernel panic - not syncing: No init found.'; echo '[ 1.1] ---[ end ]---'");
    LabException e = failure(builder().build());
    assertEquals(
        "the lab's kernel failed: Kernel panic - not syncing: No init found.", e.getMessage());
    assertEquals(2, e.console().size());
  }

  @Test
  void qemusOwnErrorIsShown() throws Exception {
    FakeQemu.script(
        bin.resolve("qemu-system-x86_64"), "echo 'qemu: cannot set up guest memory' >&2; exit 1");
    assertEquals(
        "QEMU failed: qemu: cannot set up guest memory (ask for less with --memory)",
        failure(builder().build()).getMessage());
  }

  @Test
  void aKilledQemuIsNoticed() throws Exception {
    FakeQemu.script(bin.resolve("qemu-system-x86_64"), "kill -9 $$");
    assertEquals(
        "QEMU was killed by signal 9 (out of memory? ask for less with --memory)",
        failure(builder().build()).getMessage());
  }

  @Test
  void virtiofsdsErrorIsShown() throws Exception {
    FakeQemu.install(bin, "silent");
    FakeQemu.script(bin.resolve("virtiofsd"), "echo 'chroot: not permitted' >&2; exit 1");
    LabException e = failure(builder().build());
    assertTrue(
        e.getMessage().startsWith("virtiofsd failed: chroot: not permitted"), e.getMessage());
  }

  @Test
  void theFolderIsPrivateAndGoneOnceTheLabIsUp() throws Exception {
    // The fake notes where its sockets lie and who may enter.
    FakeQemu.install(bin, "signal");
    Path qemu = bin.resolve("qemu-system-x86_64");
    String script = Files.readString(qemu);
    Path note = folder.resolve("note");
    Files.writeString(
        qemu,
        script.replace(
            "#!/bin/sh\n",
            "#!/bin/sh\nfor o; do case $o in */initrd) stat -c '%a %n' \"${o%/*}\" >'"
                + note
                + "';; esac; done\n"));
    try (LabProcess process = builder().build().start(COMMAND)) {
      long end = System.nanoTime() + Duration.ofMinutes(2).toNanos();
      while (!process.isReady() && System.nanoTime() < end) {
        Thread.sleep(10);
      }
      String[] words = Files.readString(note).strip().split(" ", 2);
      assertEquals("700", words[0]);
      assertFalse(Files.exists(Path.of(words[1])));
    }
  }

  @Test
  void whatIsMissingIsNamedWithItsPackage() throws Exception {
    Lab lab =
        builder()
            .packages(new DebianPackages(folder.resolve("cache"), new Tools(bin + ""), line -> {}))
            .build();
    assertEquals(
        "not found: qemu-system-x86_64, setpriv (install with: apt-get install"
            + " qemu-system-x86 util-linux)",
        failure(lab).getMessage());
  }

  @Test
  void settingsAreCheckedBeforeAnythingIsFetched() throws Exception {
    assertEquals(
        "unknown kernel '7.0': use one of 6.1, 6.12",
        failure(builder().kernel("7.0").build()).getMessage());
    assertEquals(
        "no such folder: /no/such",
        failure(builder().directory(Path.of("/no/such")).build()).getMessage());
    String memory = failure(builder().memory(1L << 50).build()).getMessage();
    assertTrue(
        memory.matches(
            "not enough memory: 1073741824 MiB asked for the lab, \\d+ MiB in this machine"
                + " \\(ask for less with --memory\\)"),
        memory);
    assertThrows(IllegalArgumentException.class, () -> builder().build().run(List.of()));
    assertThrows(IllegalArgumentException.class, () -> builder().build().run(List.of("a\0b")));
    assertFalse(Files.exists(folder.resolve("calls")), "apt was not asked");
  }
}
