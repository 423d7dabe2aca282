// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.module.ResolvedModule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.javavmm.lab.DebianPackages;
import org.javavmm.loader.InitramfsWriter;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Virtio devices under a stock Debian kernel: an entropy device over both transports, and the
 * console of vm-virtio's README. One start of the lab serves all guests.
 */
@Tag("lab")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VirtioLabTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final boolean LONG = Boolean.getBoolean("vmm.long");
  private static final Pattern COMPLAINT =
      Pattern.compile("error|warn|bug|bad|fail", Pattern.CASE_INSENSITIVE);

  /** What the kernel says without any of our devices, too, and why. */
  private static final List<Pattern> NO_COMPLAINT =
      List.of(
          // The lab's emulated processor: sizes of XSAVE areas that do not agree.
          Pattern.compile("WARNING: CPU: \\d+ PID: 0 at arch/x86/kernel/fpu/xstate\\.c"),
          // Advice, printed wherever there are windows.
          Pattern.compile("PCI: Using host bridge windows from ACPI; .* report a bug"),
          // Our initramfs has modules without signatures, which would take long to check.
          Pattern.compile("virtio_ring: module verification failed: signature and/or"));

  /** What lspci needs; without libraries, for its own loader finds them in one folder. */
  private static final Map<String, List<String>> LSPCI =
      Map.of(
          "pciutils", List.of("usr/bin/lspci"),
          "libpci3", List.of("usr/lib/x86_64-linux-gnu/libpci.so.3"),
          "libkmod2", List.of("usr/lib/x86_64-linux-gnu/libkmod.so.2"),
          "libudev1", List.of("usr/lib/x86_64-linux-gnu/libudev.so.1"),
          "zlib1g", List.of("lib/x86_64-linux-gnu/libz.so.1"),
          "liblzma5", List.of("lib/x86_64-linux-gnu/liblzma.so.5"),
          "libzstd1", List.of("usr/lib/x86_64-linux-gnu/libzstd.so.1"),
          "libssl3", List.of("usr/lib/x86_64-linux-gnu/libcrypto.so.3"),
          "libc6",
              List.of(
                  "lib/x86_64-linux-gnu/libc.so.6",
                  "lib/x86_64-linux-gnu/libresolv.so.2",
                  "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"));

  private static final String GUEST =
      """
      echo "== current"; cat /sys/class/misc/hw_random/rng_current
      echo "== where"; readlink /sys/bus/virtio/devices/virtio0
      echo "== before"; grep virtio0 /proc/interrupts
      echo "== bytes"
      head -c 32 /dev/hwrng | xxd -p -c 32
      head -c 32 /dev/hwrng | xxd -p -c 32
      head -c 4096 /dev/hwrng | wc -c
      echo "== after"; grep virtio0 /proc/interrupts
      echo "== cpus"; nproc
      if [ -e /pci ] && [ -e /sys/bus/pci/devices/0000:00:01.0 ]; then
        echo "== lspci"
        /pci/ld-linux-x86-64.so.2 --library-path /pci /pci/lspci -vv 2>&1
        echo "== iomem"; cat /proc/iomem
      fi
      echo "== lines"; dmesg | wc -l
      echo "== dmesg"; dmesg | grep -i -E 'error|warn|bug|bad|fail'
      echo "== end"
      """;

  private static final String ECHO =
      """
      for port in hvc0 hvc1; do
        exec 3<>/dev/$port
        stty -F /dev/$port raw -echo
        echo "over $port" >&3
        read -r -t 20 line <&3
        echo "$port: $line"
        i=0
        while [ $i -lt 40 ]; do i=$((i+1)); echo "$i of many lines, to be given back in their order"; done >/tmp/many
        cat /tmp/many >&3 &
        head -c $(wc -c </tmp/many) <&3 >/tmp/back
        wait
        cmp /tmp/many /tmp/back && echo "$port: $(wc -l </tmp/back) lines"
        exec 3>&-
      done
      for d in /sys/bus/virtio/devices/*; do readlink $d; cat $d/device; done
      dmesg | grep -i -E 'error|warn|bug|bad|fail' >&2
      """;

  /** A guest with an entropy device. */
  record Guest(String transport, int cpus) {
    @Override
    public String toString() {
      return transport + "-" + cpus;
    }
  }

  static Stream<Guest> guests() {
    Stream<Guest> always = Stream.of(new Guest("mmio", 4), new Guest("pci", 4));
    return LONG
        ? Stream.concat(always, Stream.of(new Guest("mmio", 1), new Guest("pci", 1)))
        : always;
  }

  @TempDir static Path folder;

  @BeforeAll
  void oneLabForAll() throws Exception {
    Path initrd = folder.resolve("lspci.cpio");
    writeLspci(initrd);
    Files.writeString(folder.resolve("guest"), GUEST);
    Files.writeString(folder.resolve("echo"), ECHO);
    StringBuilder script = new StringBuilder("cd " + folder + "\n");
    for (Guest guest : guests().toList()) {
      script.append(
          "%s linux --kvm host --rng --transport %s --cpus %d --initrd %s --command \"$(cat guest)\""
                  .formatted(ROOT.resolve("vmm"), guest.transport, guest.cpus, initrd)
              + " >%1$s.out 2>%1$s.err; echo $? >%1$s.status%n".formatted(guest));
    }
    script.append(
        "%s -cp %s --enable-native-access=ALL-UNNAMED %s EchoConsole linux --kvm host --cpus 2"
                .formatted(
                    Path.of(System.getProperty("java.home"), "bin/java"),
                    compileExample(),
                    EchoGuest.class.getName())
            + " --command \"$(cat echo)\" >echo.out 2>echo.err; echo $? >echo.status\n");
    Files.writeString(folder.resolve("script"), script);
    String out =
        run(
            List.of(
                ROOT.resolve("vmm").toString(),
                "lab",
                "--",
                "sh",
                folder.resolve("script").toString()));
    assertTrue(Files.exists(folder.resolve("echo.status")), () -> "the script failed:\n" + out);
  }

  /** What the command prints; a failure if it is not done with status 0. */
  private static String run(List<String> command) throws Exception {
    Path out = Files.createTempFile(folder, "run", "");
    Process process =
        new ProcessBuilder(command)
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    if (!process.waitFor(15, TimeUnit.MINUTES)) {
      process.destroy();
      throw new AssertionError(command + " hangs; it printed:\n" + Files.readString(out));
    }
    String printed = Files.readString(out);
    assertEquals(0, process.exitValue(), () -> command + ":\n" + printed);
    return printed;
  }

  private static void writeLspci(Path file) throws IOException {
    DebianPackages packages = DebianPackages.ofUser(new Progress("test"));
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      InitramfsWriter archive = new InitramfsWriter(out).folder("pci", 0755);
      for (Map.Entry<String, List<String>> entry : LSPCI.entrySet()) {
        Path unpacked = packages.unpacked(entry.getKey());
        for (String name : entry.getValue()) {
          Path source = unpacked.resolve(name);
          archive.file("pci/" + source.getFileName(), 0755, source.toRealPath());
        }
      }
      archive.finish();
    }
  }

  /** Compiles the example of vm-virtio's README as it stands there; the class path with it. */
  private static String compileExample() throws Exception {
    String readme = Files.readString(ROOT.resolve("vm-virtio/README.md"));
    Matcher block = Pattern.compile("(?s)```java\\n(.*?)```").matcher(readme);
    String source = "";
    while (block.find() && source.isEmpty()) {
      source = block.group(1).contains("public class EchoConsole ") ? block.group(1) : "";
    }
    assertFalse(source.isEmpty(), "vm-virtio/README.md has no EchoConsole");
    Path file = folder.resolve("EchoConsole.java");
    Files.writeString(file, source);
    List<String> path = new ArrayList<>();
    for (ResolvedModule module : ModuleLayer.boot().configuration().modules()) {
      module
          .reference()
          .location()
          .filter(location -> location.getScheme().equals("file"))
          .ifPresent(location -> path.add(Path.of(location).toString()));
    }
    path.add(Path.of("target/classes").toAbsolutePath().toString());
    path.add(Path.of("target/test-classes").toAbsolutePath().toString());
    path.add(System.getProperty("java.class.path"));
    path.add(folder.toString());
    String classPath = String.join(File.pathSeparator, path);
    String javac = Path.of(System.getProperty("java.home"), "bin/javac").toString();
    var _ = run(List.of(javac, "-cp", classPath, "-d", folder.toString(), file.toString()));
    return classPath;
  }

  private static String read(String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file) ? Files.readString(file) : "(" + name + " is missing)";
  }

  /** A guest's output, in parts. */
  private record Sections(Map<String, List<String>> parts) {
    List<String> get(String name) {
      return parts.getOrDefault(name, List.of());
    }
  }

  private static Sections sections(Guest guest) throws IOException {
    assertEquals("0", read(guest + ".status").strip(), read(guest + ".err"));
    Map<String, List<String>> sections = new LinkedHashMap<>();
    List<String> section = new ArrayList<>();
    for (String line : read(guest + ".out").lines().toList()) {
      if (line.startsWith("== ")) {
        section = new ArrayList<>();
        sections.put(line.substring(3), section);
      } else {
        section.add(line);
      }
    }
    assertTrue(sections.containsKey("end"), read(guest + ".out"));
    return new Sections(sections);
  }

  private static List<String> complaints(Stream<String> log) {
    return log.filter(line -> COMPLAINT.matcher(line).find())
        .filter(line -> NO_COMPLAINT.stream().noneMatch(known -> known.matcher(line).find()))
        .toList();
  }

  /** The interrupts of a line of /proc/interrupts on all CPUs. */
  private static long count(List<String> lines, String name) {
    String line = lines.stream().filter(l -> l.endsWith(name)).findFirst().orElseThrow();
    long sum = 0;
    for (String word : line.strip().split("\\s+", -1)) {
      if (word.matches("\\d+")) {
        sum += Long.parseLong(word);
      }
    }
    return sum;
  }

  @ParameterizedTest
  @MethodSource("guests")
  void theKernelReadsRandomBytesAndDoesNotComplain(Guest guest) throws IOException {
    Sections s = sections(guest);
    assertEquals(List.of("virtio_rng.0"), s.get("current"));
    assertEquals(List.of(Integer.toString(guest.cpus)), s.get("cpus"));
    String where = s.get("where").getFirst();
    assertTrue(
        where.contains(guest.transport.equals("mmio") ? "/LNRO0005:00/" : "/0000:00:01.0/"), where);

    List<String> bytes = s.get("bytes");
    assertTrue(bytes.get(0).matches("[0-9a-f]{64}"), bytes.toString());
    assertTrue(bytes.get(1).matches("[0-9a-f]{64}"), bytes.toString());
    assertNotEquals(bytes.get(0), bytes.get(1));
    assertEquals("4096", bytes.get(2));

    // 64 bytes a request, on the kernels of today.
    String line = guest.transport.equals("mmio") ? "virtio0" : "virtio0-input";
    long before = count(s.get("before"), line);
    long after = count(s.get("after"), line);
    assertTrue(after >= before + 32, before + " interrupts, then " + after);
    String how = guest.transport.equals("mmio") ? "IO-APIC" : "PCI-MSI";
    assertTrue(s.get("after").getFirst().contains(how), s.get("after").toString());

    assertTrue(Integer.parseInt(s.get("lines").getFirst().strip()) > 100, "no log");
    assertEquals(List.of(), complaints(s.get("dmesg").stream()));
  }

  @ParameterizedTest
  @MethodSource("guests")
  void lspciFindsNothingToSay(Guest guest) throws IOException {
    List<String> lspci = sections(guest).get("lspci");
    if (!guest.transport.equals("pci")) {
      assertEquals(List.of(), lspci);
      return;
    }
    // It would also like to name the modules that could drive a device, from an index not there.
    String noIndex = "lspci: Unable to load libkmod resources: error -2";
    String text = String.join("\n", lspci.stream().filter(l -> !l.equals(noIndex)).toList());
    assertTrue(text.startsWith("00:00.0 "), text);
    assertTrue(text.contains("\n00:01.0 "), text);
    assertTrue(text.contains("MSI-X: Enable+ Count=2 Masked-"), text);
    assertTrue(text.contains("Kernel driver in use: virtio-pci"), text);
    for (String structure : List.of("CommonCfg", "Notify", "ISR", "<unknown>")) {
      assertTrue(text.contains("Vendor Specific Information: VirtIO: " + structure), text);
    }
    // lspci's words for what is not as it should be.
    for (String complaint :
        List.of(
            "virtual",
            "disabled",
            "unassigned",
            "access denied",
            "broken",
            "!!!",
            "pcilib",
            "nable to",
            "error")) {
      assertFalse(text.contains(complaint), complaint + " in:\n" + text);
    }
    assertTrue(
        sections(guest).get("iomem").stream()
            .anyMatch(line -> line.contains("PCI MMCONFIG 0000 [bus 00-00]")),
        "ECAM is not used");
  }

  @Test
  void theConsoleOfTheReadmeEchoes() throws IOException {
    assertEquals("0", read("echo.status").strip(), read("echo.err"));
    List<String> lines = read("echo.out").lines().toList();
    assertEquals(
        List.of("hvc0: over hvc0", "hvc0: 40 lines", "hvc1: over hvc1", "hvc1: 40 lines"),
        lines.subList(0, 4));
    List<String> devices = lines.subList(4, lines.size());
    assertEquals(4, devices.size(), devices.toString());
    String text = String.join("\n", devices);
    assertTrue(text.contains("/LNRO0005:00/virtio"), text);
    assertTrue(text.contains("/0000:00:01.0/virtio"), text);
    assertEquals("0x0003", devices.get(1));
    assertEquals("0x0003", devices.get(3));
    assertEquals(List.of(), complaints(read("echo.err").lines()));
  }
}
