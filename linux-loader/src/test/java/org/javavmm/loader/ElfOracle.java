// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.math.BigInteger;
import java.util.Optional;

/**
 * What a vmlinux makes of one memory from 0 up, byte by byte with numbers of any size: slow and
 * obvious, and sharing nothing with the loader.
 */
final class ElfOracle {
  private ElfOracle() {}

  private static BigInteger field(byte[] file, BigInteger offset, int width) {
    BigInteger value = BigInteger.ZERO;
    for (int i = width - 1; i >= 0; i--) {
      int at = offset.intValueExact() + i;
      value = value.shiftLeft(8).or(BigInteger.valueOf(file[at] & 0xff));
    }
    return value;
  }

  private static boolean is(byte[] file, int offset, int width, long value) {
    return field(file, BigInteger.valueOf(offset), width).equals(BigInteger.valueOf(value));
  }

  /** {@return the memory from 1 MiB on, zeros below, or empty if the file must be refused} */
  static Optional<byte[]> read(byte[] file, int memorySize) {
    boolean header =
        is(file, 0, 4, 0x464c457f)
            && is(file, 4, 3, 0x010102)
            && is(file, 16, 4, 0x003e0002)
            && is(file, 54, 2, 56);
    BigInteger count = field(file, BigInteger.valueOf(56), 2);
    BigInteger table = field(file, BigInteger.valueOf(32), 8);
    BigInteger length = BigInteger.valueOf(file.length);
    if (!header
        || count.signum() == 0
        || table.compareTo(BigInteger.valueOf(64)) < 0
        || table.add(count.multiply(BigInteger.valueOf(56))).compareTo(length) > 0) {
      return Optional.empty();
    }
    byte[] memory = new byte[memorySize];
    boolean[] taken = new boolean[memorySize];
    boolean entryFound = false;
    BigInteger entry = field(file, BigInteger.valueOf(24), 8);
    for (int i = 0; i < count.intValueExact(); i++) {
      BigInteger at = table.add(BigInteger.valueOf(56L * i));
      int type = field(file, at, 4).intValue();
      if (type == 3) {
        return Optional.empty();
      }
      BigInteger offset = field(file, at.add(BigInteger.valueOf(8)), 8);
      BigInteger address = field(file, at.add(BigInteger.valueOf(24)), 8);
      BigInteger fileSize = field(file, at.add(BigInteger.valueOf(32)), 8);
      BigInteger size = field(file, at.add(BigInteger.valueOf(40)), 8);
      if (type != 1 || size.signum() == 0) {
        continue;
      }
      if (fileSize.compareTo(size) > 0
          || offset.add(fileSize).compareTo(length) > 0
          || address.compareTo(BigInteger.valueOf(0x100000)) < 0
          || address.add(size).compareTo(BigInteger.valueOf(memorySize)) > 0) {
        return Optional.empty();
      }
      boolean executable = field(file, at.add(BigInteger.valueOf(4)), 4).testBit(0);
      int from = address.intValueExact();
      for (int j = 0; j < size.intValueExact(); j++) {
        if (taken[from + j]) {
          return Optional.empty();
        }
        taken[from + j] = true;
        if (j < fileSize.intValueExact()) {
          memory[from + j] = file[offset.intValueExact() + j];
          entryFound |= executable && entry.equals(BigInteger.valueOf(from + j));
        }
      }
    }
    return entryFound ? Optional.of(memory) : Optional.empty();
  }
}
