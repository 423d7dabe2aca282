// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation with its first, second, third ... call to libc failing: nothing may be left open,
 * mapped or running, and the error names the call that failed.
 */
@Timeout(240)
class FaultWalkTest {
  @TempDir static Path folder;

  private interface Operation {
    void run() throws Exception;
  }

  /** The calls whose failure an operation may pass over, and why that is right. */
  private static final Set<String> SWALLOWED =
      Set.of(
          // The number is free whatever they say.
          "close",
          "munmap",
          // No terminal: an answer, not an error.
          "isatty",
          // A reader finds nothing to drain.
          "read");

  /** So large that a mapping left behind shows in the size of the process. */
  private static final long HUGE = 1L << 40;

  private static final Map<String, Operation> OPERATIONS = operations();

  static Stream<String> names() {
    return OPERATIONS.keySet().stream();
  }

  private static Map<String, Operation> operations() {
    Map<String, Operation> o = new LinkedHashMap<>();
    o.put(
        "eventfd",
        () -> {
          try (EventFd event = EventFd.create("e")) {
            event.signal();
            var _ = event.drain();
          }
        });
    o.put(
        "epoll",
        () -> {
          try (EventFd event = EventFd.create("e");
              Epoll epoll = Epoll.create(2)) {
            epoll.add(event.fd(), Epoll.EPOLLIN, 1);
            epoll.modify(event.fd(), Epoll.EPOLLOUT, 1);
            var _ = epoll.await(0);
            epoll.remove(event.fd());
          }
        });
    o.put(
        "pty and terminal",
        () -> {
          try (Pty pty = Pty.open();
              OwnedFd terminal = OwnedFd.openNonBlocking(pty.path());
              Terminal _ = Terminal.raw(terminal)) {
            var _ = Terminal.isTerminal(terminal);
            var _ = Terminal.windowSize(terminal);
          }
        });
    o.put(
        "process signals",
        () -> {
          try (ProcessSignals signals = ProcessSignals.open(ProcessSignals.Kind.WINCH)) {
            var _ = signals.take();
          }
        });
    o.put(
        "files",
        () -> {
          try (Arena arena = Arena.ofConfined();
              OwnedFd fd = OwnedFd.open(folder + "/f", OpenFlag.READ_WRITE, OpenFlag.CREATE);
              OwnedFd copy = fd.duplicate()) {
            MemorySegment m = arena.allocate(100);
            IoVector v = new IoVector(2);
            fd.truncate(1000);
            fd.writeFully(m);
            fd.pwriteFully(m, 7);
            failed(copy.pread(m, 0), "pread");
            fd.preadFully(m, 0);
            v.add(m);
            fd.pwritevFully(v, 0);
            v.clear();
            v.add(m);
            fd.preadvFully(v, 0);
            v.clear();
            v.add(m);
            fd.readvFully(v);
            v.clear();
            v.add(m);
            fd.writevFully(v);
            fd.sync();
            fd.dataSync();
            fd.setNonBlocking(true);
            var _ = fd.isNonBlocking();
            var _ = fd.isCloseOnExec();
            var _ = fd.poll(OwnedFd.POLLIN, 0);
            var _ = FileStatus.of(fd);
            Fallocate.allocate(fd, 0, 4096, false);
            Fallocate.punchHole(fd, 0, 4096);
            var _ = Fallocate.seekData(fd, 0);
            OfdLock.lock(fd, OfdLock.Mode.SHARED, 0, 1);
            var _ = OfdLock.conflicts(fd, OfdLock.Mode.SHARED, 0, 1);
            OfdLock.unlock(fd, 0, 1);
            var _ = OfdLock.tryLock(fd, OfdLock.Mode.SHARED, 0, 1);
          }
        });
    o.put(
        "folder",
        () -> {
          try (Folder in = Folder.open(folder.toString());
              OwnedFd _ = in.openBeneath("g", OpenFlag.READ_WRITE, OpenFlag.CREATE)) {
            // Opened: all there is to it.
          }
        });
    o.put(
        "mappings",
        () -> {
          try (MemFd file = MemFd.sealed("m", 1 << 20);
              Mapping plain = file.mapping(0, 1 << 20).build();
              Mapping guarded = Mapping.builder(HUGE).guardPages(HUGE).build();
              Mapping _ = Mapping.anonymous(HUGE);
              Mapping _ = file.mapping(0, 4096).guardPages(4096).alignment(1 << 20).build()) {
            var _ = file.seals();
            plain.advise(Advice.POPULATE_WRITE);
            plain.sync();
            guarded.bind(NumaPolicy.BIND, 1);
            guarded.protectReadOnly();
          }
        });
    o.put(
        "sockets",
        () -> {
          UnixAddress address = UnixAddress.abstractName("walk " + folder.getFileName());
          UnixSocket.Type type = UnixSocket.Type.SEQPACKET;
          try (Arena arena = Arena.ofConfined();
              UnixSocket.Pair pair = UnixSocket.pair(type);
              UnixSocket listener = UnixSocket.listen(type, address, 1);
              UnixSocket client = UnixSocket.connect(type, address);
              UnixSocket server = listener.accept()) {
            IoVector v = new IoVector(1);
            v.add(arena.allocate(10));
            var _ = server.peerCredentials();
            failed(pair.first().send(v, client.fd()), "sendmsg");
            UnixSocket.Received received = pair.second().receive(v, 1);
            received.descriptors().forEach(OwnedFd::close);
            failed(received.bytes(), "recvmsg");
            client.shutdown(UnixSocket.Half.BOTH);
          }
        });
    o.put(
        "processes and threads",
        () -> {
          try (PidFd self = PidFd.open(ProcessHandle.current().pid());
              OwnedFd _ = self.getFd(0)) {
            self.signal(0);
            var _ = self.awaitEnd(0);
          }
          BitSet processors = CpuAffinity.get(0);
          CpuAffinity.set(0, processors);
          Scheduling.of(0).applyTo(0);
          ResourceLimit.get(ResourceLimit.Resource.CORE).applyTo(ResourceLimit.Resource.CORE);
        });
    o.put(
        "probes",
        () -> {
          for (FeatureProbe.Feature feature : FeatureProbe.Feature.values()) {
            boolean before = FeatureProbe.of(feature).isAvailable();
            var _ = before;
          }
        });
    o.put(
        "io_uring",
        () -> {
          try (MemFd file = MemFd.create("u", 4096);
              EventFd event = EventFd.create("e");
              Mapping memory = Mapping.anonymous(4096);
              IoUring ring = IoUring.create(4)) {
            IoVector v = new IoVector(1);
            v.add(memory.segment());
            ring.registerBuffers(v);
            ring.registerFiles(file.fd());
            ring.updateFile(0, file.fd());
            ring.registerEventFd(event);
            var _ = ring.prepareRead(0, memory.address(), 100, 0, 1);
            var _ = ring.preparePollAdd(event.fd(), OwnedFd.POLLOUT, false, 2);
            var _ = ring.submitAndWait(1);
            var _ = ring.preparePollAdd(event.fd(), OwnedFd.POLLIN, false, 3);
            var _ = ring.submit();
            while (ring.next()) {
              // What is left is cancelled by close.
            }
            ring.unregisterEventFd();
            ring.unregisterFiles();
            ring.unregisterBuffers();
          }
        });
    return o;
  }

  private static void failed(long result, String call) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(call + "()", (int) -result);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void nothingLeaksWhicheverCallFails(String name) throws Exception {
    Operation operation = Objects.requireNonNull(OPERATIONS.get(name));
    // Once in peace, so that what the JVM itself opens and maps is there; its own files do not
    // count.
    operation.run();
    for (int errno : new int[] {Errno.EIO, Errno.ENOMEM, Errno.EINTR}) {
      boolean hit = true;
      for (int n = 1; hit; n++) {
        Map<String, Long> before = resources();
        try (FaultInjection fault =
            FaultInjection.failNth(n, errno).onThread(Thread.currentThread())) {
          try {
            operation.run();
            String call = fault.hitCall();
            assertTrue(
                errno == Errno.EINTR
                    || fault.hits() == 0
                    || SWALLOWED.contains(call)
                    || name.equals("probes")
                    || call.startsWith("io_uring_")
                    || call.equals("tcsetattr"),
                "nobody heard of " + call + " failing");
          } catch (IOException | IllegalStateException e) {
            String message = String.valueOf(e.getMessage());
            assertTrue(message.contains(fault.hitCall() + "("), fault.hitCall() + ": " + message);
            assertTrue(message.contains(Errno.name(errno)), message);
          }
          hit = fault.hits() > 0;
          assertEquals(before, resources(), name + ", call " + n + ", " + fault.hitCall());
        }
      }
    }
  }

  /** Descriptors and mappings by what they lead to, and threads that are none of the JVM's own. */
  private static Map<String, Long> resources() throws IOException {
    Map<String, Long> found = new TreeMap<>();
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      for (Path fd : fds.toList()) {
        if (Files.exists(fd, LinkOption.NOFOLLOW_LINKS)) {
          String target = Descriptors.target(fd);
          if (target.matches(".*(anon_inode|memfd|socket|pts|ptmx|" + folder + ").*")) {
            found.merge("fd " + target.replaceAll("[0-9]+", "n"), 1L, Long::sum);
          }
        }
      }
    }
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      if (line.contains("memfd") || line.contains("io_uring") || line.contains("" + folder)) {
        found.merge("mapping " + line.replaceAll(".* ", ""), 1L, Long::sum);
      }
    }
    String pages = Files.readString(Path.of("/proc/self/statm")).split(" ", 2)[0];
    found.put("TiB", (Long.parseLong(pages) * 4096 + HUGE / 2) / HUGE);
    long probes =
        Thread.getAllStackTraces().keySet().stream()
            .filter(t -> t.getName().contains("probe"))
            .count();
    found.put("threads", probes);
    return found;
  }
}
