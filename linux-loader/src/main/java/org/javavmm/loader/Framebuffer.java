// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;

/**
 * A linear framebuffer that exists when the guest starts, as the kernel is told of it: Linux by
 * {@code screen_info} of the type that EFI firmware uses (its drivers efifb and simplefb),
 * Multiboot kernels by the framebuffer fields. Whoever provides it keeps its memory free and
 * reserved.
 *
 * @param gpa the address of the pixel at the upper left
 * @param width the width in pixels, from 1 to 65535
 * @param height the height in lines, from 1 to 65535
 * @param stride the bytes from one line to the next, from width × bytes of a pixel to 65535
 * @param format how a pixel lies in memory
 */
public record Framebuffer(long gpa, int width, int height, int stride, PixelFormat format) {
  /** How a pixel lies in memory, as a little-endian number. */
  public enum PixelFormat {
    /** 32 bits: red in bits 16 to 23, green in 8 to 15, blue in 0 to 7. */
    XRGB8888(32, 8, 16, 8, 8, 8, 0),
    /** 32 bits: blue in bits 16 to 23, green in 8 to 15, red in 0 to 7. */
    XBGR8888(32, 8, 0, 8, 8, 8, 16),
    /** 24 bits: red in bits 16 to 23, green in 8 to 15, blue in 0 to 7. */
    RGB888(24, 8, 16, 8, 8, 8, 0),
    /** 16 bits: red in bits 11 to 15, green in 5 to 10, blue in 0 to 4. */
    RGB565(16, 5, 11, 6, 5, 5, 0);

    private final int depth;
    private final int redSize;
    private final int redPosition;
    private final int greenSize;
    private final int greenPosition;
    private final int blueSize;
    private final int bluePosition;

    PixelFormat(
        int depth,
        int redSize,
        int redPosition,
        int greenSize,
        int greenPosition,
        int blueSize,
        int bluePosition) {
      this.depth = depth;
      this.redSize = redSize;
      this.redPosition = redPosition;
      this.greenSize = greenSize;
      this.greenPosition = greenPosition;
      this.blueSize = blueSize;
      this.bluePosition = bluePosition;
    }

    /** {@return the bits of a pixel} */
    public int depth() {
      return depth;
    }
  }

  private static final int MAX = 0xffff;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if width, height or stride are out of range, if the size
   *     exceeds 2^32 - 1 bytes, or if the framebuffer does not end at or below 2^52
   */
  public Framebuffer {
    check("width", width, 1, MAX);
    check("height", height, 1, MAX);
    check("stride", stride, (long) width * format.depth() / 8, MAX);
    long size = (long) stride * height;
    check("size", size, 1, 0xffff_ffffL);
    if (gpa < 0 || gpa > (1L << 52) - size) {
      throw new IllegalArgumentException(
          "framebuffer at " + hex(gpa) + " of " + size + " bytes: end is above " + hex(1L << 52));
    }
  }

  private static void check(String field, long value, long minimum, long maximum) {
    if (value < minimum || value > maximum) {
      throw new IllegalArgumentException(
          "framebuffer's "
              + field
              + " is "
              + value
              + ", must be from "
              + minimum
              + " to "
              + maximum);
    }
  }

  /** {@return the addresses of the pixels} */
  public MemoryRange range() {
    return new MemoryRange(gpa, (long) stride * height);
  }

  /** Fills in {@code screen_info}. */
  void writeScreenInfo(ByteBuffer zeroPage) {
    zeroPage.put(BootParamsLayout.ORIG_VIDEO_ISVGA, (byte) BootParamsLayout.VIDEO_TYPE_EFI);
    zeroPage.putShort(BootParamsLayout.LFB_WIDTH, (short) width);
    zeroPage.putShort(BootParamsLayout.LFB_HEIGHT, (short) height);
    zeroPage.putShort(BootParamsLayout.LFB_DEPTH, (short) format.depth);
    zeroPage.putInt(BootParamsLayout.LFB_BASE, (int) gpa);
    zeroPage.putInt(BootParamsLayout.EXT_LFB_BASE, (int) (gpa >>> 32));
    zeroPage.putInt(BootParamsLayout.LFB_SIZE, (int) range().size());
    zeroPage.putShort(BootParamsLayout.LFB_LINELENGTH, (short) stride);
    zeroPage.putShort(BootParamsLayout.PAGES, (short) 1);
    zeroPage.putInt(
        BootParamsLayout.CAPABILITIES,
        gpa >>> 32 == 0 ? 0 : BootParamsLayout.VIDEO_CAPABILITY_64BIT_BASE);
    int used = format.redSize + format.greenSize + format.blueSize;
    int rest = format.depth - used;
    byte[] colours = {
      (byte) format.redSize,
      (byte) format.redPosition,
      (byte) format.greenSize,
      (byte) format.greenPosition,
      (byte) format.blueSize,
      (byte) format.bluePosition,
      (byte) rest,
      (byte) (rest == 0 ? 0 : used)
    };
    zeroPage.put(BootParamsLayout.RED_SIZE, colours);
  }

  /** Fills in the framebuffer fields of the Multiboot information, which begin with the address. */
  void writeMultiboot(ByteBuffer info, int offset) {
    info.putLong(offset, gpa);
    info.putInt(offset + 8, stride);
    info.putInt(offset + 12, width);
    info.putInt(offset + 16, height);
    info.put(offset + 20, (byte) format.depth);
    info.put(offset + 21, (byte) 1); // direct colour
    byte[] colours = {
      (byte) format.redPosition,
      (byte) format.redSize,
      (byte) format.greenPosition,
      (byte) format.greenSize,
      (byte) format.bluePosition,
      (byte) format.blueSize
    };
    info.put(offset + 22, colours);
  }
}
