// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.javavmm.loader.BootEntry;

/** The corpus to begin with: small ELF and Multiboot kernels, each at another limit of a format. */
enum KernelSeed {
  ELF64(true, BootEntry.LINUX_64),
  ELF32(false, BootEntry.LINUX_32),
  ELF64_PVH_4_BYTES(true, BootEntry.LINUX_64, BootEntry.PVH) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 4, 0x100080);
    }
  },
  ELF64_PVH_8_BYTES_ALIGNED_8(true, BootEntry.LINUX_64, BootEntry.PVH) {
    @Override
    void change(ByteBuffer image) {
      note(image, 8, 8, 0x100080);
    }
  },
  ELF32_PVH(false, BootEntry.LINUX_32, BootEntry.PVH) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 8, 0x100080);
    }
  },
  ELF64_PVH_IN_DATA(true, BootEntry.LINUX_64) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 8, 0x101000);
    }
  },
  ELF64_PVH_OF_2_BYTES(true, BootEntry.LINUX_64) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 2, 0x80);
    }
  },
  ELF64_PVH_ALONE(true, BootEntry.PVH) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 8, 0x100080);
      image.putLong(24, 0);
    }
  },
  ELF64_NOTE_EXCEEDS_SEGMENT(true, BootEntry.LINUX_64) {
    @Override
    void change(ByteBuffer image) {
      note(image, 4, 8, 0x100080);
      image.putInt(NOTES, -1);
    }
  },
  ELF64_OVERLAP(true) {
    @Override
    void change(ByteBuffer image) {
      image.putLong(64 + 56 + 24, 0x1003ff);
    }
  },
  ELF64_WRAPS(true) {
    @Override
    void change(ByteBuffer image) {
      image.putLong(64 + 40, -0x100000);
    }
  },
  ELF64_FILLS_MEMORY(true, BootEntry.LINUX_64) {
    @Override
    void change(ByteBuffer image) {
      image.putLong(64 + 56 + 40, KernelCheck.MEMORY - 0x101000);
    }
  },
  ELF64_EXCEEDS_MEMORY(true) {
    @Override
    void change(ByteBuffer image) {
      image.putLong(64 + 56 + 40, KernelCheck.MEMORY - 0x101000 + 1);
    }
  },
  ELF64_ENTRY_IN_BSS(true) {
    @Override
    void change(ByteBuffer image) {
      image.putInt(64 + 56 + 4, 7).putLong(24, 0x101200);
    }
  },
  ELF32_FOR_X86_64(false) {
    @Override
    void change(ByteBuffer image) {
      image.putShort(18, (short) 62);
    }
  },
  MULTIBOOT_ELF32(false, BootEntry.MULTIBOOT) {
    @Override
    void change(ByteBuffer image) {
      multiboot(image, CODE + 4, 7);
    }
  },
  MULTIBOOT_ELF64_WITH_PVH(true, BootEntry.MULTIBOOT, BootEntry.PVH) {
    @Override
    void change(ByteBuffer image) {
      multiboot(image, CODE + 4, 3);
      note(image, 4, 4, 0x100080);
    }
  },
  MULTIBOOT_UNKNOWN_FEATURE(false) {
    @Override
    void change(ByteBuffer image) {
      multiboot(image, CODE + 4, 0x100);
    }
  },
  MULTIBOOT_CHECKSUM(false, BootEntry.LINUX_32) {
    @Override
    void change(ByteBuffer image) {
      multiboot(image, CODE + 4, 3);
      image.putInt(CODE + 12, 0);
    }
  },
  MULTIBOOT_FLAT(false, BootEntry.MULTIBOOT) {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0, 0);
      addresses(image, 0x100000, 0, 0, 0x100040);
    }
  },
  MULTIBOOT_FLAT_WITH_BSS(false, BootEntry.MULTIBOOT) {
    @Override
    void change(ByteBuffer image) {
      addresses(image, 0x100000, 0x100100, 0x100800, 0x100040);
    }
  },
  MULTIBOOT_FLAT_BSS_BELOW_LOAD_END(false) {
    @Override
    void change(ByteBuffer image) {
      addresses(image, 0x100000, 0x100100, 0x1000ff, 0x100040);
    }
  },
  MULTIBOOT_FLAT_EXCEEDS_FILE(false) {
    @Override
    void change(ByteBuffer image) {
      addresses(image, 0x100000, 0x100fff, 0, 0x100040);
    }
  },
  MULTIBOOT_FLAT_BEFORE_THE_FILE(false) {
    @Override
    void change(ByteBuffer image) {
      addresses(image, 0x100000, 0, 0, 0x100040);
      image.putInt(HEADER + 12, 0x100000 + HEADER + 1);
    }
  },
  MULTIBOOT_CUT_OFF(false) {
    @Override
    void change(ByteBuffer image) {
      multiboot(image, image.capacity() - 16, 0x10003);
    }
  },
  MULTIBOOT_WITHOUT_ADDRESSES(false) {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0, 0);
      multiboot(image, CODE + 4, 3);
    }
  };

  private static final int CODE = 0x100;
  private static final int DATA = 0x500;
  private static final int NOTES = 0x700;
  private static final int HEADER = 0xc0;

  private final boolean wide;

  /** The names of the entries, each with a blank behind it. */
  private final String entries;

  KernelSeed(boolean wide, BootEntry... entries) {
    this.wide = wide;
    this.entries =
        Arrays.stream(entries).map(entry -> entry.name() + " ").collect(Collectors.joining());
  }

  /** {@return the entries by which the seed is accepted} */
  Set<BootEntry> entries() {
    Set<BootEntry> set = EnumSet.allOf(BootEntry.class);
    set.removeIf(entry -> !entries.contains(entry.name() + " "));
    return set;
  }

  boolean isMultiboot() {
    return name().startsWith("MULTIBOOT");
  }

  /**
   * 1 KiB of code at 1 MiB, 512 bytes of data and 512 of zeros above, and an empty note segment.
   */
  byte[] bytes() {
    byte[] bytes = new byte[0x780];
    ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.fill(bytes, CODE, DATA, (byte) 0x90);
    Arrays.fill(bytes, DATA, NOTES, (byte) 0x55);
    image.put(0, new byte[] {0x7f, 'E', 'L', 'F', (byte) (wide ? 2 : 1), 1, 1});
    image.putShort(16, (short) 2).putShort(18, (short) (wide ? 62 : 3)).putInt(20, 1);
    if (wide) {
      image.putLong(24, 0x100040).putLong(32, 64);
      image.putShort(54, (short) 56).putShort(56, (short) 3);
    } else {
      image.putInt(24, 0x100040).putInt(28, 52);
      image.putShort(42, (short) 32).putShort(44, (short) 3);
    }
    segment(image, 0, 1, 5, CODE, 0x100000, DATA - CODE, DATA - CODE, 4096);
    segment(image, 1, 1, 6, DATA, 0x101000, NOTES - DATA, 0x400, 4096);
    segment(image, 2, 4, 4, NOTES, 0, 0, 0, 4);
    change(image);
    return bytes;
  }

  void segment(
      ByteBuffer image,
      int index,
      int type,
      int flags,
      int offset,
      int paddr,
      int filesz,
      int memsz,
      int align) {
    if (wide) {
      int at = 64 + 56 * index;
      image.putInt(at, type).putInt(at + 4, flags).putLong(at + 8, offset).putLong(at + 24, paddr);
      image.putLong(at + 32, filesz).putLong(at + 40, memsz).putLong(at + 48, align);
    } else {
      int at = 52 + 32 * index;
      image.putInt(at, type).putInt(at + 4, offset).putInt(at + 12, paddr);
      image.putInt(at + 16, filesz).putInt(at + 20, memsz).putInt(at + 24, flags);
      image.putInt(at + 28, align);
    }
  }

  /** The note of a PVH entry, behind another one. */
  void note(ByteBuffer image, int align, int descSize, long address) {
    image.putInt(NOTES, 4).putInt(NOTES + 4, 4).putInt(NOTES + 8, 6).putInt(NOTES + 12, 0x6e6558);
    int at = NOTES + (align == 8 ? 24 : 20);
    image.putInt(at, 4).putInt(at + 4, descSize).putInt(at + 8, 18).putInt(at + 12, 0x6e6558);
    image.putLong(at + 16, address);
    segment(image, 2, 4, 4, NOTES, 0, at + 16 + descSize - NOTES, 0, align);
  }

  static void multiboot(ByteBuffer image, int at, int flags) {
    image.putInt(at, 0x1badb002).putInt(at + 4, flags).putInt(at + 8, -(0x1badb002 + flags));
  }

  static void addresses(ByteBuffer image, int load, int loadEnd, int bssEnd, int entry) {
    multiboot(image, HEADER, 0x10003);
    image.putInt(HEADER + 12, load + HEADER).putInt(HEADER + 16, load).putInt(HEADER + 20, loadEnd);
    image.putInt(HEADER + 24, bssEnd).putInt(HEADER + 28, entry);
  }

  void change(ByteBuffer image) {
    // The seed that is valid as it is.
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
