// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.Vm;
import org.junit.jupiter.api.Test;

/**
 * The example of the package's page: that it compiles, and that it is the one that stands there.
 */
class ArmExampleTest {
  /** Not called: there is no arm64 machine to run it on. */
  static void example(long deviceTree) throws Exception {
    // begin
    try (Kvm kvm = Kvm.open();
        Vm vm = ArmVm.createVm(kvm, 40)) {
      ArmVm arm = new ArmVm(vm);
      Vcpu vcpu = vm.createVcpu(0);
      VgicV3 gic = arm.createVgicV3();
      gic.setDistributor(0x0800_0000);
      gic.setRedistributorRegion(new RedistributorRegion(0, 1, 0x080a_0000));
      ArmVcpu cpu = new ArmVcpu(vcpu);
      cpu.init(arm.preferredTarget().with(VcpuFeature.PSCI_0_2));
      gic.init();
      cpu.set(RegisterId.PC, 0x4000_0000);
      cpu.set(RegisterId.x(0), deviceTree);
      vcpu.run();
    }
    // end
  }

  private static List<String> between(Path file, String begin, String end) throws Exception {
    List<String> lines =
        Files.readAllLines(file).stream()
            .map(line -> line.replaceFirst("^ \\*", "").strip())
            .toList();
    return lines.subList(lines.indexOf(begin) + 1, lines.indexOf(end));
  }

  @Test
  void isTheOneOfThePackagesPage() throws Exception {
    Path folder = Path.of("src", "main", "java", "org", "javavmm", "kvm", "arm64");
    assumeTrue(Files.exists(folder), "capability sources: " + folder + " is not there");
    Path here = Path.of("src/test/java/org/javavmm/kvm/arm64/ArmExampleTest.java");
    assertEquals(
        between(here, "// begin", "// end"),
        between(folder.resolve("package-info.java"), "<pre>{@code", "}</pre>"));
  }
}
