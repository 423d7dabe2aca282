// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class Uart16550Test {
  private final FakeSink sink = new FakeSink();
  private int triggers;
  private final Uart16550 uart = Uart16550.builder(() -> triggers++, sink).build();

  private int in(int register) {
    return (int) uart.read(register, 1);
  }

  private void out(int register, int value) {
    uart.write(register, 1, value);
  }

  private void offer(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    assertEquals(values.length, uart.offer(bytes, 0, bytes.length));
  }

  @Test
  void resetState() {
    assertEquals(0x00, in(1));
    assertEquals(0x01, in(2));
    assertEquals(0x00, in(3));
    assertEquals(0x00, in(4));
    assertEquals(0x60, in(5));
    assertEquals(0xb0, in(6));
    assertEquals(0x00, in(7));
    assertEquals(0, triggers);
  }

  /** The steps by which Linux's 8250 driver tells a 16550A from its relatives. */
  @Test
  void linuxDetectsA16550A() {
    // Interrupt enable has four bits.
    out(1, 0);
    assertEquals(0, in(1) & 0x0f);
    out(1, 0x0f);
    assertEquals(0x0f, in(1));
    out(1, 0);
    // In loopback RTS and OUT2 come back as CTS and DCD.
    int mcr = in(4);
    out(4, 0x1a);
    assertEquals(0x90, in(6) & 0xf0);
    out(4, mcr);
    // No EFR at offset 2.
    out(3, 0xbf);
    out(2, 0);
    out(3, 0);
    out(2, 1);
    assertEquals(3, in(2) >> 6, "both FIFO bits");
    out(3, 0x80);
    assertTrue(in(2) != 0);
    out(3, 0xbf);
    assertTrue(in(2) != 0);
    // Not a National chip with a second bank, nor one with 64 bytes.
    out(3, 0);
    out(4, 0x10);
    out(3, 0xe0);
    assertEquals(0, in(2) & 0x10);
    out(3, 0);
    out(4, 0);
    out(2, 0x21);
    assertEquals(6, in(2) >> 5);
    out(2, 1);
    // Not an XScale.
    out(1, 0x40);
    assertEquals(0, in(1));
    out(2, 0);
    assertEquals(0, in(2) >> 6);
  }

  /** Linux enables the THRE interrupt twice, and distrusts a UART that raises it only once. */
  @Test
  void linuxFindsAWorkingThreInterrupt() {
    out(1, 0x02);
    assertEquals(0x02, in(2));
    assertEquals(0x01, in(2), "reading IIR cleared it");
    out(1, 0);
    out(1, 0x02);
    assertEquals(0x02, in(2));
  }

  @Test
  void thrEmptyInterrupt() {
    out(4, 0x08);
    out(1, 0x02);
    assertEquals(1, triggers);
    out(1, 0x02);
    assertEquals(1, triggers, "was enabled before");
    out(0, 'a');
    assertEquals(2, triggers, "fell and rose");
    assertEquals(0x02, in(2));
    assertEquals(0x01, in(2));
    out(1, 0x00);
    assertEquals(2, triggers);
    assertEquals(List.of((int) 'a'), sink.bytes);
  }

  @Test
  void onlyTheReportedCauseIsClearedByReadingIir() {
    out(1, 0x03);
    offer('x');
    assertEquals(0x04, in(2));
    assertEquals(0x04, in(2));
    assertEquals('x', in(0));
    assertEquals(0x02, in(2), "THRE waited for its turn");
    assertEquals(0x01, in(2));
  }

  @Test
  void priorities() {
    out(2, 0x81);
    out(1, 0x0f);
    uart.setModemLines(0);
    assertTrue(uart.sendBreak());
    assertEquals(0xc6, in(2));
    assertEquals(0xf1, in(5), "break, at the top of the FIFO");
    assertEquals(0xcc, in(2), "below the trigger level");
    offer(1, 2, 3, 4, 5, 6, 7);
    assertEquals(0xc4, in(2));
    assertEquals(0, in(0));
    assertEquals(0xcc, in(2));
    for (int i = 1; i <= 7; i++) {
      assertEquals(i, in(0));
    }
    assertEquals(0xc2, in(2));
    assertEquals(0xc0, in(2));
    assertEquals(0x0b, in(6));
    assertEquals(0xc1, in(2));
  }

  @Test
  void triggerLevels() {
    int[] levels = {1, 4, 8, 14};
    for (int i = 0; i < 4; i++) {
      out(2, 0x03 | (i << 6));
      out(1, 0x01);
      for (int n = 1; n < levels[i]; n++) {
        offer(n);
        assertEquals(0xcc, in(2));
      }
      offer(levels[i]);
      assertEquals(0xc4, in(2));
    }
  }

  @Test
  void theInterruptIsGatedByOut2() {
    out(1, 0x01);
    offer('a');
    assertEquals(0, triggers);
    assertEquals(0x04, in(2), "visible, but not wired");
    out(4, 0x08);
    assertEquals(1, triggers);
    out(4, 0x18);
    assertEquals('a', in(0));
    offer('b');
    assertEquals(0x60, in(5), "the line is cut in loopback");
    assertEquals(1, triggers);
    out(4, 0x08);
    assertEquals(2, triggers);
    assertEquals('b', in(0));
  }

  @Test
  void breaksStayInOrder() {
    out(2, 0x01);
    offer('a');
    assertTrue(uart.sendBreak());
    offer('b');
    assertEquals(0xe1, in(5), "an error somewhere in the FIFO");
    assertEquals('a', in(0));
    assertEquals(0xf1, in(5));
    assertEquals(0x61, in(5));
    assertEquals(0, in(0));
    assertEquals('b', in(0));
    assertEquals(0x60, in(5));
  }

  @Test
  void loopbackOverrunsTheFifo() {
    out(2, 0x01);
    out(4, 0x10);
    for (int i = 0; i < 17; i++) {
      out(0, i);
    }
    assertEquals(0x63, in(5));
    assertEquals(0x61, in(5));
    for (int i = 0; i < 16; i++) {
      assertEquals(i, in(0));
    }
    assertEquals(0x60, in(5));
    assertEquals(1, uart.overruns());
    out(2, 0x00);
    out(0, 1);
    out(0, 2);
    assertEquals(0x63, in(5));
    assertEquals(2, in(0), "without FIFOs the old character is lost");
    out(3, 0x40);
    assertEquals(0x71, in(5), "a break comes back as well");
    assertTrue(sink.bytes.isEmpty());
  }

  @Test
  void clearingTheFifos() {
    out(2, 0x01);
    offer(1, 2, 3);
    out(2, 0x02);
    assertEquals(0x60, in(5), "switching off clears");
    offer(4);
    out(2, 0x01);
    assertEquals(0x60, in(5), "switching on clears");
    offer(5, 6);
    out(2, 0x01);
    assertEquals(0x61, in(5));
    out(2, 0x03);
    assertEquals(0x60, in(5));
    sink.setFull(true);
    out(1, 0x02);
    out(0, 'x');
    assertEquals(0x00, in(5) & 0x60);
    assertEquals(0xc1, in(2));
    out(2, 0x05);
    assertEquals(0x60, in(5) & 0x60);
    assertEquals(0xc2, in(2));
    assertEquals(1, uart.lostOutput());
  }

  @Test
  void aFullSinkWithholdsThre() {
    out(4, 0x08);
    out(2, 0x01);
    out(1, 0x02);
    sink.setFull(true);
    triggers = 0;
    for (int i = 0; i < 16; i++) {
      out(0, i);
    }
    assertEquals(0, triggers);
    assertEquals(0x00, in(5), "neither THRE nor TEMT");
    out(0, 99);
    assertEquals(1, uart.lostOutput());
    sink.setFull(false);
    assertEquals(1, triggers);
    assertEquals(0x60, in(5));
    assertEquals(16, sink.bytes.size());
    assertEquals(15, sink.bytes.get(15));
    // Without FIFOs there is room for one.
    out(2, 0x00);
    sink.setFull(true);
    out(0, 1);
    out(0, 2);
    assertEquals(2, uart.lostOutput());
  }

  @Test
  void inputBeyondTheQueueIsRefusedAndAnnouncedLater() {
    int[] calls = {0};
    Uart16550 small = Uart16550.builder(() -> {}, sink).inputQueue(4).build();
    small.onInputSpace(() -> calls[0]++);
    assertEquals(5, small.offer(new byte[] {1, 2, 3, 4, 5, 6, 7}, 0, 7), "RBR and the queue");
    assertFalse(small.sendBreak());
    assertEquals(1, small.read(0, 1));
    assertEquals(0, calls[0], "not for each byte");
    assertEquals(2, small.read(0, 1));
    assertEquals(1, calls[0], "half of the queue is free");
    assertEquals(3, small.read(0, 1));
    assertEquals(1, calls[0]);
    assertEquals(2, small.offer(new byte[] {6, 7}, 0, 2));
    for (int i = 4; i <= 7; i++) {
      assertEquals(i, small.read(0, 1));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> small.offer(new byte[3], 2, 2));
  }

  @Test
  void flowControlHoldsInputUntilRts() {
    Uart16550 careful = Uart16550.builder(() -> triggers++, sink).flowControl(true).build();
    assertEquals(3, careful.offer(new byte[] {1, 2, 3}, 0, 3));
    // What Linux does before it is ready: clears, reads whatever is there.
    careful.write(2, 1, 0x07);
    assertEquals(0x60, careful.read(5, 1));
    var _ = careful.read(0, 1);
    careful.write(1, 1, 0x05);
    careful.write(4, 1, 0x1a);
    assertEquals(0x60, careful.read(5, 1), "RTS does not leave the chip in loopback");
    careful.write(4, 1, 0x08);
    assertEquals(0, triggers);
    careful.write(4, 1, 0x0b);
    assertEquals(1, triggers);
    for (int i = 1; i <= 3; i++) {
      assertEquals(i, careful.read(0, 1));
    }
  }

  @Test
  void aPacerMovesTheNextBatch() {
    List<Runnable> tasks = new ArrayList<>();
    Uart16550 paced = Uart16550.builder(() -> triggers++, sink).pacer(tasks::add).build();
    paced.write(4, 1, 0x08);
    paced.write(2, 1, 0xc1);
    paced.write(1, 1, 0x01);
    byte[] bytes = new byte[40];
    assertEquals(40, paced.offer(bytes, 0, 40));
    assertEquals(1, triggers);
    for (int i = 0; i < 16; i++) {
      assertEquals(0x61, paced.read(5, 1));
      var _ = paced.read(0, 1);
    }
    assertEquals(0x60, paced.read(5, 1), "the handler comes to an end");
    assertEquals(0xc1, paced.read(2, 1));
    assertEquals(1, tasks.size());
    triggers = 0;
    tasks.removeFirst().run();
    assertEquals(1, triggers);
    assertEquals(0xc4, paced.read(2, 1));
    // A pacer that has stopped does not stop the input.
    Uart16550 stopped =
        Uart16550.builder(() -> {}, sink)
            .pacer(task -> {
              throw new RejectedExecutionException("stopped");
            })
            .build();
    assertEquals(2, stopped.offer(new byte[] {1, 2}, 0, 2));
    assertEquals(1, stopped.read(0, 1));
    assertEquals(2, stopped.read(0, 1));
  }

  @Test
  void divisorAndScratch() {
    out(3, 0x83);
    assertEquals(0x01, in(0));
    out(0, 0x0c);
    out(1, 0xab);
    assertEquals(0x0c, in(0));
    assertEquals(0xab, in(1));
    out(3, 0x03);
    assertEquals(0x00, in(1));
    out(7, 0x5a);
    assertEquals(0x5a, in(7));
    assertTrue(sink.bytes.isEmpty());
  }

  @Test
  void modemLines() {
    out(1, 0x08);
    uart.setModemLines(Uart16550.RI | Uart16550.DCD | Uart16550.CTS | Uart16550.DSR);
    assertEquals(0x01, in(2), "a ring that begins is no news");
    uart.setModemLines(Uart16550.DCD);
    assertEquals(0x00, in(2));
    assertEquals(0x87, in(6));
    assertEquals(0x80, in(6));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> uart.setModemLines(0x101));
    assertEquals("lines=0x101 has bits outside 0xf0", e.getMessage());
  }

  @Test
  void wideAccessesAreSplitIntoBytes() {
    uart.write(4, 4, 0x77_ff_ff_1f); // MCR, LSR, MSR, SCR
    assertEquals(0x1f, in(4));
    assertEquals(0x77, in(7));
    uart.write(4, 1, 0);
    var _ = in(6);
    assertEquals(0x77_b0_60_00L, uart.read(4, 4));
    assertEquals(0x77_b0_60_00_00_01_00_00L, uart.read(0, 8));
    assertEquals(0xff, uart.read(8, 1), "beyond the bus's contract, still harmless");
    uart.write(8, 1, 1);
  }

  @Test
  void builderRefusesBadQueues() {
    Uart16550.Builder builder = Uart16550.builder(() -> {}, sink);
    assertThrows(IllegalArgumentException.class, () -> builder.inputQueue(0));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> builder.inputQueue(1 << 21));
    assertEquals("input queue of 2097152 bytes is not in 1..2^20", e.getMessage());
  }

  /** One guest thread with interrupts, one host thread: random bytes both ways. */
  @Test
  void bytesPassBothWaysBetweenThreads() throws Exception {
    byte[] toGuest = new byte[300_000];
    byte[] fromGuest = new byte[300_000];
    Random random = new Random(1);
    random.nextBytes(toGuest);
    random.nextBytes(fromGuest);
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    Semaphore interrupts = new Semaphore(0);
    Semaphore space = new Semaphore(0);
    byte[] got = new byte[toGuest.length];
    try (BufferedSink buffered = BufferedSink.toStream("test", output)) {
      Uart16550 device = Uart16550.builder(interrupts::release, buffered).inputQueue(64).build();
      device.onInputSpace(space::release);
      device.write(4, 1, 0x0b);
      device.write(2, 1, 0xc1);
      // Before the host begins: switching the FIFOs on clears them.
      device.write(1, 1, 0x07);
      Thread host =
          Thread.ofPlatform()
              .start(() -> {
                int sent = 0;
                while (sent < toGuest.length) {
                  int n = Math.min(100, toGuest.length - sent);
                  int taken = device.offer(toGuest, sent, n);
                  sent += taken;
                  if (taken < n) {
                    space.acquireUninterruptibly();
                  }
                }
              });
      int received = 0;
      int sent = 0;
      while (received < got.length || sent < fromGuest.length) {
        interrupts.acquire();
        var _ = interrupts.drainPermits(); // an edge that was not seen yet merges
        int id;
        while ((id = (int) device.read(2, 1) & 0x0f) != 0x01) {
          if (id == 0x04 || id == 0x0c) {
            while ((device.read(5, 1) & 1) != 0) {
              got[received++] = (byte) device.read(0, 1);
            }
          } else if (id == 0x02) {
            for (int i = 0; i < 16 && sent < fromGuest.length; i++) {
              device.write(0, 1, fromGuest[sent++] & 0xff);
            }
            if (sent == fromGuest.length) {
              device.write(1, 1, 0x05);
            }
          }
        }
      }
      host.join();
      assertEquals(0, device.lostOutput());
      assertEquals(0, device.overruns());
    }
    assertArrayEquals(toGuest, got);
    assertArrayEquals(fromGuest, output.toByteArray());
  }

  @Test
  void registerAccessesAllocateNothing() throws Exception {
    AllocatedBytes allocated = new AllocatedBytes();
    Uart16550 quiet = Uart16550.builder(() -> {}, SerialSink.discard()).build();
    byte[] input = {1};
    quiet.write(4, 1, 0x0b);
    quiet.write(2, 1, 0x01);
    quiet.write(1, 1, 0x07);
    long least = Long.MAX_VALUE;
    for (int window = 0; window < 200 && least > 0; window++) {
      long before = allocated.get();
      for (int i = 0; i < 1000; i++) {
        quiet.write(0, 1, i & 0xff);
        var _ = quiet.offer(input, 0, 1);
        for (int r = 0; r < 8; r++) {
          var _ = quiet.read(r, 1);
        }
      }
      least = Math.min(least, allocated.get() - before);
    }
    // The measurement allocates a little; 10,000 accesses that allocate take far more.
    assertTrue(least < 8_000, least + " bytes");
  }
}
