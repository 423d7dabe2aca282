// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/** The corpus to begin with: small bzImages, each at another limit of the format. */
enum BzImageSeed {
  VALID_2_15,
  VALID_2_12 {
    @Override
    void change(ByteBuffer image) {
      image.putShort(0x206, (short) 0x20c).put(0x201, (byte) 0x66);
    }
  },
  PROTOCOL_2_06 {
    @Override
    void change(ByteBuffer image) {
      image.putShort(0x206, (short) 0x206).put(0x201, (byte) 0x3a);
    }
  },
  PROTOCOL_2_05 {
    @Override
    void change(ByteBuffer image) {
      image.putShort(0x206, (short) 0x205);
    }
  },
  FIXED_AND_UNALIGNED {
    @Override
    void change(ByteBuffer image) {
      image.put(0x234, (byte) 0).putLong(0x258, 0x100800);
    }
  },
  MOVED_UP_BY_ALIGNMENT {
    @Override
    void change(ByteBuffer image) {
      image.putLong(0x258, 0x100001);
    }
  },
  INIT_FILLS_MEMORY {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0x260, (int) (BzImageCheck.MEMORY - 0x100000 - 8192));
    }
  },
  INIT_EXCEEDS_MEMORY {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0x260, -1);
    }
  },
  PREFERS_ABOVE_4_GIB {
    @Override
    void change(ByteBuffer image) {
      image.putLong(0x258, 0x1_0000_0000L);
    }
  },
  PREFERS_ABOVE_2_63 {
    @Override
    void change(ByteBuffer image) {
      image.putLong(0x258, -0x1000L);
    }
  },
  NO_64_BIT_ENTRY {
    @Override
    void change(ByteBuffer image) {
      image.putShort(0x236, (short) 0);
    }
  },
  LONGEST_HEADER {
    @Override
    void change(ByteBuffer image) {
      image.put(0x201, (byte) 0x8e);
    }
  },
  FOUR_SETUP_SECTORS_BY_DEFAULT {
    @Override
    void change(ByteBuffer image) {
      image.put(0x1f1, (byte) 0).putInt(0x1f4, 0x24).putInt(0x24c, 0x40);
    }
  },
  SETUP_EXCEEDS_FILE {
    @Override
    void change(ByteBuffer image) {
      image.put(0x1f1, (byte) 0xff);
    }
  },
  KERNEL_EXCEEDS_FILE {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0x1f4, -1);
    }
  },
  INITRD_NEAR_ZERO {
    @Override
    void change(ByteBuffer image) {
      image.putInt(0x22c, 0x10);
    }
  };

  /** A boot sector, one sector of setup, and 4 KiB less these for the kernel. */
  byte[] bytes() {
    byte[] bytes = new byte[4096];
    ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.fill(bytes, 1024, bytes.length, (byte) 0x90);
    image.put(0x1f1, (byte) 1); // setup_sects
    image.putInt(0x1f4, (bytes.length - 1024) / 16); // syssize
    image.putShort(0x1fe, (short) 0xaa55); // boot_flag
    image.putShort(0x200, (short) 0x6aeb); // jump
    image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
    image.putShort(0x206, (short) 0x20f); // version
    image.putShort(0x20e, (short) 0x180); // kernel_version
    image.put(0x380, "6.1.0\0".getBytes(StandardCharsets.US_ASCII));
    image.put(0x211, (byte) 1); // loadflags
    image.putInt(0x22c, 0x7fffffff); // initrd_addr_max
    image.putInt(0x230, 0x1000); // kernel_alignment
    image.put(0x234, (byte) 1); // relocatable_kernel
    image.putShort(0x236, (short) 1); // xloadflags
    image.putInt(0x238, 2047); // cmdline_size
    image.putInt(0x248, 0x200); // payload_offset
    image.putInt(0x24c, 0x400); // payload_length
    image.putLong(0x258, 0x100000); // pref_address
    image.putInt(0x260, 0x4000); // init_size
    change(image);
    return bytes;
  }

  void change(ByteBuffer image) {
    // The seed that is valid as it is.
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
