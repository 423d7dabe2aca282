// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * What a command's line may hold, as data. A line that is plainly right is read here; all others,
 * and the help, are picocli's. Its classes are of a version that the start-up archive cannot hold,
 * and loading them costs more than the rest of a monitor's start: only who errs or asks for help
 * waits for it. Not thread-safe.
 */
final class Syntax {
  /**
   * An option.
   *
   * @param name its name with the hyphens
   * @param label what its value is called; null for an option without a value
   * @param description what the help says of it; asked for by the help alone
   */
  record Option(String name, @Nullable String label, Supplier<String> description) {
    boolean hasValue() {
      return label != null;
    }
  }

  /**
   * A command line that was read.
   *
   * @param values the options given, by name, with their values; "" for those that have none
   * @param rest the arguments that are not options
   */
  record Line(Map<String, String> values, List<String> rest) {}

  static final String HELP = "--help";

  private final String command;
  private final String description;
  private final Map<String, Option> options = new LinkedHashMap<>();

  /** What the other arguments are; null where there are none. */
  private @Nullable Option arguments;

  Syntax(String command, String description) {
    this.command = command;
    this.description = description;
  }

  Syntax add(Option option) {
    options.put(option.name, option);
    return this;
  }

  /** Allows arguments that are not options. */
  Syntax arguments(String label, String meaning) {
    arguments = new Option(label, label, () -> meaning);
    return this;
  }

  /** Reads a line in whichever way it can be read. */
  Line read(List<String> args) throws UsageException {
    Optional<Line> plain = readPlain(args);
    return plain.isPresent() ? plain.get() : readByPicocli(args);
  }

  /**
   * Reads a line of known options, each given once with a value that is not empty and does not look
   * like an option, and of allowed arguments; empty for any other, also for a right one.
   */
  Optional<Line> readPlain(List<String> args) {
    Map<String, String> values = new LinkedHashMap<>();
    List<String> rest = new ArrayList<>();
    for (int i = 0; i < args.size(); i++) {
      String arg = args.get(i);
      int equals = arg.indexOf('=');
      String name = equals < 0 || !arg.startsWith("-") ? arg : arg.substring(0, equals);
      Option option = options.get(name);
      if (option == null) {
        if (arguments == null || arg.isEmpty() || arg.startsWith("-")) {
          return Optional.empty();
        }
        rest.add(arg);
        continue;
      }
      String value = "";
      if (option.hasValue()) {
        if (equals < 0 && i + 1 == args.size()) {
          return Optional.empty();
        }
        value = equals < 0 ? args.get(++i) : arg.substring(equals + 1);
        if (value.isEmpty() || value.startsWith("--") || value.startsWith("-h")) {
          return Optional.empty();
        }
      } else if (equals >= 0 || name.equals(HELP)) {
        return Optional.empty();
      }
      if (values.put(name, value) != null) {
        return Optional.empty();
      }
    }
    return Optional.of(new Line(values, rest));
  }

  /** Reads any line; what is wrong with one is said as picocli says it. */
  Line readByPicocli(List<String> args) throws UsageException {
    return new Picocli(this).read(args);
  }

  /** Refuses an option in the place of another's value. */
  private void checkValues(List<String> args) throws UsageException {
    for (int i = 0; i + 1 < args.size() && !args.get(i).equals("--"); i++) {
      Option option = options.get(args.get(i));
      if (option != null && option.hasValue()) {
        String next = args.get(i + 1);
        String name = next.split("=", 2)[0];
        if (options.containsKey(name) || name.equals("-h")) {
          throw new UsageException(args.get(i) + ": its value is missing; " + next + " follows");
        }
        i++;
      }
    }
  }

  /** {@return the command's help} */
  String help() {
    return new Picocli(this).commandLine.getUsageMessage();
  }

  /** The only class that knows picocli, so that verifying the others loads nothing of it. */
  private static final class Picocli {
    final Syntax syntax;
    final CommandLine commandLine;

    Picocli(Syntax syntax) {
      this.syntax = syntax;
      commandLine = commandLine();
    }

    Line read(List<String> args) throws UsageException {
      try {
        syntax.checkValues(args);
        ParseResult result = commandLine.parseArgs(args.toArray(String[]::new));
        Map<String, String> values = new LinkedHashMap<>();
        for (Option option : syntax.options.values()) {
          if (result.hasMatchedOption(option.name)) {
            values.put(
                option.name, option.hasValue() ? result.matchedOptionValue(option.name, "") : "");
          }
        }
        return new Line(
            values,
            result.hasMatchedPositional(0)
                ? result.<List<String>>matchedPositionalValue(0, List.of())
                : List.of());
      } catch (ParameterException e) {
        throw new UsageException(String.valueOf(e.getMessage()), e);
      }
    }

    private CommandLine commandLine() {
      CommandSpec spec = CommandSpec.create().name("vmm " + syntax.command);
      for (Option option : syntax.options.values()) {
        boolean help = option.name.equals(HELP);
        OptionSpec.Builder built =
            (help ? OptionSpec.builder("-h", HELP) : OptionSpec.builder(option.name))
                .usageHelp(help)
                .type(option.hasValue() ? String.class : boolean.class)
                .description(option.description.get());
        if (option.label != null) {
          built.paramLabel(option.label);
        }
        spec.addOption(built.build());
      }
      Option arguments = syntax.arguments;
      if (arguments != null) {
        spec.addPositional(
            PositionalParamSpec.builder()
                .index("0..*")
                .type(List.class)
                .auxiliaryTypes(String.class)
                .paramLabel(arguments.name)
                .description(arguments.description.get())
                .build());
      }
      spec.usageMessage().description(syntax.description);
      CommandLine made = new CommandLine(spec);
      made.setOverwrittenOptionsAllowed(false);
      // An argument is what it is: @data is not the name of a file of arguments.
      made.setExpandAtFiles(false);
      // Else -hle, a value of --cpu-features, would be taken for -h and more.
      spec.parser().allowOptionsAsOptionParameters(true);
      return made;
    }
  }
}
