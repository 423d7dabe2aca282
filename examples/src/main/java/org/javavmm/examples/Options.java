// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * A parsed command line. The commands describe their options as data and not by annotations:
 * reflection would cost a short monitor's start-up dearly.
 */
final class Options {
  private final @Nullable ParseResult result;

  private Options(@Nullable ParseResult result) {
    this.result = result;
  }

  /** A command with the options that every monitor has. */
  static CommandSpec command(String name, String description) {
    CommandSpec spec =
        CommandSpec.create()
            .name("vmm " + name)
            .addOption(
                OptionSpec.builder("-h", "--help")
                    .usageHelp(true)
                    .type(boolean.class)
                    .description("print this help")
                    .build())
            .addOption(
                OptionSpec.builder("--verbose")
                    .type(boolean.class)
                    .description("print stack traces and what the monitor does")
                    .build());
    spec.usageMessage().description(description);
    return spec;
  }

  /** The option of every monitor that says whose KVM it uses. */
  static OptionSpec kvmOption() {
    return OptionSpec.builder("--kvm")
        .type(String.class)
        .paramLabel("auto|host|lab")
        .description(
            "use the host's /dev/kvm, or the lab's (a machine with a real KVM inside QEMU);"
                + " auto, the default, takes the host's if it suffices")
        .build();
  }

  /** An option with a value. */
  static OptionSpec value(String name, String label, String description) {
    return OptionSpec.builder(name)
        .type(String.class)
        .paramLabel(label)
        .description(description)
        .build();
  }

  /** An option without a value. */
  static OptionSpec flag(String name, String description) {
    return OptionSpec.builder(name).type(boolean.class).description(description).build();
  }

  /**
   * Parses what follows the command. Where nothing does, picocli is not even loaded: its classes
   * are of a version that the start-up archive cannot hold, and cost more than a small monitor's
   * run.
   */
  static Options parse(String[] args) throws UsageException {
    if (args.length == 1) {
      return new Options(null);
    }
    try {
      CommandSpec spec = spec(args[0]);
      CommandLine commandLine = new CommandLine(spec);
      commandLine.setOverwrittenOptionsAllowed(false);
      // An argument is what it is: @data is not the name of a file of arguments.
      commandLine.setExpandAtFiles(false);
      // Else -hle, a value of --cpu-features, would be taken for -h and more.
      spec.parser().allowOptionsAsOptionParameters(true);
      List<String> rest = Arrays.asList(args).subList(1, args.length);
      checkValues(spec, rest);
      return new Options(commandLine.parseArgs(rest.toArray(String[]::new)));
    } catch (ParameterException e) {
      throw new UsageException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Refuses an option in the place of another's value. */
  private static void checkValues(CommandSpec spec, List<String> args) throws UsageException {
    for (int i = 0; i + 1 < args.size() && !args.get(i).equals("--"); i++) {
      OptionSpec option = spec.optionsMap().get(args.get(i));
      String next = args.get(i + 1);
      if (option != null && option.type() == String.class) {
        if (spec.optionsMap().containsKey(next.split("=", 2)[0])) {
          throw new UsageException(args.get(i) + ": its value is missing; " + next + " follows");
        }
        i++;
      }
    }
  }

  private static CommandSpec spec(String command) {
    return switch (command) {
      case "hello" -> HelloCommand.spec();
      case "linux" -> LinuxCommand.spec();
      case "inspect" -> InspectCommand.spec();
      case "lab" -> LabCommand.spec();
      default -> throw new IllegalArgumentException("no command " + command);
    };
  }

  /** Prints the help if it was asked for. */
  boolean helpPrinted(PrintStream out) {
    if (result != null && result.isUsageHelpRequested()) {
      result.commandSpec().commandLine().usage(out);
      return true;
    }
    return false;
  }

  boolean verbose() {
    return has("--verbose");
  }

  /** Whether an option is given. */
  boolean has(String option) {
    return result != null && result.hasMatchedOption(option);
  }

  Optional<String> get(String option) {
    return result == null
        ? Optional.empty()
        : Optional.ofNullable(result.<@Nullable String>matchedOptionValue(option, null));
  }

  /** The arguments that are not options. */
  List<String> rest() {
    return result != null && result.hasMatchedPositional(0)
        ? result.<List<String>>matchedPositionalValue(0, List.of())
        : List.of();
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
