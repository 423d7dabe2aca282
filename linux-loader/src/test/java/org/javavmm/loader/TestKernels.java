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

  /** Where the notes of the kernels below begin in the file. */
  static final int NOTES = 0x2400;

  /** A vmlinux with an empty segment of notes, for {@link #note}. */
  static ByteBuffer elfWithNotes(int alignment) {
    ByteBuffer plain = elf();
    ByteBuffer image = little(NOTES + 0x400);
    image.put(0, plain, 0, plain.capacity());
    programHeader(image, 2, 4, 4, NOTES, 0, 0, 0);
    image.putLong(64 + 2 * 56 + 48, alignment);
    return image;
  }

  /** The same as a 32-bit file. */
  static ByteBuffer elf32WithNotes(int alignment) {
    ByteBuffer wide = elfWithNotes(alignment);
    ByteBuffer image = little(wide.capacity());
    image.put(0x1000, wide, 0x1000, wide.capacity() - 0x1000);
    image.put(0, new byte[] {0x7f, 'E', 'L', 'F', 1, 1, 1});
    image.putShort(16, (short) 2); // e_type
    image.putShort(18, (short) 3); // e_machine
    image.putInt(20, 1); // e_version
    image.putInt(24, 0x100040); // e_entry
    image.putInt(28, 52); // e_phoff
    image.putShort(40, (short) 52); // e_ehsize
    image.putShort(42, (short) 32); // e_phentsize
    image.putShort(44, (short) 3); // e_phnum
    for (int i = 0; i < 3; i++) {
      int from = 64 + 56 * i;
      int at = 52 + 32 * i;
      image.putInt(at, wide.getInt(from)); // p_type
      image.putInt(at + 4, (int) wide.getLong(from + 8)); // p_offset
      image.putInt(at + 8, (int) wide.getLong(from + 24)); // p_vaddr
      image.putInt(at + 12, (int) wide.getLong(from + 24)); // p_paddr
      image.putInt(at + 16, (int) wide.getLong(from + 32)); // p_filesz
      image.putInt(at + 20, (int) wide.getLong(from + 40)); // p_memsz
      image.putInt(at + 24, wide.getInt(from + 4)); // p_flags
      image.putInt(at + 28, (int) wide.getLong(from + 48)); // p_align
    }
    return image;
  }

  /** A file that is nothing but a Multiboot kernel: 4 KiB for 1 MiB, its header at 0x40. */
  static ByteBuffer multiboot() {
    ByteBuffer image = little(4096);
    for (int i = 0; i < image.capacity(); i++) {
      image.put(i, (byte) (i * 13 + 5));
    }
    multibootHeader(image, 0x40, 0x10003);
    image.putInt(0x40 + 12, 0x100040); // header_addr
    image.putInt(0x40 + 16, 0x100000); // load_addr
    image.putInt(0x40 + 20, 0); // load_end_addr
    image.putInt(0x40 + 24, 0); // bss_end_addr
    image.putInt(0x40 + 28, 0x100070); // entry_addr
    return image;
  }

  static void multibootHeader(ByteBuffer image, int at, int flags) {
    image.putInt(at, 0x1badb002).putInt(at + 4, flags).putInt(at + 8, -(0x1badb002 + flags));
  }

  /** The size of the segment of notes. */
  static int noteEnd(ByteBuffer image) {
    return image.get(4) == 2
        ? (int) image.getLong(64 + 2 * 56 + 32)
        : image.getInt(52 + 2 * 32 + 16);
  }

  /** Appends a note to the segment of notes. */
  static void note(ByteBuffer image, int alignment, String name, int type, byte[] desc) {
    int pad = alignment == 8 ? 8 : 4;
    int at = (noteEnd(image) + pad - 1) & -pad;
    byte[] bytes = (name + "\0").getBytes(StandardCharsets.US_ASCII);
    image.putInt(NOTES + at, bytes.length).putInt(NOTES + at + 4, desc.length);
    image.putInt(NOTES + at + 8, type);
    image.put(NOTES + at + 12, bytes);
    int end = (at + 12 + bytes.length + pad - 1) & -pad;
    image.put(NOTES + end, desc);
    if (image.get(4) == 2) {
      image.putLong(64 + 2 * 56 + 32, end + desc.length);
    } else {
      image.putInt(52 + 2 * 32 + 16, end + desc.length);
    }
  }

  /** A little-endian number. */
  static byte[] number(long value, int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (value >> (8 * i));
    }
    return bytes;
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
