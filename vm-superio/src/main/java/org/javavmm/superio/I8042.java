// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.InterruptLine;

/**
 * An i8042 keyboard controller with a keyboard that has no keys but Ctrl, Alt and Del, and without
 * a mouse: what kernels probe for, and with what they reset a PC.
 *
 * <p>Commands (written to port 0x64): 0x20-0x3f and 0x60-0x7f read and write the controller's
 * memory, whose byte 0 is the command byte; 0xa7 and 0xa8 disable and enable the mouse's port; 0xa9
 * tests it (answers 1: no mouse); 0xaa self-test (0x55); 0xab keyboard port test (0); 0xad and 0xae
 * disable and enable the keyboard; 0xc0 input port; 0xd0 and 0xd1 output port, whose bit 0 resets
 * when written low; 0xd2 and 0xd3 loop a byte back; 0xd4 swallows a byte for the mouse; 0xdd and
 * 0xdf A20 gate; 0xf0-0xff pulse output lines, bit 0 low (0xfe above all) resets. Others are
 * ignored.
 *
 * <p>The keyboard answers reset, identify, echo, LEDs, scan code set, rate, enable, disable and
 * defaults, and asks for a repetition of anything else. Its scan codes are of set 2, or of set 1
 * when bit 6 of the command byte asks for translation.
 *
 * <p>Accesses are meant to be bytes; a wider one acts by its lowest byte and reads zero above.
 * Thread-safe; the interrupt line and the reset callback are called without a lock.
 */
public final class I8042 {
  /** The port of data. */
  public static final int DATA_PORT = 0x60;

  /** The port of commands and of the status. */
  public static final int COMMAND_PORT = 0x64;

  /** The keyboard's ISA interrupt. */
  public static final int IRQ = 1;

  // Status.
  private static final int STATUS_OUTPUT_FULL = 0x01;
  private static final int STATUS_SYSTEM = 0x04;
  private static final int STATUS_COMMAND = 0x08;
  private static final int STATUS_UNLOCKED = 0x10;

  // The command byte.
  private static final int CTR_KEYBOARD_IRQ = 0x01;
  private static final int CTR_SYSTEM = 0x04;
  private static final int CTR_KEYBOARD_OFF = 0x10;
  private static final int CTR_AUX_OFF = 0x20;
  private static final int CTR_TRANSLATE = 0x40;

  // The output port.
  private static final int OUT_NO_RESET = 0x01;
  private static final int OUT_A20 = 0x02;
  private static final int OUT_BUFFER_FULL = 0x10;

  private static final int ACK = 0xfa;
  private static final int RESEND = 0xfe;
  private static final int BREAK_PREFIX = 0xf0;

  /** Ctrl, Alt and Del down and up again, in scan code set 2. */
  private static final byte[] CTRL_ALT_DEL = {
    0x14,
    0x11,
    (byte) 0xe0,
    0x71,
    (byte) 0xe0,
    (byte) 0xf0,
    0x71,
    (byte) 0xf0,
    0x11,
    (byte) 0xf0,
    0x14
  };

  private static final int NOTHING = -1;

  /** The size of the keyboard's buffer. */
  private static final int BUFFER = 16;

  // What to do once the lock is released.
  private static final int DO_TRIGGER = 1;
  private static final int DO_RESET = 2;

  private final InterruptLine line;
  private final Runnable reset;
  private final BusDevice dataPort = new DataPort();
  private final BusDevice commandPort = new CommandPort();

  /** Guards all fields below. */
  private final Object lock = new Object();

  private final int[] memory = new int[32];
  private int outputPort = OUT_NO_RESET | OUT_A20;

  /** The controller's command that waits for its byte, or {@link #NOTHING}. */
  private int command = NOTHING;

  /** The keyboard's command that waits for its byte, or {@link #NOTHING}. */
  private int keyboardCommand = NOTHING;

  private boolean lastWasCommand;

  /** The output buffer; keeps its last byte when {@link #outputFull} is false. */
  private int output;

  private boolean outputFull;

  /** Answers of the controller, which go first, and bytes of the keyboard. */
  private final ByteRing answers = new ByteRing(BUFFER);

  private final ByteRing keys = new ByteRing(BUFFER);
  private final byte[] one = new byte[1];

  /** The translator saw a break prefix. */
  private boolean breaks;

  private boolean lineHigh;
  private int actions;

  /**
   * Creates a controller as firmware leaves it: self-test passed, keyboard on, its interrupt on,
   * translation on.
   *
   * @param line the keyboard's interrupt
   * @param reset called on the vCPU's thread each time the guest pulls the reset line
   */
  public I8042(InterruptLine line, Runnable reset) {
    this.line = Objects.requireNonNull(line, "line");
    this.reset = Objects.requireNonNull(reset, "reset");
    memory[0] = CTR_KEYBOARD_IRQ | CTR_SYSTEM | CTR_AUX_OFF | CTR_TRANSLATE;
  }

  /** {@return the device at {@link #DATA_PORT}, one byte} */
  public BusDevice dataPort() {
    return dataPort;
  }

  /** {@return the device at {@link #COMMAND_PORT}, one byte} */
  public BusDevice commandPort() {
    return commandPort;
  }

  /**
   * Puts both ports on a port bus.
   *
   * @param bus the bus
   * @throws IllegalArgumentException if one is occupied
   */
  public void addTo(Bus bus) {
    bus.add("i8042 data", DATA_PORT, 1, dataPort);
    bus.add("i8042 command", COMMAND_PORT, 1, commandPort);
  }

  /**
   * Presses Ctrl-Alt-Del.
   *
   * @return whether the keyboard took it; {@code false} if the guest has not read what came before
   */
  public boolean ctrlAltDel() {
    int todo;
    synchronized (lock) {
      if (keys.count() + CTRL_ALT_DEL.length > BUFFER) {
        return false;
      }
      for (byte code : CTRL_ALT_DEL) {
        keys.put(code);
      }
      update();
      todo = takeActions();
    }
    perform(todo);
    return true;
  }

  private final class DataPort implements BusDevice {
    @Override
    public long read(long offset, int size) {
      int value;
      int todo;
      synchronized (lock) {
        value = output;
        outputFull = false;
        update();
        todo = takeActions();
      }
      perform(todo);
      return value;
    }

    @Override
    public void write(long offset, int size, long value) {
      int todo;
      synchronized (lock) {
        lastWasCommand = false;
        writeData((int) value & 0xff);
        update();
        todo = takeActions();
      }
      perform(todo);
    }
  }

  private final class CommandPort implements BusDevice {
    @Override
    public long read(long offset, int size) {
      synchronized (lock) {
        return STATUS_UNLOCKED
            | (memory[0] & STATUS_SYSTEM)
            | (outputFull ? STATUS_OUTPUT_FULL : 0)
            | (lastWasCommand ? STATUS_COMMAND : 0);
      }
    }

    @Override
    public void write(long offset, int size, long value) {
      int todo;
      synchronized (lock) {
        lastWasCommand = true;
        writeCommand((int) value & 0xff);
        update();
        todo = takeActions();
      }
      perform(todo);
    }
  }

  private void writeCommand(int value) {
    command = NOTHING;
    if (value >= 0x20 && value <= 0x3f) {
      answer(memory[value & 0x1f]);
    } else if (value >= 0x60 && value <= 0x7f) {
      command = value;
    } else if (value >= 0xf0) {
      if ((value & OUT_NO_RESET) == 0) {
        actions |= DO_RESET;
      }
    } else {
      switch (value) {
        case 0xa7 -> memory[0] |= CTR_AUX_OFF;
        case 0xa8 -> memory[0] &= ~CTR_AUX_OFF;
        case 0xa9 -> answer(0x01);
        case 0xaa -> answer(0x55);
        case 0xab -> answer(0x00);
        case 0xad -> memory[0] |= CTR_KEYBOARD_OFF;
        case 0xae -> memory[0] &= ~CTR_KEYBOARD_OFF;
        case 0xc0 -> answer(0x80);
        case 0xd0 -> answer(outputPort | (outputFull ? OUT_BUFFER_FULL : 0));
        case 0xd1, 0xd2, 0xd3, 0xd4 -> command = value;
        case 0xdd -> outputPort &= ~OUT_A20;
        case 0xdf -> outputPort |= OUT_A20;
        default -> {}
      }
    }
  }

  private void writeData(int value) {
    int waiting = command;
    command = NOTHING;
    if (waiting == NOTHING) {
      writeKeyboard(value);
    } else if (waiting <= 0x7f) {
      memory[waiting & 0x1f] = value;
    } else {
      switch (waiting) {
        case 0xd1 -> {
          // The reset line is a pulse: it does not stay low.
          outputPort = (value & OUT_A20) | OUT_NO_RESET;
          if ((value & OUT_NO_RESET) == 0) {
            actions |= DO_RESET;
          }
        }
        // 0xd3 ought to return it as the mouse's; as the keyboard's it says there is no mouse port.
        case 0xd2, 0xd3 -> answer(value);
        default -> {} // 0xd4: nobody is there
      }
    }
  }

  private void writeKeyboard(int value) {
    int waiting = keyboardCommand;
    keyboardCommand = NOTHING;
    if (waiting != NOTHING) {
      key(ACK);
      if (waiting == 0xf0 && value == 0) {
        key(0x02); // the scan code set in use
      }
      return;
    }
    switch (value) {
      case 0xed, 0xf0, 0xf3 -> { // LEDs, scan code set, rate: a byte follows
        key(ACK);
        keyboardCommand = value;
      }
      case 0xee -> key(0xee); // echo
      case 0xf2 -> { // identify
        key(ACK);
        key(0xab);
        key(0x83);
      }
      case 0xf4, 0xf5, 0xf6 -> key(ACK); // enable, disable, defaults
      case 0xff -> { // reset
        keys.drop(keys.count());
        key(ACK);
        key(0xaa);
      }
      default -> key(RESEND);
    }
  }

  private void answer(int value) {
    if (!answers.isFull()) {
      answers.put((byte) value);
    }
  }

  private void key(int value) {
    if (!keys.isFull()) {
      keys.put((byte) value);
    }
  }

  /** Fills the output buffer if it is empty, and notes the edge of the interrupt line. */
  private void update() {
    if (!outputFull) {
      lineHigh = false;
      if (answers.peek(one) == 1) {
        answers.drop(1);
        output = one[0] & 0xff;
        outputFull = true;
      } else if ((memory[0] & CTR_KEYBOARD_OFF) == 0) {
        while (!outputFull && keys.peek(one) == 1) {
          keys.drop(1);
          int code = translate(one[0] & 0xff);
          if (code != NOTHING) {
            output = code;
            outputFull = true;
          }
        }
      }
    }
    // Answers of the controller interrupt as well, as the chip's do.
    boolean high = outputFull && (memory[0] & CTR_KEYBOARD_IRQ) != 0;
    if (high && !lineHigh) {
      actions |= DO_TRIGGER;
    }
    lineHigh = high;
  }

  /** {@return the byte in scan code set 1, or {@link #NOTHING} for a prefix} */
  private int translate(int code) {
    if ((memory[0] & CTR_TRANSLATE) == 0) {
      breaks = false;
      return code;
    }
    if (code == BREAK_PREFIX) {
      breaks = true;
      return NOTHING;
    }
    int translated =
        switch (code) {
          case 0x14 -> 0x1d;
          case 0x11 -> 0x38;
          case 0x71 -> 0x53;
          case 0x83 -> 0x41; // also within the keyboard's identity
          default -> code;
        };
    if (breaks) {
      breaks = false;
      translated |= 0x80;
    }
    return translated;
  }

  private int takeActions() {
    int todo = actions;
    actions = 0;
    return todo;
  }

  private void perform(int todo) {
    if ((todo & DO_TRIGGER) != 0) {
      line.trigger();
    }
    if ((todo & DO_RESET) != 0) {
      reset.run();
    }
  }

  /** {@return the state, for people} */
  @Override
  public String toString() {
    synchronized (lock) {
      return String.format(
          "i8042 ctr=%02x output=%02x%s", memory[0], output, outputFull ? " (full)" : "");
    }
  }
}
