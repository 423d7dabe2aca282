// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class UnixSocketTest {
  private static final String EVENTFD = "anon_inode:[eventfd]";

  private static IoVector vector(MemorySegment segment) {
    IoVector vector = new IoVector(1);
    vector.add(segment);
    return vector;
  }

  @Test
  void descriptorsTravelWithBytes() throws Exception {
    long before = Descriptors.open(EVENTFD);
    for (UnixSocket.Type type : UnixSocket.Type.values()) {
      try (UnixSocket.Pair pair = UnixSocket.pair(type);
          EventFd one = EventFd.create("one");
          EventFd two = EventFd.create("two");
          Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2);
        MemorySegment in = arena.allocate(8);
        assertEquals(2, pair.first().send(vector(out), one.fd(), two.fd()));
        UnixSocket.Received received = pair.second().receive(vector(in), 2);
        assertEquals(2, received.bytes());
        assertFalse(received.descriptorsLost() || received.bytesLost());
        assertEquals(2, in.get(ValueLayout.JAVA_BYTE, 1));
        assertEquals(2, received.descriptors().size());
        two.signal();
        try (OwnedFd first = received.descriptors().get(0);
            OwnedFd second = received.descriptors().get(1)) {
          assertTrue(first.isCloseOnExec());
          assertEquals(0, first.poll(OwnedFd.POLLIN, 0));
          assertEquals(OwnedFd.POLLIN, second.poll(OwnedFd.POLLIN, 0));
        }
        // One more than wanted, and one that nobody wanted.
        for (int wanted = 0; wanted < 3; wanted++) {
          assertEquals(2, pair.first().send(vector(out), one.fd(), two.fd(), one.fd()));
          UnixSocket.Received some = pair.second().receive(vector(in), wanted);
          assertEquals(2, some.bytes());
          assertEquals(wanted, some.descriptors().size());
          assertTrue(some.descriptorsLost());
          some.descriptors().forEach(OwnedFd::close);
          assertEquals(before + 2, Descriptors.open(EVENTFD));
        }
      }
    }
    assertEquals(before, Descriptors.open(EVENTFD));
  }

  @Test
  void messagesAreCutAndStreamsAreNot() throws Exception {
    try (UnixSocket.Pair messages = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
        UnixSocket.Pair stream = UnixSocket.pair(UnixSocket.Type.STREAM);
        Arena arena = Arena.ofConfined()) {
      MemorySegment ten = arena.allocate(10);
      MemorySegment four = arena.allocate(4);
      assertEquals(10, messages.first().send(vector(ten)));
      UnixSocket.Received received = messages.second().receive(vector(four), 0);
      assertEquals(4, received.bytes());
      assertTrue(received.bytesLost());
      assertEquals(10, stream.first().send(vector(ten)));
      assertEquals(4, stream.second().receive(vector(four), 0).bytes());
      stream.second().fd().setNonBlocking(true);
      assertEquals(4, stream.second().receive(vector(four), 1).bytes());
      assertEquals(2, stream.second().receive(vector(four), 1).bytes());
      assertEquals(-Errno.EAGAIN, stream.second().receive(vector(four), 1).bytes());
      stream.first().shutdown(UnixSocket.Half.WRITE);
      assertEquals(0, stream.second().receive(vector(four), 1).bytes());
      stream.second().shutdown(UnixSocket.Half.READ);
      stream.first().shutdown(UnixSocket.Half.BOTH);
      assertEquals(-Errno.EPIPE, stream.first().send(vector(ten)), "and no SIGPIPE");
    }
  }

  @Test
  void shortTransfersKeepTheDescriptors() throws Exception {
    try (UnixSocket.Pair pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        EventFd event = EventFd.create("travels");
        Arena arena = Arena.ofConfined()) {
      IoVector out = new IoVector(3);
      out.add(arena.allocate(3));
      out.add(arena.allocate(5));
      try (FaultInjection _ = FaultInjection.shorten("sendmsg", 4);
          FaultInjection _ = FaultInjection.fail("recvmsg", Errno.EINTR).times(1);
          FaultInjection _ = FaultInjection.shorten("recvmsg", 2)) {
        assertEquals(4, pair.first().send(out, event.fd()));
        assertEquals(8, out.byteCount());
        UnixSocket.Received received = pair.second().receive(out, 1);
        assertEquals(2, received.bytes());
        assertEquals(1, received.descriptors().size());
        received.descriptors().forEach(OwnedFd::close);
      }
    }
  }

  @Test
  void connectionsAreMadeByPathAndByName(@TempDir Path folder) throws Exception {
    for (UnixAddress address :
        List.of(
            UnixAddress.path(folder + "/s"),
            UnixAddress.abstractName("java-vmm " + folder.getFileName()))) {
      for (UnixSocket.Type type : UnixSocket.Type.values()) {
        if (address instanceof UnixAddress.Named(String path)) {
          Path.of(path).toFile().delete();
        }
        try (UnixSocket listener = UnixSocket.listen(type, address, 4)) {
          assertTrue(listener.fd().isCloseOnExec());
          String name = "socket listening at " + address;
          assertEquals("fd " + listener.fd().number() + " (" + name + ")", listener.toString());
          assertEquals(
              "bind(" + name + "): EADDRINUSE (address in use)",
              assertThrows(SystemCallException.class, () -> UnixSocket.listen(type, address, 4))
                  .getMessage());
          listener.fd().setNonBlocking(true);
          assertEquals(
              Errno.EAGAIN, assertThrows(SystemCallException.class, listener::accept).errno());
          try (UnixSocket client = UnixSocket.connect(type, address);
              UnixSocket server = listener.accept();
              Arena arena = Arena.ofConfined()) {
            assertTrue(server.fd().isCloseOnExec());
            UnixSocket.Credentials peer = server.peerCredentials();
            assertEquals(ProcessHandle.current().pid(), peer.pid());
            assertEquals(client.peerCredentials(), peer);
            assertEquals(3, client.send(vector(arena.allocate(3))));
            assertEquals(3, server.receive(vector(arena.allocate(9)), 0).bytes());
          }
        }
        int refused =
            assertThrows(SystemCallException.class, () -> UnixSocket.connect(type, address))
                .errno();
        assertEquals(111, refused);
      }
    }
    assertTrue(
        String.valueOf(
                assertThrows(
                        SystemCallException.class,
                        () ->
                            UnixSocket.connect(
                                UnixSocket.Type.STREAM, UnixAddress.path(folder + "/none")))
                    .getMessage())
            .endsWith("/none): ENOENT (no such file or directory)"));
  }

  @Test
  void misuseIsRefused() throws Exception {
    for (String name : new String[] {"", "x".repeat(108)}) {
      assertEquals(
          "the address of a socket has " + name.length() + " bytes, not 1..107",
          assertThrows(IllegalArgumentException.class, () -> UnixAddress.path(name)).getMessage());
      assertThrows(IllegalArgumentException.class, () -> UnixAddress.abstractName(name));
    }
    assertThrows(IllegalArgumentException.class, () -> UnixAddress.path("a\0b"));
    try (UnixSocket.Pair pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        Arena arena = Arena.ofConfined()) {
      UnixSocket socket = UnixSocket.adopt(pair.first().fd());
      IoVector readOnly = vector(arena.allocate(1).asReadOnly());
      assertThrows(IllegalArgumentException.class, () -> socket.receive(readOnly, 0));
      assertThrows(IllegalArgumentException.class, () -> socket.receive(readOnly, -1));
      assertThrows(IllegalArgumentException.class, () -> socket.receive(readOnly, 254));
      OwnedFd[] many = new OwnedFd[254];
      Arrays.fill(many, socket.fd());
      assertEquals(
          "descriptors=254 is more than 253",
          assertThrows(IllegalArgumentException.class, () -> socket.send(readOnly, many))
              .getMessage());
      EventFd closed = EventFd.create("closed");
      closed.close();
      assertThrows(
          IllegalStateException.class, () -> socket.send(readOnly, socket.fd(), closed.fd()));
      assertEquals(1, socket.send(readOnly));
      Descriptors.close(pair.first());
      assertThrows(IllegalStateException.class, socket::peerCredentials);
    }
    try (OwnedFd file = OwnedFd.openReadOnly("/dev/null");
        UnixSocket none = UnixSocket.adopt(file)) {
      assertEquals(
          "getsockopt(/dev/null, SO_PEERCRED): ENOTSOCK (not a socket)",
          assertThrows(SystemCallException.class, none::peerCredentials).getMessage());
    }
  }
}
