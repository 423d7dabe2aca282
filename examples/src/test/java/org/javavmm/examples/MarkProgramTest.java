// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MarkProgramTest {
  @TempDir private Path folder;

  /** Whoever may not open the port, as a user of the host, gets status 0 all the same. */
  @Test
  void theKernelRunsIt() throws Exception {
    assumeTrue(
        System.getProperty("os.arch").equals("amd64"), "capability x86-64: to run a program of it");
    Path program = Files.write(folder.resolve("mark"), MarkProgram.elf());
    assertTrue(program.toFile().setExecutable(true));
    // As root it writes to the port, on which a machine has nothing but a debug console.
    Process process = new ProcessBuilder(program.toString()).start();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue());
  }
}
