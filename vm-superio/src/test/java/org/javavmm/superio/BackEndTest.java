// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.javavmm.event.EventLoop;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.Pty;
import org.javavmm.sys.SystemCallException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BackEndTest {
  private static final Duration LONG = Duration.ofSeconds(50);

  @TempDir private Path folder;

  /** A pipe: what is written to the descriptor can be read from it. */
  private OwnedFd pipe(boolean blocking) throws Exception {
    Path fifo = folder.resolve("fifo" + System.nanoTime());
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    return blocking
        ? OwnedFd.openReadWrite(fifo.toString())
        : OwnedFd.openNonBlocking(fifo.toString());
  }

  /** Lets the other threads work, in a loop that waits for them. */
  private static void pause() {
    LockSupport.parkNanos(20_000);
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private static MemorySegment segment(byte[] bytes) {
    return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, bytes);
  }

  private static byte[] readExactly(OwnedFd fd, int size) {
    MemorySegment buffer = Arena.ofAuto().allocate(size);
    long got = 0;
    while (got < size) {
      long n = fd.read(buffer.asSlice(got));
      if (n == -Errno.EAGAIN) {
        pause();
      } else {
        assertTrue(n > 0, "read: " + n);
        got += n;
      }
    }
    return buffer.toArray(ValueLayout.JAVA_BYTE);
  }

  /** Writes as a polling guest does: waits for THRE. */
  private static void guestWrites(Uart16550 uart, byte[] bytes) {
    for (byte b : bytes) {
      while ((uart.read(5, 1) & 0x20) == 0) {
        pause();
      }
      uart.write(0, 1, b & 0xff);
    }
  }

  private static byte[] guestReads(Uart16550 uart, int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      while ((uart.read(5, 1) & 0x01) == 0) {
        pause();
      }
      bytes[i] = (byte) uart.read(0, 1);
    }
    return bytes;
  }

  private static Uart16550 uart(SerialSink sink) {
    Uart16550 uart = Uart16550.builder(() -> {}, sink).build();
    uart.write(2, 1, 0x01);
    return uart;
  }

  @Test
  void outputToAFile() throws Exception {
    Path file = folder.resolve("console.log");
    Files.writeString(file, "from an earlier run, to be replaced");
    byte[] bytes = random(200_000);
    try (BufferedSink sink = BufferedSink.toFile(file)) {
      guestWrites(uart(sink), bytes);
      assertTrue(sink.flush(LONG));
      assertArrayEquals(bytes, Files.readAllBytes(file));
      assertEquals(0, sink.dropped());
      assertTrue(sink.failure().isEmpty());
    }
    assertThrows(IOException.class, () -> BufferedSink.toFile(folder.resolve("no/such/folder")));
  }

  @Test
  void closeWritesWhatIsBufferedAndDropsWhatComesLater() {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    BufferedSink sink = BufferedSink.toStream("test", output);
    Uart16550 uart = uart(sink);
    guestWrites(uart, "bye".getBytes(StandardCharsets.US_ASCII));
    sink.close();
    sink.close();
    assertEquals("bye", output.toString(StandardCharsets.US_ASCII));
    guestWrites(uart, new byte[5]);
    assertEquals(5, sink.dropped());
  }

  @Test
  void aBlockedReaderHoldsTheGuestBackWithoutBlockingItsThread() throws Exception {
    try (OwnedFd pipe = pipe(true);
        BufferedSink sink = BufferedSink.toFd(pipe)) {
      Uart16550 uart = uart(sink);
      // Until THRE stays 0: the pipe, the buffer and the FIFO are full.
      List<Byte> written = new ArrayList<>();
      long deadline = System.nanoTime() + 500_000_000;
      while (System.nanoTime() < deadline) {
        if ((uart.read(5, 1) & 0x20) != 0) {
          byte value = (byte) written.size();
          uart.write(0, 1, value & 0xff);
          written.add(value);
          deadline = System.nanoTime() + 500_000_000;
        }
      }
      assertTrue(written.size() > BufferedSink.CAPACITY, "only " + written.size());
      assertFalse(sink.flush(Duration.ofMillis(1)));
      byte[] got = readExactly(pipe, written.size());
      for (int i = 0; i < got.length; i++) {
        assertEquals(written.get(i), got[i]);
      }
      while ((uart.read(5, 1) & 0x60) != 0x60) {
        pause(); // the writer resumes the UART
      }
      assertEquals(0, uart.lostOutput());
    }
  }

  @Test
  void aFailingTargetDoesNotStopTheGuest() throws Exception {
    try (OwnedFd full = OwnedFd.openReadWrite("/dev/full");
        BufferedSink sink = BufferedSink.toFd(full)) {
      guestWrites(uart(sink), random(300_000));
      assertTrue(sink.flush(LONG));
      assertEquals(300_000, sink.dropped());
      SystemCallException e =
          assertInstanceOf(SystemCallException.class, sink.failure().orElseThrow());
      assertEquals(Errno.ENOSPC, e.errno());
    }
    // A descriptor that its owner closed, and a stream that throws.
    OwnedFd closed = OwnedFd.openReadWrite("/dev/null");
    closed.close();
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("broken");
          }
        };
    for (BufferedSink sink :
        List.of(BufferedSink.toFd(closed), BufferedSink.toStream("broken", broken))) {
      try (sink) {
        guestWrites(uart(sink), new byte[10]);
        assertTrue(sink.flush(LONG));
        assertEquals(10, sink.dropped());
      }
    }
  }

  @Test
  void capture() throws Exception {
    CaptureSink sink = new CaptureSink(10);
    Uart16550 uart = uart(sink);
    Thread guest =
        Thread.ofPlatform()
            .start(() -> guestWrites(uart, "login: and more".getBytes(StandardCharsets.US_ASCII)));
    assertTrue(sink.await("login: ", LONG));
    guest.join();
    assertEquals("login: and", sink.text());
    assertEquals(10, sink.bytes().length);
    assertEquals(5, sink.dropped());
    assertFalse(sink.await("more", Duration.ZERO));
    assertThrows(IllegalArgumentException.class, () -> new CaptureSink(0));
    List<Integer> bytes = new ArrayList<>();
    guestWrites(uart(SerialSink.to(bytes::add)), new byte[] {-1, 2});
    assertEquals(List.of(255, 2), bytes);
  }

  @Test
  void inputFromAPipe() throws Exception {
    byte[] bytes = random(100_000);
    try (EventLoop loop = EventLoop.create("input");
        OwnedFd pipe = pipe(true)) {
      loop.start();
      Uart16550 uart =
          Uart16550.builder(() -> {}, SerialSink.discard()).inputQueue(100).pacer(loop).build();
      uart.write(2, 1, 0x01);
      try (SerialInput input = SerialInput.start(loop, pipe, uart, InputFilter.NONE)) {
        Thread writer =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    pipe.writeFully(segment(bytes));
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                });
        assertArrayEquals(bytes, guestReads(uart, bytes.length));
        writer.join();
        assertFalse(input.isEnded());
        assertEquals(1, loop.registrations());
      }
      assertEquals(0, loop.registrations());
      assertEquals(0, loop.failures());
    }
  }

  @Test
  void inputFromAFileAndFromNowhere() throws Exception {
    byte[] bytes = random(50_000);
    Path file = Files.write(folder.resolve("input"), bytes);
    try (EventLoop loop = EventLoop.create("input");
        OwnedFd plain = OwnedFd.openReadWrite(file.toString());
        OwnedFd nothing = OwnedFd.openReadWrite("/dev/null")) {
      Uart16550 uart = Uart16550.builder(() -> {}, SerialSink.discard()).inputQueue(64).build();
      uart.write(2, 1, 0x01);
      SerialInput input = SerialInput.start(loop, plain, uart, InputFilter.NONE);
      loop.start();
      assertArrayEquals(bytes, guestReads(uart, bytes.length));
      while (!input.isEnded()) {
        pause(); // its end comes with the next read
      }
      SerialInput none =
          SerialInput.start(loop, nothing, uart(SerialSink.discard()), InputFilter.NONE);
      while (!none.isEnded()) {
        pause();
      }
      assertEquals(0, loop.failures());
    }
  }

  @Test
  void inputGoesThroughTheFilter() throws Exception {
    CountDownLatch quit = new CountDownLatch(1);
    try (EventLoop loop = EventLoop.create("input");
        OwnedFd pipe = pipe(false)) {
      Uart16550 uart = uart(SerialSink.discard());
      loop.start();
      var _ =
          SerialInput.start(loop, pipe, uart, new EscapeKey(quit::countDown, () -> {}, () -> {}));
      pipe.writeFully(segment("ok\u0001x!".getBytes(StandardCharsets.US_ASCII)));
      quit.await();
      assertEquals("ok!", new String(guestReads(uart, 3), StandardCharsets.US_ASCII));
    }
  }

  @Test
  void inputEndsWithItsDescriptorOrItsLoop() throws Exception {
    EventLoop loop = EventLoop.create("input");
    Pty pty = Pty.open();
    try (OwnedFd terminal = OwnedFd.openNonBlocking(pty.path())) {
      Uart16550 uart = uart(SerialSink.discard());
      SerialInput input = SerialInput.start(loop, terminal, uart, InputFilter.NONE);
      loop.start();
      pty.close(); // a hang-up: the end of the input
      while (!input.isEnded()) {
        pause();
      }
    }
    // The loop stops while the UART is full: the guest's read must not notice.
    try (OwnedFd pipe = pipe(false)) {
      Uart16550 uart = Uart16550.builder(() -> {}, SerialSink.discard()).inputQueue(4).build();
      SerialInput input = SerialInput.start(loop, pipe, uart, InputFilter.NONE);
      pipe.writeFully(segment(new byte[50]));
      while (uart.offer(new byte[1], 0, 1) > 0) {
        pause();
      }
      loop.call(() -> 0);
      loop.call(() -> 0);
      loop.close();
      assertEquals(5, guestReads(uart, 5).length);
      assertTrue(input.isEnded());
    }
    loop.close();
  }

  @Test
  void ptyBothWays() throws Exception {
    byte[] bytes = random(100_000);
    try (EventLoop loop = EventLoop.create("pty");
        SerialPty pty = SerialPty.open(loop)) {
      Uart16550 uart = uart(pty);
      guestWrites(uart, "early ".getBytes(StandardCharsets.US_ASCII));
      pty.connect(uart);
      assertThrows(IllegalStateException.class, () -> pty.connect(uart));
      loop.start();
      try (OwnedFd terminal = OwnedFd.openNonBlocking(pty.path())) {
        guestWrites(uart, "login:".getBytes(StandardCharsets.US_ASCII));
        assertEquals(
            "early login:", new String(readExactly(terminal, 12), StandardCharsets.US_ASCII));
        Thread typist =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    terminal.writeFully(segment(bytes));
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                });
        assertArrayEquals(bytes, guestReads(uart, bytes.length));
        typist.join();
        // In portions that the buffers hold, since a pty drops what nobody reads in time.
        for (int i = 0; i < 10; i++) {
          byte[] part = random(20_000 + i);
          guestWrites(uart, part);
          assertArrayEquals(part, readExactly(terminal, part.length));
        }
      }
      // The program leaves and another one comes.
      loop.call(() -> 0);
      try (OwnedFd terminal = OwnedFd.openNonBlocking(pty.path())) {
        terminal.writeFully(segment(new byte[] {'x'}));
        assertEquals('x', guestReads(uart, 1)[0]);
        guestWrites(uart, new byte[] {'y'});
        assertEquals('y', readExactly(terminal, 1)[0]);
      }
      assertEquals(0, loop.failures());
    }
  }

  @Test
  void aPtyThatNobodyReadsDoesNotHoldTheGuest() throws Exception {
    try (EventLoop loop = EventLoop.create("pty");
        SerialPty pty = SerialPty.open(loop)) {
      Uart16550 uart = uart(pty);
      pty.connect(uart);
      loop.start();
      byte[] bytes = new byte[300_000];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (i / 1000);
      }
      guestWrites(uart, bytes);
      assertEquals(0, uart.lostOutput());
      loop.call(() -> 0);
      loop.call(() -> 0);
      assertTrue(pty.dropped() > 100_000, "dropped " + pty.dropped());
      // The last of the output is there for whoever comes.
      int kept = bytes.length - (int) pty.dropped();
      try (OwnedFd terminal = OwnedFd.openNonBlocking(pty.path())) {
        byte[] got = readExactly(terminal, kept);
        for (int i = 1; i <= BufferedSink.CAPACITY / 2; i++) {
          assertEquals(bytes[bytes.length - i], got[got.length - i]);
        }
      }
    }
  }
}
