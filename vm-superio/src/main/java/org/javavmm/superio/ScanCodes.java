// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/** Scan codes of set 2, their translation into set 1, and the keys of a US keyboard. */
final class ScanCodes {
  static final int BREAK = 0xf0;
  static final int EXTENDED = 0xe0;
  static final int EXTENDED_1 = 0xe1;
  static final int SHIFT = 0x12;
  static final int CONTROL = 0x14;

  /** Bits beside a key's code: which key is held meanwhile. */
  static final int WITH_SHIFT = 0x100;

  static final int WITH_CONTROL = 0x200;

  /** The controller's table for codes below 0x80, 16 in a line; above, only two differ. */
  private static final String TO_SET_1 =
      """
      ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59
      65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b
      67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d
      69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f
      6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61
      6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76
      55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f
      52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54
      """;

  private static final byte[] SET_1 = new byte[256];

  /** The keys' characters, without and with Shift, and their codes in set 2. */
  private static final String PLAIN = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./ \n\t\b\033";

  private static final String SHIFTED = "~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:\"ZXCVBNM<>?";

  private static final int[] CODES = {
    0x0e,
    0x16,
    0x1e,
    0x26,
    0x25,
    0x2e,
    0x36,
    0x3d,
    0x3e,
    0x46,
    0x45,
    0x4e,
    0x55, // ` to =
    0x15,
    0x1d,
    0x24,
    0x2d,
    0x2c,
    0x35,
    0x3c,
    0x43,
    0x44,
    0x4d,
    0x54,
    0x5b,
    0x5d, // q to \
    0x1c,
    0x1b,
    0x23,
    0x2b,
    0x34,
    0x33,
    0x3b,
    0x42,
    0x4b,
    0x4c,
    0x52, // a to '
    0x1a,
    0x22,
    0x21,
    0x2a,
    0x32,
    0x31,
    0x3a,
    0x41,
    0x49,
    0x4a, // z to /
    0x29,
    0x5a,
    0x0d,
    0x66,
    0x76 // space, Enter, Tab, Backspace, Escape
  };

  static {
    String digits = TO_SET_1.replaceAll("\\s", "");
    for (int i = 0; i < 256; i++) {
      SET_1[i] = (byte) (i < 0x80 ? Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16) : i);
    }
    SET_1[0x83] = 0x41;
    SET_1[0x84] = 0x54;
  }

  private ScanCodes() {}

  /** {@return what a code of set 2, not a prefix, becomes in set 1} */
  static int toSet1(int code) {
    return SET_1[code] & 0xff;
  }

  static boolean isPrefix(int code) {
    return code == BREAK || code == EXTENDED || code == EXTENDED_1;
  }

  /** {@return the key of a character: its code and what it is pressed with; or -1} */
  static int key(char c) {
    int plain = PLAIN.indexOf(c);
    if (plain >= 0) {
      return CODES[plain];
    }
    int shifted = SHIFTED.indexOf(c);
    if (shifted >= 0) {
      return CODES[shifted] | WITH_SHIFT;
    }
    if (c == '\r') {
      return CODES[PLAIN.indexOf('\n')];
    }
    if (c == 0x7f) {
      return CODES[PLAIN.indexOf('\b')];
    }
    if (c >= 1 && c <= 26) {
      return CODES[PLAIN.indexOf(c - 1 + 'a')] | WITH_CONTROL;
    }
    return -1;
  }
}
