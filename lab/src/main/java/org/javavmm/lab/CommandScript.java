// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The shell script that runs the command inside the lab: it changes to the working directory and
 * becomes the command, with exactly the environment given. It is run by the host's own shell in the
 * host's own root, so only names that every Debian has are used. Signals are set back because
 * shells start background commands, which this one is, with interrupts ignored.
 */
final class CommandScript {
  private CommandScript() {}

  static byte[] of(List<String> command, Path directory, Map<String, String> environment) {
    ByteArrayOutputStream script = new ByteArrayOutputStream();
    append(script, "cd -- ");
    quote(script, directory.toString());
    append(script, " || exit 126\nexec /usr/bin/env --default-signal -i");
    environment.forEach((name, value) -> {
      // Such a name would end the list for env(1); the kernel allows it, shells do not.
      if (!name.isEmpty() && name.indexOf('=') < 0 && name.charAt(0) != '-') {
        append(script, " \\\n");
        quote(script, name + "=" + value);
      }
    });
    append(script, " \\\n");
    String program = command.getFirst();
    if (program.indexOf('=') >= 0 || program.startsWith("-")) {
      // env(1) would take it for an assignment or an option.
      append(script, "/bin/sh -c 'exec \"$@\"' sh ");
    }
    boolean first = true;
    for (String argument : command) {
      append(script, first ? "" : " ");
      quote(script, argument);
      first = false;
    }
    append(script, "\n");
    return script.toByteArray();
  }

  private static void append(ByteArrayOutputStream script, String text) {
    script.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static void quote(ByteArrayOutputStream script, String text) {
    append(script, "'");
    script.writeBytes(encode(text.replace("'", "'\\''")));
    append(script, "'");
  }

  /** The bytes that this JVM would hand to a process of its own, where it can. */
  private static byte[] encode(String text) {
    Charset charset = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
    return text.getBytes(charset.newEncoder().canEncode(text) ? charset : StandardCharsets.UTF_8);
  }
}
