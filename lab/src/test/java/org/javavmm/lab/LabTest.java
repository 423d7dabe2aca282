// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The lab itself. Each test starts a machine, so each shows much. */
@Tag("lab")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class LabTest {
  private static final int BYTES = 20_000_000;

  @TempDir Path folder;

  @Test
  void aCommandMeansTheSameAsOnTheHost() throws Exception {
    byte[] random = new byte[BYTES];
    new Random(7).nextBytes(random);
    Path here = Files.writeString(folder.resolve("it's here"), "from the host\n");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status;
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform().daemon().start(() -> answer(server));
      status =
          Lab.builder()
              .cpus(2)
              .directory(folder)
              .stdin(new ByteArrayInputStream(random))
              .stdout(out)
              .stderr(err)
              .build()
              .run(
                  List.of(
                      "bash",
                      "-c",
                      """
                      exec 4>&1 1>&2
                      uname -r
                      test -c /dev/kvm && echo kvm
                      cat /sys/module/kvm_amd/parameters/npt
                      nproc
                      pwd
                      cat "$1"
                      echo from the lab >"$1.back"
                      hostname
                      getent hosts host.lab | tr -s ' '
                      grep nameserver /etc/resolv.conf
                      read -r line </dev/tcp/host.lab/$2 && echo "$line"
                      tee in.bin | sha256sum
                      wc -c <in.bin
                      java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -version 2>&1 | head -n 1
                      sleep 1000 &
                      cat in.bin >&4
                      exit 7
                      """,
                      "bash",
                      here.toString(),
                      Integer.toString(server.getLocalPort())));
    }
    List<String> lines = err.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals(
        List.of(
            "kvm",
            "Y",
            "2",
            folder.toString(),
            "from the host",
            "lab",
            "10.0.2.2 host.lab",
            "nameserver 10.0.2.3",
            "hello from the host",
            HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(random)) + "  -",
            Integer.toString(BYTES)),
        lines.subList(1, 12));
    assertTrue(lines.get(0).matches("6\\.1\\..*-cloud-amd64"), lines.get(0));
    assertTrue(
        lines.get(12).contains("\"" + System.getProperty("java.version") + "\""), lines.get(12));
    assertEquals(13, lines.size());
    assertArrayEquals(random, out.toByteArray());
    assertEquals(7, status);
    assertEquals("from the lab\n", Files.readString(folder.resolve("it's here.back")));
  }

  private static void answer(ServerSocket server) {
    try (Socket socket = server.accept();
        OutputStream out = socket.getOutputStream()) {
      out.write("hello from the host\n".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      // The test sees that the line is missing.
    }
  }

  @Test
  void theNewerKernelWorksAndUnreadInputDoesNotHang() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int status =
        Lab.builder()
            .kernel("6.12")
            .cpus(1)
            .memory(1L << 30)
            .stdin(new ByteArrayInputStream(new byte[4 << 20]))
            .stdout(out)
            .build()
            .run(List.of("sh", "-c", "uname -r; nproc; test -c /dev/kvm; echo $?; kill -9 $$"));
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertTrue(lines.get(0).matches("6\\.12\\..*-cloud-amd64"), lines.get(0));
    assertEquals(List.of("1", "0"), lines.subList(1, 3));
    assertEquals(128 + 9, status);
  }

  @Test
  void sigtermEndsTheCommandAndAllProcesses() throws Exception {
    Path ended = folder.resolve("ended");
    Process process =
        launch(
            "sh",
            "-c",
            "trap 'sync; echo yes >" + ended + "; exit' TERM; echo up; while :; do sleep 1; done");
    try {
      byte[] up = process.getInputStream().readNBytes(3);
      assertEquals("up\n", new String(up, StandardCharsets.US_ASCII));
      List<ProcessHandle> children = process.descendants().toList();
      assertTrue(children.size() >= 2, "QEMU and virtiofsd: " + children);
      process.destroy();
      assertTrue(process.waitFor(60, TimeUnit.SECONDS));
      assertEquals(128 + 15, process.exitValue());
      assertEquals("yes\n", Files.readString(ended));
      assertEnded(children);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void killingTheJvmEndsAllProcesses() throws Exception {
    Process process = launch("sleep", "1000");
    try {
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
      while (process.descendants().noneMatch(LabTest::isQemu) && System.nanoTime() < end) {
        Thread.sleep(20);
      }
      List<ProcessHandle> children = process.descendants().toList();
      assertTrue(children.stream().anyMatch(LabTest::isQemu), "QEMU: " + children);
      List<Path> folders = folders();
      process.destroyForcibly().waitFor();
      assertEnded(children);
      assertFalse(folders.isEmpty());
      for (Path left : folders) {
        assertFalse(Files.exists(left), left.toString());
      }
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void aTerminalIsOneInTheLabToo() throws Exception {
    // script(1) gives the launcher a terminal. Its standard error goes elsewhere.
    String launch = String.join(" ", launcher());
    Path file = folder.resolve("stderr");
    Process process =
        new ProcessBuilder(
                "script",
                "-qec",
                "stty rows 33 cols 99; "
                    + launch
                    + " sh -c 'tty; stty size; test -t 2 || echo apart >&2; read a; echo \"got $a\"; exit 5' 2>"
                    + file
                    + "; s=$?; stty -a | grep -o -e '-*echo ' ; exit $s",
                "/dev/null")
            .redirectErrorStream(true)
            .start();
    try (OutputStream in = process.getOutputStream()) {
      ByteArrayOutputStream seen = new ByteArrayOutputStream();
      byte[] buffer = new byte[1000];
      int n;
      boolean typed = false;
      while ((n = process.getInputStream().read(buffer)) > 0) {
        seen.write(buffer, 0, n);
        if (!typed && seen.toString(StandardCharsets.UTF_8).contains("33 99")) {
          typed = true;
          in.write("typed\r".getBytes(StandardCharsets.US_ASCII));
          in.flush();
        }
      }
      assertEquals(
          List.of("/dev/hvc0", "33 99", "typed", "got typed", "echo "),
          seen.toString(StandardCharsets.UTF_8).lines().toList());
      assertEquals(5, process.waitFor());
      assertEquals("apart\n", Files.readString(file));
    } finally {
      process.destroyForcibly();
    }
  }

  private static boolean isQemu(ProcessHandle process) {
    return process.info().command().orElse("").contains("qemu-system");
  }

  private static void assertEnded(List<ProcessHandle> processes) throws Exception {
    for (ProcessHandle process : processes) {
      process.onExit().get(30, TimeUnit.SECONDS);
    }
  }

  private List<Path> folders() throws IOException {
    try (var files = Files.list(folder)) {
      return files.filter(f -> f.getFileName().toString().startsWith("java-vmm-lab-")).toList();
    }
  }

  private List<String> launcher() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin/java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-Djava.io.tmpdir=" + folder,
        "-cp",
        // The test classes are patched into the module: on neither path.
        Path.of("target/test-classes").toAbsolutePath()
            + ":"
            + System.getProperty("jdk.module.path", "")
            + ":"
            + System.getProperty("java.class.path"),
        "org.javavmm.lab.LabMain");
  }

  private Process launch(String... command) throws IOException {
    List<String> all = new ArrayList<>(launcher());
    all.addAll(List.of(command));
    return new ProcessBuilder(all)
        .redirectInput(Path.of("/dev/null").toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }
}
