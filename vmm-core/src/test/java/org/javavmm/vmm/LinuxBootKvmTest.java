// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;
import org.javavmm.acpi.AcpiTables;
import org.javavmm.acpi.ComPort;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.CommandLine;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.X86Layout;
import org.javavmm.superio.ExitPort;
import org.junit.jupiter.api.Test;

/** A kernel of a few instructions is booted. */
@NeedsKvm
class LinuxBootKvmTest {
  private static final long MEMORY = 16 << 20;
  private static final long ENTRY = 8 << 20;

  /**
   * Copies what the boot protocol and the tables promise; ends with the command line's first byte.
   */
  private static final String KERNEL =
      """
      8b 86 02 02 00 00     ; mov eax, [rsi+0x202]: HdrS
      89 04 25 00 00 90 00  ; mov [0x900000], eax
      48 8b 5e 70           ; mov rbx, [rsi+0x70]: acpi_rsdp_addr
      48 8b 03              ; mov rax, [rbx]: RSD PTR
      48 89 04 25 08 00 90 00 ; mov [0x900008], rax
      8b 9e 28 02 00 00     ; mov ebx, [rsi+0x228]: cmd_line_ptr
      8a 03                 ; mov al, [rbx]
      e6 f4                 ; out 0xf4, al
      f4                    ; hlt
      """;

  /** A 64-bit executable of one segment (System V ABI, ELF header and program header). */
  private static byte[] elf(byte[] code) {
    int offset = 0x1000;
    ByteBuffer file = ByteBuffer.allocate(offset + code.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    file.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    file.putLong(24, ENTRY).putLong(32, 64);
    file.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 1);
    file.putInt(64, 1).putInt(68, 5).putLong(72, offset).putLong(80, ENTRY).putLong(88, ENTRY);
    file.putLong(96, code.length).putLong(104, code.length).putLong(112, 0x1000);
    file.put(offset, code);
    return file.array();
  }

  @Test
  void kernelFindsItsParametersAndTables() throws Exception {
    byte[] image = elf(RealMode.bytes(KERNEL));
    BootPlan plan =
        BootPlan.builder(KernelImage.parse("tiny", MemorySegment.ofArray(image)))
            .ram(X86Layout.splitRam(MEMORY))
            .commandLine(CommandLine.of("quiet"))
            .build();
    AcpiTables tables = LinuxBoot.acpiTables(1, Set.of(ComPort.COM1));
    try (Vmm vmm = Vmm.builder().memory(MEMORY).build()) {
      vmm.pio()
          .add(
              "exit",
              ExitPort.PORT,
              1,
              new ExitPort(status -> vmm.stop(new StopReason.Exit(status))));
      LinuxBoot.prepare(vmm, plan, tables);
      assertEquals(new StopReason.Exit('q'), vmm.run());
      // "HdrS" and "RSD PTR ", as the guest read them.
      assertEquals(0x5372_6448, vmm.memory().getInt(0x900000));
      assertEquals(0x2052_5450_2044_5352L, vmm.memory().getLong(0x900008));
    }
  }
}
