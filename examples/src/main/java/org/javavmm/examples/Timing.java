// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.PrintStream;
import java.util.Optional;
import org.javavmm.vmm.BootTimeline;

/** Whether and how the times of a boot are printed when the monitor ends. */
enum Timing {
  NONE,
  TEXT,
  JSON;

  static Timing parse(Optional<String> given) throws UsageException {
    if (given.isEmpty()) {
      return NONE;
    }
    return switch (given.get()) {
      case "text" -> TEXT;
      case "json" -> JSON;
      default -> throw new UsageException("--timing " + given.get() + ": must be text or json");
    };
  }

  void print(BootTimeline timeline, PrintStream err) {
    switch (this) {
      case NONE -> {}
      case TEXT -> err.print(timeline.toText());
      case JSON -> err.println(timeline.toJson());
    }
  }
}
