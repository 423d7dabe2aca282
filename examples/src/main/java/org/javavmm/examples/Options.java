// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A parsed command line. */
final class Options {
  private final Syntax syntax;
  private final Syntax.Line line;

  private Options(Syntax syntax, Syntax.Line line) {
    this.syntax = syntax;
    this.line = line;
  }

  /** A command with the options that every monitor has. */
  static Syntax command(String name, String description) {
    return new Syntax(name, description)
        .add(flag(Syntax.HELP, "print this help"))
        .add(flag("--verbose", "print stack traces and what the monitor does"));
  }

  /** The option of every monitor that says whose KVM it uses. */
  static Syntax.Option kvmOption() {
    return value(
        "--kvm",
        "auto|host|lab",
        "use the host's /dev/kvm, or the lab's (a machine with a real KVM inside QEMU);"
            + " auto, the default, takes the host's if it suffices");
  }

  /** An option with a value. */
  static Syntax.Option value(String name, String label, String description) {
    return new Syntax.Option(name, label, () -> description);
  }

  /** An option without a value. */
  static Syntax.Option flag(String name, String description) {
    return new Syntax.Option(name, null, () -> description);
  }

  /** Parses a command and what follows it. */
  static Options parse(String... args) throws UsageException {
    Syntax syntax = syntax(args[0]);
    return new Options(syntax, syntax.read(Arrays.asList(args).subList(1, args.length)));
  }

  static Syntax syntax(String command) {
    return switch (command) {
      case "hello" -> HelloCommand.syntax();
      case "linux" -> LinuxCommand.syntax();
      case "inspect" -> InspectCommand.syntax();
      case "lab" -> LabCommand.syntax();
      default -> throw new IllegalArgumentException("no command " + command);
    };
  }

  /** Prints the help if it was asked for. */
  boolean helpPrinted(PrintStream out) {
    if (has(Syntax.HELP)) {
      out.print(syntax.help());
      return true;
    }
    return false;
  }

  boolean verbose() {
    return has("--verbose");
  }

  /** Whether an option is given. */
  boolean has(String option) {
    return line.values().containsKey(option);
  }

  Optional<String> get(String option) {
    return Optional.ofNullable(line.values().get(option));
  }

  /** The arguments that are not options. */
  List<String> rest() {
    return line.rest();
  }

  KvmChoice kvm() throws UsageException {
    KvmChoice given = KvmChoice.parse(get("--kvm").orElse("auto"));
    String override = System.getProperty(KvmChoice.PROPERTY);
    return override == null ? given : KvmChoice.parse(override);
  }

  /** A number in a range. */
  int number(String option, int defaultValue, int min, int max) throws UsageException {
    String text = get(option).orElse(null);
    if (text == null) {
      return defaultValue;
    }
    try {
      int value = Integer.parseInt(text);
      if (value >= min && value <= max) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new UsageException(option + " " + text + ": not a number from " + min + " to " + max);
  }

  /** A size such as {@code 512M}. */
  long size(String option, long defaultValue, long min, long max) throws UsageException {
    String text = get(option).orElse(null);
    return text == null ? defaultValue : Sizes.parse(option, text, min, max);
  }
}
