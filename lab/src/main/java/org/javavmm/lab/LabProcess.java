// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.javavmm.loader.InitramfsWriter;
import org.jspecify.annotations.Nullable;

/**
 * A command that runs in a lab of its own.
 *
 * <p>Its methods may be called from any thread.
 */
public final class LabProcess implements AutoCloseable {
  private static final Pattern SIGNAL = Pattern.compile("[A-Z0-9+]{1,10}");
  private static final int CONSOLE_LINES = 25;
  private static final long SHUTDOWN_SECONDS = 5;

  private final Lab lab;
  private final boolean terminalWanted;
  private final boolean stderrTerminal;
  private final LabFolder folder;
  private final Map<String, SocketChannel> channels = new LinkedHashMap<>();
  private final Console console = new Console();
  private final Console qemuErrors = new Console();
  private final Console virtiofsdErrors = new Console();
  private final List<Thread> readers = new ArrayList<>();
  private final List<OutputPump> pumps = new ArrayList<>();

  /** Released by close(): lets the thread end that is the parent of the two processes. */
  private final CountDownLatch closed = new CountDownLatch(1);

  private final CountDownLatch started = new CountDownLatch(1);
  private final AtomicBoolean closing = new AtomicBoolean();

  /** Guards what follows, and is notified when it changes. */
  private final Object state = new Object();

  private boolean ready;
  private long lastProgress = System.nanoTime();
  private @Nullable Exit exit;
  private @Nullable LabException failure;
  private @Nullable Process virtiofsd;
  private @Nullable Process qemu;
  private @Nullable Terminal terminal;

  /** The command's end, and how many bytes it wrote to the streams that have a port. */
  private record Exit(int status, long out, long err) {}

  private LabProcess(Lab lab, boolean terminal, boolean stderrTerminal, LabFolder folder) {
    this.lab = lab;
    this.terminalWanted = terminal;
    this.stderrTerminal = stderrTerminal;
    this.folder = folder;
  }

  static LabProcess start(Lab lab, List<String> command, boolean terminal, boolean stderrTerminal)
      throws LabException {
    lab.check(command);
    DebianPackages packages = lab.settings.packages();
    KernelPackage kernel = packages.cloudKernel(lab.settings.kernel);
    Path image = LabImage.get(packages, lab.settings.kernel, kernel, lab.settings.progress);
    LabFolder folder = LabFolder.create(packages.tools());
    LabProcess process = new LabProcess(lab, terminal, stderrTerminal, folder);
    try {
      process.boot(packages.tools(), kernel, image, command);
      return process;
    } catch (LabException e) {
      process.close();
      throw e;
    } catch (IOException e) {
      process.close();
      throw new LabException("cannot start the lab: " + e, e);
    }
  }

  // ---- start ----

  private void boot(Tools tools, KernelPackage kernel, Path image, List<String> command)
      throws IOException {
    writeInitrd(tools, image, command);
    Map<String, ServerSocketChannel> servers = new LinkedHashMap<>();
    try {
      for (String name : QemuCommand.sockets(terminalWanted, stderrTerminal)) {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        servers.put(name, server);
        server.bind(UnixDomainSocketAddress.of(folder.resolve(name)), 1);
      }
      Thread.ofPlatform()
          .daemon()
          .name("lab-parent")
          .start(() -> parent(tools, kernel, servers.values()));
      for (Map.Entry<String, ServerSocketChannel> entry : servers.entrySet()) {
        channels.put(entry.getKey(), entry.getValue().accept());
      }
    } catch (IOException e) {
      LabException why = awaitFailure();
      throw why != null ? why : e;
    } finally {
      closeAll(servers.values());
    }
    progress();
    startPumps();
    reader("lab-control", () -> readControl(channel(QemuCommand.CONTROL), tools));
  }

  private void writeInitrd(Tools tools, Path image, List<String> command) throws IOException {
    Lab.Builder settings = lab.settings;
    Path initrd = folder.resolve(QemuCommand.INITRD);
    Files.copy(image, initrd);
    try (OutputStream out = Files.newOutputStream(initrd, StandardOpenOption.APPEND)) {
      InitramfsWriter archive = new InitramfsWriter(out);
      archive.folder("lab", 0755);
      archive.file(
          "lab/command", 0600, CommandScript.of(command, settings.directory, settings.environment));
      if (terminalWanted) {
        byte[] size = (Terminal.size(tools) + "\n").getBytes(StandardCharsets.US_ASCII);
        archive.file("lab/terminal", 0600, size);
        if (!stderrTerminal) {
          archive.file("lab/stderr.port", 0600, new byte[0]);
        }
      }
      archive.finish();
    }
  }

  /**
   * Starts virtiofsd and QEMU, and stays until the lab is closed. Both are told by {@code setpriv}
   * to die with the thread that is their parent, which is this one: so they end with the JVM
   * however it ends.
   */
  private void parent(Tools tools, KernelPackage kernel, Iterable<ServerSocketChannel> servers) {
    try {
      Process files = startVirtiofsd(tools);
      Path socket = folder.resolve(QemuCommand.FILES);
      while (!Files.exists(socket) && files.isAlive() && closed.getCount() > 0) {
        Thread.sleep(2);
      }
      folder.removeVirtiofsdRecord();
      if (files.isAlive() && closed.getCount() > 0) {
        startQemu(tools, kernel, servers);
      } else {
        closeAll(servers); // Nobody will connect.
      }
      started.countDown();
      closed.await();
    } catch (IOException e) {
      fail(new LabException("cannot start the lab: " + e.getMessage(), e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // Nobody has this thread; it just ends.
    } finally {
      started.countDown();
      closeAll(servers);
    }
  }

  private Process startVirtiofsd(Tools tools) throws IOException {
    Process process =
        tools
            .builder(VirtiofsdCommand.of(tools, folder.resolve(QemuCommand.FILES)))
            .directory(Path.of("/").toFile())
            .redirectErrorStream(true)
            .start();
    synchronized (state) {
      virtiofsd = process;
    }
    process.getOutputStream().close();
    Thread errors =
        reader("lab-virtiofsd", () -> virtiofsdErrors.drain(process.getInputStream(), () -> {}));
    Thread.ofPlatform()
        .daemon()
        .name("lab-virtiofsd-end")
        .start(() -> {
          try {
            int status = process.waitFor();
            errors.join(1000);
            // It ends with QEMU. If QEMU ends now too, that is the cause to report.
            Process machine;
            synchronized (state) {
              machine = qemu;
            }
            if (machine == null || !machine.waitFor(1, TimeUnit.SECONDS)) {
              fail(
                  new LabException(
                      "virtiofsd failed: "
                          + virtiofsdErrors.lastLine("status " + status)
                          + VirtiofsdCommand.remedy(),
                      console.last(CONSOLE_LINES)));
              started.await();
              endQemu();
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    return process;
  }

  private void startQemu(Tools tools, KernelPackage kernel, Iterable<ServerSocketChannel> servers)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(tools.get("setpriv").toString());
    command.addAll(List.of("--pdeathsig", "KILL", "--"));
    command.addAll(
        QemuCommand.of(
            tools.get("qemu-system-x86_64").toString(),
            kernel.vmlinuz(),
            folder.path(),
            lab,
            terminalWanted,
            stderrTerminal));
    Process process = tools.builder(command).directory(Path.of("/").toFile()).start();
    synchronized (state) {
      qemu = process;
    }
    if (closed.getCount() == 0) {
      process.destroyForcibly();
    }
    process.getOutputStream().close();
    Thread out =
        reader("lab-console", () -> console.drain(process.getInputStream(), this::progress));
    Thread errors =
        reader("lab-qemu", () -> qemuErrors.drain(process.getErrorStream(), this::progress));
    Thread.ofPlatform()
        .daemon()
        .name("lab-qemu-end")
        .start(() -> {
          try {
            int status = process.waitFor();
            out.join(1000);
            errors.join(1000);
            fail(qemuEnded(status));
            closeAll(servers);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private void startPumps() {
    if (terminalWanted) {
      pump(QemuCommand.TERMINAL, 0, lab.settings.output());
    } else {
      pump(QemuCommand.STDOUT, 3, lab.settings.output());
      startInput(QemuCommand.STDIN);
    }
    if (channels.containsKey(QemuCommand.STDERR)) {
      pump(QemuCommand.STDERR, 4, lab.settings.errors());
    }
  }

  private void pump(String name, int port, OutputStream target) {
    OutputPump pump =
        new OutputPump(channel(name), target, port == 0 ? () -> {} : () -> send("closed " + port));
    pumps.add(pump);
    reader("lab-" + name, pump);
  }

  private void startInput(String name) {
    InputStream in = lab.settings.input();
    SocketChannel channel = channel(name);
    boolean endIsPassed = !terminalWanted;
    Thread.ofPlatform().daemon().name("lab-input").start(() -> copyInput(in, channel, endIsPassed));
  }

  private static void copyInput(InputStream in, SocketChannel channel, boolean endIsPassed) {
    byte[] buffer = new byte[64 << 10];
    try {
      int n;
      while ((n = in.read(buffer)) >= 0) {
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n);
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
      }
    } catch (IOException e) {
      // Unreadable input ends like an empty one; an unwritable channel means that the lab has
      // ended.
    }
    try {
      if (endIsPassed) {
        // Not close(): what is still in the socket must be read first.
        channel.shutdownOutput();
      }
    } catch (IOException e) {
      // The lab has ended.
    }
  }

  private Thread reader(String name, Runnable work) {
    Thread thread = Thread.ofPlatform().daemon().name(name).start(work);
    synchronized (state) {
      readers.add(thread);
    }
    return thread;
  }

  private SocketChannel channel(String name) {
    SocketChannel channel = channels.get(name);
    if (channel == null) {
      throw new IllegalStateException("no channel " + name);
    }
    return channel;
  }

  // ---- while it runs ----

  private void readControl(SocketChannel channel, Tools tools) {
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    StringBuilder line = new StringBuilder();
    try {
      while (channel.read(bytes.clear()) >= 0) {
        progress();
        bytes.flip();
        while (bytes.hasRemaining()) {
          char c = (char) (bytes.get() & 0xff);
          if (c == '\n') {
            received(line.toString(), tools);
            line.setLength(0);
          } else if (line.length() < 1000) {
            line.append(c);
          }
        }
      }
    } catch (IOException e) {
      // The end of QEMU is noticed, and reported, elsewhere.
    }
  }

  private void received(String line, Tools tools) {
    String[] words = line.split(" ", -1);
    switch (words[0]) {
      case "up" -> folder.delete(); // QEMU and the kernel have read all that is in it.
      case "ready" -> {
        try {
          takeTerminal(tools);
        } catch (LabException e) {
          fail(e);
        }
        synchronized (state) {
          ready = true;
          state.notifyAll();
        }
      }
      case "exit" -> {
        try {
          Exit end =
              new Exit(
                  Integer.parseInt(words[1]), Long.parseLong(words[2]), Long.parseLong(words[3]));
          synchronized (state) {
            exit = end;
            state.notifyAll();
          }
        } catch (NumberFormatException | IndexOutOfBoundsException e) {
          fail(new LabException("the lab sent a wrong end: " + line, e));
        }
      }
      case "error" ->
          fail(
              new LabException(
                  "the lab did not come up: " + line.substring("error".length()).strip(),
                  console.last(CONSOLE_LINES)));
      default -> {} // A later version of init may say more.
    }
  }

  private void takeTerminal(Tools tools) throws LabException {
    if (!terminalWanted || closing.get()) {
      return;
    }
    Terminal raw = Terminal.raw(tools);
    synchronized (state) {
      terminal = raw;
    }
    if (closing.get()) {
      raw.close();
      return;
    }
    raw.watchSize(this::resize);
    startInput(QemuCommand.TERMINAL);
  }

  private void progress() {
    synchronized (state) {
      lastProgress = System.nanoTime();
      state.notifyAll();
    }
  }

  /** The first failure counts; one after the command's end, or while closing, is none. */
  private void fail(LabException e) {
    synchronized (state) {
      if (failure == null && exit == null && !closing.get()) {
        failure = e;
        state.notifyAll();
      }
    }
  }

  private @Nullable LabException awaitFailure() {
    try {
      if (!started.await(1, TimeUnit.MINUTES)) {
        return null;
      }
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
      synchronized (state) {
        while (failure == null && System.nanoTime() < end) {
          state.wait(100);
        }
        return failure;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  private LabException qemuEnded(int status) {
    List<String> last = console.last(CONSOLE_LINES);
    for (String line : last) {
      int panic = line.indexOf("Kernel panic");
      if (panic >= 0) {
        return new LabException("the lab's kernel failed: " + line.substring(panic), last);
      }
    }
    if (status > 128) {
      return new LabException(
          "QEMU was killed by signal "
              + (status - 128)
              + (status == 128 + 9 ? " (out of memory? ask for less with --memory)" : ""),
          last);
    }
    if (status != 0) {
      String why = qemuErrors.lastLine("status " + status);
      String remedy =
          why.contains("BIOS") || why.contains(".bin")
              ? " (install with: apt-get install seabios qemu-system-data)"
              : why.contains("memory") ? " (ask for less with --memory)" : "";
      return new LabException("QEMU failed: " + why + remedy, last);
    }
    return new LabException(
        "the lab was switched off before the command had ended: "
            + console.lastLine("nothing on its console"),
        last);
  }

  private void send(String line) {
    ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.US_ASCII));
    try {
      SocketChannel control = channel(QemuCommand.CONTROL);
      synchronized (control) {
        while (bytes.hasRemaining()) {
          control.write(bytes);
        }
      }
    } catch (IOException e) {
      // The lab has ended: nobody is left to be told.
    }
  }

  /**
   * Sends a signal to the processes of the command's group. Before the command has started, it is
   * sent as soon as it has; afterwards nothing happens.
   *
   * @param name the signal without {@code SIG}, such as {@code TERM}
   * @throws IllegalArgumentException if that is no signal's name
   */
  public void signal(String name) {
    if (!SIGNAL.matcher(name).matches()) {
      throw new IllegalArgumentException("no signal name: " + name);
    }
    send("signal " + name);
  }

  void resize(int rows, int columns) {
    send("size " + rows + " " + columns);
  }

  /** {@return whether the lab is up and the command has been started} */
  public boolean isReady() {
    synchronized (state) {
      return ready;
    }
  }

  /**
   * Waits for the command's end. When this returns, all output has been written, and the lab is
   * switched off.
   *
   * @return the exit status, see {@link Lab#run}
   * @throws LabException if the lab does not come up, or ends before the command
   * @throws InterruptedException if the thread is interrupted; the lab runs on
   */
  public int waitFor() throws LabException, InterruptedException {
    Exit end = awaitExit();
    if (!terminalWanted) {
      // Bytes may still wait in the machine for a slow reader.
      pumps.get(0).await(end.out());
    }
    if (channels.containsKey(QemuCommand.STDERR)) {
      pumps.get(1).await(end.err());
    }
    // What QEMU has written to a socket stays readable after its end.
    endQemu();
    for (OutputPump pump : pumps) {
      pump.await(Long.MAX_VALUE);
    }
    close();
    return end.status();
  }

  private Exit awaitExit() throws LabException, InterruptedException {
    long limit = lab.settings.startLimit.toNanos();
    synchronized (state) {
      while (true) {
        if (exit != null) {
          return exit;
        }
        if (failure != null) {
          throw failure;
        }
        if (closing.get()) {
          throw new LabException("the lab was closed before the command had ended");
        }
        if (ready) {
          state.wait();
          continue;
        }
        long left = limit - (System.nanoTime() - lastProgress);
        if (left <= 0) {
          fail(
              new LabException(
                  "the lab did not come up: no sign of progress for "
                      + lab.settings.startLimit.toSeconds()
                      + " s; last on its console: "
                      + console.lastLine("nothing"),
                  console.last(CONSOLE_LINES)));
        } else {
          TimeUnit.NANOSECONDS.timedWait(state, left);
        }
      }
    }
  }

  // ---- end ----

  /** For the JVM's end by a signal: the command is told, and gets some seconds. */
  void endForShutdown() {
    try {
      if (isReady()) {
        signal("TERM");
        closed.await(SHUTDOWN_SECONDS, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    close();
  }

  private void endQemu() {
    Process process;
    synchronized (state) {
      process = qemu;
    }
    if (process != null) {
      process.destroyForcibly();
    }
  }

  /**
   * Switches the lab off at once if it still runs, ends its processes and removes its files.
   * Calling it again does nothing.
   */
  @Override
  public void close() {
    end();
  }

  void end() {
    synchronized (state) {
      if (!closing.compareAndSet(false, true)) {
        return;
      }
      state.notifyAll();
    }
    // The parent thread starts no process after this, or ends what it is just starting.
    Terminal raw;
    synchronized (state) {
      raw = terminal;
    }
    if (raw != null) {
      raw.close();
    }
    endQemu();
    Process files;
    synchronized (state) {
      files = virtiofsd;
    }
    if (files != null) {
      files.destroyForcibly();
    }
    closed.countDown();
    boolean interrupted = Thread.interrupted();
    try {
      Process machine;
      synchronized (state) {
        machine = qemu;
      }
      if (machine != null) {
        machine.waitFor();
      }
      if (files != null) {
        files.waitFor();
      }
    } catch (InterruptedException e) {
      interrupted = true;
    }
    closeAll(channels.values());
    folder.delete();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static void closeAll(Iterable<? extends AutoCloseable> resources) {
    for (AutoCloseable resource : resources) {
      try {
        resource.close();
      } catch (Exception e) {
        System.getLogger("org.javavmm.lab")
            .log(System.Logger.Level.DEBUG, "not closed: {0}", e.toString());
      }
    }
  }
}
