// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class QemuCommandTest {
  private static String command(Lab lab, boolean terminal, boolean stderrTerminal) {
    return String.join(
        " ", QemuCommand.of("qemu", Path.of("/v"), Path.of("/a,b"), lab, terminal, stderrTerminal));
  }

  @Test
  void sizesAreThoseAskedFor() {
    String command = command(Lab.builder().memory(1536L << 20).cpus(3).build(), false, false);
    assertTrue(command.contains(" -smp 3 -m 1536M "), command);
    assertTrue(command.contains(" memory-backend-memfd,id=mem,share=on,size=1536M "), command);
  }

  @Test
  void aCommaInAPathDoesNotEndTheOption() {
    String command = command(Lab.builder().build(), false, false);
    assertTrue(command.contains("socket,id=files,path=/a,,b/files "), command);
    assertTrue(command.contains(" -initrd /a,b/initrd "), command);
  }

  @Test
  void eachStreamHasAPortAndControlConnectsLast() {
    assertEquals(
        List.of("stdin", "stdout", "stderr", "control"), QemuCommand.sockets(false, false));
    assertEquals(List.of("terminal", "stderr", "control"), QemuCommand.sockets(true, false));
    assertEquals(List.of("terminal", "control"), QemuCommand.sockets(true, true));
    String command = command(Lab.builder().build(), true, true);
    assertTrue(command.contains(" virtconsole,nr=0,chardev=terminal "), command);
    assertFalse(command.contains("nr=2,"), command);
  }

  @Test
  void theCommandToLookAtNeedsNothing() {
    List<String> command = Lab.builder().build().qemuCommand();
    assertEquals("qemu-system-x86_64", command.getFirst());
    assertTrue(command.contains("DIR/vmlinuz"));
  }

  @Test
  void theBuilderRefusesWithTheNumbers() {
    Lab.Builder builder = Lab.builder();
    assertEquals(
        "memory: 1048576 bytes; at least 536870912, a multiple of 1 MiB",
        assertThrows(IllegalArgumentException.class, () -> builder.memory(1 << 20)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> builder.memory((1L << 30) + 1));
    assertEquals(
        "cpus: 256; from 1 to 255",
        assertThrows(IllegalArgumentException.class, () -> builder.cpus(256)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> builder.cpus(0));
    assertThrows(IllegalArgumentException.class, () -> builder.startLimit(java.time.Duration.ZERO));
    assertThrows(
        IllegalArgumentException.class, () -> builder.environment(java.util.Map.of("A", "b\0c")));
  }

  @Test
  void theJdkComesFirstInPath() {
    String home = System.getProperty("java.home");
    assertEquals(home, Lab.defaultEnvironment().get("JAVA_HOME"));
    assertTrue(Lab.defaultEnvironment().getOrDefault("PATH", "").startsWith(home + "/bin:"));
  }
}
