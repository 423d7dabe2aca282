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
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a descriptor, such as the standard input, on an event loop and sends what it reads to a
 * UART.
 *
 * <p>Nothing is lost and nothing grows: while the UART's queue is full the descriptor is not read.
 * The end of the input ends the reading and nothing else; so does an error, which is logged.
 *
 * <p>The descriptor's modes are left alone (a standard stream shares {@code O_NONBLOCK} with the
 * shell that started the process): it is read only when epoll calls it readable. If another process
 * reads the same terminal and is faster, the loop waits for the next key. Kinds that epoll refuses,
 * such as plain files and {@code /dev/null}, are always ready; they are read in turn with the
 * loop's other work.
 */
public final class SerialInput implements AutoCloseable {
  private static final Logger LOGGER = System.getLogger("org.javavmm.superio");
  private static final int CHUNK = 4096;
  private static final int INTEREST = Epoll.EPOLLIN | Epoll.EPOLLONESHOT;

  private final EventLoop loop;
  private final OwnedFd fd;
  private final Uart16550 uart;
  private final InputFilter filter;
  private final Runnable read = this::read;
  private final Runnable resume = this::resume;
  private final MemorySegment buffer = Arena.ofAuto().allocate(CHUNK);

  // Guarded by this; only the loop's thread and start() come here.
  private final byte[] chunk = new byte[CHUNK];
  private int from;
  private int to;

  /** Absent if the descriptor is always ready. */
  private @Nullable Registration registration;

  private volatile boolean ended;

  private SerialInput(EventLoop loop, OwnedFd fd, Uart16550 uart, InputFilter filter) {
    this.loop = loop;
    this.fd = fd;
    this.uart = uart;
    this.filter = filter;
  }

  /**
   * Starts to read.
   *
   * @param loop the loop, which may start later
   * @param fd the descriptor, which stays the caller's
   * @param uart gets the input; its {@link Uart16550#onInputSpace} listener is set
   * @param filter sees the input first, on the loop's thread
   * @return what ends the reading
   * @throws IllegalStateException if the loop has ended, or {@code fd} is closed
   * @throws RejectedExecutionException if the loop was stopped
   * @throws SystemCallException if the descriptor cannot be watched
   */
  public static SerialInput start(EventLoop loop, OwnedFd fd, Uart16550 uart, InputFilter filter)
      throws SystemCallException {
    Objects.requireNonNull(filter, "filter");
    SerialInput input = new SerialInput(loop, fd, uart, filter);
    uart.onInputSpace(input::spaceAgain);
    synchronized (input) { // an event must not come before its registration is known
      try {
        input.registration = loop.register(fd.name(), fd, INTEREST, events -> input.read());
      } catch (SystemCallException e) {
        if (e.errno() != Errno.EPERM) {
          throw e;
        }
        loop.execute(input.read);
      }
    }
    return input;
  }

  /** The descriptor is readable. On the loop's thread. */
  private synchronized void read() {
    if (ended || from < to) {
      return; // what was read before goes first
    }
    long n;
    try {
      n = fd.read(buffer);
    } catch (IllegalStateException e) {
      end("descriptor was closed");
      return;
    }
    if (n > 0) {
      MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, chunk, 0, (int) n);
      from = 0;
      to = filter.filter(chunk, (int) n);
      if (send()) {
        awaitMore();
      }
    } else if (n == -Errno.EAGAIN || n == -Errno.EINTR) {
      awaitMore();
    } else {
      end(n == 0 ? "" : "read: " + Errno.name((int) -n));
    }
  }

  /** {@return whether the UART took everything; if not, it calls {@link #spaceAgain}} */
  private boolean send() {
    from += uart.offer(chunk, from, to - from);
    return from == to;
  }

  private void awaitMore() {
    try {
      if (registration == null) {
        loop.execute(read); // behind the loop's other work
      } else {
        registration.modify(INTEREST);
      }
    } catch (RejectedExecutionException | IllegalStateException e) {
      end(""); // the loop was stopped, or close() came first
    } catch (SystemCallException e) {
      end(String.valueOf(e.getMessage()));
    }
  }

  /** On any thread, vCPU threads included. */
  private void spaceAgain() {
    try {
      loop.execute(resume);
    } catch (RejectedExecutionException e) {
      ended = true; // the loop was stopped
    }
  }

  /** The UART has space. On the loop's thread. */
  private synchronized void resume() {
    if (!ended && from < to && send()) {
      awaitMore();
    }
  }

  private void end(String problem) {
    close();
    if (!problem.isEmpty()) {
      LOGGER.log(Level.WARNING, "{0}: serial input ends: {1}", fd, problem);
    }
  }

  /** {@return whether the reading has ended, by the end of the input or by {@link #close}} */
  public boolean isEnded() {
    return ended;
  }

  /** Ends the reading. What the UART has taken still reaches the guest. Closing twice is safe. */
  @Override
  public synchronized void close() {
    ended = true;
    if (registration != null) {
      registration.close();
    }
  }
}
