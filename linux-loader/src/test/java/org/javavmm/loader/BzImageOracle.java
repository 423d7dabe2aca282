// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.math.BigInteger;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the boot protocol says of a bzImage in one memory from 0 up, read from its bytes with
 * numbers of any size: slow and obvious, and sharing nothing with the loader.
 */
record BzImageOracle(long load, long entry, long end, int setupBytes, int kernelBytes) {
  private static BigInteger field(byte[] file, int offset, int width) {
    BigInteger value = BigInteger.ZERO;
    for (int i = width - 1; i >= 0; i--) {
      value = value.shiftLeft(8).or(BigInteger.valueOf(file[offset + i] & 0xff));
    }
    return value;
  }

  private static BigInteger big(long value) {
    return BigInteger.valueOf(value);
  }

  /** {@return where the kernel goes, or empty if it must be refused} */
  static Optional<BzImageOracle> read(byte[] file, long memory) {
    if (file.length < 1024
        || !field(file, 0x1fe, 2).equals(big(0xaa55))
        || !field(file, 0x202, 4).equals(big(0x53726448))) {
      return Optional.empty();
    }
    BigInteger version = field(file, 0x206, 2);
    // 2.12 has the 64-bit entry; 0x211 bit 0 is LOADED_HIGH, 0x236 bit 0 XLF_KERNEL_64.
    if (version.compareTo(big(0x20c)) < 0 || file[0x211] % 2 == 0 || file[0x236] % 2 == 0) {
      return Optional.empty();
    }
    BigInteger headerEnd = field(file, 0x201, 1).add(big(0x202));
    int needed = version.compareTo(big(0x20f)) >= 0 ? 0x26c : 0x268;
    if (file[0x200] != (byte) 0xeb
        || headerEnd.compareTo(big(needed)) < 0
        || headerEnd.compareTo(big(0x290)) > 0) {
      return Optional.empty();
    }
    int sectors = file[0x1f1] == 0 ? 4 : file[0x1f1] & 0xff;
    BigInteger setup = big(sectors + 1).multiply(big(512));
    BigInteger kernel = field(file, 0x1f4, 4).multiply(big(16));
    BigInteger payloadEnd = field(file, 0x248, 4).add(field(file, 0x24c, 4));
    BigInteger init = field(file, 0x260, 4);
    if (kernel.compareTo(big(0x200)) <= 0
        || setup.add(kernel).compareTo(big(file.length)) > 0
        || payloadEnd.compareTo(kernel) > 0
        || init.compareTo(kernel) < 0) {
      return Optional.empty();
    }
    BigInteger alignment = field(file, 0x230, 4);
    if (alignment.bitCount() != 1) {
      return Optional.empty();
    }
    BigInteger load = field(file, 0x258, 8);
    if (load.compareTo(big(0x100000)) < 0) {
      return Optional.empty();
    }
    if (file[0x234] != 0) {
      while (load.mod(alignment).signum() != 0) {
        load = load.add(alignment.subtract(load.mod(alignment)));
      }
    }
    BigInteger end = load.add(init);
    if (end.compareTo(big(memory)) > 0) {
      return Optional.empty();
    }
    return Optional.of(
        new BzImageOracle(
            load.longValueExact(),
            load.longValueExact() + 0x200,
            end.longValueExact(),
            setup.intValueExact(),
            kernel.intValueExact()));
  }

  /** {@return what the bytes of the zero page's header must be, by offset} */
  static Map<Integer, Byte> header(byte[] file, long load, long initrd, long initrdSize) {
    Map<Integer, Byte> bytes = new TreeMap<>();
    for (int i = 0x1f1; i < 0x202 + (file[0x201] & 0xff); i++) {
      bytes.put(i, file[i]);
    }
    bytes.put(0x210, (byte) 0xff);
    put(bytes, 0x214, 4, load);
    put(bytes, 0x218, 4, initrd);
    put(bytes, 0x21c, 4, initrdSize);
    put(bytes, 0x226, 2, 0);
    put(bytes, 0x228, 4, 0x20000);
    put(bytes, 0x250, 8, 0);
    return bytes;
  }

  private static void put(Map<Integer, Byte> bytes, int offset, int width, long value) {
    for (int i = 0; i < width; i++) {
      bytes.put(offset + i, (byte) (value >> (8 * i)));
    }
  }
}
