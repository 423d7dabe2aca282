// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the script {@code regenerate} on a copy of the module with a stand-in for jextract, which
 * notes its arguments and copies the package it is asked for from the committed sources.
 */
class RegenerateTest {
  private static final String COPY =
      """
      #!/bin/sh
      set -eu
      echo "$(pwd | sed 's:.*/::') $*" >>"$JEXTRACT_CALLS"
      while [ "$1" != --output ]; do
        [ "$1" != -t ] || package=$2
        shift
      done
      folder=$(echo "$package" | tr . /)
      mkdir -p "$2/$folder"
      cp "$COMMITTED/$folder"/*.java "$2/$folder/"
      """;

  @TempDir private Path folder;

  private Path module;
  private Path bin;
  private Path headers;
  private Path calls;

  @BeforeEach
  void copyModule() throws Exception {
    module = Files.createDirectory(folder.resolve("bindings"));
    for (String each : List.of("regenerate", "uapi-headers", "jextract", "src/main/java/org")) {
      copy(Tools.basedir().resolve(each), module.resolve(each));
    }
    headers = folder.resolve("headers");
    for (String arch : List.of("x86", "arm64")) {
      Path linux = Files.createDirectories(headers.resolve(arch).resolve("include/linux"));
      Files.createFile(linux.resolve("kvm.h"));
    }
    bin = Files.createDirectory(folder.resolve("bin"));
    calls = folder.resolve("calls");
  }

  @Test
  void sameOutputSucceeds() throws Exception {
    Tools.Result result = regenerate(COPY, headers.toString());

    assertEquals(0, result.status(), result.toString());
    assertEquals("", result.out());
    String x86 = headers.resolve("x86/include").toString();
    String arm64 = headers.resolve("arm64/include").toString();
    String output = module.resolve("target/jextract").toString();
    assertEquals(
        List.of(
            "jextract -I %s -t org.javavmm.bindings.kvm --output %s @kvm.includes %s/linux/kvm.h"
                .formatted(x86, output, x86),
            ("jextract -I %s -t org.javavmm.bindings.kvm.arm64 --header-class-name kvm_arm64_h"
                    + " --output %s @kvm-arm64.includes %s/linux/kvm.h")
                .formatted(arm64, output, arm64),
            ("jextract -I %s -t org.javavmm.bindings.linux --header-class-name linux_h"
                    + " --output %s @linux.includes linux.h")
                .formatted(x86, output)),
        Files.readAllLines(calls));
  }

  @Test
  void changedFileFails() throws Exception {
    String change =
        COPY + "[ ! -e \"$2/$folder/kvm_regs.java\" ] || echo >>\"$2/$folder/kvm_regs.java\"\n";

    Tools.Result result = regenerate(change, headers.toString());

    assertEquals(1, result.status(), result.toString());
    assertEquals(
        "Files src/main/java/org/javavmm/bindings/kvm/kvm_regs.java and"
            + " target/jextract/org/javavmm/bindings/kvm/kvm_regs.java differ\n",
        result.out());
    assertTrue(result.err().contains("differs from src/main/java"), result.err());
  }

  @Test
  void missingFileFails() throws Exception {
    String change = COPY + "rm -f \"$2/$folder/iovec.java\"\n";

    Tools.Result result = regenerate(change, headers.toString());

    assertEquals(1, result.status(), result.toString());
    assertEquals("Only in src/main/java/org/javavmm/bindings/linux: iovec.java\n", result.out());
  }

  @Test
  void restrictedCallIsTakenOut() throws Exception {
    String original =
        COPY
            + """
            shared=$(echo "$2/$folder"/*_h\\$shared.java)
            sed 's/^\\( *\\);$/\\1.withTargetLayout(MemoryLayout.sequenceLayout(9, C_CHAR));/' \\
              "$shared" >"$2/shared"
            grep -q withTargetLayout "$2/shared"
            mv "$2/shared" "$shared"
            """;

    Tools.Result result = regenerate(original, headers.toString());

    assertEquals(0, result.status(), result.toString());
  }

  @Test
  void leftoversOfAnEarlierRunDoNotCount() throws Exception {
    Path old = Files.createDirectories(module.resolve("target/jextract/org/javavmm/bindings/kvm"));
    Files.createFile(old.resolve("old.java"));

    Tools.Result result = regenerate(COPY, headers.toString());

    assertEquals(0, result.status(), result.toString());
  }

  @Test
  void failureOfJextractFails() throws Exception {
    Tools.Result result =
        regenerate("#!/bin/sh\necho no such header >&2\nexit 3\n", headers.toString());

    assertEquals(3, result.status(), result.toString());
    assertTrue(result.err().contains("no such header"), result.err());
  }

  @Test
  void headersOfOneArchitectureFail() throws Exception {
    Files.delete(headers.resolve("arm64/include/linux/kvm.h"));

    Tools.Result result = regenerate(COPY, headers.toString());

    assertEquals(1, result.status(), result.toString());
    assertEquals("regenerate: " + headers + " has no arm64/include/linux/kvm.h\n", result.err());
  }

  @Test
  void headersComeFromTheScriptByDefault() throws Exception {
    executable(module.resolve("uapi-headers"), "#!/bin/sh\necho " + headers + "\n");

    Tools.Result result = regenerate(COPY, "");

    assertEquals(0, result.status(), result.toString());
  }

  @Test
  void noJextractFails() throws Exception {
    Tools.Result result =
        Tools.run(
            List.of("/bin/sh", module.resolve("regenerate").toString(), headers.toString()),
            Map.of("PATH", bin.toString()));

    assertEquals(1, result.status(), result.toString());
    assertEquals(
        "regenerate: jextract is not on the PATH: get it from https://jdk.java.net/jextract/\n",
        result.err());
  }

  private Tools.Result regenerate(String jextract, String argument) throws Exception {
    executable(bin.resolve("jextract"), jextract);
    return Tools.run(
        List.of("sh", module.resolve("regenerate").toString(), argument),
        Map.of(
            "PATH",
            bin + ":" + System.getenv("PATH"),
            "COMMITTED",
            Tools.basedir().resolve("src/main/java").toString(),
            "JEXTRACT_CALLS",
            calls.toString()));
  }

  private static void executable(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }
}
