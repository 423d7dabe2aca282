// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.javavmm.superio.DebugPort;

/**
 * A program for the guest that writes a byte to port {@link #PORT} and ends: init tells by it that
 * it runs. A shell cannot, for Debian's kernels have no {@code /dev/port}.
 */
final class MarkProgram {
  /** The port of Bochs's and QEMU's debug console, so that QEMU can be measured in the same way. */
  static final int PORT = DebugPort.BOCHS_PORT;

  private static final int ADDRESS = 0x40_0000;
  private static final int HEADERS = 64 + 56;

  private static final String CODE =
      """
      bf e9 00 00 00 ; mov edi, 0xe9
      be 01 00 00 00 ; mov esi, 1
      89 f2          ; mov edx, esi
      b8 ad 00 00 00 ; mov eax, 173, ioperm(0xe9, 1, 1)
      0f 05          ; syscall
      85 c0          ; test eax, eax
      75 04          ; jnz exit
      b0 69          ; mov al, 'i'
      e6 e9          ; out 0xe9, al
      31 ff          ; exit: xor edi, edi
      b8 3c 00 00 00 ; mov eax, 60, exit(0)
      0f 05          ; syscall
      """;

  private MarkProgram() {}

  /** {@return the program, an ELF executable for x86-64} */
  static byte[] elf() {
    byte[] code = HexFormat.of().parseHex(CODE.replaceAll(";.*", "").replaceAll("\\s", ""));
    int size = HEADERS + code.length;
    ByteBuffer elf = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}); // 64-bit, little-endian
    elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1); // ET_EXEC, x86-64
    elf.putLong(24, ADDRESS + HEADERS).putLong(32, 64); // entry, program headers
    elf.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 1);
    elf.putInt(64, 1).putInt(68, 5); // PT_LOAD, readable and executable
    elf.putLong(80, ADDRESS).putLong(88, ADDRESS).putLong(96, size).putLong(104, size);
    elf.putLong(112, 0x1000);
    elf.put(HEADERS, code);
    return elf.array();
  }
}
