// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPOutputStream;

/** A kernel of nothing but headers, with all entries that x86 kernels have. It halts. */
final class SmallKernel {
  private static final int LOAD_ADDRESS = 0x100_0000;
  private static final int ELF_HEADERS = 64 + 2 * 56;
  private static final int SETUP = 1024;

  /** Where the protected-mode code begins, so far the 64-bit entry is behind it. */
  private static final int ENTRY_64 = 0x200;

  private static final int PAYLOAD = 0x400;

  private SmallKernel() {}

  /** {@return a vmlinux: an ELF file of one segment, with a note of the PVH entry} */
  static byte[] vmlinux() {
    ByteBuffer elf = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}); // 64-bit, little-endian
    elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1); // ET_EXEC, x86-64
    elf.putLong(24, LOAD_ADDRESS + 0x800).putLong(32, 64); // entry, program headers
    elf.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 2);
    header(elf, 64, 1, 0, elf.capacity());
    header(elf, 64 + 56, 4, ELF_HEADERS, 20); // PT_NOTE
    // Owner's size, size, XEN_ELFNOTE_PHYS32_ENTRY, owner, address.
    elf.putInt(ELF_HEADERS, 4).putInt(ELF_HEADERS + 4, 4).putInt(ELF_HEADERS + 8, 18);
    elf.put(ELF_HEADERS + 12, "Xen\0".getBytes(US_ASCII));
    elf.putInt(ELF_HEADERS + 16, LOAD_ADDRESS + 0x800);
    elf.put(0x800, (byte) 0xf4); // hlt
    return elf.array();
  }

  private static void header(ByteBuffer elf, int at, int type, int offset, int size) {
    elf.putInt(at, type).putInt(at + 4, 5).putLong(at + 8, offset); // readable and executable
    elf.putLong(at + 16, LOAD_ADDRESS + offset).putLong(at + 24, LOAD_ADDRESS + offset);
    elf.putLong(at + 32, size).putLong(at + 40, size).putLong(at + 48, type == 1 ? 0x1000 : 4);
  }

  /**
   * {@return a bzImage of boot protocol 2.15}
   *
   * @param payload its compressed vmlinux, as {@link #gzip} and {@link #lz4} make it
   */
  static byte[] bzImage(byte[] payload) {
    int size = (PAYLOAD + payload.length + 4095) / 4096 * 4096;
    ByteBuffer image = ByteBuffer.allocate(SETUP + size).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0x1f1, (byte) (SETUP / 512 - 1)).putInt(0x1f4, size / 16);
    image.putShort(0x1fe, (short) 0xaa55).putShort(0x200, (short) 0x6aeb); // flag, jump
    image.put(0x202, "HdrS".getBytes(US_ASCII)).putShort(0x206, (short) 0x20f);
    image.putShort(0x20e, (short) 0x180).put(0x211, (byte) 1); // version, LOADED_HIGH
    image.put(0x380, "0.0.0 (java-vmm) #1\0".getBytes(US_ASCII));
    image.putInt(0x22c, 0x7fff_ffff).putInt(0x230, 0x20_0000).put(0x234, (byte) 1);
    image.put(0x235, (byte) 21).putShort(0x236, (short) 3).putInt(0x238, 2047);
    image.putInt(0x248, PAYLOAD).putInt(0x24c, payload.length);
    image.putLong(0x258, LOAD_ADDRESS).putInt(0x260, 0x1_0000);
    image.put(SETUP, (byte) 0xf4).put(SETUP + ENTRY_64, (byte) 0xf4); // hlt
    image.put(SETUP + PAYLOAD, payload);
    return image.array();
  }

  static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  /** A legacy lz4 frame as kernels have it, with the size behind it. Nothing is compressed. */
  static byte[] lz4(byte[] bytes) {
    int more = bytes.length - 15;
    int block = 1 + more / 255 + 1 + bytes.length;
    ByteBuffer frame = ByteBuffer.allocate(8 + block + 4).order(ByteOrder.LITTLE_ENDIAN);
    frame.putInt(0x184c_2102).putInt(block).put((byte) 0xf0); // 15 literals and more, no match
    for (; more >= 255; more -= 255) {
      frame.put((byte) 255);
    }
    return frame.put((byte) more).put(bytes).putInt(bytes.length).array();
  }
}
