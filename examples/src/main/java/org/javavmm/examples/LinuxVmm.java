// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.javavmm.acpi.ComPort;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.loader.BootPlan;
import org.javavmm.superio.BufferedSink;
import org.javavmm.superio.CaptureSink;
import org.javavmm.superio.DebugPort;
import org.javavmm.superio.EscapeKey;
import org.javavmm.superio.InputFilter;
import org.javavmm.superio.PowerButton;
import org.javavmm.superio.SerialInput;
import org.javavmm.superio.SerialSink;
import org.javavmm.superio.Uart16550;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.SystemCallException;
import org.javavmm.sys.Terminal;
import org.javavmm.vmm.BootTimeline;
import org.javavmm.vmm.LinuxBoot;
import org.javavmm.vmm.StopReason;
import org.javavmm.vmm.Vmm;

/**
 * A monitor that boots Linux: memory, vCPUs, serial ports, and what switches it off. With a
 * command, the console goes nowhere, and the command's output, errors and status come over further
 * ports.
 */
final class LinuxVmm {
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final int STATUS_FAILED = 1;
  private static final int STATUS_HUNG_UP = 129;
  private static final int STATUS_INTERRUPTED = 130;
  private static final int STATUS_TERMINATED = 143;

  private static final Pattern STATUS_LINE = Pattern.compile("(?m)^status (\\d{1,3})\\R");

  /**
   * A machine as the user wants it.
   *
   * @param hardware its memory and processors
   * @param plan what it boots
   * @param devices its virtio devices
   * @param reboot whether a reset builds it again, and does not end the monitor
   * @param timing whether and how the times of its boot are printed
   */
  record Machine(
      Hardware hardware, BootPlan plan, GuestDevices devices, boolean reboot, Timing timing) {}

  private final Machine machine;
  private final BootTimeline timeline;
  private final boolean verbose;
  private final PrintStream err;

  LinuxVmm(Machine machine, BootTimeline timeline, boolean verbose, PrintStream err) {
    this.machine = machine;
    this.timeline = timeline;
    this.verbose = verbose;
    this.err = err;
  }

  private Vmm build() throws SystemCallException {
    return machine.hardware.builder().timeline(timeline).build();
  }

  /** Boots with the console on our standard streams, and again after each reset. */
  int runConsole() throws IOException, InterruptedException {
    OwnedFd in = OwnedFd.standardStream(0);
    OwnedFd out = OwnedFd.standardStream(1);
    boolean terminal = Terminal.isTerminal(in);
    StopReason reason;
    try (BufferedSink console = BufferedSink.toFd(out);
        Terminal _ = terminal ? Terminal.raw(in) : null;
        ProcessSignals signals = signals()) {
      do {
        reason = runConsole(in, console, terminal, signals);
        if (!(reason instanceof StopReason.HostRequest)) {
          var _ = console.flush(FOREVER);
        }
      } while (machine.reboot && reason instanceof StopReason.Reset);
    } finally {
      printTimes();
    }
    return status(reason);
  }

  private StopReason runConsole(
      OwnedFd in, BufferedSink console, boolean terminal, ProcessSignals signals)
      throws IOException, InterruptedException {
    try (Vmm vmm = build()) {
      Uart16550 uart = addSerial(vmm, ComPort.COM1, timed(console));
      Optional<PowerButton> power = prepare(vmm, EnumSet.of(ComPort.COM1));
      InputFilter keys = terminal ? keys(vmm, uart, power) : InputFilter.NONE;
      try (SerialInput _ = SerialInput.start(vmm.events(), in, uart, keys)) {
        return run(vmm, signals);
      }
    }
  }

  private InputFilter keys(Vmm vmm, Uart16550 uart, Optional<PowerButton> power) {
    AtomicReference<String> help = new AtomicReference<>("");
    EscapeKey keys =
        new EscapeKey(
            () -> vmm.stop(new StopReason.HostRequest("Ctrl-A x")),
            uart::sendBreak,
            () -> err.print(help.get()));
    // Not on the loop that reads the keys, for pausing waits for it.
    keys.key('s', "stop the VM for a while, or let it go on", () -> pauseOrResume(vmm));
    power.ifPresent(button -> keys.key('p', "press the power button", button::press));
    help.set(keys.help());
    return keys;
  }

  private void pauseOrResume(Vmm vmm) {
    var _ =
        Thread.ofVirtual()
            .start(() -> {
              try {
                if (vmm.resume()) {
                  err.print("\r\nvmm: the VM goes on\r\n");
                } else if (vmm.pause()) {
                  err.print("\r\nvmm: the VM stands still; Ctrl-A s lets it go on\r\n");
                }
              } catch (TimeoutException e) {
                err.print("\r\nvmm: " + e.getMessage() + "; the VM goes on\r\n");
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  /** Boots to run the command that the initramfs holds. */
  int runCommand() throws IOException, InterruptedException {
    TailSink tail = new TailSink();
    CaptureSink status = new CaptureSink(64);
    StopReason reason;
    try (Vmm vmm = build();
        ProcessSignals signals = signals();
        BufferedSink stdout = BufferedSink.toFd(OwnedFd.standardStream(1));
        BufferedSink stderr = BufferedSink.toFd(OwnedFd.standardStream(2));
        BufferedSink log = BufferedSink.toFd(OwnedFd.standardStream(2))) {
      addSerial(vmm, ComPort.COM1, timed(verbose ? log : tail));
      addSerial(vmm, ComPort.COM2, stdout);
      addSerial(vmm, ComPort.COM3, stderr);
      addSerial(vmm, ComPort.COM4, status);
      prepare(vmm, EnumSet.allOf(ComPort.class));
      reason = run(vmm, signals);
      if (!(reason instanceof StopReason.HostRequest)) {
        // A reader may be slow, but not lose anything; closing would wait some seconds only.
        var _ = stdout.flush(FOREVER);
        var _ = stderr.flush(FOREVER);
      }
    } finally {
      printTimes();
    }
    // A whole line: half of one, cut by a signal, says nothing.
    Matcher answer = STATUS_LINE.matcher(status.text());
    if (answer.find()) {
      return Integer.parseInt(answer.group(1));
    }
    int result = status(reason);
    err.println("vmm: the command did not end: " + reason.describe());
    if (!verbose && !(reason instanceof StopReason.HostRequest)) {
      err.print("vmm: the guest's last words:\n" + tail.lastLines());
    }
    return result == 0 ? STATUS_FAILED : result;
  }

  private Uart16550 addSerial(Vmm vmm, ComPort port, SerialSink sink) throws SystemCallException {
    int interrupt =
        machine.hardware.acpi()
            ? LinuxBoot.serialInterrupt(port)
            : LinuxBoot.isaSerialInterrupt(port);
    Uart16550 uart =
        Uart16550.builder(vmm.interrupt(interrupt), sink)
            .pacer(vmm.events())
            // Input that arrives before the guest has opened the port must wait.
            .flowControl(true)
            .build();
    vmm.pio().add(port.name(), port.base(), Uart16550.PORTS, uart);
    return uart;
  }

  private SerialSink timed(SerialSink sink) {
    if (machine.timing == Timing.NONE) {
      return sink;
    }
    return new SerialSink() {
      @Override
      public boolean offer(byte value) {
        timeline.mark(BootTimeline.Mark.CONSOLE);
        return sink.offer(value);
      }

      @Override
      public void onSpace(Runnable callback) {
        sink.onSpace(callback);
      }
    };
  }

  private void printTimes() {
    machine.timing.print(timeline, err);
  }

  private Optional<PowerButton> prepare(Vmm vmm, Set<ComPort> ports) throws IOException {
    Hardware hardware = machine.hardware;
    Optional<PowerButton> power = Optional.empty();
    if (hardware.acpi()) {
      power = Optional.of(LinuxBoot.addPowerDevices(vmm));
    } else {
      LinuxBoot.addIsaDevices(vmm);
    }
    if (machine.timing != Timing.NONE) {
      SerialSink mark = SerialSink.to(_ -> timeline.mark(BootTimeline.Mark.INIT));
      vmm.pio().add("init's mark", MarkProgram.PORT, 1, new DebugPort(mark));
    }
    try {
      machine.devices.attach(vmm);
    } catch (SubscriberStartException e) {
      throw new IOException("a device cannot be attached: " + e.getMessage(), e);
    }
    timeline.mark(BootTimeline.Mark.MACHINE);
    if (hardware.acpi()) {
      LinuxBoot.prepare(vmm, machine.plan, LinuxBoot.acpiTables(vmm, ports, hardware.nodes()));
    } else {
      LinuxBoot.prepareWithoutAcpi(vmm, machine.plan);
    }
    timeline.mark(BootTimeline.Mark.LOADED);
    return power;
  }

  static ProcessSignals signals() throws SystemCallException {
    return ProcessSignals.open(
        ProcessSignals.Kind.INT, ProcessSignals.Kind.TERM, ProcessSignals.Kind.HUP);
  }

  /** Runs the machine; a signal to this process ends it, also one that came between two boots. */
  private static StopReason run(Vmm vmm, ProcessSignals signals)
      throws IOException, InterruptedException {
    vmm.events()
        .register(
            "signals",
            signals.event().fd(),
            Epoll.EPOLLIN,
            _ -> signals.take().forEach(s -> vmm.stop(new StopReason.HostRequest("SIG" + s))));
    return vmm.run();
  }

  private int status(StopReason reason) {
    return switch (reason) {
      case StopReason.PowerOff _, StopReason.Reset _ -> 0;
      case StopReason.Exit exit -> exit.status();
      case StopReason.HostRequest request ->
          switch (request.why()) {
            case "SIGINT" -> STATUS_INTERRUPTED;
            case "SIGTERM" -> STATUS_TERMINATED;
            case "SIGHUP" -> STATUS_HUNG_UP;
            default -> 0;
          };
      case StopReason.GuestFailure failure -> {
        err.println("vmm: " + failure.describe() + "\n" + failure.state());
        yield STATUS_FAILED;
      }
      case StopReason.MonitorFailure failure -> {
        err.println("vmm: " + failure.describe());
        if (verbose) {
          failure.cause().printStackTrace(err);
        }
        yield STATUS_FAILED;
      }
    };
  }
}
