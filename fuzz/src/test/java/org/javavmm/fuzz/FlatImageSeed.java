// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;

/** Small arm64 and riscv64 Images, each at another limit of the format. */
enum FlatImageSeed {
  ARM64,
  ARM64_BIG_ENDIAN_64K {
    @Override
    void change(ByteBuffer image) {
      image.putLong(24, 7);
    }
  },
  ARM64_WITHOUT_SIZE {
    @Override
    void change(ByteBuffer image) {
      image.putLong(16, 0).putLong(8, 0x0000_0800_0000_0000L);
    }
  },
  ARM64_LARGEST_TEXT_OFFSET {
    @Override
    void change(ByteBuffer image) {
      image.putLong(8, 0x1ff000);
    }
  },
  ARM64_FILLS_MEMORY {
    @Override
    void change(ByteBuffer image) {
      image.putLong(16, FlatImageCheck.MEMORY - 0x200000);
    }
  },
  ARM64_EXCEEDS_MEMORY {
    @Override
    void change(ByteBuffer image) {
      image.putLong(16, FlatImageCheck.MEMORY + 1);
    }
  },
  ARM64_SIZE_BELOW_FILE {
    @Override
    void change(ByteBuffer image) {
      image.putLong(16, 511);
    }
  },
  ARM64_SIZE_ABOVE_2_63 {
    @Override
    void change(ByteBuffer image) {
      image.putLong(16, -1);
    }
  },
  RISCV64 {
    @Override
    void change(ByteBuffer image) {
      riscv(image);
    }
  },
  RISCV64_VERSION_0_1 {
    @Override
    void change(ByteBuffer image) {
      riscv(image);
      image.putInt(32, 1).putInt(56, 0);
    }
  },
  RISCV64_VERSION_1_0 {
    @Override
    void change(ByteBuffer image) {
      riscv(image);
      image.putInt(32, 0x10000);
    }
  },
  RISCV64_WITHOUT_SIZE {
    @Override
    void change(ByteBuffer image) {
      riscv(image);
      image.putLong(16, 0);
    }
  },
  RISCV64_UNALIGNED {
    @Override
    void change(ByteBuffer image) {
      riscv(image);
      image.putLong(8, 0x100000);
    }
  };

  /** A header, and 448 bytes of code. */
  byte[] bytes() {
    byte[] bytes = new byte[512];
    ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.fill(bytes, 64, bytes.length, (byte) 0x1f);
    image.putLong(16, 0x10000).putLong(24, 0xa).putInt(56, 0x644d5241);
    change(image);
    return bytes;
  }

  void change(ByteBuffer image) {
    // The seed that is valid as it is.
  }

  private static void riscv(ByteBuffer image) {
    image.putLong(8, 0x200000).putLong(24, 0).putInt(32, 2);
    image.putLong(48, 0x5643534952L).putInt(56, 0x05435352);
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
