// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpioTest {
  @Test
  void cpioListsModesAndNames(@TempDir Path folder) throws Exception {
    assumeTrue(Tools.ofEnvironment().find("cpio").isPresent(), "cpio is installed");
    byte[] archive =
        new Cpio()
            .directory("bin")
            .file("bin/run", 0755, new byte[5])
            .file("x", 0600, new byte[4])
            .finish();
    Path file = Files.write(folder.resolve("a.cpio"), archive);
    Tools.Result result = Tools.ofEnvironment().run(folder, "cpio", "-itv", "-F", file.toString());
    assertEquals(0, result.status(), result.output());
    assertTrue(result.output().contains("drwxr-xr-x   2 root     root            0"));
    assertTrue(result.output().contains("-rwxr-xr-x   1 root     root            5"));
    assertTrue(result.output().contains("-rw-------   1 root     root            4"));
  }

  @Test
  void anEmptyArchiveIsItsTrailer() {
    String text = new String(new Cpio().finish(), StandardCharsets.US_ASCII);
    assertEquals(
        "070701" + "00000000".repeat(4) + "00000001" + "00000000".repeat(6), text.substring(0, 94));
    assertEquals("0000000b" + "00000000" + "TRAILER!!!\0", text.substring(94, 121));
  }
}
