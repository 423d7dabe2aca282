// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The terminal that is this process's standard input, through {@code stty} and {@code test}, which
 * inherit it. The lab has no native code of its own.
 */
final class Terminal implements AutoCloseable {
  /** Which of the three standard streams are terminals. */
  record Streams(boolean in, boolean out, boolean err) {}

  private static final Pattern SIZE = Pattern.compile("(\\d{1,4}) (\\d{1,4})");

  private final Tools tools;
  private final String saved;
  private @Nullable Process watcher;
  private boolean closed;

  private Terminal(Tools tools, String saved) {
    this.tools = tools;
    this.saved = saved;
  }

  static Streams streams(Tools tools) {
    String script = "r=0; [ ! -t 0 ] || r=1; [ ! -t 1 ] || r=$((r+2)); [ ! -t 2 ] || r=$((r+4))";
    try {
      int bits =
          tools
              .builder(List.of("/bin/sh", "-c", script + "; exit $r"))
              .inheritIO()
              .start()
              .waitFor();
      return new Streams((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0);
    } catch (IOException e) {
      return new Streams(false, false, false);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Streams(false, false, false);
    }
  }

  /** Makes the terminal pass every key on unchanged and remembers how it was. */
  static Terminal raw(Tools tools) throws LabException {
    Terminal terminal = new Terminal(tools, ask(tools, "stty", "-g"));
    ask(tools, "stty", "raw", "-echo");
    return terminal;
  }

  /** {@return "ROWS COLUMNS"; 24 80 if the terminal does not know} */
  static String size(Tools tools) {
    try {
      String size = ask(tools, "stty", "size");
      return SIZE.matcher(size).matches() && !size.startsWith("0 ") ? size : "24 80";
    } catch (LabException e) {
      return "24 80";
    }
  }

  /**
   * Calls back, on a thread of its own, with rows and columns whenever the window changes. A shell
   * does the waiting: SIGWINCH goes to all processes in the foreground.
   */
  void watchSize(BiConsumer<Integer, Integer> listener) throws LabException {
    String script =
        "trap 'stty size' WINCH; stty size; while :; do sleep 60 & wait $!; kill $! 2>&-; done";
    try {
      Process process =
          tools
              .builder(List.of("/bin/sh", "-c", script + " 2>/dev/null"))
              .redirectInput(ProcessBuilder.Redirect.INHERIT)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      watcher = process;
      Thread.ofPlatform()
          .daemon()
          .name("lab-window-size")
          .start(() -> {
            try (BufferedReader reader = process.inputReader(StandardCharsets.US_ASCII)) {
              for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                Matcher size = SIZE.matcher(line);
                if (size.matches()) {
                  listener.accept(Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2)));
                }
              }
            } catch (IOException e) {
              // The watcher has been ended.
            }
          });
    } catch (IOException e) {
      throw new LabException("cannot watch the terminal's size: " + e.getMessage(), e);
    }
  }

  /** Sets the terminal back. May be called twice, and from a shutdown hook. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (watcher != null) {
      watcher.descendants().forEach(ProcessHandle::destroyForcibly);
      watcher.destroyForcibly();
    }
    try {
      ask(tools, "stty", saved);
    } catch (LabException e) {
      System.getLogger("org.javavmm.lab")
          .log(System.Logger.Level.WARNING, "cannot restore the terminal: {0}", e.getMessage());
    }
  }

  private static String ask(Tools tools, String... command) throws LabException {
    try {
      Process process =
          tools
              .builder(List.of(command))
              .redirectInput(ProcessBuilder.Redirect.INHERIT)
              .redirectErrorStream(true)
              .start();
      String text;
      try (InputStream in = process.getInputStream()) {
        text = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
      }
      if (!process.waitFor(10, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new LabException("stty: " + text);
      }
      return text;
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException("cannot run stty: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LabException("interrupted while stty ran", e);
    }
  }
}
