// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A second reader of ELF files, their PVH notes and Multiboot headers, for a memory that begins at
 * 0: byte by byte, over numbers of any size. It shares nothing with the loader.
 *
 * @param entry the entry point
 * @param start the first address of the kernel
 * @param end the address after its last byte
 * @param memory what the memory must hold from 1 MiB on, zeros below
 */
record KernelOracle(long entry, long start, long end, MemorySegment memory) {
  private static final int LOW = 1 << 20;

  /** The protocols, by the names of the loader. */
  enum Protocol {
    LINUX_64,
    LINUX_32,
    PVH,
    MULTIBOOT
  }

  /** A piece that is loaded. */
  private record Piece(
      BigInteger offset, BigInteger from, BigInteger file, BigInteger size, boolean code) {
    BigInteger end() {
      return from.add(size);
    }

    boolean hasCodeAt(BigInteger address) {
      return code && address.compareTo(from) >= 0 && address.compareTo(from.add(file)) < 0;
    }
  }

  /** {@return what must be loaded for a protocol, or null if the file must be refused} */
  static @Nullable KernelOracle read(byte[] file, Protocol protocol, int memorySize) {
    int multiboot = findMultiboot(file);
    if (multiboot >= 0) {
      long flags = field(file, multiboot + 4, 4).longValueExact();
      int size = (flags & 4) != 0 ? 48 : (flags & 0x10000) != 0 ? 32 : 12;
      if ((flags & 0xfff8) != 0 || multiboot + size > Math.min(8192, file.length)) {
        return null;
      }
      if ((flags & 0x10000) != 0) {
        return protocol == Protocol.MULTIBOOT ? flat(file, multiboot, memorySize) : null;
      }
    }
    return elf(file, multiboot >= 0, protocol, memorySize);
  }

  private static int findMultiboot(byte[] file) {
    for (int at = 0; at + 12 <= Math.min(8192, file.length); at += 4) {
      BigInteger magic = field(file, at, 4);
      BigInteger sum = magic.add(field(file, at + 4, 4)).add(field(file, at + 8, 4));
      if (magic.equals(number(0x1badb002)) && sum.mod(number(1L << 32)).signum() == 0) {
        return at;
      }
    }
    return -1;
  }

  private static @Nullable KernelOracle flat(byte[] file, int header, int memorySize) {
    BigInteger headerAddress = field(file, header + 12, 4);
    BigInteger load = field(file, header + 16, 4);
    BigInteger loadEnd = field(file, header + 20, 4);
    BigInteger bssEnd = field(file, header + 24, 4);
    BigInteger entry = field(file, header + 28, 4);
    BigInteger offset = number(header).subtract(headerAddress.subtract(load));
    if (headerAddress.compareTo(load) < 0 || offset.signum() < 0) {
      return null;
    }
    if (loadEnd.signum() == 0) {
      loadEnd = load.add(number(file.length)).subtract(offset);
    }
    BigInteger end = bssEnd.signum() == 0 ? loadEnd : bssEnd;
    BigInteger size = loadEnd.subtract(load);
    boolean sound =
        size.signum() > 0
            && offset.add(size).compareTo(number(file.length)) <= 0
            && end.compareTo(loadEnd) >= 0;
    return sound
        ? load(
            file,
            List.of(new Piece(offset, load, size, end.subtract(load), true)),
            entry,
            memorySize)
        : null;
  }

  private static @Nullable KernelOracle elf(
      byte[] file, boolean multiboot, Protocol protocol, int memorySize) {
    if (file.length < 52 || !field(file, 0, 4).equals(number(0x464c457f))) {
      return null;
    }
    boolean wide = file[4] == 2;
    int word = wide ? 8 : 4;
    int headerSize = wide ? 56 : 32;
    boolean sound =
        (wide || file[4] == 1)
            && file.length >= (wide ? 64 : 52)
            && field(file, 5, 2).equals(number(0x0101))
            && field(file, 16, 2).equals(number(2))
            && field(file, 18, 2).equals(number(wide ? 62 : 3))
            && field(file, wide ? 54 : 42, 2).equals(number(headerSize));
    if (!sound) {
      return null;
    }
    int count = field(file, wide ? 56 : 44, 2).intValueExact();
    BigInteger table = field(file, wide ? 32 : 28, word);
    if (count == 0
        || count == 0xffff
        || table.compareTo(number(wide ? 64 : 52)) < 0
        || table.add(number((long) count * headerSize)).compareTo(number(file.length)) > 0) {
      return null;
    }
    List<Piece> pieces = new ArrayList<>();
    List<Piece> notes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int at = table.intValueExact() + i * headerSize;
      long type = field(file, at, 4).longValueExact();
      BigInteger offset = field(file, at + (wide ? 8 : 4), word);
      BigInteger paddr = field(file, at + (wide ? 24 : 12), word);
      BigInteger fileSize = field(file, at + (wide ? 32 : 16), word);
      BigInteger size = field(file, at + (wide ? 40 : 20), word);
      boolean code = field(file, at + (wide ? 4 : 24), 4).testBit(0);
      BigInteger alignment = field(file, at + (wide ? 48 : 28), word);
      if (type == 3) {
        return null;
      }
      if (type == 1 && size.signum() != 0) {
        if (offset.add(fileSize).compareTo(number(file.length)) > 0
            || fileSize.compareTo(size) > 0) {
          return null;
        }
        pieces.add(new Piece(offset, paddr, fileSize, size, code));
      }
      if (type == 4) {
        notes.add(new Piece(offset, alignment, fileSize, size, code));
      }
    }
    BigInteger entry;
    switch (protocol) {
      case PVH -> {
        BigInteger found = pvh(file, notes);
        if (found == null) {
          return null;
        }
        entry = found;
      }
      case MULTIBOOT -> {
        if (!multiboot) {
          return null;
        }
        entry = field(file, 24, word);
      }
      default -> {
        if (multiboot || wide != (protocol == Protocol.LINUX_64)) {
          return null;
        }
        entry = field(file, 24, word);
      }
    }
    return load(file, pieces, entry, memorySize);
  }

  /** The one address that all notes name, or null. */
  private static @Nullable BigInteger pvh(byte[] file, List<Piece> segments) {
    TreeSet<BigInteger> found = new TreeSet<>();
    long budget = Math.min(1 << 20, file.length);
    for (Piece segment : segments) {
      BigInteger end = segment.offset().add(segment.file());
      if (end.compareTo(number(file.length)) > 0 || segment.file().compareTo(number(budget)) > 0) {
        continue;
      }
      budget -= segment.file().longValueExact();
      long pad = segment.from().equals(number(8)) ? 8 : 4;
      byte[] notes =
          Arrays.copyOfRange(file, segment.offset().intValueExact(), end.intValueExact());
      long at = 0;
      while (at + 12 <= notes.length) {
        long nameSize = field(notes, (int) at, 4).longValueExact();
        long descSize = field(notes, (int) at + 4, 4).longValueExact();
        long type = field(notes, (int) at + 8, 4).longValueExact();
        long desc = (at + 12 + nameSize + pad - 1) / pad * pad;
        if (desc + descSize > notes.length) {
          break;
        }
        if (type == 18
            && nameSize == 4
            && field(notes, (int) at + 12, 4).equals(number(0x006e6558))
            && (descSize == 4 || descSize == 8)) {
          BigInteger address = field(notes, (int) desc, (int) descSize);
          if (address.bitLength() <= 32) {
            found.add(address);
          }
        }
        at = (desc + descSize + pad - 1) / pad * pad;
      }
    }
    return found.size() == 1 ? found.first() : null;
  }

  private static @Nullable KernelOracle load(
      byte[] file, List<Piece> pieces, BigInteger entry, int memorySize) {
    byte[] memory = new byte[memorySize];
    boolean[] taken = new boolean[memorySize];
    BigInteger start = number(memorySize);
    BigInteger end = BigInteger.ZERO;
    boolean isCode = false;
    for (Piece piece : pieces) {
      if (piece.from().compareTo(number(LOW)) < 0
          || piece.end().compareTo(number(memorySize)) > 0) {
        return null;
      }
      start = start.min(piece.from());
      end = end.max(piece.end());
      isCode |= piece.hasCodeAt(entry);
      for (int i = 0; i < piece.size().intValueExact(); i++) {
        int at = piece.from().intValueExact() + i;
        if (taken[at]) {
          return null;
        }
        taken[at] = true;
        if (i < piece.file().intValueExact()) {
          memory[at] = file[piece.offset().intValueExact() + i];
        }
      }
    }
    return isCode
        ? new KernelOracle(
            entry.longValueExact(),
            start.longValueExact(),
            end.longValueExact(),
            MemorySegment.ofArray(memory))
        : null;
  }

  private static BigInteger field(byte[] bytes, int offset, int width) {
    BigInteger value = BigInteger.ZERO;
    for (int i = width - 1; i >= 0; i--) {
      value = value.shiftLeft(8).add(number(Byte.toUnsignedInt(bytes[offset + i])));
    }
    return value;
  }

  private static BigInteger number(long value) {
    return BigInteger.valueOf(value);
  }
}
