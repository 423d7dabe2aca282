// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import java.util.Objects;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.InterruptLine;
import org.jspecify.annotations.Nullable;

/**
 * An i8042 keyboard controller with a PS/2 keyboard and, if wanted, a PS/2 mouse: input from the
 * host for kernels and firmware, and what they reset a PC with.
 *
 * <p>Commands (written to port 0x64): 0x20-0x3f and 0x60-0x7f read and write the controller's
 * memory, whose byte 0 is the command byte; 0xa7 and 0xa8 disable and enable the mouse's port; 0xa9
 * tests it (0, or 1 without a mouse); 0xaa self-test (0x55); 0xab keyboard port test (0); 0xad and
 * 0xae disable and enable the keyboard; 0xc0 input port; 0xd0 and 0xd1 output port, whose bit 0
 * resets when written low; 0xd2 and 0xd3 loop a byte back as the keyboard's and the mouse's; 0xd4
 * sends a byte to the mouse; 0xdd and 0xdf A20 gate; 0xf0-0xff pulse output lines, bit 0 low (0xfe
 * above all) resets. Others are ignored, multiplexing (four mouse ports) among them: 0xd3 returns
 * what was sent. Without a mouse 0xd3 returns the byte as the keyboard's, by which kernels see that
 * there is no mouse's port.
 *
 * <p>The keyboard has the codes of set 2, and of set 1 if told so (0xf0); set 3 it refuses. It
 * knows reset, resend, identify (0xab 0x83), echo, LEDs, rate, enable, disable and defaults, and
 * asks for a repetition of anything else. The controller translates set 2 into set 1 while bit 6 of
 * the command byte says so, answers included, as the chip does: then the identity is 0xab 0x41.
 *
 * <p>The mouse has three buttons and no wheel, stream, remote and wrap mode. What moves while the
 * guest does not read adds up, within bounds.
 *
 * <p>The keyboard's buffer holds 16 bytes, what is in the output buffer included: Linux gives up a
 * controller that has more to say when it is probed. What does not fit is refused, whole.
 *
 * <p>Accesses are meant to be bytes; a wider one acts by its lowest byte and reads zero above. Each
 * byte in the output buffer gives one edge of the interrupt line that the command byte has enabled
 * for it. Thread-safe; accesses allocate nothing; the lines and callbacks are called without a
 * lock, on the thread that caused it.
 */
public final class I8042 {
  /** The port of data. */
  public static final int DATA_PORT = 0x60;

  /** The port of commands and of the status. */
  public static final int COMMAND_PORT = 0x64;

  /** The keyboard's ISA interrupt. */
  public static final int IRQ = 1;

  /** The mouse's ISA interrupt. */
  public static final int MOUSE_IRQ = 12;

  /** The left button of {@link #moveMouse}. */
  public static final int LEFT = 1;

  /** The right button. */
  public static final int RIGHT = 2;

  /** The middle button. */
  public static final int MIDDLE = 4;

  // Status.
  private static final int STATUS_OUTPUT_FULL = 0x01;
  private static final int STATUS_SYSTEM = 0x04;
  private static final int STATUS_COMMAND = 0x08;
  private static final int STATUS_UNLOCKED = 0x10;
  private static final int STATUS_AUX = 0x20;

  // The command byte.
  private static final int CTR_KEYBOARD_IRQ = 0x01;
  private static final int CTR_AUX_IRQ = 0x02;
  private static final int CTR_SYSTEM = 0x04;
  private static final int CTR_KEYBOARD_OFF = 0x10;
  private static final int CTR_AUX_OFF = 0x20;
  private static final int CTR_TRANSLATE = 0x40;

  // The output port.
  private static final int OUT_NO_RESET = 0x01;
  private static final int OUT_A20 = 0x02;
  private static final int OUT_BUFFER_FULL = 0x10;
  private static final int OUT_AUX_BUFFER_FULL = 0x20;

  private static final int ACK = 0xfa;
  private static final int RESEND = 0xfe;

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

  /** The size of the keyboard's buffer, and of the queues of answers. */
  private static final int BUFFER = 16;

  /** The most bytes that a character takes: two keys down and up. */
  private static final int LONGEST_KEY = 6;

  // What to do once the lock is released.
  private static final int DO_KEYBOARD = 1;
  private static final int DO_RESET = 2;
  private static final int DO_MOUSE = 4;
  private static final int DO_SPACE = 8;

  // Whose byte is in the output buffer.
  private static final int FROM_CONTROLLER = 0;
  private static final int FROM_KEYBOARD = 1;
  private static final int FROM_MOUSE = 2;

  private final IrqOutput keyboardIrq;
  private final IrqOutput mouseIrq;
  private final Runnable reset;
  private final Runnable keySpace;
  private final BusDevice dataPort = new DataPort();
  private final BusDevice commandPort = new CommandPort();

  /** Guards all fields below. */
  private final Object lock = new Object();

  private final @Nullable Ps2Mouse mouse;
  private final int[] memory = new int[32];
  private int outputPort = OUT_NO_RESET | OUT_A20;

  /** The controller's command that waits for its byte, or {@link #NOTHING}. */
  private int command = NOTHING;

  private boolean lastWasCommand;

  /** The output buffer; keeps its last byte when {@link #outputFull} is false. */
  private int output;

  private boolean outputFull;
  private int outputFrom;

  /** Answers of the controller, which go first, and beside each whether it is the mouse's. */
  private final ByteRing answers = new ByteRing(BUFFER);

  private final ByteRing answersAux = new ByteRing(BUFFER);
  private final byte[] one = new byte[1];

  /** The keyboard's answers, and the codes of its keys, in set 2. */
  private final ByteRing replies = new ByteRing(BUFFER);

  private final ByteRing keys = new ByteRing(BUFFER);
  private final byte[] sequence = new byte[LONGEST_KEY];

  /** The keyboard's command that waits for its byte, or {@link #NOTHING}. */
  private int keyboardCommand = NOTHING;

  private boolean scanning = true;
  private int scanCodeSet = 2;
  private int leds;
  private int lastSent = ACK;

  /** The last byte of a key was a prefix: no answer may come between. */
  private boolean inSequence;

  /** The keyboard, and the controller's translator, saw a break prefix. */
  private boolean keyboardBreaks;

  private boolean breaks;

  /** The host was refused a key. */
  private boolean refused;

  private int actions;

  /**
   * Creates a controller without a mouse, as firmware leaves it: self-test passed, keyboard on, its
   * interrupt on, translation on.
   *
   * @param line the keyboard's interrupt
   * @param reset called on the vCPU's thread each time the guest pulls the reset line
   */
  public I8042(InterruptLine line, Runnable reset) {
    this(new Builder(line, reset));
  }

  private I8042(Builder builder) {
    keyboardIrq = IrqOutput.edge(builder.line);
    reset = builder.reset;
    keySpace = builder.keySpace;
    InterruptLine mouseLine = builder.mouseLine;
    mouse = mouseLine == null ? null : new Ps2Mouse();
    mouseIrq = IrqOutput.edge(mouseLine == null ? InterruptLine.NONE : mouseLine);
    memory[0] = CTR_KEYBOARD_IRQ | CTR_SYSTEM | CTR_AUX_OFF | CTR_TRANSLATE;
  }

  /**
   * {@return a builder of a controller}
   *
   * @param line the keyboard's interrupt
   * @param reset called on the vCPU's thread each time the guest pulls the reset line
   */
  public static Builder builder(InterruptLine line, Runnable reset) {
    return new Builder(line, reset);
  }

  /** Describes a controller. */
  public static final class Builder {
    private final InterruptLine line;
    private final Runnable reset;
    private @Nullable InterruptLine mouseLine;
    private Runnable keySpace = () -> {};

    private Builder(InterruptLine line, Runnable reset) {
      this.line = Objects.requireNonNull(line, "line");
      this.reset = Objects.requireNonNull(reset, "reset");
    }

    /**
     * Adds a mouse.
     *
     * @param interrupt its interrupt, ISA 12
     * @return this
     */
    public Builder mouse(InterruptLine interrupt) {
      mouseLine = Objects.requireNonNull(interrupt, "interrupt");
      return this;
    }

    /**
     * Sets what to call when a key was refused and the keyboard's buffer is empty again, or the
     * guest enables the keyboard.
     *
     * @param callback what to call, on a vCPU's thread; it may press keys, and must not block
     * @return this
     */
    public Builder onKeySpace(Runnable callback) {
      keySpace = Objects.requireNonNull(callback, "callback");
      return this;
    }

    /** {@return the controller} */
    public I8042 build() {
      return new I8042(this);
    }
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
   * Presses Ctrl-Alt-Del, and releases it.
   *
   * @return whether the keyboard took it; {@code false} if the guest has not read what came before,
   *     or has disabled the keyboard
   */
  public boolean ctrlAltDel() {
    return scanCodes(CTRL_ALT_DEL);
  }

  /**
   * Presses and releases keys, told by their scan codes of set 2, such as 0x1c, 0xf0, 0x1c for an
   * A. The guest gets them in the set that it has chosen. Whole sequences only: a prefix at the end
   * would change the key that comes next.
   *
   * @param codes the codes, at most 16 bytes
   * @return whether the keyboard took them all; {@code false}, and none, if the guest has not read
   *     what came before, or has disabled the keyboard
   * @throws IllegalArgumentException if there are more than 16
   */
  public boolean scanCodes(byte... codes) {
    if (codes.length > BUFFER) {
      throw new IllegalArgumentException(
          "codes.length=" + codes.length + " exceeds the keyboard's buffer of " + BUFFER);
    }
    boolean taken;
    int todo;
    synchronized (lock) {
      taken = press(codes, codes.length);
      todo = takeActions();
    }
    perform(todo);
    return taken;
  }

  /**
   * Types text on a US keyboard: what it has keys for, with line feed or carriage return as Enter,
   * tab, backspace (or U+007F) and escape, and the other control characters as Ctrl and a letter.
   *
   * @param text the text
   * @return how many characters the keyboard took; fewer than all if the guest must first read
   *     them, or has disabled the keyboard
   * @throws IllegalArgumentException if a character has no key; then none is typed
   */
  public int type(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      if (ScanCodes.key(text.charAt(i)) < 0) {
        throw new IllegalArgumentException(
            "text[%d]=U+%04X has no key on a US keyboard".formatted(i, (int) text.charAt(i)));
      }
    }
    int typed = 0;
    int todo;
    synchronized (lock) {
      while (typed < text.length() && press(sequence, sequenceOf(text.charAt(typed)))) {
        typed++;
      }
      todo = takeActions();
    }
    perform(todo);
    return typed;
  }

  /** Puts what a character's keys send into {@link #sequence}, and returns how long it is. */
  private int sequenceOf(char c) {
    int key = ScanCodes.key(c);
    int code = key & 0xff;
    int modifier =
        (key & ScanCodes.WITH_SHIFT) != 0
            ? ScanCodes.SHIFT
            : (key & ScanCodes.WITH_CONTROL) != 0 ? ScanCodes.CONTROL : 0;
    int n = 0;
    if (modifier != 0) {
      sequence[n++] = (byte) modifier;
    }
    sequence[n++] = (byte) code;
    sequence[n++] = (byte) ScanCodes.BREAK;
    sequence[n++] = (byte) code;
    if (modifier != 0) {
      sequence[n++] = (byte) ScanCodes.BREAK;
      sequence[n++] = (byte) modifier;
    }
    return n;
  }

  private boolean press(byte[] codes, int length) {
    int used = keys.count() + (outputFull && outputFrom == FROM_KEYBOARD ? 1 : 0);
    if (!scanning || used + length > BUFFER) {
      refused = true;
      return false;
    }
    for (int i = 0; i < length; i++) {
      keys.put(codes[i]);
    }
    update();
    return true;
  }

  /**
   * Moves the mouse, and presses and releases its buttons.
   *
   * @param right how far to the right, in the mouse's counts; negative to the left
   * @param up how far up; negative down
   * @param buttons which are down: {@link #LEFT}, {@link #RIGHT}, {@link #MIDDLE}; a press and
   *     release that the guest was too slow for may merge
   * @throws IllegalStateException if there is no mouse
   */
  public void moveMouse(int right, int up, int buttons) {
    Ps2Mouse m = mouse;
    if (m == null) {
      throw new IllegalStateException("no mouse: the controller was built without one");
    }
    int todo;
    synchronized (lock) {
      m.move(right, up, buttons);
      update();
      todo = takeActions();
    }
    perform(todo);
  }

  /**
   * {@return the LEDs as the guest set them: bit 0 Scroll Lock, bit 1 Num Lock, bit 2 Caps Lock}
   */
  public int leds() {
    synchronized (lock) {
      return leds;
    }
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
            | (outputFull && outputFrom == FROM_MOUSE ? STATUS_AUX : 0)
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
        case 0xa9 -> answer(mouse == null ? 0x01 : 0x00);
        case 0xaa -> {
          memory[0] |= CTR_SYSTEM;
          answer(0x55);
        }
        case 0xab -> answer(0x00);
        case 0xad -> memory[0] |= CTR_KEYBOARD_OFF;
        case 0xae -> memory[0] &= ~CTR_KEYBOARD_OFF;
        case 0xc0 -> answer(0x80);
        case 0xd0 ->
            answer(
                outputPort
                    | (!outputFull
                        ? 0
                        : outputFrom == FROM_MOUSE ? OUT_AUX_BUFFER_FULL : OUT_BUFFER_FULL));
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
        case 0xd2 -> answer(value);
        case 0xd3 -> answer(value, mouse != null);
        default -> { // 0xd4
          Ps2Mouse m = mouse;
          if (m != null) {
            m.write(value);
          }
        }
      }
    }
  }

  private void writeKeyboard(int value) {
    int waiting = keyboardCommand;
    keyboardCommand = NOTHING;
    switch (waiting) {
      case NOTHING -> keyboardCommand(value);
      case 0xed -> {
        leds = value & 7;
        reply(ACK);
      }
      case 0xf0 -> {
        switch (value) {
          case 0 -> {
            reply(ACK);
            reply(scanCodeSet);
          }
          case 1, 2 -> {
            scanCodeSet = value;
            dropKeys();
            reply(ACK);
          }
          default -> reply(RESEND);
        }
      }
      default -> reply(ACK); // the rate: keys do not repeat by themselves
    }
  }

  private void keyboardCommand(int value) {
    switch (value) {
      case 0xed, 0xf0, 0xf3 -> { // LEDs, scan code set, rate: a byte follows
        reply(ACK);
        keyboardCommand = value;
      }
      case 0xee -> reply(0xee); // echo
      case 0xf2 -> { // identify
        reply(ACK);
        reply(0xab);
        reply(0x83);
      }
      case 0xf4 -> { // enable
        enableScanning(true);
        reply(ACK);
      }
      case 0xf5 -> { // defaults, and disable
        defaults();
        enableScanning(false);
        reply(ACK);
      }
      case 0xf6 -> { // defaults
        defaults();
        reply(ACK);
      }
      case RESEND -> reply(lastSent);
      case 0xff -> { // reset
        replies.drop(replies.count());
        defaults();
        leds = 0;
        enableScanning(true);
        reply(ACK);
        reply(0xaa);
      }
      default -> reply(RESEND);
    }
  }

  private void defaults() {
    scanCodeSet = 2;
    dropKeys();
  }

  private void enableScanning(boolean on) {
    scanning = on;
    dropKeys();
  }

  private void dropKeys() {
    keys.drop(keys.count());
    inSequence = false;
    keyboardBreaks = false;
  }

  private void answer(int value) {
    answer(value, false);
  }

  private void answer(int value, boolean aux) {
    if (!answers.isFull()) {
      answers.put((byte) value);
      answersAux.put((byte) (aux ? 1 : 0));
    }
  }

  private void reply(int value) {
    if (!replies.isFull()) {
      replies.put((byte) value);
    }
  }

  private int take(ByteRing ring) {
    if (ring.peek(one) == 0) {
      return NOTHING;
    }
    ring.drop(1);
    return one[0] & 0xff;
  }

  /** Fills the output buffer if it is empty, and notes the edges of the interrupt lines. */
  private void update() {
    if (!outputFull) {
      decide(); // low: the next byte gives an edge of its own
      fill();
    }
    decide();
    if (refused && scanning && keys.isEmpty()) {
      refused = false;
      actions |= DO_SPACE;
    }
  }

  private void fill() {
    int value = take(answers);
    if (value != NOTHING) {
      put(value, take(answersAux) == 1 ? FROM_MOUSE : FROM_CONTROLLER);
      return;
    }
    if ((memory[0] & CTR_KEYBOARD_OFF) == 0) {
      int code = nextOfKeyboard();
      if (code != NOTHING) {
        put(code, FROM_KEYBOARD);
        return;
      }
    }
    Ps2Mouse m = mouse;
    if (m != null && (memory[0] & CTR_AUX_OFF) == 0) {
      int code = m.next();
      if (code != NOTHING) {
        put(code, FROM_MOUSE);
      }
    }
  }

  private void put(int value, int from) {
    output = value;
    outputFrom = from;
    outputFull = true;
  }

  private void decide() {
    // Answers of the controller interrupt as the keyboard's, as the chip's do.
    boolean aux = outputFrom == FROM_MOUSE;
    if (keyboardIrq.decide(outputFull && !aux && (memory[0] & CTR_KEYBOARD_IRQ) != 0)) {
      actions |= DO_KEYBOARD;
    }
    if (mouseIrq.decide(outputFull && aux && (memory[0] & CTR_AUX_IRQ) != 0)) {
      actions |= DO_MOUSE;
    }
  }

  /** {@return what the keyboard and the translator behind it say next, or {@link #NOTHING}} */
  private int nextOfKeyboard() {
    while (true) {
      if (!inSequence || keys.isEmpty()) {
        int reply = take(replies);
        if (reply != NOTHING) {
          lastSent = reply;
          breaks = false;
          return translates() ? ScanCodes.toSet1(reply) : reply;
        }
      }
      int code = take(keys);
      if (code == NOTHING) {
        return NOTHING;
      }
      inSequence = ScanCodes.isPrefix(code);
      if (scanCodeSet == 1) {
        if (code == ScanCodes.BREAK) {
          keyboardBreaks = true;
          continue;
        }
        code = set1(code, keyboardBreaks);
        keyboardBreaks = keyboardBreaks && inSequence;
      }
      lastSent = code;
      if (!translates()) {
        breaks = false;
        return code;
      }
      if (code == ScanCodes.BREAK) {
        breaks = true;
        continue;
      }
      boolean broken = breaks;
      breaks = false;
      return set1(code, broken);
    }
  }

  private boolean translates() {
    return (memory[0] & CTR_TRANSLATE) != 0;
  }

  private static int set1(int code, boolean broken) {
    return ScanCodes.isPrefix(code) ? code : ScanCodes.toSet1(code) | (broken ? 0x80 : 0);
  }

  private int takeActions() {
    int todo = actions;
    actions = 0;
    return todo;
  }

  private void perform(int todo) {
    if (todo == 0) {
      return;
    }
    if ((todo & DO_KEYBOARD) != 0) {
      keyboardIrq.tell();
    }
    if ((todo & DO_MOUSE) != 0) {
      mouseIrq.tell();
    }
    if ((todo & DO_SPACE) != 0) {
      keySpace.run();
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
