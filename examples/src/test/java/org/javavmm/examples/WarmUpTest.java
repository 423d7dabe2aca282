// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The training run of the start-up archive does all that it claims, here and without a KVM. */
class WarmUpTest {
  @TempDir Path folder;

  private static String err(List<WarmUp.Step> steps, boolean verbose) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    WarmUp.run(steps, verbose, new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @TestFactory
  Stream<DynamicTest> everyStepSucceeds() throws IOException {
    return WarmUp.steps(folder).stream()
        .map(step -> DynamicTest.dynamicTest(step.name(), () -> step.work().run()));
  }

  @Test
  void aStepThatFailsIsNamedAndTheOthersRun() {
    boolean[] ran = new boolean[1];
    List<WarmUp.Step> steps =
        List.of(
            new WarmUp.Step(
                "much",
                () -> {
                  throw new IOException("why");
                }),
            new WarmUp.Step(
                "more",
                () -> {
                  throw new NoClassDefFoundError("x");
                }),
            new WarmUp.Step("nothing", () -> ran[0] = true));
    String lines =
        """
        vmm: the start-up archive lacks much: java.io.IOException: why
        vmm: the start-up archive lacks more: java.lang.NoClassDefFoundError: x
        """;
    assertEquals(lines, err(steps, false));
    assertTrue(ran[0]);
    String stacks = err(steps, true);
    assertTrue(stacks.contains("\tat org.javavmm.examples"), stacks);
  }

  @Test
  void theCommandSaysNothing() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    assertEquals(0, Main.run(new String[] {"warm-up", "--verbose"}, stream, stream));
    assertEquals("", bytes.toString(StandardCharsets.UTF_8));
  }

  /** What a monitor uses with a KVM alone is among the classes of these modules. */
  @Test
  void classesOfModules() throws IOException {
    assertEquals(0, WarmUp.load(ModuleLayer.empty()));
    int classes = WarmUp.load(ModuleLayer.boot());
    assertTrue(classes > 500, () -> classes + " classes");
  }
}
