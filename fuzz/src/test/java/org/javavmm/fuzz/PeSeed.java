// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Small unified kernel images, each at another limit of the format. */
enum PeSeed {
  UKI,
  PE32 {
    @Override
    void change(ByteBuffer image) {
      image.putShort(OPTIONAL, (short) 0x10b).putInt(OPTIONAL + 92, 5);
    }
  },
  SIGNED {
    @Override
    void change(ByteBuffer image) {
      image.putInt(OPTIONAL + 144, 0x700).putInt(OPTIONAL + 148, 0x100);
    }
  },
  SECTIONS_OVERLAP_IN_FILE {
    @Override
    void change(ByteBuffer image) {
      image.putInt(SECTIONS + 40 + 20, 0x300);
    }
  },
  SECTIONS_OVERLAP_IN_MEMORY {
    @Override
    void change(ByteBuffer image) {
      image.putInt(SECTIONS + 40 + 12, 0x1000);
    }
  },
  SECTION_EXCEEDS_FILE {
    @Override
    void change(ByteBuffer image) {
      image.putInt(SECTIONS + 16, -1);
    }
  },
  SECTION_ABOVE_IMAGE {
    @Override
    void change(ByteBuffer image) {
      image.putInt(SECTIONS + 12, -1);
    }
  },
  SECTION_WITHOUT_FILE {
    @Override
    void change(ByteBuffer image) {
      image.putInt(SECTIONS + 16, 0).putInt(SECTIONS + 20, -1);
    }
  },
  TWO_KERNELS {
    @Override
    void change(ByteBuffer image) {
      image.put(SECTIONS, ".linux\0\0".getBytes(StandardCharsets.US_ASCII));
    }
  },
  PROFILE {
    @Override
    void change(ByteBuffer image) {
      image.put(SECTIONS, ".profile".getBytes(StandardCharsets.US_ASCII));
    }
  },
  MOST_SECTIONS {
    @Override
    void change(ByteBuffer image) {
      image.putShort(OFFSET + 6, (short) 0xffff);
    }
  };

  static final int OFFSET = 0x40;
  static final int OPTIONAL = OFFSET + 24;
  static final int SECTIONS = OPTIONAL + 112 + 6 * 8;

  /** Headers up to 0x200, then three sections of 0x200 bytes, the last but one a command line. */
  byte[] bytes() {
    byte[] bytes = new byte[0x800];
    ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    image.putShort(0, (short) 0x5a4d).putInt(0x3c, OFFSET).putInt(OFFSET, 0x4550);
    image.putShort(OFFSET + 4, (short) 0x8664).putShort(OFFSET + 6, (short) 3);
    image.putShort(OFFSET + 20, (short) (SECTIONS - OPTIONAL));
    image.putShort(OPTIONAL, (short) 0x20b).putInt(OPTIONAL + 16, 0x1000);
    image.putInt(OPTIONAL + 56, 0x4000).putInt(OPTIONAL + 60, 0x200);
    image.putShort(OPTIONAL + 68, (short) 10).putInt(OPTIONAL + 108, 6);
    section(image, 0, ".text", "stub");
    section(image, 1, ".cmdline", "quiet");
    section(image, 2, ".linux", "\u001f\u008b");
    change(image);
    return bytes;
  }

  private static void section(ByteBuffer image, int index, String name, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    int at = SECTIONS + 40 * index;
    image.put(at, name.getBytes(StandardCharsets.US_ASCII)).putInt(at + 8, bytes.length);
    image.putInt(at + 12, 0x1000 * (index + 1)).putInt(at + 16, 0x200);
    image.putInt(at + 20, 0x200 * (index + 1)).put(0x200 * (index + 1), bytes);
  }

  void change(ByteBuffer image) {
    // The seed that is valid as it is.
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
