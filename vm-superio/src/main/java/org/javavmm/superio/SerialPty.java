// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import org.javavmm.event.EventLoop;
import org.javavmm.event.Registration;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.Pty;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * A serial port on a pseudo-terminal: a terminal program opens {@link #path} and may leave and come
 * back. All I/O happens on the event loop and never blocks it.
 *
 * <p>Nobody may be there to read, and a guest must not stand still for that: when the kernel's
 * buffer and {@value #CAPACITY} bytes here are full, the oldest output is dropped and {@linkplain
 * #dropped counted}. Input waits while the UART's queue is full.
 */
public final class SerialPty implements SerialSink, AutoCloseable {
  /** The size in bytes of the output buffer. */
  public static final int CAPACITY = 64 * 1024;

  private static final Logger LOGGER = System.getLogger("org.javavmm.superio");
  private static final int CHUNK = 4096;

  private final EventLoop loop;
  private final Pty pty;
  private final OwnedFd fd;
  private final Runnable flush = this::flush;
  private final Runnable receive = this::receive;

  private final Object lock = new Object();

  // Guarded by the lock.
  private final ByteRing ring = new ByteRing(CAPACITY);
  private boolean flushPosted;
  private long dropped;

  // The loop's thread alone.
  private final byte[] outChunk = new byte[CHUNK];
  private final byte[] inChunk = new byte[CHUNK];
  private final MemorySegment outBuffer = Arena.ofAuto().allocate(CHUNK);
  private final MemorySegment inBuffer = Arena.ofAuto().allocate(CHUNK);

  /** What of {@link #outBuffer} is still to be written. */
  private int outFrom;

  private int outTo;

  /** What of {@link #inChunk} the UART has not taken. */
  private int inFrom;

  private int inTo;

  private volatile @Nullable Uart16550 uart;
  private volatile @Nullable Registration registration;
  private volatile boolean closed;

  private SerialPty(EventLoop loop, Pty pty) {
    this.loop = loop;
    this.pty = pty;
    this.fd = pty.controller();
  }

  /**
   * Creates the pseudo-terminal. Output is buffered until {@link #connect}.
   *
   * @param loop the loop that does the I/O
   * @return the sink for a UART, which then is to be {@linkplain #connect connected}
   * @throws SystemCallException if the host has no pseudo-terminal left
   */
  public static SerialPty open(EventLoop loop) throws SystemCallException {
    Objects.requireNonNull(loop, "loop");
    return new SerialPty(loop, Pty.open());
  }

  /** {@return the path for terminal programs, such as {@code /dev/pts/4}} */
  public String path() {
    return pty.path();
  }

  /**
   * Starts the I/O.
   *
   * @param target the UART that was built with this sink; its {@link Uart16550#onInputSpace}
   *     listener is set
   * @throws IllegalStateException if it was connected before, is closed, or the loop has ended
   * @throws SystemCallException if the descriptor cannot be watched
   */
  public void connect(Uart16550 target) throws SystemCallException {
    synchronized (lock) {
      if (uart != null) {
        throw new IllegalStateException("connected already: " + path());
      }
      uart = target;
    }
    target.onInputSpace(() -> post(receive));
    // Edges, because the hang-up of an absent program is a level that would never end.
    registration =
        loop.register(
            path(), fd, Epoll.EPOLLIN | Epoll.EPOLLOUT | Epoll.EPOLLET, events -> transfer());
  }

  private void post(Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      closed = true; // the loop was stopped
    }
  }

  @Override
  public boolean offer(byte value) {
    boolean post;
    synchronized (lock) {
      if (ring.isFull()) {
        ring.drop(1);
        dropped++;
      }
      ring.put(value);
      post = !flushPosted && uart != null && !closed;
      flushPosted |= post;
    }
    if (post) {
      post(flush);
    }
    return true;
  }

  /** Does nothing: there is always space. */
  @Override
  public void onSpace(Runnable callback) {}

  private void transfer() {
    flush();
    receive();
  }

  /** Writes until nothing is left or the kernel's buffer is full; then an edge follows. */
  private void flush() {
    while (!closed) {
      synchronized (lock) {
        flushPosted = false;
        if (outFrom == outTo) {
          outFrom = 0;
          outTo = ring.peek(outChunk);
          ring.drop(outTo);
          MemorySegment.copy(outChunk, 0, outBuffer, ValueLayout.JAVA_BYTE, 0, outTo);
        }
      }
      if (outTo == 0) {
        return;
      }
      long n;
      try {
        n = fd.write(outBuffer.asSlice(outFrom, outTo - outFrom));
      } catch (IllegalStateException e) {
        return; // closed
      }
      if (n >= 0) {
        outFrom += (int) n;
      } else if (n == -Errno.EAGAIN) {
        return;
      } else if (n != -Errno.EINTR) {
        synchronized (lock) {
          dropped += outTo - outFrom;
        }
        outFrom = outTo;
      }
    }
  }

  /** Reads until the UART is full, the input is, or nobody is there; then an edge follows. */
  private void receive() {
    Uart16550 target = uart;
    while (!closed && target != null) {
      if (inFrom < inTo) {
        inFrom += target.offer(inChunk, inFrom, inTo - inFrom);
        if (inFrom < inTo) {
          return; // the UART posts this task again
        }
      }
      long n;
      try {
        n = fd.read(inBuffer);
      } catch (IllegalStateException e) {
        return; // closed
      }
      if (n > 0) {
        MemorySegment.copy(inBuffer, ValueLayout.JAVA_BYTE, 0, inChunk, 0, (int) n);
        inFrom = 0;
        inTo = (int) n;
      } else if (n != -Errno.EINTR) {
        if (n != -Errno.EAGAIN && n != -Errno.EIO && n != 0) {
          LOGGER.log(Level.WARNING, "{0}: read: {1}", path(), Errno.name((int) -n));
        }
        return; // EIO: no program has the other side open
      }
    }
  }

  /** {@return how many bytes of output were dropped because nobody read them} */
  public long dropped() {
    synchronized (lock) {
      return dropped;
    }
  }

  /** Closes the pseudo-terminal; programs on the other side see a hang-up. */
  @Override
  public void close() {
    closed = true;
    Registration r = registration;
    if (r != null) {
      r.close();
    }
    pty.close();
  }
}
