// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;

/**
 * The escape key of a console whose terminal is raw, so that Ctrl-C goes to the guest: Ctrl-A and a
 * second key, as with QEMU and minicom.
 *
 * <table>
 *   <caption>Keys after Ctrl-A</caption>
 *   <tr><th>key<th>effect
 *   <tr><td>x<td>ends the VM
 *   <tr><td>a, Ctrl-A<td>sends Ctrl-A to the guest
 *   <tr><td>b<td>sends a break
 *   <tr><td>h, ?<td>shows help
 *   <tr><td>any other<td>nothing; neither key reaches the guest
 * </table>
 */
public final class EscapeKey implements InputFilter {
  /** The keys, for people; lines end with CR LF as a raw terminal needs it. */
  public static final String HELP =
      """
      \r
      Ctrl-A x  end the VM\r
      Ctrl-A a  send Ctrl-A\r
      Ctrl-A b  send a break\r
      Ctrl-A h  this help\r
      """;

  private static final byte CTRL_A = 1;

  private final Runnable quit;
  private final Runnable sendBreak;
  private final Runnable help;
  private boolean escaped;

  /**
   * Creates a filter. The actions run on the thread that reads the input.
   *
   * @param quit ends the VM
   * @param sendBreak sends a break; see {@link Uart16550#sendBreak}
   * @param help shows {@link #HELP}
   */
  public EscapeKey(Runnable quit, Runnable sendBreak, Runnable help) {
    this.quit = Objects.requireNonNull(quit, "quit");
    this.sendBreak = Objects.requireNonNull(sendBreak, "sendBreak");
    this.help = Objects.requireNonNull(help, "help");
  }

  @Override
  public int filter(byte[] buffer, int length) {
    int kept = 0;
    for (int i = 0; i < length; i++) {
      byte key = buffer[i];
      if (!escaped) {
        if (key == CTRL_A) {
          escaped = true;
        } else {
          buffer[kept++] = key;
        }
        continue;
      }
      escaped = false;
      switch (key) {
        case 'x', 'X' -> quit.run();
        case 'a', 'A', CTRL_A -> buffer[kept++] = CTRL_A;
        case 'b', 'B' -> sendBreak.run();
        case 'h', 'H', '?' -> help.run();
        default -> {}
      }
    }
    return kept;
  }
}
