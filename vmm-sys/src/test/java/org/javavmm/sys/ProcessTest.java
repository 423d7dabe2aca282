// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Processes, threads and what the host offers them. */
@Timeout(120)
class ProcessTest {
  /** Starts a child that the JVM does not know, so that nobody but the test waits for it. */
  private static int spawn(String... command) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment arguments = arena.allocate(ValueLayout.JAVA_LONG, command.length + 1L);
      for (int i = 0; i < command.length; i++) {
        arguments.setAtIndex(ValueLayout.JAVA_LONG, i, arena.allocateFrom(command[i]).address());
      }
      MemorySegment pid = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment none = arena.allocate(8, 8);
      int result =
          Libc.callInt(
              Libc.function("posix_spawn"),
              pid.address(),
              arguments.get(ValueLayout.JAVA_LONG, 0),
              0,
              0,
              arguments.address(),
              none.address());
      assertEquals(0, result);
      return pid.get(ValueLayout.JAVA_INT, 0);
    }
  }

  @Test
  void aChildIsAwaitedByItsDescriptor() throws Exception {
    try (PidFd child = PidFd.open(spawn("/bin/sh", "-c", "exit 7"))) {
      assertTrue(child.awaitEnd(-1));
      assertEquals(Optional.of(new PidFd.Exit(7, false)), child.exit());
      assertEquals(Optional.of(new PidFd.Exit(7, false)), child.reap());
      SystemCallException e = assertThrows(SystemCallException.class, child::reap);
      assertEquals("waitid(P_PIDFD, " + child.fd().name() + "): ECHILD", e.getMessage());
      assertEquals(
          Errno.ESRCH, assertThrows(SystemCallException.class, () -> child.signal(0)).errno());
    }
  }

  @Test
  void aRunningChildIsKilledAndItsFilesAreTaken() throws Exception {
    try (PidFd child = PidFd.open(spawn("/bin/sleep", "1000"))) {
      assertFalse(child.awaitEnd(0));
      assertEquals(Optional.empty(), child.exit());
      try (OwnedFd output = child.getFd(1)) {
        assertTrue(output.isCloseOnExec());
        assertTrue(output.name().startsWith("fd 1 of process "));
      }
      assertEquals(
          "pidfd_getfd(" + child.fd().name() + ", fd=999999): EBADF (bad file descriptor)",
          assertThrows(SystemCallException.class, () -> child.getFd(999_999)).getMessage());
      child.signal(9);
      assertTrue(child.awaitEnd(-1));
      try (FaultInjection _ = FaultInjection.fail("waitid", Errno.EINTR).times(1)) {
        assertEquals(Optional.of(new PidFd.Exit(9, true)), child.reap());
      }
      assertTrue(child.toString().contains("process "));
    }
    assertEquals(
        "pidfd_open(pid=0): EINVAL (invalid argument)",
        assertThrows(SystemCallException.class, () -> PidFd.open(0)).getMessage());
  }

  /** Changes of scheduling stay on a thread that ends with the test. */
  private static void onAThread(ThrowingRunnable body) throws Exception {
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                body.run();
              } catch (Throwable t) {
                failure.set(t);
              }
            });
    thread.join();
    Throwable failed = failure.get();
    if (failed != null) {
      throw new AssertionError(failed);
    }
  }

  private interface ThrowingRunnable {
    void run() throws Exception;
  }

  @Test
  void affinityIsSetPerThread() throws Exception {
    BitSet all = CpuAffinity.get(0);
    assertEquals(Runtime.getRuntime().availableProcessors(), all.cardinality());
    onAThread(() -> {
      BitSet one = new BitSet();
      one.set(all.nextSetBit(0));
      one.set(5000);
      CpuAffinity.set(0, one);
      one.clear(5000);
      assertEquals(one, CpuAffinity.get(0));
      assertEquals(one, CpuAffinity.get(KickSignal.currentThreadId()));
      assertTrue(
          String.valueOf(
                  assertThrows(SystemCallException.class, () -> CpuAffinity.set(0, new BitSet()))
                      .getMessage())
              .endsWith(", {}): EINVAL (invalid argument)"));
    });
    assertEquals(all, CpuAffinity.get(0));
    // A host with more processors than the mask has room for.
    try (FaultInjection fault = FaultInjection.fail("sched_getaffinity", Errno.EINVAL).times(3)) {
      assertEquals(all, CpuAffinity.get(0, 8));
      assertEquals(3, fault.hits());
    }
    try (FaultInjection _ = FaultInjection.fail("sched_getaffinity", Errno.EINVAL)) {
      assertThrows(SystemCallException.class, () -> CpuAffinity.get(0));
    }
    assertEquals(
        "sched_getaffinity(thread 2147483647): ESRCH (no such process or thread)",
        assertThrows(SystemCallException.class, () -> CpuAffinity.get(Integer.MAX_VALUE))
            .getMessage());
  }

  @Test
  void schedulingIsSetPerThread() throws Exception {
    onAThread(() -> {
      for (Scheduling wanted :
          List.of(Scheduling.other(5), Scheduling.batch(6), Scheduling.idle())) {
        wanted.applyTo(0);
        Scheduling now = Scheduling.of(0);
        assertEquals(wanted.policy(), now.policy());
        if (wanted.policy() != Scheduling.Policy.IDLE) {
          assertEquals(wanted, now);
        }
      }
    });
    for (Scheduling wanted :
        List.of(
            Scheduling.fifo(1),
            Scheduling.roundRobin(2),
            Scheduling.deadline(1_000_000, 10_000_000, 20_000_000))) {
      onAThread(() -> {
        try {
          wanted.applyTo(0);
          assertEquals(wanted, Scheduling.of(0));
        } catch (SystemCallException e) {
          assertTrue(e.errno() == Errno.EPERM || e.errno() == Errno.EBUSY, "unexpected: " + e);
        }
      });
    }
    assertTrue(
        String.valueOf(
                assertThrows(SystemCallException.class, () -> Scheduling.fifo(100).applyTo(0))
                    .getMessage())
            .startsWith("sched_setattr(thread 0, Scheduling[policy=FIFO, nice=0, priority=100, "));
    assertEquals(
        "sched_getattr(thread 2147483647): ESRCH (no such process or thread)",
        assertThrows(SystemCallException.class, () -> Scheduling.of(Integer.MAX_VALUE))
            .getMessage());
  }

  @Test
  void limitsAreReadAndSet() throws Exception {
    for (ResourceLimit.Resource resource : ResourceLimit.Resource.values()) {
      ResourceLimit limit = ResourceLimit.get(resource);
      assertTrue(Long.compareUnsigned(limit.soft(), limit.hard()) <= 0);
      limit.applyTo(resource);
      assertEquals(limit, ResourceLimit.get(resource));
    }
    ResourceLimit.Resource core = ResourceLimit.Resource.CORE;
    ResourceLimit before = ResourceLimit.get(core);
    try {
      new ResourceLimit(0, before.hard()).applyTo(core);
      assertEquals(new ResourceLimit(0, before.hard()), ResourceLimit.get(core));
    } finally {
      before.applyTo(core);
    }
    assertEquals(
        "prlimit(RLIMIT_CORE, soft=unlimited, hard=5): EINVAL (invalid argument)",
        assertThrows(
                SystemCallException.class,
                () -> new ResourceLimit(ResourceLimit.UNLIMITED, 5).applyTo(core))
            .getMessage());
  }

  @Test
  void probesSayAvailableOrWhyNot() {
    Map<FeatureProbe.Feature, FeatureProbe.Result> all = FeatureProbe.all();
    assertEquals(FeatureProbe.Feature.values().length, all.size());
    assertTrue(all.get(FeatureProbe.Feature.MEMFD) instanceof FeatureProbe.Available);
    all.forEach((feature, result) -> {
      switch (result) {
        case FeatureProbe.Available a -> assertTrue(a.toString().startsWith("available"));
        case FeatureProbe.Unavailable u -> assertFalse(u.reason().isEmpty(), "" + feature);
      }
    });
    String table = FeatureProbe.table();
    assertEquals(all.size(), table.lines().count());
    assertTrue(table.startsWith("io_uring "), table);
    try (FaultInjection _ = FaultInjection.fail("io_uring_setup", Errno.EPERM)) {
      FeatureProbe.Result result = FeatureProbe.of(FeatureProbe.Feature.IO_URING);
      assertFalse(result.isAvailable());
      assertEquals(
          "not available: io_uring_setup(entries=1, flags=0x80):"
              + " EPERM (operation not permitted)",
          result.toString());
    }
    for (Map.Entry<FeatureProbe.Feature, String> e :
        Map.of(
                FeatureProbe.Feature.USERFAULTFD, "userfaultfd",
                FeatureProbe.Feature.LANDLOCK, "landlock_create_ruleset",
                FeatureProbe.Feature.TIMERFD, "timerfd_create",
                FeatureProbe.Feature.SIGNALFD, "signalfd4",
                FeatureProbe.Feature.REAL_TIME, "sched_setattr",
                FeatureProbe.Feature.PIDFD, "pidfd_open",
                FeatureProbe.Feature.OPENAT2, "openat2",
                FeatureProbe.Feature.POPULATE, "madvise")
            .entrySet()) {
      try (FaultInjection _ = FaultInjection.fail(e.getValue(), Errno.ENOSYS)) {
        String text = FeatureProbe.of(e.getKey()).toString();
        assertTrue(text.startsWith("not available: " + e.getValue() + "("), text);
        assertTrue(text.endsWith("ENOSYS (not implemented by this kernel)"), text);
      }
    }
  }
}
