// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The Debian packages that the lab needs on the host, installed by the project's own script. */
final class HostPackages {
  private HostPackages() {}

  /** Installs what is missing when root; else says what to type. */
  static void requireForLab() throws IOException, InterruptedException {
    String root = System.getProperty("javavmm.root");
    if (root == null || !Files.exists(Path.of(root, "scripts", "common.sh"))) {
      return; // Not started by the script: the lab itself says what is missing.
    }
    String script = "root=$1; . \"$1/scripts/common.sh\"; need_lab_packages";
    Process process =
        new ProcessBuilder("sh", "-c", script, "sh", root)
            .redirectOutput(ProcessBuilder.Redirect.INHERIT)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    if (process.waitFor() != 0) {
      throw new UsageException("the lab cannot start without these packages");
    }
  }
}
