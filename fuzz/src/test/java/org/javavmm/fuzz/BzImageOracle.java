// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.math.BigInteger;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A second reader of the x86 boot protocol's header, for a memory that begins at 0: a list of what
 * must hold, over numbers of any size. It shares nothing with the loader.
 */
record BzImageOracle(long load, long initSize, int setupSize, int kernelSize) {
  private static final int MEBIBYTE = 1 << 20;

  /** {@return where the kernel must go, or null if it must be refused} */
  static @Nullable BzImageOracle read(byte[] file, long memory) {
    if (file.length < 1024) {
      return null;
    }
    BigInteger bootFlag = field(file, 0x1fe, 2);
    BigInteger magic = field(file, 0x202, 4);
    BigInteger version = field(file, 0x206, 2);
    BigInteger headerEnd = field(file, 0x201, 1).add(number(0x202));
    BigInteger headerNeeded = number(atLeast(version, 0x20f) ? 0x26c : 0x268);
    BigInteger sectors = field(file, 0x1f1, 1);
    BigInteger setup = number(sectors.signum() == 0 ? 5 : 1 + sectors.intValue()).shiftLeft(9);
    BigInteger kernel = field(file, 0x1f4, 4).shiftLeft(4);
    BigInteger payload = field(file, 0x248, 4).add(field(file, 0x24c, 4));
    BigInteger alignment = field(file, 0x230, 4);
    BigInteger init = field(file, 0x260, 4);
    BigInteger load = field(file, 0x258, 8);
    if (field(file, 0x234, 1).signum() != 0 && alignment.signum() != 0) {
      // Up to the next multiple.
      load = load.add(alignment).subtract(BigInteger.ONE).divide(alignment).multiply(alignment);
    }
    List<Boolean> conditions =
        List.of(
            bootFlag.equals(number(0xaa55)),
            magic.equals(number(0x5372_6448)),
            atLeast(version, 0x20c),
            field(file, 0x200, 1).equals(number(0xeb)),
            headerEnd.compareTo(headerNeeded) >= 0,
            headerEnd.compareTo(number(0x290)) <= 0,
            field(file, 0x211, 1).testBit(0),
            field(file, 0x236, 2).testBit(0),
            kernel.compareTo(number(0x200)) > 0,
            setup.add(kernel).compareTo(number(file.length)) <= 0,
            payload.compareTo(kernel) <= 0,
            init.compareTo(kernel) >= 0,
            alignment.bitCount() == 1,
            atLeast(field(file, 0x258, 8), MEBIBYTE),
            load.add(init).compareTo(number(memory)) <= 0);
    return conditions.contains(false)
        ? null
        : new BzImageOracle(
            load.longValueExact(),
            init.longValueExact(),
            setup.intValueExact(),
            kernel.intValueExact());
  }

  /** {@return whether the loader must write this byte of the header anew} */
  static boolean isWritten(int offset) {
    return offset == 0x210 // type_of_loader
        || (offset >= 0x214 && offset < 0x220) // code32_start, ramdisk_image, ramdisk_size
        || (offset >= 0x226 && offset < 0x22c) // ext_loader_ver and _type, cmd_line_ptr
        || (offset >= 0x250 && offset < 0x258); // setup_data
  }

  static long initrdAddressMax(byte[] file) {
    return field(file, 0x22c, 4).longValueExact();
  }

  static long commandLineSize(byte[] file) {
    return field(file, 0x238, 4).longValueExact();
  }

  private static BigInteger field(byte[] file, int offset, int width) {
    BigInteger value = BigInteger.ZERO;
    for (int i = width - 1; i >= 0; i--) {
      value = value.shiftLeft(8).add(number(Byte.toUnsignedInt(file[offset + i])));
    }
    return value;
  }

  private static boolean atLeast(BigInteger value, long minimum) {
    return value.compareTo(number(minimum)) >= 0;
  }

  private static BigInteger number(long value) {
    return BigInteger.valueOf(value);
  }
}
