// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.javavmm.sys.OwnedFd;
import org.jspecify.annotations.Nullable;

/**
 * Output to a descriptor, a file or a stream, through a bounded buffer and a thread of its own: a
 * target that blocks (a stopped terminal, a full pipe) holds up that thread only. While the buffer
 * is full the guest waits for THRE.
 *
 * <p>A target that fails (a pipe without a reader, a full disk) does not stop the guest: what
 * cannot be written is dropped and {@linkplain #dropped counted}, the first failure is logged.
 *
 * <p>Thread-safe. {@link #offer} allocates nothing.
 */
public final class BufferedSink implements SerialSink, AutoCloseable {
  /** The buffer's size in bytes. */
  public static final int CAPACITY = 64 * 1024;

  /** How long {@link #close} waits for the target to take what is buffered. */
  public static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  private static final Logger LOGGER = System.getLogger("org.javavmm.superio");
  private static final int CHUNK = 4096;

  /** Writes all of the bytes or fails; closing it leaves a descriptor or stream of the caller's. */
  private interface Target {
    void write(byte[] bytes, int length) throws IOException;

    default void close() throws IOException {}
  }

  private final String name;
  private final Target target;
  private final Thread writer;

  /** Guards all fields below. */
  private final Object lock = new Object();

  private final ByteRing ring = new ByteRing(CAPACITY);
  private Runnable onSpace = () -> {};

  /** An offer was refused. */
  private boolean refused;

  /** The writer waits for bytes. */
  private boolean idle;

  private boolean closed;
  private long dropped;
  private @Nullable IOException failure;

  private BufferedSink(String name, Target target) {
    this.name = name;
    this.target = target;
    this.writer = Thread.ofPlatform().name(name + " writer").daemon(true).unstarted(this::drain);
  }

  private static BufferedSink started(String name, Target target) {
    BufferedSink sink = new BufferedSink(name, target);
    sink.writer.start();
    return sink;
  }

  /**
   * Writes to a descriptor, blocking or not.
   *
   * @param fd the descriptor, such as the standard output; it stays the caller's and its modes are
   *     left alone
   * @return the sink
   */
  public static BufferedSink toFd(OwnedFd fd) {
    MemorySegment buffer = Arena.ofAuto().allocate(CHUNK);
    return started(
        fd.name(),
        (bytes, length) -> {
          MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, 0, length);
          fd.writeFully(buffer.asSlice(0, length));
        });
  }

  /**
   * Writes to a stream.
   *
   * @param name what it is, for messages
   * @param stream the stream, which stays the caller's; it is flushed after each write
   * @return the sink
   */
  public static BufferedSink toStream(String name, OutputStream stream) {
    Objects.requireNonNull(stream, "stream");
    return started(
        name,
        (bytes, length) -> {
          stream.write(bytes, 0, length);
          stream.flush();
        });
  }

  /**
   * Writes to a file, which is created, or emptied if it exists.
   *
   * @param file the file
   * @return the sink, which closes the file
   * @throws IOException if the file cannot be opened for writing
   */
  public static BufferedSink toFile(Path file) throws IOException {
    OutputStream stream = Files.newOutputStream(file);
    return started(
        file.toString(),
        new Target() {
          @Override
          public void write(byte[] bytes, int length) throws IOException {
            stream.write(bytes, 0, length);
          }

          @Override
          public void close() throws IOException {
            stream.close();
          }
        });
  }

  @Override
  public boolean offer(byte value) {
    synchronized (lock) {
      if (closed) {
        dropped++;
        return true;
      }
      if (ring.isFull()) {
        refused = true;
        return false;
      }
      ring.put(value);
      if (idle) {
        idle = false;
        lock.notifyAll();
      }
      return true;
    }
  }

  @Override
  public void onSpace(Runnable callback) {
    synchronized (lock) {
      onSpace = Objects.requireNonNull(callback, "callback");
    }
  }

  /** The writer's life. */
  private void drain() {
    byte[] chunk = new byte[CHUNK];
    try {
      while (true) {
        int n;
        synchronized (lock) {
          while (ring.isEmpty() && !closed) {
            idle = true;
            lock.wait();
          }
          idle = false;
          n = ring.peek(chunk);
          if (n == 0) {
            break;
          }
        }
        boolean written = write(chunk, n);
        Runnable tell = null;
        synchronized (lock) {
          // Only now: what is being written counts as buffered, for flush().
          ring.drop(n);
          dropped += written ? 0 : n;
          if (ring.isEmpty()) {
            lock.notifyAll();
          }
          if (refused) {
            refused = false;
            tell = onSpace;
          }
        }
        if (tell != null) {
          tell(tell);
        }
      }
    } catch (InterruptedException e) {
      // close() gave up waiting.
      LOGGER.log(Level.DEBUG, "{0}: writer interrupted", name);
    } finally {
      try {
        target.close();
      } catch (IOException e) {
        noteFailure(e);
      }
    }
  }

  private boolean write(byte[] chunk, int n) {
    try {
      target.write(chunk, n);
      return true;
    } catch (IOException e) {
      noteFailure(e);
    } catch (RuntimeException e) { // the caller closed the descriptor
      noteFailure(new IOException(e.getMessage(), e));
    }
    return false;
  }

  private void noteFailure(IOException e) {
    boolean first;
    synchronized (lock) {
      first = failure == null;
      failure = e;
    }
    if (first) {
      LOGGER.log(Level.WARNING, "serial output is dropped: {0}", e.getMessage());
    }
  }

  private void tell(Runnable callback) {
    try {
      callback.run();
    } catch (RuntimeException e) {
      LOGGER.log(Level.WARNING, name + ": the UART could not be resumed", e);
    }
  }

  /**
   * Waits until everything offered before is written or dropped.
   *
   * @param timeout how long to wait at most
   * @return whether that happened in time
   * @throws InterruptedException if the thread is interrupted
   */
  public boolean flush(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    synchronized (lock) {
      while (!ring.isEmpty()) {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        lock.wait(left / 1_000_000 + 1);
      }
      return true;
    }
  }

  /** {@return how many bytes were dropped because the target failed or the sink was closed} */
  public long dropped() {
    synchronized (lock) {
      return dropped;
    }
  }

  /** {@return why the last write that failed did so} */
  public Optional<IOException> failure() {
    synchronized (lock) {
      return Optional.ofNullable(failure);
    }
  }

  /**
   * Ends the sink: what is buffered is written, for at most {@link #CLOSE_TIMEOUT}; what comes
   * later is dropped. Closing twice is safe.
   */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      lock.notifyAll();
    }
    try {
      if (!writer.join(CLOSE_TIMEOUT)) {
        writer.interrupt(); // a daemon: if its write never returns, so be it
        LOGGER.log(Level.WARNING, "{0} does not take the serial output", name);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
