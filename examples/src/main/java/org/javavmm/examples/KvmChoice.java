// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

/** What {@code --kvm} says. */
enum KvmChoice {
  AUTO,
  HOST,
  LAB;

  /** Set for a monitor that the host started in the lab; overrules the command line. */
  static final String PROPERTY = "javavmm.kvm";

  static KvmChoice parse(String text) throws UsageException {
    return switch (text) {
      case "auto" -> AUTO;
      case "host" -> HOST;
      case "lab" -> LAB;
      default -> throw new UsageException("--kvm " + text + ": must be auto, host or lab");
    };
  }
}
