// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The arguments of QEMU. */
final class QemuCommand {
  /** The launcher's sockets, in the order in which QEMU connects to them. */
  static final String CONTROL = "control";

  static final String STDIN = "stdin";
  static final String STDOUT = "stdout";
  static final String STDERR = "stderr";
  static final String TERMINAL = "terminal";

  /** virtiofsd's socket and the initial RAM disk. */
  static final String FILES = "files";

  static final String INITRD = "initrd";

  /**
   * The outer kernel's command line.
   *
   * <ul>
   *   <li>{@code init_on_alloc=1}: not for safety, but needed. virtiofsd writes file contents into
   *       the machine's memory behind QEMU's back. If the page held code before, QEMU would go on
   *       running its translation of that; but because the kernel clears a page when it takes it,
   *       which QEMU sees, the translation is dropped in time.
   *   <li>{@code panic=-1} with {@code reboot=t} and {@code -no-reboot}: a panic ends QEMU.
   *   <li>{@code tsc=reliable}: the emulated CPUs share one time-stamp counter, which the kernel
   *       cannot know; otherwise every reading of the clock is an access to the HPET.
   *   <li>{@code no_timer_check}: on a busy host the emulated timer is late, and the kernel would
   *       panic ("IO-APIC + timer doesn't work").
   *   <li>{@code cryptomgr.notests}: no self-tests of ciphers, which are slow here.
   *   <li>{@code mitigations=off nokaslr}: there is nobody to be protected from.
   *   <li>{@code random.trust_cpu=on}: the CPU's random numbers are the host's.
   * </ul>
   */
  private static final String KERNEL_ARGUMENTS =
      "console=ttyS0 quiet init_on_alloc=1 panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests"
          + " mitigations=off nokaslr random.trust_cpu=on nmi_watchdog=0 nowatchdog";

  private QemuCommand() {}

  /** The names of the sockets that QEMU connects to, in that order; control is the last. */
  static List<String> sockets(boolean terminal, boolean stderrTerminal) {
    List<String> names = new ArrayList<>();
    if (terminal) {
      names.add(TERMINAL);
    } else {
      names.add(STDIN);
      names.add(STDOUT);
    }
    if (!terminal || !stderrTerminal) {
      names.add(STDERR);
    }
    names.add(CONTROL);
    return names;
  }

  static List<String> of(
      String qemu, Path vmlinuz, Path folder, Lab lab, boolean terminal, boolean stderrTerminal) {
    String memory = (lab.settings.memory >> 20) + "M";
    List<String> command = new ArrayList<>();
    add(command, qemu, "-name", "java-vmm-lab", "-nodefaults", "-no-user-config");
    add(command, "-display", "none", "-no-reboot");
    add(command, "-machine", "q35,memory-backend=mem,usb=off,smbus=off,sata=off");
    add(command, "-accel", "tcg,thread=multi", "-cpu", "max");
    add(command, "-smp", Integer.toString(lab.settings.cpus), "-m", memory);
    add(command, "-object", "memory-backend-memfd,id=mem,share=on,size=" + memory);
    add(command, "-kernel", vmlinuz.toString(), "-initrd", folder.resolve(INITRD).toString());
    add(command, "-append", KERNEL_ARGUMENTS);
    add(command, "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console");
    add(command, "-chardev", "socket,id=files,path=" + option(folder.resolve(FILES)));
    add(command, "-device", "vhost-user-fs-pci,chardev=files,tag=host,queue-size=1024");
    add(command, "-netdev", "user,id=net,ipv6=off");
    add(command, "-device", "virtio-net-pci,netdev=net,romfile=");
    add(command, "-device", "virtio-serial-pci,max_ports=8");
    for (String name : sockets(terminal, stderrTerminal)) {
      add(command, "-chardev", "socket,id=" + name + ",path=" + option(folder.resolve(name)));
      add(command, "-device", device(name));
    }
    return command;
  }

  private static String device(String name) {
    return switch (name) {
      case TERMINAL -> "virtconsole,nr=0,chardev=" + name;
      case CONTROL -> "virtserialport,nr=1,chardev=" + name;
      case STDIN -> "virtserialport,nr=2,chardev=" + name;
      case STDOUT -> "virtserialport,nr=3,chardev=" + name;
      case STDERR -> "virtserialport,nr=4,chardev=" + name;
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** QEMU ends an option at a comma; two stand for one. */
  private static String option(Path path) {
    return path.toString().replace(",", ",,");
  }

  private static void add(List<String> command, String... arguments) {
    command.addAll(List.of(arguments));
  }
}
