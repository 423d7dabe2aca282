// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.TestImages.Part;
import org.junit.jupiter.api.Test;

class UnifiedKernelImageTest {
  private static Optional<UnifiedKernelImage> of(ByteBuffer image) throws LoaderException {
    return UnifiedKernelImage.of(PeImage.parse("uki", TestImages.segment(image)));
  }

  private static UnifiedKernelImage of(Part... parts) throws LoaderException {
    List<Part> all = new ArrayList<>(List.of(parts));
    all.add(new Part(".linux", "kernel"));
    return of(TestImages.pe(all)).orElseThrow();
  }

  @Test
  void itsPartsBoot() throws Exception {
    UnifiedKernelImage uki = of(TestImages.uki()).orElseThrow();
    assertEquals("uki: unified kernel image for x86-64", uki.toString());
    assertEquals("uki", uki.pe().name());
    assertEquals(Optional.of("Test OS 1"), uki.osName());
    assertEquals(Optional.of("6.1.0-test"), uki.uname());
    assertEquals("console=ttyS0 quiet", uki.commandLine().orElseThrow().toString());
    assertEquals(0, uki.profiles());
    BzImage kernel = assertInstanceOf(BzImage.class, KernelImage.parse(".linux", uki.kernel()));
    BootPlan plan =
        BootPlan.builder(kernel)
            .ram(TestKernels.ram(4 << 20))
            .commandLine(uki.commandLine().orElseThrow())
            .initrd(Initrd.of(".initrd", uki.initrd().orElseThrow()))
            .build();
    assertEquals(12, plan.initrdRange().orElseThrow().size());
  }

  @Test
  void withoutAKernelItIsNone() throws Exception {
    assertEquals(Optional.empty(), of(TestImages.pe(List.of(new Part(".initrd", "x")))));
  }

  @Test
  void whatIsMissingIsEmpty() throws Exception {
    UnifiedKernelImage uki = of();
    assertEquals(Optional.empty(), uki.osName());
    assertEquals(Optional.empty(), uki.uname());
    assertEquals(Optional.empty(), uki.commandLine());
    assertEquals(Optional.empty(), uki.initrd());
  }

  @Test
  void osNameHasFallbacks() throws Exception {
    assertEquals(Optional.of("x y"), of(new Part(".osrel", "A=1\nID='x y'")).osName());
    assertEquals(Optional.of("'x"), of(new Part(".osrel", "ID='x")).osName());
    assertEquals(Optional.of("\""), of(new Part(".osrel", "ID=\"")).osName());
    assertEquals(Optional.empty(), of(new Part(".osrel", "ID_LIKE=x")).osName());
  }

  @Test
  void controlCharactersOfTheCommandLineAreBlanks() throws Exception {
    UnifiedKernelImage uki = of(new Part(".cmdline", " a\nb\u001b[2J\r\n\0"));
    assertEquals("a b [2J", uki.commandLine().orElseThrow().toString());
  }

  @Test
  void profilesLieBehindWhatIsCommon() throws Exception {
    ByteBuffer image =
        TestImages.pe(
            List.of(
                new Part(".linux", "kernel"),
                new Part(".profile", "ID=a"),
                new Part(".cmdline", "a"),
                new Part(".profile", "ID=b"),
                new Part(".cmdline", "b")));
    UnifiedKernelImage uki = of(image).orElseThrow();
    assertEquals(2, uki.profiles());
    assertEquals(Optional.empty(), uki.commandLine());
  }

  @Test
  void refusesWhatIsAmbiguous() {
    LoaderException e =
        assertThrows(LoaderException.class, () -> of(new Part(".linux", "another")));
    assertEquals("uki: number of sections .linux is 2, must be 1", e.getMessage());
    e =
        assertThrows(
            LoaderException.class, () -> of(new Part(".cmdline", "a"), new Part(".cmdline", "b")));
    assertEquals("uki: number of sections .cmdline is 2, must be at most 1", e.getMessage());
    e = assertThrows(LoaderException.class, () -> of(new Part(".profile", "a")));
    assertEquals("uki: number of sections .linux is 0, must be 1", e.getMessage());
  }

  @Test
  void refusesTextThatIsNone() throws Exception {
    UnifiedKernelImage bad = of(new Part(".cmdline", "\u00ff"), new Part(".osrel", "ID=\u00ff"));
    LoaderException e = assertThrows(LoaderException.class, bad::commandLine);
    assertEquals("uki: section .cmdline is not UTF-8, must be text", e.getMessage());
    e = assertThrows(LoaderException.class, bad::osName);
    assertEquals("uki: section .osrel is not UTF-8, must be text", e.getMessage());
    UnifiedKernelImage large = of(new Part(".uname", "x".repeat((1 << 20) + 1)));
    e = assertThrows(LoaderException.class, large::uname);
    assertEquals("uki: section .uname is 1048577 bytes, must be at most 1048576", e.getMessage());
    UnifiedKernelImage odd = of(new Part(".cmdline", "a=\"b"));
    e = assertThrows(LoaderException.class, odd::commandLine);
    assertEquals("command line: number of double quotes is 1, must be even", e.getMessage());
  }
}
