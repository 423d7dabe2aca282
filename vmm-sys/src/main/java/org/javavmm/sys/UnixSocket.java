// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A Unix socket: bytes or messages between processes of this host, and descriptors with them.
 *
 * <p>Blocking unless {@link OwnedFd#setNonBlocking} says otherwise. A peer that is gone is {@code
 * EPIPE}, never a signal. Thread-safe, as the kernel's sockets are; two threads that send parts of
 * one message mix them.
 */
public final class UnixSocket implements AutoCloseable {
  /** What a socket transfers. */
  public enum Type {
    /** A stream of bytes. */
    STREAM(1),
    /** Messages, in order, over a connection. */
    SEQPACKET(5);

    private final int number;

    Type(int number) {
      this.number = number;
    }
  }

  /** Which half of a connection is shut down. */
  public enum Half {
    /** Receiving. */
    READ,
    /** Sending. */
    WRITE,
    /** Both. */
    BOTH
  }

  /**
   * Two sockets connected with each other.
   *
   * @param first the one
   * @param second the other
   */
  public record Pair(UnixSocket first, UnixSocket second) implements AutoCloseable {
    /** Closes both. */
    @Override
    public void close() {
      first.close();
      second.close();
    }
  }

  /**
   * Who is at the other end, as the kernel saw it when the connection was made.
   *
   * @param pid the process; 0 if it is not visible here
   * @param uid the user
   * @param gid the group
   */
  public record Credentials(int pid, int uid, int gid) {}

  /**
   * What arrived.
   *
   * @param bytes how many bytes, 0 at the end of the connection, or {@code -errno}
   * @param descriptors the descriptors that came along; whoever received them closes them
   * @param descriptorsLost whether there were more of them than asked for, or than this process may
   *     open; the others are closed
   * @param bytesLost whether the message was longer than the memory for it
   */
  public record Received(
      long bytes, List<OwnedFd> descriptors, boolean descriptorsLost, boolean bytesLost) {
    /** Keeps a copy of the list. */
    public Received {
      descriptors = List.copyOf(descriptors);
    }
  }

  /** The most descriptors that the kernel passes at once ({@code SCM_MAX_FD}). */
  public static final int MAX_DESCRIPTORS = 253;

  static final int AF_UNIX = 1;
  static final int SOCK_CLOEXEC = 0x8_0000;
  static final int SOL_SOCKET = 1;
  static final int SO_PEERCRED = 17;
  static final int SCM_RIGHTS = 1;
  static final int MSG_CTRUNC = 8;
  static final int MSG_TRUNC = 0x20;
  static final int MSG_NOSIGNAL = 0x4000;
  static final int MSG_CMSG_CLOEXEC = 0x4000_0000;

  // struct msghdr
  static final int MSGHDR_SIZEOF = 56;
  static final int MSG_IOV = 16;
  static final int MSG_IOVLEN = 24;
  static final int MSG_CONTROL = 32;
  static final int MSG_CONTROLLEN = 40;
  static final int MSG_FLAGS = 48;

  // struct cmsghdr
  static final int CMSGHDR_SIZEOF = 16;
  static final int CMSG_LEVEL = 8;
  static final int CMSG_TYPE = 12;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  private static final MemorySegment SOCKET = Libc.function("socket");
  private static final MemorySegment SOCKETPAIR = Libc.function("socketpair");
  private static final MemorySegment BIND = Libc.function("bind");
  private static final MemorySegment LISTEN = Libc.function("listen");
  private static final MemorySegment CONNECT = Libc.function("connect");
  private static final MemorySegment ACCEPT4 = Libc.function("accept4");
  private static final MemorySegment SENDMSG = Libc.function("sendmsg");
  private static final MemorySegment RECVMSG = Libc.function("recvmsg");
  private static final MemorySegment GETSOCKOPT = Libc.function("getsockopt");
  private static final MemorySegment SHUTDOWN = Libc.function("shutdown");

  private final OwnedFd fd;

  private UnixSocket(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Makes a socket of a descriptor that somebody passed or inherited.
   *
   * @param fd the descriptor of a Unix socket, which is this socket's from now on
   * @return the socket
   */
  public static UnixSocket adopt(OwnedFd fd) {
    return new UnixSocket(fd);
  }

  /**
   * Creates two sockets connected with each other.
   *
   * @param type what they transfer
   * @return the sockets, close-on-exec
   * @throws SystemCallException if the process has no descriptors left
   */
  public static Pair pair(Type type) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(U32, 2);
      int result =
          Libc.callInt(SOCKETPAIR, AF_UNIX, type.number | SOCK_CLOEXEC, 0, numbers.address());
      if (result < 0) {
        throw new SystemCallException("socketpair(AF_UNIX, SOCK_" + type + ")", -result);
      }
      return new Pair(
          new UnixSocket(OwnedFd.adopt(numbers.getAtIndex(U32, 0), "socket pair, first")),
          new UnixSocket(OwnedFd.adopt(numbers.getAtIndex(U32, 1), "socket pair, second")));
    }
  }

  /**
   * Creates a socket that {@link #accept accepts} connections. A path is created, and must be
   * absent before; whoever closes the socket deletes it.
   *
   * @param type what connections transfer
   * @param address where to connect to
   * @param backlog how many connections wait for being accepted
   * @return the socket, close-on-exec
   * @throws SystemCallException {@code EADDRINUSE} if the path exists or the name is taken
   */
  public static UnixSocket listen(Type type, UnixAddress address, int backlog)
      throws SystemCallException {
    UnixSocket socket = create(type, address, "listening at " + address);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = nativeAddress(address, arena);
      socket.check(BIND, a.address(), a.byteSize(), "bind");
      socket.check(LISTEN, backlog, 0, "listen");
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Connects to a socket that listens.
   *
   * @param type what the connection transfers, as there
   * @param address where it listens
   * @return the connection, close-on-exec
   * @throws SystemCallException {@code ECONNREFUSED} if nobody listens, {@code ENOENT} if the path
   *     is absent, {@code EPROTOTYPE} if the type is another
   */
  public static UnixSocket connect(Type type, UnixAddress address) throws SystemCallException {
    UnixSocket socket = create(type, address, "connected to " + address);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = nativeAddress(address, arena);
      socket.check(CONNECT, a.address(), a.byteSize(), "connect");
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  private static UnixSocket create(Type type, UnixAddress address, String name)
      throws SystemCallException {
    int number = Libc.callInt(SOCKET, AF_UNIX, type.number | SOCK_CLOEXEC, 0);
    if (number < 0) {
      throw new SystemCallException("socket(AF_UNIX, SOCK_" + type + ") for " + address, -number);
    }
    return new UnixSocket(OwnedFd.adopt(number, "socket " + name));
  }

  private static MemorySegment nativeAddress(UnixAddress address, Arena arena) {
    // A path ends with a zero, an abstract name begins with one and has the length it has.
    byte[] name =
        switch (address) {
          case UnixAddress.Named(String path) -> (path + "\0").getBytes(StandardCharsets.UTF_8);
          case UnixAddress.Abstract(String text) -> ("\0" + text).getBytes(StandardCharsets.UTF_8);
        };
    MemorySegment a = arena.allocate(2L + name.length, 8);
    a.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
    MemorySegment.copy(name, 0, a, ValueLayout.JAVA_BYTE, 2, name.length);
    return a;
  }

  private int check(MemorySegment function, long b, long c, String call)
      throws SystemCallException {
    int number = fd.acquire();
    int result;
    try {
      do {
        result = Libc.callInt(function, number, b, c, SOCK_CLOEXEC);
      } while (result == -Errno.EINTR);
    } finally {
      fd.release();
    }
    if (result < 0) {
      throw new SystemCallException(call + "(" + fd.name() + ")", -result);
    }
    return result;
  }

  /**
   * Takes the next connection, waiting for one if the socket is blocking.
   *
   * @return the connection, blocking and close-on-exec
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code EAGAIN} if there is none and the socket is non-blocking
   */
  public UnixSocket accept() throws SystemCallException {
    return new UnixSocket(
        OwnedFd.adopt(check(ACCEPT4, 0, 0, "accept4"), "socket accepted by " + fd.name()));
  }

  /** {@return the descriptor, for epoll, and for reading and writing without descriptors} */
  public OwnedFd fd() {
    return fd;
  }

  /**
   * Sends bytes, and descriptors with the first of them.
   *
   * @param vector the bytes; left as it is. A stream needs at least one for descriptors to arrive.
   * @param descriptors the descriptors; the receiver gets its own, these stay the caller's
   * @return the number of bytes sent, or {@code -errno}. Fewer than given can be only with a
   *     stream; the descriptors went along all the same.
   * @throws IllegalArgumentException if there are more than {@value #MAX_DESCRIPTORS} descriptors
   * @throws IllegalStateException if a piece was freed, or if a descriptor or this is closed
   */
  public long send(IoVector vector, OwnedFd... descriptors) {
    int count = descriptors.length;
    if (count > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          "descriptors=" + count + " is more than " + MAX_DESCRIPTORS);
    }
    vector.checkPassable(false);
    int acquired = 0;
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment message = arena.allocate(MSGHDR_SIZEOF, 8);
      message.set(U64, MSG_IOV, vector.address());
      message.set(U64, MSG_IOVLEN, vector.count());
      if (count > 0) {
        long length = CMSGHDR_SIZEOF + 4L * count;
        MemorySegment control = arena.allocate((length + 7) & -8, 8);
        control.set(U64, 0, length);
        control.set(U32, CMSG_LEVEL, SOL_SOCKET);
        control.set(U32, CMSG_TYPE, SCM_RIGHTS);
        for (OwnedFd descriptor : descriptors) {
          control.set(U32, CMSGHDR_SIZEOF + 4L * acquired, descriptor.acquire());
          acquired++;
        }
        message.set(U64, MSG_CONTROL, control.address());
        message.set(U64, MSG_CONTROLLEN, control.byteSize());
      }
      long n;
      do {
        n = Libc.callLong(SENDMSG, number, message.address(), MSG_NOSIGNAL, 0, 0, 0);
      } while (n == -Errno.EINTR);
      return n;
    } finally {
      fd.release();
      for (int i = 0; i < acquired; i++) {
        descriptors[i].release();
      }
      Reference.reachabilityFence(vector);
    }
  }

  /**
   * Receives bytes, and descriptors with them. What the peer sends is not trusted: descriptors
   * beyond those asked for are closed.
   *
   * @param vector where the bytes go; left as it is
   * @param maxDescriptors how many descriptors are wanted, 0 to {@value #MAX_DESCRIPTORS}
   * @return what arrived
   * @throws IllegalArgumentException if {@code maxDescriptors} is out of range or a piece is
   *     read-only
   * @throws IllegalStateException if a piece was freed, or if closed
   */
  public Received receive(IoVector vector, int maxDescriptors) {
    if (maxDescriptors < 0 || maxDescriptors > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          "maxDescriptors=" + maxDescriptors + " is not in 0.." + MAX_DESCRIPTORS);
    }
    vector.checkPassable(true);
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment message = arena.allocate(MSGHDR_SIZEOF, 8);
      // Exactly so long: rounded up there would be room for one more than wanted.
      long room = CMSGHDR_SIZEOF + 4L * maxDescriptors;
      MemorySegment control = arena.allocate((room + 7) & -8, 8);
      message.set(U64, MSG_IOV, vector.address());
      message.set(U64, MSG_IOVLEN, vector.count());
      message.set(U64, MSG_CONTROL, maxDescriptors == 0 ? 0 : control.address());
      message.set(U64, MSG_CONTROLLEN, maxDescriptors == 0 ? 0 : room);
      long n;
      do {
        n = Libc.callLong(RECVMSG, number, message.address(), MSG_CMSG_CLOEXEC, 0, 0, 0);
      } while (n == -Errno.EINTR);
      if (n < 0) {
        return new Received(n, List.of(), false, false);
      }
      int flags = message.get(U32, MSG_FLAGS);
      List<OwnedFd> descriptors =
          maxDescriptors == 0 ? List.of() : received(control, message.get(U64, MSG_CONTROLLEN));
      return new Received(n, descriptors, (flags & MSG_CTRUNC) != 0, (flags & MSG_TRUNC) != 0);
    } finally {
      fd.release();
      Reference.reachabilityFence(vector);
    }
  }

  /** The descriptors in a buffer of control messages; other messages are passed over. */
  private List<OwnedFd> received(MemorySegment control, long length) {
    List<OwnedFd> descriptors = new ArrayList<>();
    long at = 0;
    while (at + CMSGHDR_SIZEOF <= length) {
      long end = at + control.get(U64, at);
      if (end < at + CMSGHDR_SIZEOF || end > length) {
        break;
      }
      if (control.get(U32, at + CMSG_LEVEL) == SOL_SOCKET
          && control.get(U32, at + CMSG_TYPE) == SCM_RIGHTS) {
        for (long i = at + CMSGHDR_SIZEOF; i + 4 <= end; i += 4) {
          descriptors.add(OwnedFd.adopt(control.get(U32, i), "received by " + fd.name()));
        }
      }
      at = (end + 7) & -8;
    }
    return descriptors;
  }

  /**
   * {@return who is at the other end}
   *
   * @throws IllegalStateException if closed
   * @throws SystemCallException if the kernel refuses
   */
  public Credentials peerCredentials() throws SystemCallException {
    int number = fd.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(12, 4);
      MemorySegment length = arena.allocateFrom(U32, 12);
      int result =
          Libc.callInt(
              GETSOCKOPT, number, SOL_SOCKET, SO_PEERCRED, value.address(), length.address(), 0);
      if (result < 0) {
        throw new SystemCallException("getsockopt(" + fd.name() + ", SO_PEERCRED)", -result);
      }
      return new Credentials(value.get(U32, 0), value.get(U32, 4), value.get(U32, 8));
    } finally {
      fd.release();
    }
  }

  /**
   * Shuts one half of the connection down, or both: the peer sees the end.
   *
   * @param half which
   * @throws IllegalStateException if closed
   * @throws SystemCallException {@code ENOTCONN} if it is not connected
   */
  public void shutdown(Half half) throws SystemCallException {
    int how =
        switch (half) {
          case READ -> 0;
          case WRITE -> 1;
          case BOTH -> 2;
        };
    var _ = check(SHUTDOWN, how, 0, "shutdown");
  }

  /** Closes the descriptor. Closing twice is safe. */
  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return fd.toString();
  }
}
