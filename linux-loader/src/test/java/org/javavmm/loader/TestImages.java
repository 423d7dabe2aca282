// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/** Small arm64, riscv64 and PE files that are valid as they come; tests then break them. */
final class TestImages {
  private TestImages() {}

  /** An arm64 Image of 4 KiB that uses 64 KiB. */
  static ByteBuffer arm64() {
    ByteBuffer image = TestKernels.little(4096);
    fill(image);
    image.putLong(8, 0); // text_offset
    image.putLong(16, 0x10000); // image_size
    image.putLong(24, 0xa); // flags: 4 KiB pages, anywhere
    image.putInt(56, 0x644d5241); // magic
    image.putInt(60, 0);
    return image;
  }

  /** A riscv64 Image of 4 KiB that uses 64 KiB, with header version 0.2. */
  static ByteBuffer riscv64() {
    ByteBuffer image = TestKernels.little(4096);
    fill(image);
    image.putLong(8, 0x200000); // text_offset
    image.putLong(16, 0x10000); // image_size
    image.putLong(24, 0); // flags
    image.putInt(32, 2); // version
    image.putLong(48, 0x5643534952L); // magic
    image.putInt(56, 0x05435352); // magic2
    image.putInt(60, 0);
    return image;
  }

  private static void fill(ByteBuffer image) {
    for (int i = 64; i < image.capacity(); i++) {
      image.put(i, (byte) (i * 29 + 3));
    }
  }

  /** A section of a PE file to be made; each character of the text is a byte. */
  record Part(String name, String text) {
    byte[] bytes() {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }
  }

  static final int PE_HEADERS = 0x400;
  static final int PE_OFFSET = 0x80;
  static final int PE_OPTIONAL = PE_OFFSET + 24;
  static final int PE_SECTIONS = PE_OPTIONAL + 112 + 6 * 8;

  /** An EFI program for x86-64: sections from 0x1000 on in memory, from 0x400 on in the file. */
  static ByteBuffer pe(List<Part> parts) {
    int fileEnd = PE_HEADERS;
    for (Part part : parts) {
      fileEnd += align(part.bytes().length, 0x200);
    }
    ByteBuffer image = TestKernels.little(fileEnd);
    image.putShort(0, (short) 0x5a4d).putInt(0x3c, PE_OFFSET);
    image.putInt(PE_OFFSET, 0x4550).putShort(PE_OFFSET + 4, (short) 0x8664);
    image.putShort(PE_OFFSET + 6, (short) parts.size());
    image.putShort(PE_OFFSET + 20, (short) (PE_SECTIONS - PE_OPTIONAL));
    image.putShort(PE_OFFSET + 22, (short) 0x20e);
    image.putShort(PE_OPTIONAL, (short) 0x20b);
    image.putInt(PE_OPTIONAL + 16, 0x1000); // AddressOfEntryPoint
    image.putInt(PE_OPTIONAL + 32, 0x1000).putInt(PE_OPTIONAL + 36, 0x200); // alignments
    image.putInt(PE_OPTIONAL + 60, PE_HEADERS);
    image.putShort(PE_OPTIONAL + 68, (short) 10); // Subsystem
    image.putInt(PE_OPTIONAL + 108, 6); // NumberOfRvaAndSizes
    int file = PE_HEADERS;
    int memory = 0x1000;
    int at = PE_SECTIONS;
    for (Part part : parts) {
      byte[] name = part.name.getBytes(StandardCharsets.US_ASCII);
      image.put(at, name);
      image.putInt(at + 8, part.bytes().length).putInt(at + 12, memory);
      image.putInt(at + 16, align(part.bytes().length, 0x200)).putInt(at + 20, file);
      image.putInt(at + 36, 0x40000040);
      image.put(file, part.bytes());
      file += align(part.bytes().length, 0x200);
      memory += align(part.bytes().length, 0x1000);
      at += 40;
    }
    image.putInt(PE_OPTIONAL + 56, memory); // SizeOfImage
    return image;
  }

  /** A unified kernel image around the bzImage of {@link TestKernels}. */
  static ByteBuffer uki() {
    return pe(
        List.of(
            new Part(".text", "\u0001stub"),
            new Part(".osrel", "ID=test\nPRETTY_NAME=\"Test OS 1\"\n"),
            new Part(".cmdline", "console=ttyS0 quiet\n"),
            new Part(".uname", "6.1.0-test"),
            new Part(".initrd", "070701initrd"),
            new Part(
                ".linux",
                new String(
                    TestKernels.bytes(TestKernels.bzImage()), StandardCharsets.ISO_8859_1))));
  }

  static int align(int value, int alignment) {
    return (value + alignment - 1) / alignment * alignment;
  }

  static byte[] gzip(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** An EFI zboot program with an arm64 Image, without PE headers. */
  static ByteBuffer zboot(byte[] payload, String compression) {
    ByteBuffer image = TestKernels.little(0x100 + payload.length + 4);
    image.put(0, "MZ\0\0zimg".getBytes(StandardCharsets.US_ASCII));
    image.putInt(8, 0x100).putInt(12, payload.length);
    image.put(24, compression.getBytes(StandardCharsets.US_ASCII));
    image.putInt(0x38, 0x818223cd).putInt(0x3c, image.capacity());
    image.put(0x100, payload);
    return image;
  }

  /** The bzImage of {@link TestKernels} with this payload, the size behind it included. */
  static ByteBuffer bzImage(byte[] payload) {
    ByteBuffer image = TestKernels.bzImage();
    image.put(3 * 512 + 0x400, payload).putInt(0x24c, payload.length);
    return image;
  }

  static MemorySegment segment(ByteBuffer image) {
    return MemorySegment.ofArray(TestKernels.bytes(image));
  }
}
