// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.SystemCallException;

/** Small kernels that are valid as they come; tests then break them. */
final class TestKernels {
  static final long MIB = 1 << 20;

  private TestKernels() {}

  /** A bzImage of protocol 2.15 with 2 setup sectors, 4 KiB of code for 1 MiB and 64 KiB to run. */
  static ByteBuffer bzImage() {
    int setup = 3 * 512;
    int kernel = 4096;
    ByteBuffer image = little(setup + kernel);
    image.put(0x1f1, (byte) 2); // setup_sects
    image.putInt(0x1f4, kernel / 16); // syssize
    image.putShort(0x1fa, (short) 0xffff); // vid_mode
    image.putShort(0x1fe, (short) 0xaa55); // boot_flag
    image.putShort(0x200, (short) 0x6aeb); // jump
    image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
    image.putShort(0x206, (short) 0x20f); // version
    image.putShort(0x20e, (short) 0x100); // kernel_version
    image.put(0x300, "6.1.0-test (someone@somewhere) #1\0".getBytes(StandardCharsets.US_ASCII));
    image.put(0x211, (byte) 1); // loadflags
    image.putInt(0x214, 0x100000); // code32_start
    image.putInt(0x22c, 0x7fffffff); // initrd_addr_max
    image.putInt(0x230, 0x10000); // kernel_alignment
    image.put(0x234, (byte) 1); // relocatable_kernel
    image.put(0x235, (byte) 16); // min_alignment
    image.putShort(0x236, (short) 0x7f); // xloadflags
    image.putInt(0x238, 2047); // cmdline_size
    image.putInt(0x248, 0x400); // payload_offset
    image.putInt(0x24c, 0x800); // payload_length
    image.putLong(0x258, 0x100000); // pref_address
    image.putInt(0x260, 0x10000); // init_size
    for (int i = setup; i < image.capacity(); i++) {
      image.put(i, (byte) (i * 31 + 7));
    }
    return image;
  }

  /** A vmlinux: 4 KiB of code at 1 MiB, then data with 1 KiB from the file and 8 KiB of zeros. */
  static ByteBuffer elf() {
    ByteBuffer image = little(0x1000 + 0x1000 + 0x400);
    image.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    image.putShort(16, (short) 2); // e_type
    image.putShort(18, (short) 62); // e_machine
    image.putInt(20, 1); // e_version
    image.putLong(24, 0x100040); // e_entry
    image.putLong(32, 64); // e_phoff
    image.putShort(52, (short) 64); // e_ehsize
    image.putShort(54, (short) 56); // e_phentsize
    image.putShort(56, (short) 3); // e_phnum
    programHeader(image, 0, 1, 5, 0x1000, 0x100000, 0x1000, 0x1000);
    programHeader(image, 1, 1, 6, 0x2000, 0x102000, 0x400, 0x2400);
    programHeader(image, 2, 4, 4, 0x1000, 0, 0x20, 0x20);
    for (int i = 0x1000; i < image.capacity(); i++) {
      image.put(i, (byte) (i * 13 + 5));
    }
    return image;
  }

  static void programHeader(
      ByteBuffer image,
      int index,
      int type,
      int flags,
      long offset,
      long paddr,
      long filesz,
      long memsz) {
    int at = 64 + 56 * index;
    image.putInt(at, type);
    image.putInt(at + 4, flags);
    image.putLong(at + 8, offset);
    image.putLong(at + 16, paddr | 0xffff_ffff_8000_0000L); // p_vaddr
    image.putLong(at + 24, paddr);
    image.putLong(at + 32, filesz);
    image.putLong(at + 40, memsz);
    image.putLong(at + 48, 0x1000);
  }

  static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  static KernelImage parse(ByteBuffer image) throws LoaderException {
    return KernelImage.parse("kernel", MemorySegment.ofArray(bytes(image)));
  }

  static byte[] bytes(ByteBuffer image) {
    byte[] bytes = new byte[image.capacity()];
    image.get(0, bytes);
    return bytes;
  }

  static List<MemoryRange> ram(long size) {
    return X86Layout.splitRam(size);
  }

  static GuestMemory memory(long size) throws SystemCallException {
    return GuestMemory.builder().anonymous("ram", 0, size).build();
  }

  static Initrd initrd(byte[] bytes) throws LoaderException {
    return Initrd.of("initrd", MemorySegment.ofArray(bytes));
  }

  /** Bytes with no zero among them. */
  static byte[] noise(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (i % 251 + 1);
    }
    return bytes;
  }
}
