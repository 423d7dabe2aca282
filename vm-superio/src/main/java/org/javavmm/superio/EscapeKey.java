// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

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
 *   <tr><td>one that was {@linkplain #key added}<td>its action
 *   <tr><td>any other<td>nothing; neither key reaches the guest
 * </table>
 */
public final class EscapeKey implements InputFilter {
  /**
   * The keys that every filter has, for people; lines end with CR LF as a raw terminal needs it.
   */
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
  private final Map<Character, Runnable> more = new TreeMap<>();
  private final StringBuilder text = new StringBuilder(HELP);
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

  /**
   * Adds a key, before the filter is used.
   *
   * @param key the key that follows Ctrl-A: a small letter other than a, b, h and x
   * @param effect what it does, a few words for the help
   * @param action does it, on the thread that reads the input
   * @return this filter
   * @throws IllegalArgumentException if the key is none of those, or was added before
   */
  public EscapeKey key(char key, String effect, Runnable action) {
    if (key < 'a' || key > 'z' || "abhx".indexOf(key) >= 0 || more.containsKey(key)) {
      throw new IllegalArgumentException(
          "key '" + key + "' is not a small letter that is free; taken: a b h x " + more.keySet());
    }
    more.put(key, Objects.requireNonNull(action, "action"));
    text.append("Ctrl-A ").append(key).append("  ").append(effect).append("\r\n");
    return this;
  }

  /** {@return the keys, for people; lines end with CR LF as a raw terminal needs it} */
  public String help() {
    return text.toString();
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
        default -> {
          Runnable action = more.get(Character.toLowerCase((char) key));
          if (action != null) {
            action.run();
          }
        }
      }
    }
    return kept;
  }
}
