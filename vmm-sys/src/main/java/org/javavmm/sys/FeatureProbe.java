// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what this host offers to this process, by trying it: a kernel may have a feature that a
 * sandbox or an administrator has switched off. Nothing is left behind. Thread-safe.
 */
public final class FeatureProbe {
  /** What can be asked for. */
  public enum Feature {
    /** {@link IoUring}. */
    IO_URING("io_uring"),
    /** {@link MemFd} with seals. */
    MEMFD("memfd"),
    /** {@link PidFd}. */
    PIDFD("pidfd"),
    /** {@link Folder}. */
    OPENAT2("openat2"),
    /** {@link OfdLock}. */
    OFD_LOCKS("OFD locks"),
    /** Pages of 2 MiB of hugetlbfs. */
    HUGE_PAGES_2M("huge pages of 2 MiB"),
    /** Pages of 1 GiB of hugetlbfs. */
    HUGE_PAGES_1G("huge pages of 1 GiB"),
    /** Transparent huge pages on advice. */
    TRANSPARENT_HUGE_PAGES("transparent huge pages"),
    /** Merging of equal pages. */
    KSM("KSM"),
    /** {@link Advice#POPULATE_WRITE}. */
    POPULATE("MADV_POPULATE"),
    /** {@link Mapping#bind} and more than one node. */
    NUMA("NUMA"),
    /** {@code userfaultfd(2)}. */
    USERFAULTFD("userfaultfd"),
    /** {@code landlock(7)}. */
    LANDLOCK("Landlock"),
    /** {@code timerfd_create(2)}. */
    TIMERFD("timerfd"),
    /** {@code signalfd(2)}. */
    SIGNALFD("signalfd"),
    /** Real-time scheduling. */
    REAL_TIME("real-time scheduling");

    private final String text;

    Feature(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** What was found. */
  public sealed interface Result {
    /** {@return whether the feature can be used} */
    default boolean isAvailable() {
      return this instanceof Available;
    }
  }

  /**
   * The feature can be used.
   *
   * @param detail more about it, such as a version; may be empty
   */
  public record Available(String detail) implements Result {
    @Override
    public String toString() {
      return detail.isEmpty() ? "available" : "available: " + detail;
    }
  }

  /**
   * The feature cannot be used.
   *
   * @param reason why not
   */
  public record Unavailable(String reason) implements Result {
    @Override
    public String toString() {
      return "not available: " + reason;
    }
  }

  private static final long USERFAULTFD = Libc.syscallNumber("userfaultfd", 323, 282);
  private static final long LANDLOCK = Libc.syscallNumber("landlock_create_ruleset", 444);
  private static final long TIMERFD = Libc.syscallNumber("timerfd_create", 283, 85);
  private static final long SIGNALFD = Libc.syscallNumber("signalfd4", 289, 74);
  private static final int CLOEXEC = 0x8_0000;
  static final int UFFD_USER_MODE_ONLY = 1;
  static final int LANDLOCK_CREATE_RULESET_VERSION = 1;

  private static final Path MM = Path.of("/sys/kernel/mm");

  private FeatureProbe() {}

  /**
   * {@return what this host offers of a feature now}
   *
   * @param feature what is asked for
   */
  public static Result of(Feature feature) {
    try {
      return new Available(detail(feature));
    } catch (SystemCallException e) {
      return new Unavailable(String.valueOf(e.getMessage()));
    } catch (Missing e) {
      return new Unavailable(e.reason);
    } catch (IOException e) {
      return new Unavailable("cannot read " + e.getMessage());
    }
  }

  /** {@return what this host offers now, in the order of the features} */
  public static Map<Feature, Result> all() {
    Map<Feature, Result> results = new EnumMap<>(Feature.class);
    for (Feature feature : Feature.values()) {
      results.put(feature, of(feature));
    }
    return results;
  }

  /** {@return what this host offers now, for people: a line per feature} */
  public static String table() {
    StringBuilder table = new StringBuilder();
    all().forEach((feature, result) -> table.append(String.format("%-24s%s%n", feature, result)));
    return table.toString();
  }

  /** What is not there although no call failed. */
  private static final class Missing extends IOException {
    private static final long serialVersionUID = 1L;

    private final String reason;

    Missing(String reason) {
      super(reason);
      this.reason = reason;
    }
  }

  private static String detail(Feature feature) throws IOException {
    return switch (feature) {
      case IO_URING -> {
        try (IoUring ring = IoUring.create(1)) {
          yield "features 0x" + Integer.toHexString(ring.features());
        }
      }
      case MEMFD -> {
        try (MemFd _ = MemFd.sealed("probe", 1)) {
          yield "";
        }
      }
      case PIDFD -> {
        try (PidFd self = PidFd.open(ProcessHandle.current().pid())) {
          self.signal(0);
          yield "";
        }
      }
      case OPENAT2 -> {
        try (Folder root = Folder.open("/");
            OwnedFd _ = root.open(".", Set.of(Folder.Resolve.BENEATH), OpenFlag.PATH)) {
          yield "";
        }
      }
      case OFD_LOCKS -> {
        try (MemFd file = MemFd.create("probe", 1)) {
          yield OfdLock.tryLock(file.fd(), OfdLock.Mode.EXCLUSIVE, 0, 0) ? "" : "contended";
        }
      }
      case HUGE_PAGES_2M -> hugePages(HugePageSize.SIZE_2M);
      case HUGE_PAGES_1G -> hugePages(HugePageSize.SIZE_1G);
      case TRANSPARENT_HUGE_PAGES -> {
        String enabled = read(MM.resolve("transparent_hugepage/enabled"));
        if (enabled.contains("[never]")) {
          throw new Missing(MM + "/transparent_hugepage/enabled is " + enabled);
        }
        yield enabled;
      }
      case KSM -> {
        String run = read(MM.resolve("ksm/run"));
        if (!run.equals("1")) {
          throw new Missing(MM + "/ksm/run is " + run + ", not 1");
        }
        yield "";
      }
      case POPULATE -> {
        try (Mapping page = Mapping.anonymous(PageSize.BASE)) {
          page.advise(Advice.POPULATE_WRITE);
          yield "";
        }
      }
      case NUMA -> {
        try (Mapping page = Mapping.anonymous(PageSize.BASE)) {
          page.bind(NumaPolicy.DEFAULT, 0);
        }
        String nodes = read(Path.of("/sys/devices/system/node/online"));
        if (nodes.equals("0")) {
          throw new Missing("the host has one node");
        }
        yield "nodes " + nodes;
      }
      case USERFAULTFD -> descriptor(USERFAULTFD, CLOEXEC | UFFD_USER_MODE_ONLY, 0, "userfaultfd");
      case LANDLOCK -> {
        int version = Libc.syscall(LANDLOCK, 0, 0, LANDLOCK_CREATE_RULESET_VERSION, 0, 0, 0);
        if (version < 0) {
          throw new SystemCallException("landlock_create_ruleset(version)", -version);
        }
        yield "ABI " + version;
      }
      case TIMERFD -> descriptor(TIMERFD, 1, CLOEXEC, "timerfd_create");
      case SIGNALFD -> signalFd();
      case REAL_TIME -> {
        ResourceLimit limit = ResourceLimit.get(ResourceLimit.Resource.RTPRIO);
        tryRealTime();
        yield "limit " + limit;
      }
    };
  }

  /** On a thread of its own, which ends with the class it got. */
  private static void tryRealTime() throws IOException {
    AtomicReference<@Nullable SystemCallException> failure = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .name("real-time probe")
            .start(() -> {
              try {
                Scheduling.roundRobin(1).applyTo(0);
              } catch (SystemCallException e) {
                failure.set(e);
              }
            });
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Missing("interrupted while probing");
    }
    SystemCallException failed = failure.get();
    if (failed != null) {
      throw failed;
    }
  }

  private static String signalFd() throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      int number = Libc.syscall(SIGNALFD, -1, arena.allocate(8, 8).address(), 8, CLOEXEC, 0, 0);
      return closed(number, "signalfd4");
    }
  }

  private static String descriptor(long call, long a, long b, String name)
      throws SystemCallException {
    return closed(Libc.syscall(call, a, b, 0, 0, 0, 0), name);
  }

  private static String closed(int number, String name) throws SystemCallException {
    if (number < 0) {
      throw new SystemCallException(name + "()", -number);
    }
    OwnedFd.adopt(number, name).close();
    return "";
  }

  private static String hugePages(HugePageSize size) throws IOException {
    Path folder = MM.resolve("hugepages/hugepages-" + size.bytes() / 1024 + "kB");
    if (!Files.isDirectory(folder)) {
      throw new Missing("the processor or the kernel has none of that size");
    }
    String free = read(folder.resolve("free_hugepages"));
    if (free.equals("0") && read(folder.resolve("nr_overcommit_hugepages")).equals("0")) {
      throw new Missing("none is free; see " + folder + "/nr_hugepages");
    }
    return free + " free";
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file).strip();
  }
}
