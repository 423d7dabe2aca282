// SPDX-License-Identifier: Apache-2.0
package org.javavmm.codecs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.javavmm.codec.CompressionFormat;
import org.javavmm.codec.DecompressionException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Errors of the decoders, each by the shortest input that has it. */
class CodecErrorsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "02214c19|magic number is 0x194c2102, must be 0x184c2102",
        "02214c18 00000000|block size is 0, must be between 1 and 8421520",
        "02214c18 ffffffff|block size is 4294967295, must be between 1 and 8421520",
        "02214c18 02000000 00|block is cut off at byte 9, must be complete",
        "02214c18 01000000 20|literal length is 2, must be at most 0",
        "02214c18 01000000 f0|block is cut off at byte 1, must end with literals",
        "02214c18 03000000 1041 00|block is cut off at byte 2, must end with literals",
        "02214c18 04000000 1041 0000|offset is 0, must be between 1 and 1",
        "02214c18 04000000 1041 0200|offset is 2, must be between 1 and 1",
        "02214c18 04000000 1041 0100|block is cut off at byte 4, must end with literals",
        "02214c18 04000000 1f41 0100|block is cut off at byte 4, must end with literals",
      })
  void lz4Legacy(String input, String message) {
    check(CompressionFormat.LZ4_LEGACY, input, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "04224d19|magic number is 0x194d2204, must be 0x184d2204",
        "04224d18 20|version is 0, must be 1",
        "04224d18 62|FLG is 0x62, must not have the reserved bit 1",
        "04224d18 61|DictID flag is 1, must be 0, for dictionaries are not supported",
        "04224d18 60 30|BD is 0x30, must be 0x40, 0x50, 0x60 or 0x70",
        "04224d18 60 41|BD is 0x41, must be 0x40, 0x50, 0x60 or 0x70",
        "04224d18 60 40 00|HC is 0x00, must be 0x82",
        "04224d18 60 40 82 01000100|block size is 65537, must be at most 65536",
        "04224d18 60 40 82 01000080 41|block size is cut off at byte 12, must be complete",
        "04224d18 60 40 82 00000000 04224d17"
            + "|magic number of a further frame is 0x174d2204, must be 0x184d2204",
        "04224d18 60 40 82 00000000 0422"
            + "|length behind the compressed data is 2 bytes, must be 0",
        // Of a block before, which stands alone; of a frame before.
        "04224d18 60 40 82 04000080 41414141 04000000 10410200"
            + "|offset is 2, must be between 1 and 1",
        "04224d18 60 40 82 04000080 41414141 00000000 04224d18 40 40 c0 04000000 10410200"
            + "|offset is 2, must be between 1 and 1",
        "502a4d18 05000000 00|skippable frame is cut off at byte 9, must be complete",
      })
  void lz4(String input, String message) {
    check(CompressionFormat.LZ4, input, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "28b52ffe|magic number is 0xfe2fb528, must be 0xfd2fb528",
        "28b52ffd 08|Frame_Header_Descriptor is 0x08, must not have the reserved bit 3",
        "28b52ffd 0100 07|Dictionary_ID is 7, must be 0, for dictionaries are not supported",
        "28b52ffd e0 ffffffffffffffff"
            + "|Frame_Content_Size is 18446744073709551615, must be less than 2^63",
        "28b52ffd 20 01 070000|Block_Type is 3, must be at most 2",
        "28b52ffd 20 01 110000 4141|Block_Size is 2, must be at most 1",
        "28b52ffd 20 02 090000 41|Frame_Content_Size is 2, must be 1",
        "28b52ffd 24 01 090000 41 00000000|Content_Checksum is 0x00000000, must be 0xd095b684",
        "28b52ffd 0000 0d0000 00|Number_of_Sequences is cut off, must lie within its block",
        "28b52ffd 0000 1d0000 0000 00|bytes behind the literals is 1, must be 0",
        "28b52ffd 0000 150000 0001|Symbol_Compression_Modes is cut off, must lie within its block",
        "28b52ffd 0000 1d0000 000101"
            + "|Symbol_Compression_Modes is 0x01, must not have bits 0 and 1",
        "28b52ffd 0000 1d0000 0001c0"
            + "|Repeat_Mode is without a table, must follow a block with one",
        "28b52ffd 0000 250000 00014024|RLE_Mode symbol is 36, must be at most 35",
        "28b52ffd 0000 1d0000 000100" + "|last byte of a bit stream is missing, must not be zero",
        "28b52ffd 0000 250000 00010000|last byte of a bit stream is 0, must not be zero",
        "28b52ffd 0000 250000 00010001|sequences is cut off, must lie within their block",
        "28b52ffd 0000 150000 1041|Raw_Literals_Block is cut off, must lie within its block",
        "28b52ffd 0000 250000 13400000"
            + "|Treeless_Literals_Block is without a table, must follow a block with one",
        "28b52ffd 0000 450000 0841 01 54010200 05|Offset is 2, must be between 1 and 1",
        // Of a frame before: its data, and its tables.
        "28b52ffd 20 04 210000 41414141 28b52ffd 0000 450000 0841 01 54010200 05"
            + "|Offset is 2, must be between 1 and 1",
        "28b52ffd 0000 450000 0841 01 54010000 01 28b52ffd 0000 2d0000 0841 01 c001"
            + "|Repeat_Mode is without a table, must follow a block with one",
        "28b52ffd 0000 450000 0841 01 54010000 01 28b52ffd 0000 2d0000 0841 01 3001"
            + "|Repeat_Mode is without a table, must follow a block with one",
        "28b52ffd 0000 450000 0841 01 54010000 01 28b52ffd 0000 2d0000 0841 01 0c01"
            + "|Repeat_Mode is without a table, must follow a block with one",
        "28b52ffd 20 03 1d0000 450041|Regenerated_Size is 4, must be at most 3",
        "28b52ffd 20 00 010000 28b5|length behind the compressed data is 2 bytes, must be 0",
        "28b52ffd 20 00 010000 28b52ffe"
            + "|magic number of a further frame is 0xfe2fb528, must be 0xfd2fb528",
      })
  void zstd(String input, String message) {
    check(CompressionFormat.ZSTD, input, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "425a67|magic number is 0x425a67, must be 0x425a68",
        "425a6830|block size is 0, must be between 1 and 9",
        "425a6831 000000000000"
            + "|block header is 0x000000000000, must be 0x314159265359 or 0x177245385090",
        "425a6831 177245385090 00000001|stream CRC is 0x00000001, must be 0x00000000",
        "425a6831 314159265359 00000000 80"
            + "|randomised is 1, must be 0, for such old blocks are not supported",
        "425a6831 314159265359 00000000 00000000 0000"
            + "|number of symbols is 0, must be at least 1",
        "425a6831 314159265359 00000000 00000000 4000 4000 0000"
            + "|number of codes is 0, must be between 2 and 6",
        "425a6831 314159265359 00000000 00000000 4000 4020 0000"
            + "|number of selectors is 0, must be at least 1",
        "425a6831 177245385090 00000000 42|length behind the compressed data is 1 bytes, must be 0",
        "425a6831 177245385090 00000000 00000000"
            + "|magic number of a further stream is 0x000000, must be 0x425a68",
      })
  void bzip2(String input, String message) {
    check(CompressionFormat.BZIP2, input, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "e1 00008000 ffffffffffffffff 00|properties is 225, must be less than 225",
        "5d 00008000 feffffffffffffff 00"
            + "|uncompressed size is 18446744073709551614, must be -1 or less than 2^63",
        "5d 00008000 0100000000000000 00|compressed data is cut off at byte 14, must be complete",
      })
  void lzma(String input, String message) {
    check(CompressionFormat.LZMA, input, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "fd377a585a00 0001|compressed data is cut off at byte 8, must be complete",
        "000000000000000000000000|compressed data is damaged before byte 12,"
            + " must be valid (Input is not in the XZ format)",
        // A dictionary of 1 GiB: filter LZMA2 with property 36.
        "fd377a585a00 0001 6922de36 02 00 21 01 24 000000 5e1fc7f9"
            + "|memory for the dictionary is 1048680 KiB, must be at most 133120",
      })
  void xz(String input, String message) {
    check(CompressionFormat.XZ, input, message);
  }

  private static void check(CompressionFormat format, String input, String message) {
    byte[] bytes = HexFormat.of().parseHex(input.replace(" ", ""));
    DecompressionException e =
        assertThrows(DecompressionException.class, () -> Tool.decompress(format, bytes, 100));
    assertEquals(format.label() + ": " + message, e.getMessage());
  }
}
