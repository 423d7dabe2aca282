// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;

/**
 * Stands in for QEMU and the machine in it: connects to the launcher's sockets and plays the lab's
 * side of the protocol. The first argument says how.
 */
final class FakeQemu {
  private FakeQemu() {}

  /** Writes a program {@code qemu-system-x86_64} into a folder that plays a mode. */
  static void install(Path folder, String mode) throws IOException {
    String java = ProcessHandle.current().info().command().orElseThrow();
    script(
        folder.resolve("qemu-system-x86_64"),
        "exec '"
            + java
            + "' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '"
            + System.getProperty("java.class.path")
            + ":"
            + System.getProperty("jdk.module.path", "")
            + ":"
            + Path.of("target/test-classes").toAbsolutePath()
            + "' org.javavmm.lab.FakeQemu "
            + mode
            + " \"$@\"");
  }

  static void script(Path file, String body) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + body + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static final Map<String, SocketChannel> PORTS = new HashMap<>();

  /**
   * Plays a mode.
   *
   * @param arguments the mode, then QEMU's arguments
   * @throws Exception never expected
   */
  public static void main(String[] arguments) throws Exception {
    for (int i = 0; i < arguments.length - 1; i++) {
      if (arguments[i].equals("-chardev") && arguments[i + 1].startsWith("socket,id=")) {
        String[] parts = arguments[i + 1].split("[=,]", -1);
        if (!parts[2].equals(QemuCommand.FILES)) {
          SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
          channel.connect(UnixDomainSocketAddress.of(parts[4]));
          PORTS.put(parts[2], channel);
        }
      }
    }
    switch (arguments[0]) {
      case "silent" -> {
        System.out.println("[    0.1] last words");
        Thread.sleep(600_000);
      }
      case "error" -> {
        say(QemuCommand.CONTROL, "up\nerror no network\n");
        Thread.sleep(600_000);
      }
      case "echo" -> {
        // Standard input to standard output; the end is announced before the data has left.
        say(QemuCommand.CONTROL, "up\nready\n");
        say(QemuCommand.STDERR, "to err");
        ByteBuffer all = ByteBuffer.allocate(8 << 20);
        while (port(QemuCommand.STDIN).read(all) >= 0) {
          Thread.onSpinWait();
        }
        all.flip();
        say(QemuCommand.CONTROL, "exit 42 " + all.remaining() + " 6\n");
        Thread.sleep(300);
        while (all.hasRemaining()) {
          port(QemuCommand.STDOUT).write(all);
        }
        Thread.sleep(600_000);
      }
      case "signal" -> {
        say(QemuCommand.CONTROL, "up\nready\n");
        ByteBuffer line = ByteBuffer.allocate(100);
        while (line.position() == 0 || line.get(line.position() - 1) != '\n') {
          port(QemuCommand.CONTROL).read(line);
        }
        String text = new String(line.array(), 0, line.position(), StandardCharsets.US_ASCII);
        say(QemuCommand.STDOUT, text);
        say(QemuCommand.CONTROL, "exit 143 " + text.length() + " 0\n");
        Thread.sleep(600_000);
      }
      case "closed" -> {
        // Writes until it is told that nobody reads.
        say(QemuCommand.CONTROL, "up\nready\n");
        ByteBuffer line = ByteBuffer.allocate(100);
        port(QemuCommand.CONTROL).configureBlocking(false);
        while (line.position() == 0 || line.get(line.position() - 1) != '\n') {
          say(QemuCommand.STDOUT, "y\n");
          port(QemuCommand.CONTROL).read(line);
        }
        String text = new String(line.array(), 0, line.position() - 1, StandardCharsets.US_ASCII);
        say(QemuCommand.STDERR, text);
        say(QemuCommand.CONTROL, "exit 141 0 " + text.length() + "\n");
        Thread.sleep(600_000);
      }
      case "off" -> {
        say(QemuCommand.CONTROL, "up\nready\n");
        System.out.println("[    9.9] reboot: Power down");
      }
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static SocketChannel port(String name) {
    SocketChannel channel = PORTS.get(name);
    if (channel == null) {
      throw new IllegalStateException("no port " + name);
    }
    return channel;
  }

  private static void say(String name, String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    while (bytes.hasRemaining()) {
      port(name).write(bytes);
    }
  }
}
