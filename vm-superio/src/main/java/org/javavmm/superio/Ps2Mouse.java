// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/**
 * A PS/2 mouse of three buttons, as the controller sees it: takes bytes, gives bytes. Not
 * thread-safe; bounded; allocates nothing.
 */
final class Ps2Mouse {
  private static final int ACK = 0xfa;
  private static final int ERROR = 0xfe;
  private static final int RESET = 0xff;
  private static final int RESET_WRAP = 0xec;
  private static final int NOTHING = -1;
  private static final int BUTTONS = 7;

  /** What a packet can say. */
  private static final int LARGEST = 255;

  /** What moved and could not be told yet stays within this. */
  private static final int FARTHEST = 4096;

  private final ByteRing output = new ByteRing(16);
  private final byte[] one = new byte[1];
  private int waiting = NOTHING;
  private int last = ACK;

  private boolean wrap;
  private boolean remote;
  private boolean reporting;
  private boolean scaling;
  private int resolution;
  private int rate;

  private int buttons;
  private int toldButtons;
  private int dx;
  private int dy;

  Ps2Mouse() {
    defaults();
  }

  private void defaults() {
    remote = false;
    reporting = false;
    scaling = false;
    resolution = 2;
    rate = 100;
    dx = 0;
    dy = 0;
  }

  /** The guest writes. */
  void write(int value) {
    int command = waiting;
    waiting = NOTHING;
    if (wrap && value != RESET && value != RESET_WRAP) {
      put(value);
      return;
    }
    if (command != NOTHING) {
      parameter(command, value);
      return;
    }
    if (value != ERROR) {
      output.drop(output.count()); // a command ends what the mouse was saying
    }
    switch (value) {
      case 0xe6, 0xe7 -> { // scaling
        scaling = value == 0xe7;
        put(ACK);
      }
      case 0xe8, 0xf3 -> { // resolution, sample rate: a byte follows
        put(ACK);
        waiting = value;
      }
      case 0xe9 -> { // status request
        put(ACK);
        put(
            (remote ? 0x40 : 0)
                | (reporting ? 0x20 : 0)
                | (scaling ? 0x10 : 0)
                | ((buttons & 1) << 2)
                | ((buttons & 4) >> 1)
                | ((buttons & 2) >> 1));
        put(resolution);
        put(rate);
      }
      case 0xea -> { // stream mode
        remote = false;
        put(ACK);
      }
      case 0xeb -> { // read data
        put(ACK);
        packet();
      }
      case RESET_WRAP -> {
        wrap = false;
        put(ACK);
      }
      case 0xee -> { // wrap mode
        wrap = true;
        put(ACK);
      }
      case 0xf0 -> { // remote mode
        remote = true;
        put(ACK);
      }
      case 0xf2 -> { // identify
        put(ACK);
        put(0x00);
      }
      case 0xf4, 0xf5 -> { // enable, disable
        reporting = value == 0xf4;
        put(ACK);
      }
      case 0xf6 -> {
        defaults();
        put(ACK);
      }
      case ERROR -> put(last); // resend
      case RESET -> {
        wrap = false;
        defaults();
        put(ACK);
        put(0xaa);
        put(0x00);
      }
      default -> put(ERROR);
    }
  }

  private void parameter(int command, int value) {
    if (command == 0xe8) {
      if (value > 3) {
        put(ERROR);
        return;
      }
      resolution = value;
    } else {
      switch (value) {
        case 10, 20, 40, 60, 80, 100, 200 -> rate = value;
        default -> {
          put(ERROR);
          return;
        }
      }
    }
    put(ACK);
  }

  private void put(int value) {
    if (!output.isFull()) {
      output.put((byte) value);
    }
  }

  /** The host moves the mouse: right and up are positive. */
  void move(int right, int up, int newButtons) {
    dx = Math.clamp((long) dx + right, -FARTHEST, FARTHEST);
    dy = Math.clamp((long) dy + up, -FARTHEST, FARTHEST);
    buttons = newButtons & BUTTONS;
    report();
  }

  /** In stream mode: says what is new, if the guest has read what came before. */
  private void report() {
    if (reporting
        && !remote
        && !wrap
        && waiting == NOTHING
        && output.isEmpty()
        && (dx != 0 || dy != 0 || buttons != toldButtons)) {
      packet();
    }
  }

  private void packet() {
    int x = Math.clamp(dx, -LARGEST, LARGEST);
    int y = Math.clamp(dy, -LARGEST, LARGEST);
    dx -= x;
    dy -= y;
    toldButtons = buttons;
    put(0x08 | buttons | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0));
    put(x & 0xff);
    put(y & 0xff);
  }

  /** {@return the next byte for the guest, or -1} */
  int next() {
    report();
    if (output.peek(one) == 0) {
      return NOTHING;
    }
    output.drop(1);
    last = one[0] & 0xff;
    return last;
  }
}
