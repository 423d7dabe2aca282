// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes a cpio archive in the {@code newc} format, which the kernel unpacks into its first root
 * file system. All entries belong to root and bear no time, so equal content gives equal bytes.
 */
final class Cpio {
  private static final int DIRECTORY = 0040000;
  private static final int REGULAR = 0100000;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private int inode = 1;

  Cpio directory(String name) {
    entry(name, DIRECTORY | 0755, 2, new byte[0]);
    return this;
  }

  Cpio file(String name, int permissions, byte[] content) {
    entry(name, REGULAR | permissions, 1, content);
    return this;
  }

  /** Ends the archive. A further archive may follow directly: its start is aligned. */
  byte[] finish() {
    inode = 0;
    entry("TRAILER!!!", 0, 1, new byte[0]);
    return out.toByteArray();
  }

  private void entry(String name, int mode, int links, byte[] content) {
    byte[] path = name.getBytes(StandardCharsets.UTF_8);
    StringBuilder header = new StringBuilder("070701");
    int[] fields = {
      inode++, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, path.length + 1, 0,
    };
    for (int field : fields) {
      header.append(String.format("%08x", field));
    }
    out.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(path);
    out.write(0);
    align();
    out.writeBytes(content);
    align();
  }

  private void align() {
    while (out.size() % 4 != 0) {
      out.write(0);
    }
  }
}
