// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.util.List;

/** Runs its arguments in a lab: a process for the tests to send signals to. */
final class LabMain {
  private LabMain() {}

  /**
   * Runs a command.
   *
   * @param arguments the command
   * @throws InterruptedException never
   */
  public static void main(String[] arguments) throws InterruptedException {
    try {
      System.exit(Lab.builder().build().run(List.of(arguments)));
    } catch (LabException e) {
      System.err.println("lab: " + e.getMessage());
      e.console().forEach(System.err::println);
      System.exit(2);
    }
  }
}
