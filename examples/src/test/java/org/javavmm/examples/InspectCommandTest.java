// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.LoaderException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code vmm inspect}: what it prints, whole, and what it refuses. */
class InspectCommandTest {
  @TempDir Path folder;

  private record Result(int status, String out, String err) {}

  private static Result inspect(String... args) {
    String[] all = new String[args.length + 1];
    all[0] = "inspect";
    System.arraycopy(args, 0, all, 1, args.length);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status =
        Main.run(
            all,
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    return new Result(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  /** The output with the folder's name cut off. */
  private String golden(Result result) {
    return result.out.replace(folder + "/", "");
  }

  private static byte[] arm64() {
    ByteBuffer image = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    image.putLong(16, 0x10000).putLong(24, 0xa).putInt(56, 0x644d5241);
    image.put(100, "Linux version 6.1.0-arm (x@y) #1\n".getBytes(StandardCharsets.US_ASCII));
    return image.array();
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  /** A bzImage of 6 KiB whose payload is gzip's. */
  private static byte[] bzImage(byte[] payload) {
    ByteBuffer image = ByteBuffer.allocate(1024 + 4096).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0x1f1, (byte) 1).putInt(0x1f4, 4096 / 16).putShort(0x1fe, (short) 0xaa55);
    image.putShort(0x200, (short) 0x6aeb);
    image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII)).putShort(0x206, (short) 0x20f);
    image.putShort(0x20e, (short) 0x180).put(0x211, (byte) 1);
    image.put(0x380, "6.1.0-x86 (x@y) #1\0".getBytes(StandardCharsets.US_ASCII));
    image.putInt(0x22c, 0x7fffffff).putInt(0x230, 0x200000).put(0x234, (byte) 1);
    image.put(0x235, (byte) 21).putShort(0x236, (short) 3).putInt(0x238, 2047);
    image.putInt(0x248, 0x400).putInt(0x24c, payload.length);
    image.putLong(0x258, 0x1000000).putInt(0x260, 0x10000);
    image.put(1024 + 0x400, payload);
    return image.array();
  }

  @Test
  void printsABzImageAsText() throws Exception {
    Result result =
        inspect(
            file("bzImage", bzImage(gzip("vmlinux".getBytes(StandardCharsets.US_ASCII))))
                .toString());
    assertEquals("", result.err);
    assertEquals(
        """
        file          bzImage
        size          5120 bytes (5.0 KiB)
        format        bzimage
        description   a bzImage
        kernel        yes
        architecture  x86-64
        release       6.1.0-x86
        version       6.1.0-x86 (x@y) #1
        entries
          entry   address
          64-bit  0x1000200
          32-bit  0x1000000
        bzimage
          protocol            2.15
          setup size          1024 bytes (1.0 KiB)
          kernel size         4096 bytes (4.0 KiB)
          init size           65536 bytes (64.0 KiB)
          load address        0x1000000
          relocatable         yes
          alignment           0x200000
          min alignment       0x200000
          loadflags           0x1
          loadflags names     LOADED_HIGH
          xloadflags          0x3
          xloadflags names    XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G
          command line limit  2047 bytes (2.0 KiB)
          initrd address max  0x7fffffff
          payload
            compression    gzip
            size           27 bytes
            unpacked size  7 bytes
        """,
        golden(result));
    assertEquals(0, result.status);
  }

  @Test
  void printsACompressedImageAsJson() throws Exception {
    byte[] image = gzip(arm64());
    Result result = inspect("--json", file("Image.gz", image).toString());
    assertEquals("", result.err);
    assertEquals(
        """
        {
          "file": "Image.gz",
          "size": 99,
          "format": "compressed",
          "description": "gzip-compressed data",
          "kernel": true,
          "architecture": "arm64",
          "release": "6.1.0-arm",
          "version": "6.1.0-arm (x@y) #1",
          "entries": [],
          "bzimage": null,
          "elf": null,
          "image": null,
          "pe": null,
          "uki": null,
          "packed": {
            "compression": "gzip",
            "size": 99,
            "unpacked_size": 4096
          },
          "contents": {
            "file": "gzip payload",
            "size": 4096,
            "format": "image",
            "description": "an arm64 Image",
            "kernel": true,
            "architecture": "arm64",
            "release": "6.1.0-arm",
            "version": "6.1.0-arm (x@y) #1",
            "entries": [
              {
                "entry": "image",
                "address": 0
              }
            ],
            "bzimage": null,
            "elf": null,
            "image": {
              "text_offset": 0,
              "image_size": 65536,
              "flags": 10,
              "flags_names": [
                "little-endian",
                "4 KiB pages",
                "placed anywhere"
              ],
              "header_version": null
            },
            "pe": null,
            "uki": null,
            "packed": null,
            "contents": null,
            "problem": null
          },
          "problem": null,
          "extracted": null
        }
        """
            .replace("99", Integer.toString(image.length)),
        golden(result));
    assertEquals(0, result.status);
  }

  @Test
  void otherFilesAreReportedWithStatus2() throws Exception {
    Path file = file("script", "#!/bin/sh\n".getBytes(StandardCharsets.US_ASCII));
    // The loader's own words.
    String limit = assertThrows(LoaderException.class, () -> KernelImage.read(file)).limit();
    Result result = inspect(file.toString());
    assertEquals("", result.err);
    assertEquals(
        """
        file          script
        size          10 bytes
        format        other
        description   a script
        kernel        no
        problem
          reason   format
          message  script: format is a script, %s
          field    format
          value    a script
          limit    %s
        """
            .replace("%s", limit),
        golden(result));
    assertEquals(2, result.status);
  }

  @Test
  void hostileNamesDoNotReachTheTerminal() throws Exception {
    Path file = file("a\u001b[2J\"\\\u202e\n", new byte[] {1});
    Result text = inspect(file.toString());
    assertTrue(golden(text).startsWith("file          a?[2J\"\\??\n"), text.out);
    Result json = inspect("--json", file.toString());
    assertTrue(golden(json).startsWith("{\n  \"file\": \"a?[2J\\\"\\\\??\",\n"), json.out);
    for (Result result : List.of(text, json)) {
      assertTrue(result.out.chars().allMatch(c -> c == '\n' || (c >= ' ' && c < 0x7f)));
      assertEquals(2, result.status);
    }
  }

  @Test
  void cutsLongText() {
    assertEquals("x".repeat(4096) + "...", Document.cleaned("x".repeat(5000)));
    assertEquals("ä€😀?", Document.cleaned("ä€😀\ud800"));
  }

  @Test
  void numbersAreUnsigned() {
    Document document = new Document().hex("a", -1).size("b", -1).size("c", 1023).size("d", 1536);
    assertEquals(
        """
        a  0xffffffffffffffff
        b  18446744073709551615 bytes (16.0 EiB)
        c  1023 bytes
        d  1536 bytes (1.5 KiB)
        """,
        document.toText());
    assertTrue(document.toJson().contains("\"a\": 18446744073709551615,"), document.toJson());
  }

  @Test
  void extractsTheKernel() throws Exception {
    byte[] vmlinux = "vmlinux".getBytes(StandardCharsets.US_ASCII);
    Path source = file("bzImage", bzImage(gzip(vmlinux)));
    Path target = folder.resolve("vmlinux");
    Result result = inspect("--extract", target.toString(), source.toString());
    assertEquals("", result.err);
    assertTrue(
        golden(result).endsWith("extracted\n  file  vmlinux\n  size  7 bytes\n"), result.out);
    assertArrayEquals(vmlinux, Files.readAllBytes(target));
    Files.write(target, new byte[1]);
    assertRefused(
        inspect("--extract", target.toString(), source.toString()),
        "vmm: --extract " + target + ": exists, and is not overwritten\n");
    assertEquals(1, Files.size(target));
  }

  @Test
  void extractsNothingFromWhatIsNotWrapped() throws Exception {
    Path source = file("Image", arm64());
    Path target = folder.resolve("out");
    assertRefused(
        inspect("--extract", target.toString(), source.toString()),
        "vmm: "
            + source
            + ": format is an arm64 Image, must be a bzImage, compressed data, an EFI zboot program"
            + " or a unified kernel image\n");
    assertFalse(Files.exists(target));
    source = file("broken", Arrays.copyOf(gzip(new byte[5000]), 20));
    Result result = inspect("--extract", target.toString(), source.toString());
    assertEquals(2, result.status);
    assertFalse(Files.exists(target));
  }

  private static void assertRefused(Result result, String message) {
    assertEquals(message, result.err);
    assertEquals("", result.out);
    assertEquals(2, result.status);
  }

  @Test
  void wantsOneFile() {
    assertRefused(inspect(), "vmm: no file; write vmm inspect FILE\n");
    assertRefused(inspect("a", "b"), "vmm: more than one file; write vmm inspect FILE\n");
    assertRefused(
        inspect(folder + "/none"),
        "vmm: " + folder + "/none: file is missing, must be a regular file\n");
  }

  /** A kernel as Debian ships it, where one is. */
  @Test
  void reportsADebianKernel() throws Exception {
    String home = System.getenv().getOrDefault("HOME", "/nonexistent");
    Path packages = Path.of(home, ".cache/java-vmm/packages");
    List<Path> found = List.of();
    if (Files.isDirectory(packages)) {
      try (Stream<Path> files =
          Files.find(packages, 3, (f, _) -> f.getFileName().toString().startsWith("vmlinuz-"))) {
        found = files.filter(Files::isReadable).toList();
      }
    }
    assumeTrue(!found.isEmpty(), "debian-kernel: none was fetched by ./vmm linux");
    for (Path kernel : found) {
      Result result = inspect(kernel.toString());
      assertEquals(0, result.status, result.err);
      String release = kernel.getFileName().toString().substring("vmlinuz-".length());
      assertTrue(result.out.contains("\nrelease       " + release + "\n"), result.out);
      assertTrue(result.out.contains("\n  protocol            2.15\n"), result.out);
      assertTrue(result.out.contains("\n  machine name            x86-64\n"), result.out);
      assertFalse(result.out.contains("problem"), result.out);
      Result json = inspect("--json", kernel.toString());
      assertTrue(json.out.contains("\n  \"release\": \"" + release + "\",\n"), json.out);
      assertTrue(json.out.contains("\n    \"command_line_limit\": 2047,\n"), json.out);
    }
  }
}
