// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** How a file is opened; see {@code open(2)}. Without an access mode, for reading only. */
public enum OpenFlag {
  /** For writing only. */
  WRITE_ONLY(1, 1),
  /** For reading and writing. */
  READ_WRITE(2, 2),
  /** Created if absent. */
  CREATE(0x40, 0x40),
  /** With {@link #CREATE}: it must be absent. */
  EXCLUSIVE(0x80, 0x80),
  /** A terminal does not become the process's controlling terminal. */
  NO_CONTROLLING_TERMINAL(0x100, 0x100),
  /** Emptied. */
  TRUNCATE(0x200, 0x200),
  /** Each write goes to the end. */
  APPEND(0x400, 0x400),
  /** Calls that would wait fail with {@code EAGAIN}. */
  NON_BLOCKING(0x800, 0x800),
  /** Each write waits until its data is on the disk. */
  DATA_SYNC(0x1000, 0x1000),
  /** Past the page cache; addresses, offsets and lengths must be aligned. */
  DIRECT(0x4000, 0x1_0000),
  /** Must be a folder. */
  DIRECTORY(0x1_0000, 0x4000),
  /** Must not be a symbolic link. */
  NO_FOLLOW(0x2_0000, 0x8000),
  /** Each write waits until its data and everything about the file is on the disk. */
  SYNC(0x10_1000, 0x10_1000),
  /** Only names the file: it can be neither read nor written. */
  PATH(0x20_0000, 0x20_0000),
  /** An unnamed file in the folder given. */
  TEMPORARY(0x41_0000, 0x40_4000);

  static final int O_CLOEXEC = 0x8_0000;

  private final int bits;

  OpenFlag(int x86, int arm) {
    this.bits = Libc.X86_64 ? x86 : arm;
  }

  /** The kernel's {@code O_} bits. */
  int bits() {
    return bits;
  }

  /** The bits of several, close-on-exec included. */
  static int bits(OpenFlag... flags) {
    int bits = O_CLOEXEC;
    for (OpenFlag flag : flags) {
      bits |= flag.bits;
    }
    return bits;
  }

  /** The kernel's names of several. */
  static String names(OpenFlag... flags) {
    StringBuilder text = new StringBuilder();
    if ((bits(flags) & 3) == 0) {
      text.append("O_RDONLY");
    }
    for (OpenFlag flag : flags) {
      text.append(text.isEmpty() ? "" : " | ").append(flag.kernelName());
    }
    return text.toString();
  }

  private String kernelName() {
    return switch (this) {
      case WRITE_ONLY -> "O_WRONLY";
      case READ_WRITE -> "O_RDWR";
      case CREATE -> "O_CREAT";
      case EXCLUSIVE -> "O_EXCL";
      case NO_CONTROLLING_TERMINAL -> "O_NOCTTY";
      case TRUNCATE -> "O_TRUNC";
      case APPEND -> "O_APPEND";
      case NON_BLOCKING -> "O_NONBLOCK";
      case DATA_SYNC -> "O_DSYNC";
      case DIRECT -> "O_DIRECT";
      case DIRECTORY -> "O_DIRECTORY";
      case NO_FOLLOW -> "O_NOFOLLOW";
      case SYNC -> "O_SYNC";
      case PATH -> "O_PATH";
      case TEMPORARY -> "O_TMPFILE";
    };
  }
}
