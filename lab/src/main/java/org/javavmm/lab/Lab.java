// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A machine with a real {@code /dev/kvm}, for hosts that have none.
 *
 * <p>QEMU's software CPU emulates AMD SVM with nested paging. A kernel of Debian started on it
 * loads {@code kvm_amd}, and the {@code /dev/kvm} of that kernel behaves like hardware, only
 * slower. The lab runs one command in such a machine:
 *
 * {@snippet :
 * int status = Lab.builder().memory(4L << 30).build().run(List.of("sh", "-c", "ls -l /dev/kvm"));
 * }
 *
 * <p>A command means the same in the lab as on the host: the lab's root is the host's root, every
 * path the same file, read and written in place (through virtiofs); the working directory, the
 * environment, the standard streams and the exit status are passed. These are the lab's own:
 *
 * <ul>
 *   <li>{@code /proc}, {@code /sys}, {@code /dev}, {@code /run}, {@code /dev/shm}, with the lab's
 *       processes and devices; the command runs as root of the lab, with the file rights of the
 *       user who started it;
 *   <li>the network. The host is {@code host.lab} (10.0.2.2), its loopback included: what listens
 *       on the host's 127.0.0.1 is reached there. {@code 127.0.0.1} is the lab's own. Names are
 *       resolved by the host's name service. Nothing outside reaches into the lab;
 *   <li>sockets and pipes: a named one in the host's files cannot connect a process of the host
 *       with one of the lab. File locks do not reach across either.
 * </ul>
 *
 * <p>The command ends the lab: processes that it leaves behind are killed. What it reads from
 * standard input may be less than was taken from the caller's.
 *
 * <p>Needed on the host are QEMU 7.2 or later with virtiofsd, and for the first use apt with a
 * network ({@link DebianPackages}): Debian's {@code qemu-system-x86}, {@code qemu-system-common},
 * {@code seabios}, {@code util-linux}, {@code xz-utils}. Root is not.
 *
 * <p>Instances are immutable and may be used by several threads, also at the same time: each run is
 * a machine of its own.
 */
public final class Lab {
  /** The smallest memory in which the lab's kernel and a JVM start, in bytes. */
  public static final long MIN_MEMORY = 512L << 20;

  /** The largest number of CPUs that QEMU's q35 machine takes without an emulated IOMMU. */
  public static final int MAX_CPUS = 255;

  /** The memory of a lab, in bytes, unless the builder is told another size. */
  public static final long DEFAULT_MEMORY = 3L << 30;

  /**
   * Options for a JVM inside the lab that make short programs faster there: the JIT compiler's
   * second stage and a parallel collector cost more than they bring on an emulated CPU.
   */
  public static final List<String> JVM_OPTIONS =
      List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC");

  private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

  final Builder settings;

  private Lab(Builder settings) {
    this.settings = settings;
  }

  /** {@return a builder with the defaults} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * The environment of the command unless the builder is told another: that of this process, with
   * the JDK that runs this process first in {@code PATH} and as {@code JAVA_HOME}.
   *
   * @return a new map
   */
  public static Map<String, String> defaultEnvironment() {
    Map<String, String> environment = new LinkedHashMap<>(System.getenv());
    String home = System.getProperty("java.home");
    // As it was given, if it is the same: what depends on its name need not be made again.
    if (!sameFolder(environment.getOrDefault("JAVA_HOME", ""), home)) {
      environment.put("JAVA_HOME", home);
    }
    String path = environment.getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    String bin = home + "/bin";
    if (!path.equals(bin) && !path.startsWith(bin + ":")) {
      environment.put("PATH", bin + ":" + path);
    }
    return environment;
  }

  private static boolean sameFolder(String given, String home) {
    try {
      return given.startsWith("/") && Files.isSameFile(Path.of(given), Path.of(home));
    } catch (IOException | InvalidPathException e) {
      return false;
    }
  }

  /**
   * The command line that starts the lab's machine, to be looked at. Nothing is fetched, built or
   * started. Paths that differ from run to run stand as {@code DIR/...}.
   *
   * @return the program and its arguments
   */
  public List<String> qemuCommand() {
    return QemuCommand.of(
        "qemu-system-x86_64", Path.of("DIR/vmlinuz"), Path.of("DIR"), this, false, false);
  }

  /**
   * Runs a command in the lab and waits for its end, passing the standard streams.
   *
   * <p>If standard input and output of this process are terminals (and the builder was given no
   * streams), the command gets a terminal of its own in the lab, of the same size; the caller's is
   * set to raw mode for that time and set back afterwards, also when the JVM is ended by a signal.
   * A JVM that is told to end (SIGTERM, SIGINT, SIGHUP) sends SIGTERM to the command's processes
   * and gives them some seconds.
   *
   * @param command the program and its arguments
   * @return the command's exit status; 128 + n if signal n ended it, 126 if it cannot be run or the
   *     working directory does not exist in the lab, 127 if it was not found
   * @throws IllegalArgumentException if the command is empty or contains a NUL
   * @throws LabException if a setting cannot be met by this host, a program or package is missing,
   *     or the lab does not come up or ends before the command
   * @throws InterruptedException if the thread is interrupted; the lab is then ended
   */
  public int run(List<String> command) throws LabException, InterruptedException {
    boolean own = settings.stdin == null && settings.stdout == null && settings.stderr == null;
    Terminal.Streams streams =
        own
            ? Terminal.streams(settings.packages().tools())
            : new Terminal.Streams(false, false, false);
    boolean terminal = streams.in() && streams.out();
    try (LabProcess process = LabProcess.start(this, command, terminal, streams.err())) {
      Thread hook = new Thread(process::endForShutdown, "lab-shutdown");
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException e) {
        throw new LabException("not started: this process is ending", e);
      }
      try {
        return process.waitFor();
      } finally {
        process.end();
        try {
          Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
          // The JVM is on its way out; the hook does nothing more.
        }
      }
    }
  }

  /**
   * Starts a command in the lab, without a terminal, and returns while the machine boots.
   *
   * @param command the program and its arguments
   * @return the running lab, to be closed by the caller
   * @throws IllegalArgumentException if the command is empty or contains a NUL
   * @throws LabException if a setting cannot be met by this host, or a program or package is
   *     missing
   */
  public LabProcess start(List<String> command) throws LabException {
    return LabProcess.start(this, command, false, false);
  }

  /**
   * Checks whether this host has the memory that the lab is to have. Nothing is fetched or started;
   * {@link #run} and {@link #start} check it again.
   *
   * @throws LabException if it has not; the message has both numbers
   */
  public void checkHost() throws LabException {
    long total = totalMemory();
    if (settings.memory > total) {
      throw new LabException(
          String.format(
              Locale.ROOT,
              "not enough memory: %d MiB asked for the lab, %d MiB in this machine"
                  + " (ask for less with --memory)",
              settings.memory >> 20,
              total >> 20));
    }
  }

  /** Checks, before anything is fetched or started, what can be checked. */
  void check(List<String> command) throws LabException {
    if (command.isEmpty()) {
      throw new IllegalArgumentException("no command");
    }
    for (String argument : command) {
      if (argument.indexOf('\0') >= 0) {
        throw new IllegalArgumentException("NUL in the command: " + argument.replace('\0', '?'));
      }
    }
    if (!DebianPackages.kernelSeries().contains(settings.kernel)) {
      throw new LabException(
          "unknown kernel '"
              + settings.kernel
              + "': use one of "
              + String.join(", ", DebianPackages.kernelSeries()));
    }
    if (!Files.isDirectory(settings.directory)) {
      throw new LabException("no such folder: " + settings.directory);
    }
    checkHost();
    settings.packages().tools().require("qemu-system-x86_64", "virtiofsd", "setpriv");
  }

  /** What the host, and a container around this process, has at most; no limit if unknown. */
  private static long totalMemory() {
    long total = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(MEMORY_INFO)) {
        if (line.startsWith("MemTotal:")) {
          total = Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
      String limit = Files.readString(Path.of("/sys/fs/cgroup/memory.max")).strip();
      if (!limit.equals("max")) {
        total = Math.min(total, Long.parseLong(limit));
      }
    } catch (IOException | NumberFormatException e) {
      return total;
    }
    return total;
  }

  /** Collects the settings of a lab. Not safe for use by several threads. */
  public static final class Builder {
    long memory = DEFAULT_MEMORY;
    int cpus = Math.min(2, Runtime.getRuntime().availableProcessors());
    String kernel = "6.1";
    Path directory = Path.of("").toAbsolutePath();
    Map<String, String> environment = defaultEnvironment();
    Duration startLimit = Duration.ofMinutes(2);
    Consumer<String> progress = line -> System.err.println("lab: " + line);
    @Nullable DebianPackages packages;
    @Nullable InputStream stdin;
    @Nullable OutputStream stdout;
    @Nullable OutputStream stderr;

    private Builder() {}

    private Builder(Builder other) {
      memory = other.memory;
      cpus = other.cpus;
      kernel = other.kernel;
      directory = other.directory;
      environment = Map.copyOf(other.environment);
      startLimit = other.startLimit;
      progress = other.progress;
      packages = other.packages;
      stdin = other.stdin;
      stdout = other.stdout;
      stderr = other.stderr;
    }

    /**
     * Sets the machine's memory; {@link Lab#DEFAULT_MEMORY} if not called. The host provides it as
     * the lab touches it.
     *
     * @param bytes at least {@link Lab#MIN_MEMORY}, a multiple of 1 MiB
     * @return this
     * @throws IllegalArgumentException if the size is smaller or no multiple
     */
    public Builder memory(long bytes) {
      if (bytes < MIN_MEMORY || bytes % (1 << 20) != 0) {
        throw new IllegalArgumentException(
            "memory: " + bytes + " bytes; at least " + MIN_MEMORY + ", a multiple of 1 MiB");
      }
      memory = bytes;
      return this;
    }

    /**
     * Sets the number of CPUs; the host's, but at most 2, if not called.
     *
     * @param count from 1 to {@link Lab#MAX_CPUS}
     * @return this
     * @throws IllegalArgumentException if the number is out of range
     */
    public Builder cpus(int count) {
      if (count < 1 || count > MAX_CPUS) {
        throw new IllegalArgumentException("cpus: " + count + "; from 1 to " + MAX_CPUS);
      }
      cpus = count;
      return this;
    }

    /**
     * Sets the series of the lab's kernel; 6.1 if not called. An unknown one is refused when the
     * lab is started.
     *
     * @param series one of {@link DebianPackages#kernelSeries}
     * @return this
     */
    public Builder kernel(String series) {
      kernel = Objects.requireNonNull(series);
      return this;
    }

    /**
     * Sets the command's working directory; this process's if not called.
     *
     * @param path a folder of the host
     * @return this
     */
    public Builder directory(Path path) {
      directory = path.toAbsolutePath();
      return this;
    }

    /**
     * Sets the whole environment of the command; {@link Lab#defaultEnvironment} if not called.
     *
     * @param variables names and values
     * @return this
     * @throws IllegalArgumentException if one contains a NUL
     */
    public Builder environment(Map<String, String> variables) {
      variables.forEach((name, value) -> {
        if (name.indexOf('\0') >= 0 || value.indexOf('\0') >= 0) {
          throw new IllegalArgumentException("NUL in variable " + name.replace('\0', '?'));
        }
      });
      environment = new LinkedHashMap<>(variables);
      return this;
    }

    /**
     * Sets how long the lab may take to come up without a sign of progress; 120 s if not called.
     *
     * @param limit positive
     * @return this
     * @throws IllegalArgumentException if the limit is zero or negative
     */
    public Builder startLimit(Duration limit) {
      if (limit.isZero() || limit.isNegative()) {
        throw new IllegalArgumentException("start limit: " + limit);
      }
      startLimit = limit;
      return this;
    }

    /**
     * Sets who is told of slow steps (fetching packages, building the image); standard error if not
     * called. A lab whose packages and image are there says nothing.
     *
     * @param listener receives lines without end, on the thread that starts the lab
     * @return this
     */
    public Builder progress(Consumer<String> listener) {
      progress = Objects.requireNonNull(listener);
      return this;
    }

    /**
     * Sets where packages and images are kept; {@link DebianPackages#ofUser} if not called.
     *
     * @param cache the packages
     * @return this
     */
    public Builder packages(DebianPackages cache) {
      packages = Objects.requireNonNull(cache);
      return this;
    }

    /**
     * Sets what the command reads; this process's standard input if not called.
     *
     * @param in read to its end by a thread of the lab, not closed
     * @return this
     */
    public Builder stdin(InputStream in) {
      stdin = Objects.requireNonNull(in);
      return this;
    }

    /**
     * Sets where the command's standard output goes; this process's if not called.
     *
     * @param out written by a thread of the lab, flushed after each piece, not closed
     * @return this
     */
    public Builder stdout(OutputStream out) {
      stdout = Objects.requireNonNull(out);
      return this;
    }

    /**
     * Sets where the command's standard error goes; this process's if not called.
     *
     * @param out written by a thread of the lab, flushed after each piece, not closed
     * @return this
     */
    public Builder stderr(OutputStream out) {
      stderr = Objects.requireNonNull(out);
      return this;
    }

    /** {@return a lab with these settings; nothing is checked or started yet} */
    public Lab build() {
      return new Lab(new Builder(this));
    }

    DebianPackages packages() {
      return packages != null ? packages : DebianPackages.ofUser(progress);
    }

    // Raw descriptors: System.in would read ahead, System.out would swallow errors.
    InputStream input() {
      return stdin != null ? stdin : new FileInputStream(FileDescriptor.in);
    }

    OutputStream output() {
      return stdout != null ? stdout : new FileOutputStream(FileDescriptor.out);
    }

    OutputStream errors() {
      return stderr != null ? stderr : new FileOutputStream(FileDescriptor.err);
    }
  }
}
