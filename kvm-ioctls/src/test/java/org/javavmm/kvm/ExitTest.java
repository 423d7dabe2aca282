// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** The exits of small guests. */
@NeedsKvm
class ExitTest {
  @Test
  void portWrites() throws Exception {
    String listing =
        """
        ba 10 04          ; mov dx, 0x410
        66 b8 78 56 34 f2 ; mov eax, 0xf2345678
        ee                ; out dx, al
        ef                ; out dx, ax
        66 ef             ; out dx, eax
        b0 ff             ; mov al, 0xff
        e6 80             ; out 0x80, al
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      guest.expectOut(0x410, 1, 0x78);
      guest.expectOut(0x410, 2, 0x5678);
      guest.expectOut(0x410, 4, 0xf234_5678L);
      guest.expectOut(0x80, 1, 0xff);
      guest.expectHlt();
      assertSame(guest.exit, guest.vcpu.exit());
    }
  }

  @Test
  void portReads() throws Exception {
    String listing =
        """
        66 31 c0          ; xor eax, eax
        ba ff ff          ; mov dx, 0xffff
        ec                ; in al, dx
        e6 01             ; out 0x01, al
        ba 00 05          ; mov dx, 0x500
        ed                ; in ax, dx
        e7 02             ; out 0x02, ax
        66 ed             ; in eax, dx
        66 e7 04          ; out 0x04, eax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      answer(guest, 0xffff, 1, 0x1a5);
      guest.expectOut(1, 1, 0xa5);
      answer(guest, 0x500, 2, 0x1_beef);
      guest.expectOut(2, 2, 0xbeef);
      answer(guest, 0x500, 4, 0x1_dead_beefL);
      guest.expectOut(4, 4, 0xdead_beefL);
      guest.expectHlt();
    }
  }

  private static void answer(Guest guest, int port, int size, long value) throws KvmException {
    assertEquals(ExitReason.IO, guest.run());
    assertFalse(guest.exit.ioIsWrite());
    assertEquals(port, guest.exit.ioPort());
    assertEquals(size, guest.exit.ioSize());
    assertEquals(1, guest.exit.ioCount());
    guest.exit.setIoData(0, value);
  }

  @Test
  void stringOutput() throws Exception {
    String listing =
        """
        ba f8 03          ; mov dx, 0x3f8
        be 00 20          ; mov si, 0x2000
        b9 0d 00          ; mov cx, 13
        f3 6e             ; rep outsb
        be 00 20          ; mov si, 0x2000
        b9 03 00          ; mov cx, 3
        f3 66 6f          ; rep outsd
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      byte[] text = "Hello, world!".getBytes(US_ASCII);
      guest.load(0x2000, text);
      // KVM may give the elements at once or in portions.
      byte[] seen = new byte[13];
      for (int n = 0; n < seen.length; ) {
        assertEquals(ExitReason.IO, guest.run());
        assertTrue(guest.exit.ioIsWrite());
        assertEquals(1, guest.exit.ioSize());
        for (int i = 0; i < guest.exit.ioCount(); i++) {
          seen[n++] = (byte) guest.exit.ioData(i);
        }
      }
      assertArrayEquals(text, seen);
      String words = "";
      while (words.length() < 24) {
        assertEquals(ExitReason.IO, guest.run());
        assertEquals(4, guest.exit.ioSize());
        for (int i = 0; i < guest.exit.ioCount(); i++) {
          words += String.format("%08x", guest.exit.ioData(i));
        }
      }
      assertEquals("6c6c6548" + "77202c6f" + "646c726f", words);
      guest.expectHlt();
    }
  }

  @Test
  void stringInput() throws Exception {
    String listing =
        """
        fc                ; cld
        ba f8 03          ; mov dx, 0x3f8
        bf 00 20          ; mov di, 0x2000
        b9 10 00          ; mov cx, 16
        f3 6d             ; rep insw
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      int n = 0;
      int most = 0;
      ExitReason reason;
      while ((reason = guest.run()) == ExitReason.IO) {
        assertFalse(guest.exit.ioIsWrite());
        assertEquals(2, guest.exit.ioSize());
        most = Math.max(most, guest.exit.ioCount());
        for (int i = 0; i < guest.exit.ioCount(); i++) {
          guest.exit.setIoData(i, 0x0100 + n++);
        }
      }
      assertEquals(ExitReason.HLT, reason, guest.exit::toString);
      assertTrue(most > 1, "KVM asked for one element at a time");
      // KVM may read ahead, but the guest gets the first 16 in order.
      byte[] read = guest.read(0x2000, 32);
      for (int i = 0; i < 16; i++) {
        assertEquals(i, read[2 * i]);
        assertEquals(1, read[2 * i + 1]);
      }
    }
  }

  private static final String MMIO =
      """
      48 b8 88 77 66 55 44 33 22 91 ; mov rax, 0x9122334455667788
      bb 08 00 00 d0                ; mov ebx, 0xd0000008
      88 03                         ; mov [rbx], al
      66 89 03                      ; mov [rbx], ax
      89 03                         ; mov [rbx], eax
      48 89 03                      ; mov [rbx], rax
      31 c0                         ; xor eax, eax
      8a 03                         ; mov al, [rbx]
      e6 01                         ; out 0x01, al
      66 8b 03                      ; mov ax, [rbx]
      66 e7 02                      ; out 0x02, ax
      8b 03                         ; mov eax, [rbx]
      e7 04                         ; out 0x04, eax
      48 8b 03                      ; mov rax, [rbx]
      e7 08                         ; out 0x08, eax
      48 c1 e8 20                   ; shr rax, 32
      e7 08                         ; out 0x08, eax
      f4                            ; hlt
      """;

  @Test
  void mmio() throws Exception {
    try (Guest guest = Guest.realMode(MMIO)) {
      guest.longMode();
      long value = 0x9122_3344_5566_7788L;
      for (int size = 1; size <= 8; size *= 2) {
        assertEquals(ExitReason.MMIO, guest.run(), guest.exit::toString);
        assertEquals("MMIO write gpa=0xd0000008 size=" + size, guest.exit.toString());
        assertEquals(value & (-1L >>> (64 - 8 * size)), guest.exit.mmioData());
      }
      mmioAnswer(guest, 1, 0x1ff);
      guest.expectOut(1, 1, 0xff);
      mmioAnswer(guest, 2, 0x1_c0de);
      guest.expectOut(2, 2, 0xc0de);
      mmioAnswer(guest, 4, 0x1_fedc_ba98L);
      guest.expectOut(4, 4, 0xfedc_ba98L);
      mmioAnswer(guest, 8, 0xf123_4567_89ab_cdefL);
      guest.expectOut(8, 4, 0x89ab_cdefL);
      guest.expectOut(8, 4, 0xf123_4567L);
      guest.expectHlt();
    }
  }

  private static void mmioAnswer(Guest guest, int size, long value) throws KvmException {
    assertEquals(ExitReason.MMIO, guest.run());
    assertEquals("MMIO read gpa=0xd0000008 size=" + size, guest.exit.toString());
    guest.exit.setMmioData(value);
  }

  @Test
  void readOnlySlot() throws Exception {
    String listing =
        """
        a0 00 20          ; mov al, [0x2000]
        e6 01             ; out 0x01, al
        a2 00 20          ; mov [0x2000], al
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      // The same memory again in two slots, the second read-only.
      guest.load(0x2000, new byte[] {0x5a});
      guest.vm.setUserMemoryRegion(0, 0, 0, 0, 0);
      guest.vm.setUserMemoryRegion(0, 0, 0, 0x2000, guest.memory.address());
      guest.vm.setUserMemoryRegion(
          1, Vm.KVM_MEM_READONLY, 0x2000, 0x1000, guest.memory.address() + 0x2000);
      guest.expectOut(1, 1, 0x5a);
      assertEquals(ExitReason.MMIO, guest.run(), guest.exit::toString);
      assertEquals("MMIO write gpa=0x2000 size=1", guest.exit.toString());
      guest.expectHlt();
      assertEquals(0x5a, guest.read(0x2000, 1)[0]);
    }
  }

  @Test
  void shutdown() throws Exception {
    // No fault can be delivered through an empty table.
    try (Guest guest = Guest.realMode("0f 0b ; ud2")) {
      guest.longMode();
      guest.vcpu.setSregs(guest.vcpu.getSregs().idt(0, 0));
      assertEquals(ExitReason.SHUTDOWN, guest.run(), guest.exit::toString);
      assertEquals("SHUTDOWN", guest.exit.toString());
    }
  }

  /** Real hardware executes this; a KVM that interprets real mode may not know it. */
  @Test
  void instructionThatKvmMayNotKnow() throws Exception {
    String listing =
        """
        f3 0f b8 c0       ; popcnt ax, ax
        f4                ; hlt
        """;
    try (Guest guest = Guest.realMode(listing)) {
      ExitReason reason = guest.run();
      if (reason == ExitReason.INTERNAL_ERROR) {
        assertEquals(VcpuExit.KVM_INTERNAL_ERROR_EMULATION, guest.exit.internalErrorKind());
        assertTrue(
            guest.exit.toString().startsWith("INTERNAL_ERROR suberror=1"), guest.exit::toString);
        byte[] instruction = guest.exit.internalErrorInstruction();
        if (instruction.length > 0) {
          assertEquals((byte) 0xf3, instruction[0]);
        }
      } else {
        assertEquals(ExitReason.HLT, reason, guest.exit::toString);
      }
    }
  }

  @Test
  void anExitAllocatesNothing() throws Exception {
    // What a call of native code allocates, the first stage of the JIT leaves there.
    String tiers =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
            .getVMOption("TieredStopAtLevel")
            .getValue();
    assumeTrue(tiers.equals("4"), "capability C2: this JVM stops at level " + tiers);
    String listing =
        """
        e6 80             ; out 0x80, al
        e4 81             ; in al, 0x81
        eb fa             ; jmp 0x1000
        """;
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Guest guest = Guest.realMode(listing)) {
      long least = Long.MAX_VALUE;
      // Interpreted code allocates: the steady state is reached when the compiler is through, which
      // on a loaded machine takes a while.
      for (int round = 0; round < 20 && least >= 1000; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        long sum = portExits(guest, 20_000);
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        assertEquals(10_000L * (0x80 + 0x81), sum);
      }
      assertTrue(least < 1000, least + " bytes allocated by 20,000 exits");
    }
  }

  private static long portExits(Guest guest, int n) throws KvmException {
    long ports = 0;
    for (int i = 0; i < n; ) {
      if (guest.vcpu.run() == ExitReason.IO) {
        ports += guest.exit.ioPort();
        if (guest.exit.ioIsWrite()) {
          assertTrue(guest.exit.ioData(0) < 256);
        } else {
          guest.exit.setIoData(0, i);
        }
        i++;
      }
    }
    return ports;
  }
}
