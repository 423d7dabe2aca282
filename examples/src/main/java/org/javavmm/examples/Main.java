// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import org.javavmm.kvm.KvmException;
import org.javavmm.lab.LabException;
import org.javavmm.loader.LoaderException;

/**
 * The command {@code vmm}: picks the monitor, and turns what goes wrong into one line and a status.
 * 2 means that something the user gave cannot be used, 1 that something failed.
 */
public final class Main {
  private static final String USAGE =
      """
      usage: vmm COMMAND [OPTION...]

      commands:
        hello    run a guest of a few bytes that prints a greeting
        linux    boot a Linux kernel
        inspect  say what a kernel file is
        lab      run a command in a machine that has a real KVM

      vmm COMMAND --help tells more.
      """;

  /** Unbuffered: what a guest writes appears at once, and nothing is lost when the JVM ends. */
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), false);

  private static final PrintStream ERR =
      new PrintStream(new FileOutputStream(FileDescriptor.err), false);

  private Main() {}

  /** Runs a command and ends the JVM with its status. */
  public static void main(String[] args) {
    int status = run(args, OUT, ERR);
    OUT.flush();
    ERR.flush();
    // halt() would do, but a profiler or a flight recording wants its shutdown hook.
    System.exit(status);
  }

  /** Runs a command: {@code args} as typed; the streams are the process's own but in tests. */
  static int run(String[] args, PrintStream out, PrintStream err) {
    String command = args.length == 0 ? "" : args[0];
    boolean verbose = false;
    try {
      switch (command) {
        case "hello", "linux", "inspect", "lab" -> {
          Options options = Options.parse(args);
          verbose = options.verbose();
          return options.helpPrinted(out) ? 0 : run(command, options, out, err);
        }
        case "warm-up" -> {
          verbose = Arrays.asList(args).contains("--verbose");
          return WarmUp.run(verbose, err);
        }
        case "-h", "--help", "help" -> out.print(USAGE);
        case "" -> {
          err.print(USAGE);
          return 2;
        }
        default -> throw new UsageException("unknown command '" + command + "'; see vmm --help");
      }
      return 0;
    } catch (UsageException | LoaderException | KvmException | LabException e) {
      return failed(err, e, 2, verbose);
    } catch (IOException | RuntimeException e) {
      return failed(err, e, 1, verbose);
    } catch (InterruptedException e) {
      return failed(err, e, 130, verbose);
    }
  }

  private static int run(String command, Options options, PrintStream out, PrintStream err)
      throws IOException, InterruptedException {
    return switch (command) {
      case "hello" -> HelloCommand.run(options, out, err);
      case "linux" -> LinuxCommand.run(options, err);
      case "inspect" -> InspectCommand.run(options, out);
      default -> LabCommand.run(options);
    };
  }

  private static int failed(PrintStream err, Exception e, int status, boolean verbose) {
    String message = e.getMessage();
    err.println("vmm: " + (message == null ? e.toString() : message.strip()));
    if (verbose) {
      e.printStackTrace(err);
    }
    return status;
  }
}
