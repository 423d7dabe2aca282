// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The corpus in the sources is what the builders make: nobody has to trust a binary file. */
class SeedsTest {
  private static final Path CORPUS =
      Path.of(System.getProperty("basedir", "."), "src/test/resources/org/javavmm/fuzz");

  private static void checkFile(String folder, String name, byte[] bytes) throws Exception {
    Path file = CORPUS.resolve(folder).resolve(name);
    if (Boolean.getBoolean("fuzz.writeSeeds")) {
      Files.createDirectories(file.resolveSibling(""));
      Files.write(file, bytes);
    }
    assertArrayEquals(bytes, Files.readAllBytes(file));
  }

  @ParameterizedTest
  @EnumSource
  void seedIsInTheCorpus(BzImageSeed seed) throws Exception {
    checkFile("BzImageFuzzTestInputs/bzImage", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void kernelSeedIsInTheCorpus(KernelSeed seed) throws Exception {
    String folder =
        seed.isMultiboot() ? "MultibootFuzzTestInputs/multiboot" : "ElfFuzzTestInputs/elf";
    checkFile(folder, seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void kernelSeedLoadsByItsEntries(KernelSeed seed) throws Exception {
    try (KernelCheck check = new KernelCheck()) {
      assertEquals(seed.entries(), check.check(seed.bytes()));
    }
  }

  @ParameterizedTest
  @EnumSource
  void ringSeedIsInTheCorpus(VirtqueueSeed seed) throws Exception {
    checkFile("VirtqueueFuzzTestInputs/rings", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void registerSeedIsInTheCorpus(RegisterSeed seed) throws Exception {
    checkFile("RegisterFuzzTestInputs/registers", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void imageSeedIsInTheCorpus(FlatImageSeed seed) throws Exception {
    checkFile("FlatImageFuzzTestInputs/image", seed.fileName(), seed.bytes());
    checkFile("InspectorFuzzTestInputs/inspect", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void treeSeedIsInTheCorpus(FdtSeed seed) throws Exception {
    checkFile("FdtFuzzTestInputs/tree", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void compressedSeedIsInTheCorpus(CodecSeed seed) throws Exception {
    checkFile("CodecFuzzTestInputs/data", seed.fileName(), seed.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void peSeedIsInTheCorpus(PeSeed seed) throws Exception {
    checkFile("PeFuzzTestInputs/pe", seed.fileName(), seed.bytes());
    checkFile("InspectorFuzzTestInputs/inspect", seed.fileName(), seed.bytes());
  }

  @Test
  void someImageSeedsLoadAndSomeDoNot() throws Exception {
    Set<FlatImageSeed> loaded = new TreeSet<>();
    try (FlatImageCheck check = new FlatImageCheck()) {
      for (FlatImageSeed seed : FlatImageSeed.values()) {
        if (check.check(seed.bytes())) {
          loaded.add(seed);
        }
      }
    }
    assertEquals(
        Set.of(
            FlatImageSeed.ARM64,
            FlatImageSeed.ARM64_BIG_ENDIAN_64K,
            FlatImageSeed.ARM64_WITHOUT_SIZE,
            FlatImageSeed.ARM64_LARGEST_TEXT_OFFSET,
            FlatImageSeed.ARM64_FILLS_MEMORY,
            FlatImageSeed.RISCV64,
            FlatImageSeed.RISCV64_VERSION_0_1),
        loaded);
    Set<PeSeed> read = new TreeSet<>();
    for (PeSeed seed : PeSeed.values()) {
      if (PeCheck.check(seed.bytes())) {
        read.add(seed);
      }
    }
    assertEquals(
        Set.of(
            PeSeed.UKI,
            PeSeed.PE32,
            PeSeed.SIGNED,
            PeSeed.SECTION_WITHOUT_FILE,
            PeSeed.TWO_KERNELS,
            PeSeed.PROFILE),
        read);
  }

  @Test
  void someSeedsLoadAndSomeDoNot() throws Exception {
    Set<BzImageSeed> loaded = new TreeSet<>();
    try (BzImageCheck check = new BzImageCheck()) {
      for (BzImageSeed seed : BzImageSeed.values()) {
        if (check.check(seed.bytes())) {
          loaded.add(seed);
        }
      }
    }
    assertEquals(
        Set.of(
            BzImageSeed.VALID_2_15,
            BzImageSeed.VALID_2_12,
            BzImageSeed.FIXED_AND_UNALIGNED,
            BzImageSeed.MOVED_UP_BY_ALIGNMENT,
            BzImageSeed.INIT_FILLS_MEMORY,
            BzImageSeed.LONGEST_HEADER,
            BzImageSeed.FOUR_SETUP_SECTORS_BY_DEFAULT),
        loaded);
  }
}
