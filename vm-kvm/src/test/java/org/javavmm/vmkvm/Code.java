// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;

/**
 * A guest's program as an assembler's listing: on each line the bytes in hexadecimal, a semicolon,
 * and the instruction for the reader.
 */
final class Code {
  private Code() {}

  static byte[] of(String listing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String line : listing.split("\n", -1)) {
      int semicolon = line.indexOf(';');
      String hex = (semicolon < 0 ? line : line.substring(0, semicolon)).replace(" ", "");
      bytes.writeBytes(HexFormat.of().parseHex(hex));
    }
    return bytes.toByteArray();
  }
}
