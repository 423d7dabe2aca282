// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.HexFormat;
import java.util.Locale;

/** Compressed data to begin with: one line of text, as the formats' tools compress it. */
enum CodecSeed {
  /** {@code gzip -nc}. */
  GZIP("1f8b0800000000000003cb48cdc9c9d751482f4d2d2e5154c840e67101000057da441c" + "000000"),
  /** {@code xz -c}. */
  XZ(
      "fd377a585a000004e6d6b4460200210116000000742fe5a3e0001b00155d00341949ee"
          + "8def8c69ae2c0838dd77e5c7654207400000000000d2f5014acda55a9f0001311cd6ee"
          + "daf21fb6f37d010000000004595a"),
  /** {@code xz --format=lzma -c}. */
  LZMA("5d00008000ffffffffffffffff00341949ee8def8c69ae2c0838dd77e5c7654365179b" + "ffff5b840000"),
  /** {@code zstd -qc}. */
  ZSTD("28b52ffd0458ad00007868656c6c6f2c20677565737421200a0100714c25d05aebbc"),
  /** {@code lz4 -qc}. */
  LZ4("04224d186440a717000000e568656c6c6f2c20677565737421200e0050657374210a00" + "000000cf5a5416"),
  /** {@code lz4 -lqc}. */
  LZ4_LEGACY("02214c1817000000e568656c6c6f2c20677565737421200e0050657374210a"),
  /** {@code bzip2 -c}. */
  BZIP2(
      "425a68393141592653591907b143000007d1800010600402c48e002000310340d01282"
          + "186a448fa616229aacd07108f8bb9229c28480c83d8a18"),
  /** The same, of zeros and repeats. */
  ZSTD_REPEATS(
      "28b52ffd04582d0200f2450a0fb027c30190e2b06a182a008827faec6ddbb66ddbb66d"
          + "dbb66ddbb66ddbb6805190431810a590612650a810f8ec6fe0e712f8f9ebffff9f01ed"
          + "d6208e3438da250361e96063");

  private final String hex;

  CodecSeed(String hex) {
    this.hex = hex;
  }

  byte[] bytes() {
    return HexFormat.of().parseHex(hex);
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
