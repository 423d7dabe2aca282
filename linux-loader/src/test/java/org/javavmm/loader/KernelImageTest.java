// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelImageTest {
  @TempDir Path folder;

  private static void refuses(Path file, Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> KernelImage.read(file));
    assertEquals(file + ": " + message, e.getMessage());
    assertEquals(reason, e.reason());
    assertEquals(file.toString(), e.subject());
  }

  @Test
  void readsBothFormats() throws Exception {
    Path bzImage = Files.write(folder.resolve("bz"), TestKernels.bytes(TestKernels.bzImage()));
    assertInstanceOf(BzImage.class, KernelImage.read(bzImage));
    Path elf = Files.write(folder.resolve("elf"), TestKernels.bytes(TestKernels.elf()));
    try (Arena arena = Arena.ofConfined()) {
      assertInstanceOf(ElfKernel.class, KernelImage.read(elf, arena));
    }
  }

  @Test
  void refusesWhatIsNoFile() throws Exception {
    refuses(folder.resolve("x"), Reason.FILE, "file is missing, must be a regular file");
    refuses(folder, Reason.FILE, "file is a folder, must be a regular file");
    refuses(
        Path.of("/dev/null"),
        Reason.FILE,
        "file is a device, FIFO or socket, must be a regular file");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("nowhere"));
    refuses(link, Reason.FILE, "file is a dangling symbolic link, must be a regular file");
  }

  @Test
  void refusesFilesThatMayNotBeRead() throws Exception {
    assumeFalse(Files.isWritable(Path.of("/")), "unprivileged: root may read everything");
    Path file = Files.write(folder.resolve("secret"), new byte[1]);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("-wx------"));
    refuses(file, Reason.FILE, "file is not readable, must be readable by this user");
  }

  @Test
  void keepsMessagesOnOneLine() {
    LoaderException e =
        assertThrows(
            LoaderException.class, () -> KernelImage.read(folder.resolve("a\nb\u001b[2J")));
    assertEquals(folder + "/a?b?[2J: file is missing, must be a regular file", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          FORMAT       | ''                     | an empty file
          FORMAT       | 1f8b08                 | gzip-compressed data
          FORMAT       | fd377a585a00           | xz-compressed data
          FORMAT       | 28b52ffd               | zstd-compressed data
          FORMAT       | 04224d18               | lz4-compressed data
          FORMAT       | 02214c18               | lz4-compressed data
          FORMAT       | 5d0000                 | lzma-compressed data
          FORMAT       | 425a6839               | bzip2-compressed data
          FORMAT       | 23212f62696e2f7368     | a script
          FORMAT       | 303730373031           | a cpio archive (an initramfs?)
          FORMAT       | 213c617263683e0a       | an ar archive (a Debian package?)
          FORMAT       | 504b0304               | a zip archive
          FORMAT       | 514649fb               | a qcow2 disk image
          FORMAT       | 27051956               | a U-Boot image
          FORMAT       | d00dfeed               | a flattened device tree
          FORMAT       | 4d5a                   | a PE or DOS program
          FORMAT       | 00                     | not known
          """)
  void namesTheFormat(Reason reason, String hex, String name) throws Exception {
    Path file = Files.write(folder.resolve("file"), HexFormat.of().parseHex(hex));
    refuses(
        file,
        reason,
        "format is "
            + name
            + ", must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          FORMAT       | 8664 | a PE (EFI) program for x86-64 without a Linux setup header
          ARCHITECTURE | aa64 | a PE (EFI) program for arm64
          ARCHITECTURE | 5064 | a PE (EFI) program for riscv64
          ARCHITECTURE | 014c | a PE program for i386
          FORMAT       | 0200 | a PE or DOS program
          """)
  void namesThePeMachine(Reason reason, String machine, String name) throws Exception {
    ByteBuffer image = TestKernels.little(0x86);
    image.putShort(0, (short) 0x5a4d).putInt(0x3c, 0x80).putInt(0x80, 0x4550);
    image.putShort(0x84, (short) Integer.parseInt(machine, 16));
    Path file = Files.write(folder.resolve("file"), TestKernels.bytes(image));
    refuses(
        file,
        reason,
        "format is "
            + name
            + ", must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel");
    image.putInt(0x3c, 0x81); // one byte too far
    Files.write(file, TestKernels.bytes(image));
    refuses(
        file,
        Reason.FORMAT,
        "format is a PE or DOS program, must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel");
  }

  @Test
  void namesImagesOfOtherArchitectures() throws Exception {
    ByteBuffer image = TestKernels.little(64);
    image.put(0, "MZ".getBytes(StandardCharsets.US_ASCII));
    image.put(56, new byte[] {'A', 'R', 'M', 0x64});
    Path file = Files.write(folder.resolve("file"), TestKernels.bytes(image));
    String rest = ", must be an x86 kernel: a bzImage, an ELF file or a Multiboot kernel";
    refuses(file, Reason.ARCHITECTURE, "format is an arm64 Image" + rest);
    image.put(56, new byte[] {'R', 'S', 'C', 5});
    Files.write(file, TestKernels.bytes(image));
    refuses(file, Reason.ARCHITECTURE, "format is a riscv64 Image" + rest);
  }

  @Test
  void namesDisks() throws Exception {
    ByteBuffer image = TestKernels.little(512);
    image.putShort(0x1fe, (short) 0xaa55);
    Path file = Files.write(folder.resolve("file"), TestKernels.bytes(image));
    refuses(
        file,
        Reason.FORMAT,
        "format is a boot sector or disk image without a Linux setup header, must be an x86"
            + " kernel: a bzImage, an ELF file or a Multiboot kernel");
  }
}
