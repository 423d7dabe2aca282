// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Debian packages, fetched through apt and unpacked without being installed.
 *
 * <p>They are kept under {@code ${XDG_CACHE_HOME:-$HOME/.cache}/java-vmm/packages}: each as its
 * archive, under its own file name ({@code NAME_VERSION_ARCH.deb}), beside a folder of that name
 * with its files. What a package's name or a meta package stood for when it was fetched is recorded
 * there too ({@code NAME.file}, {@code NAME.depends}), so a second use needs neither apt nor a
 * network, and an update of Debian changes nothing until the records are removed.
 *
 * <p>Only root's rights to that folder are needed, none to the system. If apt does not know a
 * package or its lists are stale, root's lists are updated once ({@code apt-get update}); anyone
 * else is told to.
 *
 * <p>Instances may be used by several threads and processes at once: fetching is done under a file
 * lock, and files and folders appear under their names only when complete.
 */
public final class DebianPackages {
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9+.-]+");

  private static final String CLOUD = "-cloud";

  /** The meta package of each kernel; Debian 12 and its security archive have them. */
  private static final Map<String, String> KERNELS =
      Map.of(
          "6.1-cloud",
          "linux-image-cloud-amd64",
          "6.1-generic",
          "linux-image-amd64",
          "6.1-rt",
          "linux-image-rt-amd64",
          "6.12-cloud",
          "linux-image-6.12-cloud-amd64");

  /** File locks are the process's: between threads this one is needed as well. */
  private static final ReentrantLock THREADS = new ReentrantLock();

  private final Path directory;
  private final Tools tools;
  private final Consumer<String> progress;

  DebianPackages(Path directory, Tools tools, Consumer<String> progress) {
    this.directory = directory.toAbsolutePath();
    this.tools = tools;
    this.progress = progress;
  }

  /**
   * The user's cache folder, {@code ${XDG_CACHE_HOME:-$HOME/.cache}/java-vmm}.
   *
   * @param progress receives a line, without end, before each slow step
   * @return the packages kept there
   */
  public static DebianPackages ofUser(Consumer<String> progress) {
    return new DebianPackages(userCache(System.getenv()), Tools.ofEnvironment(), progress);
  }

  /**
   * A cache folder of the caller's.
   *
   * @param directory the folder that stands for {@code ~/.cache/java-vmm}; created when needed
   * @param progress receives a line, without end, before each slow step
   * @return the packages kept there
   */
  public static DebianPackages in(Path directory, Consumer<String> progress) {
    return new DebianPackages(directory, Tools.ofEnvironment(), progress);
  }

  static Path userCache(Map<String, String> environment) {
    String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
    // The XDG specification: a relative path is to be ignored.
    if (xdg.startsWith("/")) {
      return Path.of(xdg, "java-vmm");
    }
    String home = environment.getOrDefault("HOME", "");
    return Path.of(home.isEmpty() ? System.getProperty("user.home", "/") : home)
        .resolve(".cache/java-vmm");
  }

  /** {@return the cache folder, absolute; it may not exist yet} */
  public Path directory() {
    return directory;
  }

  Tools tools() {
    return tools;
  }

  /**
   * The kernel series of which {@link #cloudKernel} knows the package.
   *
   * @return {@code 6.1} and {@code 6.12}
   */
  public static List<String> kernelSeries() {
    return KERNELS.keySet().stream()
        .filter(name -> name.endsWith(CLOUD))
        .map(name -> name.substring(0, name.length() - CLOUD.length()))
        .sorted()
        .toList();
  }

  /** {@return the kernels that {@link #kernel} knows, such as {@code 6.1-rt}, sorted} */
  public static List<String> kernels() {
    return KERNELS.keySet().stream().sorted().toList();
  }

  /**
   * Debian's kernel for virtual machines of a series.
   *
   * @param series {@code 6.1} or {@code 6.12}
   * @return the unpacked package
   * @throws LabException if the series is another, or the package cannot be fetched or unpacked
   */
  public KernelPackage cloudKernel(String series) throws LabException {
    if (!kernelSeries().contains(series)) {
      throw new LabException(
          "unknown kernel '" + series + "': use one of " + String.join(", ", kernelSeries()));
    }
    return kernel(series + CLOUD);
  }

  /**
   * A kernel of Debian's.
   *
   * @param name series and flavour, one of {@link #kernels}
   * @return the unpacked package
   * @throws LabException if there is no such kernel, or the package cannot be fetched or unpacked
   */
  public KernelPackage kernel(String name) throws LabException {
    String meta = KERNELS.get(name);
    if (meta == null) {
      throw new LabException(
          "unknown kernel '" + name + "': use one of " + String.join(", ", kernels()));
    }
    return KernelPackage.of(unpacked(dependency(meta, "linux-image-")));
  }

  /**
   * The statically linked busybox.
   *
   * @return the path of the program, of package {@code busybox-static}
   * @throws LabException if the package cannot be fetched or unpacked
   */
  public Path busybox() throws LabException {
    Path tree = unpacked("busybox-static");
    for (String place : List.of("bin/busybox", "usr/bin/busybox")) {
      if (Files.isRegularFile(tree.resolve(place))) {
        return tree.resolve(place);
      }
    }
    throw new LabException("no bin/busybox in " + tree + " (remove this folder)");
  }

  /**
   * The concrete package that a meta package depends on.
   *
   * @param meta the meta package, such as {@code linux-image-cloud-amd64}
   * @param prefix what the wanted dependency's name starts with
   * @return its name; the same on every call until the record in the cache folder is removed
   * @throws IllegalArgumentException if {@code meta} is no package name
   * @throws LabException if apt does not know the meta package or it has no such dependency
   */
  public String dependency(String meta, String prefix) throws LabException {
    checkName(meta);
    Path record = packages().resolve(meta + ".depends");
    String known = read(record);
    if (known.startsWith(prefix)) {
      return known;
    }
    return locked(() -> {
      String other = read(record);
      if (other.startsWith(prefix)) {
        return other;
      }
      String found = withFreshLists(meta, () -> askDependency(meta, prefix));
      write(record, found);
      return found;
    });
  }

  private Attempt askDependency(String meta, String prefix) throws LabException {
    Tools.Result result =
        tools.run(
            packages(),
            "apt-cache",
            "depends",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            meta);
    if (result.status() == 0) {
      for (String line : result.output().lines().toList()) {
        String text = line.strip();
        if (text.startsWith("Depends: " + prefix)) {
          return new Attempt(text.substring("Depends: ".length()), "");
        }
      }
      return new Attempt("", "no dependency on " + prefix + "...");
    }
    return new Attempt("", result.reason());
  }

  /**
   * The files of a package.
   *
   * @param name the package's name, such as {@code busybox-static}
   * @return the folder into which it is unpacked; not to be changed
   * @throws IllegalArgumentException if {@code name} is no package name
   * @throws LabException if the package cannot be fetched or unpacked
   */
  public Path unpacked(String name) throws LabException {
    checkName(name);
    Path known = recordedTree(name);
    if (known != null) {
      return known;
    }
    return locked(() -> {
      Path other = recordedTree(name);
      if (other != null) {
        return other;
      }
      return fetchAndUnpack(name);
    });
  }

  private @org.jspecify.annotations.Nullable Path recordedTree(String name) {
    String file = read(packages().resolve(name + ".file"));
    if (file.endsWith(".deb") && file.startsWith(name + "_")) {
      Path tree = packages().resolve(file.substring(0, file.length() - ".deb".length()));
      if (Files.isDirectory(tree)) {
        return tree;
      }
    }
    return null;
  }

  private Path fetchAndUnpack(String name) throws LabException {
    tools.require("apt-get", "dpkg-deb");
    Path temporary = temporary();
    try {
      Path record = packages().resolve(name + ".file");
      Path archive = packages().resolve(read(record));
      if (!archive.getFileName().toString().startsWith(name + "_")
          || !Files.isRegularFile(archive)) {
        progress.accept("fetching Debian package " + name);
        archive = Path.of(withFreshLists(name, () -> download(name, temporary)));
      }
      String file = archive.getFileName().toString();
      Path tree = packages().resolve(file.substring(0, file.length() - ".deb".length()));
      if (!Files.isDirectory(tree)) {
        Path unpacking = temporary.resolve("tree");
        Files.createDirectory(unpacking);
        Tools.Result result =
            tools.run(temporary, "dpkg-deb", "-x", archive.toString(), unpacking.toString());
        if (result.status() != 0) {
          Files.deleteIfExists(archive);
          throw new LabException("cannot unpack " + archive + ": " + result.reason());
        }
        Files.move(unpacking, tree, StandardCopyOption.ATOMIC_MOVE);
      }
      write(record, file);
      return tree;
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException("cannot unpack package " + name + ": " + e, e);
    } finally {
      deleteTree(temporary);
    }
  }

  /** Fetches into a folder of its own and moves the one archive that is then there. */
  private Attempt download(String name, Path temporary) throws LabException {
    Tools.Result result =
        // Dropping rights to user _apt only works where that user may write.
        tools.run(temporary, "apt-get", "-o", "APT::Sandbox::User=root", "-q", "download", name);
    if (result.status() != 0) {
      return new Attempt("", result.reason());
    }
    try (Stream<Path> files = Files.list(temporary)) {
      List<Path> archives = files.filter(f -> f.toString().endsWith(".deb")).toList();
      if (archives.size() != 1
          || !archives.getFirst().getFileName().toString().startsWith(name + "_")) {
        return new Attempt("", "apt-get left " + archives.size() + " archives of it");
      }
      Path archive = packages().resolve(archives.getFirst().getFileName());
      Files.move(archives.getFirst(), archive, StandardCopyOption.ATOMIC_MOVE);
      return new Attempt(archive.toString(), "");
    } catch (IOException e) {
      throw new LabException("cannot keep package " + name + ": " + e, e);
    }
  }

  /** A value, or why there is none. */
  private record Attempt(String value, String failure) {}

  private interface Step<T> {
    T run() throws LabException;
  }

  /** Asks apt; if it fails, updates its lists and asks once more. */
  private String withFreshLists(String name, Step<Attempt> step) throws LabException {
    Attempt attempt = step.run();
    if (!attempt.failure().isEmpty() && mayUpdateLists()) {
      progress.accept("updating the package lists (apt-get update)");
      tools.run(packages(), "apt-get", "-q", "update");
      attempt = step.run();
    }
    if (!attempt.failure().isEmpty()) {
      throw new LabException(
          "cannot fetch Debian package "
              + name
              + ": "
              + attempt.failure()
              + " (needed: a Debian 12 apt source with bookworm-security, a network, and fresh lists:"
              + " apt-get update)");
    }
    return attempt.value();
  }

  private static boolean mayUpdateLists() {
    return Files.isWritable(Path.of("/var/lib/apt/lists"));
  }

  private static void checkName(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException("no Debian package name: " + name);
    }
  }

  private Path packages() {
    return directory.resolve("packages");
  }

  private static String read(Path record) {
    try {
      return Files.readString(record).strip();
    } catch (IOException e) {
      return ""; // Not there, or not readable: as good as not there.
    }
  }

  private void write(Path record, String text) throws LabException {
    Path temporary = record.resolveSibling("." + record.getFileName() + ".new");
    try {
      Files.writeString(temporary, text + "\n");
      Files.move(temporary, record, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new LabException("cannot write " + record + ": " + e, e);
    }
  }

  /** A folder for unfinished files, on the same file system. What a killed run left is removed. */
  private Path temporary() throws LabException {
    Path temporary = packages().resolve(".unfinished");
    try {
      deleteTree(temporary);
      return Files.createDirectory(temporary);
    } catch (IOException e) {
      throw new LabException("cannot create " + temporary + ": " + e, e);
    }
  }

  private <T> T locked(Step<T> step) throws LabException {
    return locked(packages(), progress, step::run);
  }

  /** Work that may fail with a {@link LabException}. */
  interface Work<T> {
    T run() throws LabException;
  }

  /** Does work while no other thread or process does such work in the same folder. */
  static <T> T locked(Path folder, Consumer<String> progress, Work<T> work) throws LabException {
    THREADS.lock();
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
              FileChannel.open(
                  folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = lock(channel, folder, progress)) {
        if (!lock.isValid()) {
          throw new LabException("cannot lock " + folder);
        }
        return work.run();
      }
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException(
          "cannot use the cache folder "
              + folder
              + ": "
              + e
              + " (another one is taken from XDG_CACHE_HOME)",
          e);
    } finally {
      THREADS.unlock();
    }
  }

  private static FileLock lock(FileChannel channel, Path folder, Consumer<String> progress)
      throws IOException {
    FileLock lock = channel.tryLock();
    if (lock == null) {
      progress.accept("waiting for another run that uses " + folder);
      lock = channel.lock();
    }
    return lock;
  }

  /** Deletes a folder with all that is in it; symbolic links are not followed. */
  static void deleteTree(Path root) {
    if (!Files.exists(root, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<Path> failed = new ArrayList<>();
    try {
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.deleteIfExists(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                Path folder, @org.jspecify.annotations.Nullable IOException e) throws IOException {
              Files.deleteIfExists(folder);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      failed.add(root);
    }
    if (!failed.isEmpty()) {
      System.getLogger("org.javavmm.lab")
          .log(System.Logger.Level.DEBUG, "not deleted: {0}", failed);
    }
  }
}
