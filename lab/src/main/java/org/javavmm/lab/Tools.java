// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Finds and runs the programs of the host, along one PATH. */
final class Tools {
  /** Programs that Debian keeps outside of PATH, by name. */
  private static final Map<String, String> FIXED = Map.of("virtiofsd", "/usr/lib/qemu/virtiofsd");

  /** The Debian package of each program that may be missing. */
  private static final Map<String, String> PACKAGES =
      Map.of(
          "qemu-system-x86_64", "qemu-system-x86",
          "virtiofsd", "qemu-system-common",
          "xz", "xz-utils",
          "setpriv", "util-linux",
          "unshare", "util-linux",
          "apt-get", "apt",
          "apt-cache", "apt",
          "dpkg-deb", "dpkg");

  /** What a failed run printed last; the rest is of no use in a one-line error. */
  private static final int MAX_OUTPUT = 1 << 20;

  private final String path;

  Tools(String path) {
    this.path = path;
  }

  static Tools ofEnvironment() {
    String path = System.getenv("PATH");
    // mke2fs-like administrator's folders are missing from many users' PATH.
    return new Tools((path == null ? "" : path + ":") + "/usr/sbin:/usr/bin:/sbin:/bin");
  }

  String path() {
    return path;
  }

  Optional<Path> find(String program) {
    for (String folder : path.split(":", -1)) {
      if (folder.isEmpty()) {
        continue; // The current folder: never looked in.
      }
      Path candidate = Path.of(folder, program);
      if (Files.isExecutable(candidate) && !Files.isDirectory(candidate)) {
        return Optional.of(candidate);
      }
    }
    String fixed = FIXED.get(program);
    return fixed != null && Files.isExecutable(Path.of(fixed))
        ? Optional.of(Path.of(fixed))
        : Optional.empty();
  }

  /** Checks that all of the programs exist, and names the packages of those that do not. */
  void require(String... programs) throws LabException {
    List<String> missing = new ArrayList<>();
    Set<String> packages = new LinkedHashSet<>();
    for (String program : programs) {
      if (find(program).isEmpty()) {
        missing.add(program);
        packages.add(PACKAGES.getOrDefault(program, program));
      }
    }
    if (!missing.isEmpty()) {
      throw new LabException(
          "not found: "
              + String.join(", ", missing)
              + " (install with: apt-get install "
              + String.join(" ", packages)
              + ")");
    }
  }

  Path get(String program) throws LabException {
    require(program);
    return find(program).orElseThrow();
  }

  ProcessBuilder builder(List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("PATH", path);
    builder.environment().put("LC_ALL", "C");
    return builder;
  }

  /** The output and status of a finished program. */
  record Result(int status, String output) {
    /** The last line that is an error by its looks, or the last line, or the status. */
    String reason() {
      String last = "status " + status;
      String error = null;
      for (String line : output.lines().toList()) {
        if (!line.isBlank()) {
          last = line.strip();
          if (last.startsWith("E: ")) {
            error = last.substring(3);
          }
        }
      }
      return error != null ? error : last;
    }
  }

  /** Runs a program to its end; standard output and error are returned as one text. */
  Result run(Path directory, String program, String... arguments) throws LabException {
    List<String> command = new ArrayList<>();
    command.add(get(program).toString());
    command.addAll(List.of(arguments));
    try {
      Process process =
          builder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .start();
      try (InputStream in = process.getInputStream()) {
        byte[] head = in.readNBytes(MAX_OUTPUT);
        in.transferTo(java.io.OutputStream.nullOutputStream());
        return new Result(process.waitFor(), new String(head, StandardCharsets.UTF_8));
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
        throw new LabException("interrupted while " + program + " ran", e);
      }
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException("cannot run " + program + ": " + e.getMessage(), e);
    }
  }
}
