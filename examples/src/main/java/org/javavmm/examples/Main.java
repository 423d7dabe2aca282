// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;

/** The command {@code vmm}. */
public final class Main {
  private Main() {}

  /** Runs a command. */
  public static void main(String[] args) throws IOException {
    HelloVmm.run(System.out);
  }
}
