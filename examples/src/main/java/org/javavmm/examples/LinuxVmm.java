// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.javavmm.acpi.ComPort;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.loader.BootPlan;
import org.javavmm.superio.BufferedSink;
import org.javavmm.superio.CaptureSink;
import org.javavmm.superio.EscapeKey;
import org.javavmm.superio.InputFilter;
import org.javavmm.superio.SerialInput;
import org.javavmm.superio.SerialSink;
import org.javavmm.superio.Uart16550;
import org.javavmm.sys.Epoll;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.SystemCallException;
import org.javavmm.sys.Terminal;
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

  private final long memory;
  private final int cpus;
  private final BootPlan plan;
  private final GuestDevices devices;
  private final boolean verbose;
  private final PrintStream err;

  LinuxVmm(
      long memory,
      int cpus,
      BootPlan plan,
      GuestDevices devices,
      boolean verbose,
      PrintStream err) {
    this.memory = memory;
    this.cpus = cpus;
    this.plan = plan;
    this.devices = devices;
    this.verbose = verbose;
    this.err = err;
  }

  /** Boots with the console on our standard streams. */
  int runConsole() throws IOException, InterruptedException {
    OwnedFd in = OwnedFd.standardStream(0);
    OwnedFd out = OwnedFd.standardStream(1);
    StopReason reason;
    try (Vmm vmm = Vmm.builder().memory(memory).cpus(cpus).build();
        BufferedSink console = BufferedSink.toFd(out)) {
      Uart16550 uart = addSerial(vmm, ComPort.COM1, console);
      prepare(vmm, EnumSet.of(ComPort.COM1));
      boolean terminal = Terminal.isTerminal(in);
      InputFilter keys =
          terminal
              ? new EscapeKey(
                  () -> vmm.stop(new StopReason.HostRequest("Ctrl-A x")),
                  uart::sendBreak,
                  () -> err.print(EscapeKey.HELP))
              : InputFilter.NONE;
      try (SerialInput _ = SerialInput.start(vmm.events(), in, uart, keys)) {
        reason = terminal ? runRaw(vmm, in) : run(vmm);
      }
      if (!(reason instanceof StopReason.HostRequest)) {
        var _ = console.flush(FOREVER);
      }
    }
    return status(reason);
  }

  private static StopReason runRaw(Vmm vmm, OwnedFd in) throws IOException, InterruptedException {
    try (Terminal _ = Terminal.raw(in)) {
      return run(vmm);
    }
  }

  /** Boots to run the command that the initramfs holds. */
  int runCommand() throws IOException, InterruptedException {
    TailSink tail = new TailSink();
    CaptureSink status = new CaptureSink(64);
    StopReason reason;
    try (Vmm vmm = Vmm.builder().memory(memory).cpus(cpus).build();
        BufferedSink stdout = BufferedSink.toFd(OwnedFd.standardStream(1));
        BufferedSink stderr = BufferedSink.toFd(OwnedFd.standardStream(2));
        BufferedSink log = BufferedSink.toFd(OwnedFd.standardStream(2))) {
      addSerial(vmm, ComPort.COM1, verbose ? log : tail);
      addSerial(vmm, ComPort.COM2, stdout);
      addSerial(vmm, ComPort.COM3, stderr);
      addSerial(vmm, ComPort.COM4, status);
      prepare(vmm, EnumSet.allOf(ComPort.class));
      reason = run(vmm);
      if (!(reason instanceof StopReason.HostRequest)) {
        // A reader may be slow, but not lose anything; closing would wait some seconds only.
        var _ = stdout.flush(FOREVER);
        var _ = stderr.flush(FOREVER);
      }
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

  private static Uart16550 addSerial(Vmm vmm, ComPort port, SerialSink sink)
      throws SystemCallException {
    Uart16550 uart =
        Uart16550.builder(vmm.interrupt(LinuxBoot.serialInterrupt(port)), sink)
            .pacer(vmm.events())
            // Input that arrives before the guest has opened the port must wait.
            .flowControl(true)
            .build();
    vmm.pio().add(port.name(), port.base(), Uart16550.PORTS, uart);
    return uart;
  }

  private void prepare(Vmm vmm, Set<ComPort> ports) throws IOException {
    LinuxBoot.addPowerDevices(vmm);
    try {
      devices.attach(vmm);
    } catch (SubscriberStartException e) {
      throw new IOException("a device cannot be attached: " + e.getMessage(), e);
    }
    LinuxBoot.prepare(vmm, plan, LinuxBoot.acpiTables(vmm, ports));
  }

  /** Runs the machine; a signal to this process ends it. */
  private static StopReason run(Vmm vmm) throws IOException, InterruptedException {
    try (ProcessSignals signals =
        ProcessSignals.open(
            ProcessSignals.Kind.INT, ProcessSignals.Kind.TERM, ProcessSignals.Kind.HUP)) {
      vmm.events()
          .register(
              "signals",
              signals.event().fd(),
              Epoll.EPOLLIN,
              _ -> signals.take().forEach(s -> vmm.stop(new StopReason.HostRequest("SIG" + s))));
      return vmm.run();
    }
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
