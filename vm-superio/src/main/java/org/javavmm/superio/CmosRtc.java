// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.javavmm.superio.RtcLayout.*;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.javavmm.device.Bus;
import org.javavmm.device.BusDevice;
import org.javavmm.device.InterruptLine;
import org.javavmm.device.LevelLine;
import org.javavmm.event.EventLoop;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * The real time clock of a PC and its battery-backed RAM: an MC146818 with 128 bytes, index port
 * 0x70 and data port 0x71.
 *
 * <p>The time is the host's plus an offset. What the guest writes into the time registers changes
 * the offset and nothing else, so that the guest's clock goes on as the host's does, with its
 * corrections. Register B says whether the registers are BCD (as they are first) or binary, and of
 * 24 hours (as they are first) or of 12. While SET is 1 or the divider is held in reset (DV of 3 or
 * more), the clock stands; the first update is half a second after the divider is let go.
 *
 * <p>Interrupts: periodic (PIE, rates of register A at a 32.768 kHz crystal), alarm (AIE; an alarm
 * byte of 0xc0 or more matches anything) and update-ended (UIE). PF, AF and UF are set whether
 * enabled or not; reading register C clears them. The line is asserted while IRQF is 1. It has a
 * timer in the event loop only while IRQF is 0 and one of the three is enabled, so a guest that
 * reads no register C costs nothing. Periods that pass while the guest is behind merge into one; at
 * most 8192 interrupts come in a second.
 *
 * <p>UIP is 1 in the last two milliseconds before an update: whoever has seen it at 0 has at least
 * the 244 µs of the data sheet to read the time.
 *
 * <p>Deliberate differences from the chip: the day of the week follows from the date; a time of
 * impossible values (33 seconds past 25:70 on the 31st of February) is taken as the sum of its
 * parts; an update and an alarm interrupt up to a millisecond after the second began, which is how
 * fine the host's clock is read; daylight savings (DSE) and the square wave are stored only; a
 * change of the host's clock by hand shows in alarms up to a minute later, and backwards it causes
 * no update.
 *
 * <p>Bit 7 of the index port masks NMI; it is kept and has no effect here. The index port reads as
 * all ones. Thread-safe; an access allocates nothing. The line is called without a lock.
 */
public final class CmosRtc implements BusDevice, AutoCloseable {
  /** The index port; the data port follows. */
  public static final int PORT = 0x70;

  /** The number of ports. */
  public static final int PORTS = 2;

  /** The ISA interrupt. */
  public static final int IRQ = 8;

  /** The number of bytes: clock, registers and RAM. */
  public static final int SIZE = 128;

  private static final int INDEX = 0x7f;
  private static final int NMI_MASK = 0x80;

  private static final long SECOND_MILLIS = 1000;
  private static final long SECOND_NANOS = 1_000_000_000;
  private static final int UIP_FROM_MILLIS = 998;
  private static final long HALF_SECOND_MILLIS = 500;
  private static final long DAY_SECONDS = 86_400;

  /** The longest that an alarm's timer sleeps: the host's clock may be set meanwhile. */
  private static final long LONGEST_SLEEP_MILLIS = 60_000;

  /** Ticks of the crystal in a second. Nanoseconds of n ticks: n * 1953125 / 64. */
  private static final long TICKS = 32_768;

  private static final long TICK_NUMERATOR = 1_953_125;
  private static final long TICK_DENOMINATOR = 64;

  private final LongSupplier epochMillis;
  private final LongSupplier nanoTime;
  private final IrqOutput irq;
  private final DeadlineTimer timer;
  private final long zoneMillis;

  /** Guards all fields below. */
  private final Object lock = new Object();

  /** Time registers as the guest reads them, alarm, A, B, RAM. */
  private final byte[] bytes = new byte[SIZE];

  private int index;
  private boolean nmiMasked;

  /** PF, AF and UF. */
  private int flags;

  /** The guest's time less the host's; while the clock stands it has the right fraction only. */
  private long offset;

  /** The second that {@link #bytes} shows, since 1970 in the guest's reckoning. */
  private long second;

  /** Where the divider's periods are counted from, and the last tick that was looked at. */
  private long dividerStart;

  private long lastTick;

  private boolean scheduleChanged;

  private CmosRtc(Builder builder, TimerFactory timers) throws SystemCallException {
    epochMillis = builder.epochMillis;
    nanoTime = builder.nanoTime;
    irq = builder.irq;
    long now = epochMillis.getAsLong();
    zoneMillis =
        builder.zone.getRules().getOffset(Instant.ofEpochMilli(now)).getTotalSeconds()
            * SECOND_MILLIS;
    System.arraycopy(builder.bytes, 0, bytes, 0, SIZE);
    bytes[REG_A] = A_DV_32KHZ | 6;
    bytes[REG_B] = B_24H;
    bytes[REG_C] = 0;
    bytes[REG_D] = 0;
    offset = zoneMillis + builder.offsetMillis;
    second = Math.floorDiv(now + offset, SECOND_MILLIS);
    render();
    dividerStart = nanoTime.getAsLong();
    timer = timers.make(this::expired);
  }

  /** Makes the timer of a clock. */
  interface TimerFactory {
    DeadlineTimer make(Runnable expired) throws SystemCallException;
  }

  /**
   * {@return a builder of a clock of UTC without an interrupt, whose RAM describes a PC without
   * memory}
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Describes a clock. */
  public static final class Builder {
    private LongSupplier epochMillis = System::currentTimeMillis;
    private LongSupplier nanoTime = System::nanoTime;
    private IrqOutput irq = IrqOutput.edge(InterruptLine.NONE);
    private @Nullable EventLoop loop;
    private ZoneId zone = ZoneOffset.UTC;
    private long offsetMillis;
    private final byte[] bytes = new byte[SIZE];

    private Builder() {
      bytes[0x14] = 0x06; // a floating point unit, a pointing device, no floppy disk
      put16(BASE_MEMORY, 640);
    }

    /**
     * Connects an edge-triggered line, ISA interrupt 8: an edge each time IRQF rises.
     *
     * @param eventLoop where the timer runs
     * @param line the line, called on vCPU threads and the loop's
     * @return this
     */
    public Builder interrupt(EventLoop eventLoop, InterruptLine line) {
      loop = Objects.requireNonNull(eventLoop, "eventLoop");
      irq = IrqOutput.edge(Objects.requireNonNull(line, "line"));
      return this;
    }

    /**
     * Connects a level-triggered line: asserted while IRQF is 1.
     *
     * @param eventLoop where the timer runs
     * @param line the line, called on vCPU threads and the loop's
     * @return this
     */
    public Builder interrupt(EventLoop eventLoop, LevelLine line) {
      loop = Objects.requireNonNull(eventLoop, "eventLoop");
      irq = IrqOutput.level(Objects.requireNonNull(line, "line"));
      return this;
    }

    /**
     * Makes it a clock of local time, as some guests expect. The zone's offset is that of the time
     * when the clock is built: daylight saving is left to the guest, which sets the clock.
     *
     * @param localZone the zone
     * @return this
     */
    public Builder localTime(ZoneId localZone) {
      zone = Objects.requireNonNull(localZone, "localZone");
      return this;
    }

    /**
     * Sets by how much the guest's clock is ahead of the host's.
     *
     * @param ahead the offset, such as {@link CmosRtc#clockOffset} told it, at most 10,000 years;
     *     parts of a millisecond are dropped
     * @return this
     * @throws IllegalArgumentException if it is farther from zero
     */
    public Builder clockOffset(Duration ahead) {
      if (ahead.abs().toDays() > 3_652_425) {
        throw new IllegalArgumentException("ahead=" + ahead + " exceeds 3652425 days");
      }
      offsetMillis = ahead.toMillis();
      return this;
    }

    /**
     * Fills in the sizes of memory as firmware does: base memory, the two of extended memory, above
     * 16 MiB, above 4 GiB, each as far as its bytes reach.
     *
     * @param below4G bytes of RAM that end below 4 GiB, counted from address 0, holes included
     * @param above4G bytes of RAM from 4 GiB on
     * @return this
     * @throws IllegalArgumentException if {@code below4G} is not in 0..4 GiB, or {@code above4G} is
     *     negative
     */
    public Builder memory(long below4G, long above4G) {
      if (below4G < 0 || below4G > 1L << 32) {
        throw new IllegalArgumentException("below4G=" + below4G + " is not in 0..4294967296");
      }
      if (above4G < 0) {
        throw new IllegalArgumentException("above4G=" + above4G + " is negative");
      }
      put16(BASE_MEMORY, Math.min(640, below4G >> 10));
      long extended = Math.clamp((below4G >> 10) - 1024, 0L, 0xffffL);
      put16(EXTENDED_MEMORY, extended);
      put16(EXTENDED_MEMORY_2, extended);
      put16(MEMORY_ABOVE_16M, Math.clamp((below4G - (16L << 20)) >> 16, 0L, 0xffffL));
      long above = Math.min(above4G >> 16, 0xff_ffff);
      put16(MEMORY_ABOVE_4G, above);
      bytes[MEMORY_ABOVE_4G + 2] = (byte) (above >> 16);
      return this;
    }

    /**
     * Fills in the number of processors.
     *
     * @param cpus how many, 1 to 256; firmware that reads it knows no more
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder processors(int cpus) {
      if (cpus < 1 || cpus > 256) {
        throw new IllegalArgumentException("cpus=" + cpus + " is not in 1..256");
      }
      bytes[OTHER_PROCESSORS] = (byte) (cpus - 1);
      return this;
    }

    /**
     * Sets a byte of the RAM. The checksum of the bytes 0x10 to 0x2d is made when the clock is
     * built.
     *
     * @param address its index, 0x0e to 0x7f, other than {@link RtcLayout#CENTURY}
     * @param value the byte, 0 to 255
     * @return this
     * @throws IllegalArgumentException if {@code address} or {@code value} is out of range
     */
    public Builder ram(int address, int value) {
      if (address <= REG_D || address >= SIZE || address == CENTURY) {
        throw new IllegalArgumentException(
            "address=0x%x is not RAM: 0x0e..0x7f but 0x32".formatted(address));
      }
      if (value < 0 || value > 0xff) {
        throw new IllegalArgumentException("value=" + value + " is not in 0..255");
      }
      bytes[address] = (byte) value;
      return this;
    }

    private void put16(int address, long value) {
      bytes[address] = (byte) value;
      bytes[address + 1] = (byte) (value >> 8);
    }

    private void checksum() {
      int sum = 0;
      for (int i = 0x10; i < CHECKSUM; i++) {
        sum += bytes[i] & 0xff;
      }
      bytes[CHECKSUM] = (byte) (sum >> 8);
      bytes[CHECKSUM + 1] = (byte) sum;
    }

    /**
     * {@return the clock, which runs}
     *
     * @throws IllegalStateException if the event loop has ended
     * @throws SystemCallException if the process has no descriptor left for the loop's timers
     */
    public CmosRtc build() throws SystemCallException {
      checksum();
      EventLoop l = loop;
      return new CmosRtc(
          this,
          expired ->
              l == null
                  ? DeadlineTimer.NONE
                  : DeadlineTimer.of(l, "CMOS RTC", expirations -> expired.run()));
    }

    /** Builds one on other clocks, for tests. */
    CmosRtc build(LongSupplier millis, LongSupplier nanos, LevelLine line, TimerFactory timers)
        throws SystemCallException {
      checksum();
      epochMillis = millis;
      nanoTime = nanos;
      irq = IrqOutput.level(line);
      return new CmosRtc(this, timers);
    }
  }

  /**
   * Puts both ports on a port bus.
   *
   * @param bus the bus
   * @throws IllegalArgumentException if one is occupied
   */
  public void addTo(Bus bus) {
    bus.add("CMOS RTC", PORT, PORTS, this);
  }

  /** Reads; a wider access is that of its bytes, each at its own port. */
  @Override
  public long read(long where, int size) {
    if (where + size <= 1) {
      return -1;
    }
    long value = readData();
    return where == 0 ? value << 8 | 0xff : value;
  }

  private int readData() {
    int value;
    boolean tell;
    synchronized (lock) {
      advance();
      value = bytes[index] & 0xff;
      switch (index) {
        case REG_A -> value |= isUpdateInProgress() ? A_UIP : 0;
        case REG_C -> {
          value = flags | (interrupts() ? C_IRQF : 0);
          flags = 0;
          scheduleChanged = true;
        }
        case REG_D -> value = D_VRT;
        default -> {}
      }
      tell = settle();
    }
    if (tell) {
      irq.tell();
    }
    return value;
  }

  /** Writes; a wider access is that of its bytes, each at its own port. */
  @Override
  public void write(long where, int size, long value) {
    int data = (int) value & 0xff;
    if (where == 0) {
      synchronized (lock) {
        index = data & INDEX;
        nmiMasked = (data & NMI_MASK) != 0;
      }
      if (size == 1) {
        return;
      }
      data = (int) (value >> 8) & 0xff;
    }
    boolean tell;
    synchronized (lock) {
      advance();
      writeData(data);
      tell = settle();
    }
    if (tell) {
      irq.tell();
    }
  }

  private void writeData(int value) {
    switch (index) {
      case REG_A -> writeA(value & ~A_UIP);
      case REG_B -> writeB(value);
      case REG_C, REG_D -> {}
      default -> {
        bytes[index] = (byte) value;
        if (isTime(index) && runs()) {
          start(false);
        }
      }
    }
    scheduleChanged |= index <= REG_B || index == CENTURY;
  }

  private void writeA(int value) {
    boolean divided = divides();
    bytes[REG_A] = (byte) value;
    if (divides() && !divided) {
      dividerStart = nanoTime.getAsLong();
      lastTick = 0;
      start(true);
    }
  }

  private void writeB(int value) {
    boolean ran = runs();
    if ((value & B_SET) != 0) {
      value &= ~B_UIE; // the data sheet: SET clears UIE
    }
    int changed = bytes[REG_B] ^ value;
    bytes[REG_B] = (byte) value;
    if (runs() && !ran) {
      start(false);
    } else if (runs() && (changed & (B_DM | B_24H)) != 0) {
      render();
    }
  }

  /** Whether the divider counts. */
  private boolean divides() {
    return (bytes[REG_A] & A_DV) <= A_DV_32KHZ;
  }

  /** Whether updates take place. */
  private boolean runs() {
    return divides() && (bytes[REG_B] & B_SET) == 0;
  }

  private long guestMillis() {
    return epochMillis.getAsLong() + offset;
  }

  private boolean isUpdateInProgress() {
    return runs() && Math.floorMod(guestMillis(), SECOND_MILLIS) >= UIP_FROM_MILLIS;
  }

  /**
   * Lets the time go on from what the registers say, within its second where it is or, after a
   * reset of the divider, in the middle.
   */
  private void start(boolean dividerWasReset) {
    long host = epochMillis.getAsLong();
    long fraction =
        dividerWasReset ? HALF_SECOND_MILLIS : Math.floorMod(host + offset, SECOND_MILLIS);
    second = decode();
    offset = second * SECOND_MILLIS + fraction - host;
  }

  /** Catches up with the clocks. */
  private void advance() {
    int before = flags;
    if (divides()) {
      int period = period(bytes[REG_A] & A_RS);
      long elapsed = nanoTime.getAsLong() - dividerStart;
      long seconds = Math.floorDiv(elapsed, SECOND_NANOS);
      dividerStart += seconds * SECOND_NANOS; // a whole number of any period
      lastTick -= seconds * TICKS;
      long tick = (elapsed - seconds * SECOND_NANOS) * TICK_DENOMINATOR / TICK_NUMERATOR;
      if (period != 0 && Math.floorDiv(tick, period) > Math.floorDiv(lastTick, period)) {
        flags |= C_PF;
      }
      lastTick = tick;
    }
    if (runs()) {
      long now = Math.floorDiv(guestMillis(), SECOND_MILLIS);
      if (now > second) {
        flags |= C_UF;
        if (nextAlarm(second) <= now) {
          flags |= C_AF;
        }
      }
      if (now != second) {
        second = now;
        render();
      }
    }
    scheduleChanged |= flags != before;
  }

  private boolean interrupts() {
    return (flags & bytes[REG_B] & (C_PF | C_AF | C_UF)) != 0;
  }

  /** Decides the line's level and the timer; returns whether the line must be told. */
  private boolean settle() {
    boolean changed = irq.decide(interrupts());
    if (scheduleChanged || changed) {
      scheduleChanged = false;
      schedule();
    }
    return changed;
  }

  private void schedule() {
    int awaited = irq.isHigh() ? 0 : bytes[REG_B] & ~flags;
    int period = period(bytes[REG_A] & A_RS);
    long deadline = Long.MAX_VALUE; // as a delay: no clock is near its wrap
    long now = nanoTime.getAsLong();
    if ((awaited & B_PIE) != 0 && divides() && period != 0) {
      long next = (Math.floorDiv(lastTick, period) + 1) * period;
      long at = dividerStart + Math.ceilDiv(next * TICK_NUMERATOR, TICK_DENOMINATOR);
      deadline = Math.max(0, at - now);
    }
    if (runs()) {
      long millis = guestMillis();
      if ((awaited & B_UIE) != 0) {
        deadline = Math.min(deadline, ((second + 1) * SECOND_MILLIS - millis) * 1_000_000);
      }
      if ((awaited & B_AIE) != 0) {
        long alarm = nextAlarm(second);
        if (alarm != Long.MAX_VALUE) {
          long sleep = Math.min(alarm * SECOND_MILLIS - millis, LONGEST_SLEEP_MILLIS);
          deadline = Math.min(deadline, sleep * 1_000_000);
        }
      }
    }
    if (deadline == Long.MAX_VALUE) {
      timer.cancel();
    } else {
      timer.armAt(now + Math.max(0, deadline));
    }
  }

  /** The timer's. */
  private void expired() {
    boolean tell;
    synchronized (lock) {
      advance();
      scheduleChanged = true;
      tell = settle();
    }
    if (tell) {
      irq.tell();
    }
  }

  /** The first second after one at which the alarm matches; the last long if none does. */
  private long nextAlarm(long after) {
    int alarmSeconds = bytes[SECONDS_ALARM] & 0xff;
    int alarmMinutes = bytes[MINUTES_ALARM] & 0xff;
    int alarmHours = bytes[HOURS_ALARM] & 0xff;
    long t = after + 1;
    long end = t + DAY_SECONDS;
    int misses = 0;
    // Sixty seconds without a match: none ever will, and the guest must not make us try a day.
    while (t < end && misses < 60) {
      int ofDay = (int) Math.floorMod(t, DAY_SECONDS);
      if (alarmHours < DONT_CARE && alarmHours != encodeHours(ofDay / 3600)) {
        t += 3600 - ofDay % 3600;
      } else if (alarmMinutes < DONT_CARE && alarmMinutes != encode(ofDay / 60 % 60)) {
        t += 60 - ofDay % 60;
      } else if (alarmSeconds < DONT_CARE && alarmSeconds != encode(ofDay % 60)) {
        t++;
        misses++;
      } else {
        return t;
      }
    }
    return Long.MAX_VALUE;
  }

  private int encode(int value) {
    return (bytes[REG_B] & B_DM) != 0 ? value : value / 10 * 16 + value % 10;
  }

  private int encodeHours(int hours) {
    if ((bytes[REG_B] & B_24H) != 0) {
      return encode(hours);
    }
    return encode(hours % 12 == 0 ? 12 : hours % 12) + (hours >= 12 ? HOURS_PM : 0);
  }

  private int decode(int value) {
    return (bytes[REG_B] & B_DM) != 0 ? value : (value >> 4) * 10 + (value & 0x0f);
  }

  private int decodeRegister(int register) {
    return decode(bytes[register] & 0xff);
  }

  /** The second that the time registers say; any bytes give one. */
  private long decode() {
    int hourByte = bytes[HOURS] & 0xff;
    int hours =
        (bytes[REG_B] & B_24H) != 0
            ? decode(hourByte)
            : decode(hourByte & ~HOURS_PM) % 12 + ((hourByte & HOURS_PM) != 0 ? 12 : 0);
    int year = decodeRegister(CENTURY) * 100 + decodeRegister(YEAR);
    int month = Math.clamp(decodeRegister(MONTH), 1, 12);
    long day = daysToMonth(year, month) + decodeRegister(DAY_OF_MONTH) - 1;
    return day * DAY_SECONDS
        + hours * 3600L
        + decodeRegister(MINUTES) * 60L
        + decodeRegister(SECONDS);
  }

  /** Days from 1970 to the first of a month. */
  private static long daysToMonth(int year, int month) {
    // Years from March on, so that the leap day is the last.
    int y = month > 2 ? year : year - 1;
    int m = (month + 9) % 12;
    return 365L * y
        + Math.floorDiv(y, 4)
        - Math.floorDiv(y, 100)
        + Math.floorDiv(y, 400)
        + (153L * m + 2) / 5
        - 719_468;
  }

  /** Shows {@link #second} in the time registers. */
  private void render() {
    int ofDay = (int) Math.floorMod(second, DAY_SECONDS);
    long day = Math.floorDiv(second, DAY_SECONDS);
    long fromMarch0 = day + 719_468;
    // In 400 years there are 146,097 days: an estimate of the year, which may be one too many.
    long year = Math.floorDiv(fromMarch0 * 400 + 591, 146_097);
    long ofYear = fromMarch0 - daysBefore(year);
    if (ofYear < 0) {
      year--;
      ofYear = fromMarch0 - daysBefore(year);
    }
    int m = (int) ((5 * ofYear + 2) / 153);
    int month = m < 10 ? m + 3 : m - 9;
    if (month <= 2) {
      year++;
    }
    int y = (int) Math.floorMod(year, 10_000L);
    bytes[SECONDS] = (byte) encode(ofDay % 60);
    bytes[MINUTES] = (byte) encode(ofDay / 60 % 60);
    bytes[HOURS] = (byte) encodeHours(ofDay / 3600);
    bytes[DAY_OF_WEEK] = (byte) (Math.floorMod(day + 4, 7) + 1); // 1970 began on a Thursday
    bytes[DAY_OF_MONTH] = (byte) encode((int) ofYear - (153 * m + 2) / 5 + 1);
    bytes[MONTH] = (byte) encode(month);
    bytes[YEAR] = (byte) encode(y % 100);
    bytes[CENTURY] = (byte) encode(y / 100);
  }

  private static long daysBefore(long marchYear) {
    return 365 * marchYear
        + Math.floorDiv(marchYear, 4)
        - Math.floorDiv(marchYear, 100)
        + Math.floorDiv(marchYear, 400);
  }

  /** Does what the RESET pin does: interrupts off, flags cleared. Time, alarm and RAM stay. */
  public void reset() {
    boolean tell;
    synchronized (lock) {
      advance();
      bytes[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
      flags = 0;
      index = 0;
      nmiMasked = false;
      scheduleChanged = true;
      tell = settle();
    }
    if (tell) {
      irq.tell();
    }
  }

  /** {@return the time that the guest reads} */
  public LocalDateTime time() {
    boolean tell;
    long now;
    synchronized (lock) {
      advance();
      now = runs() ? second : decode();
      tell = settle();
    }
    if (tell) {
      irq.tell();
    }
    return LocalDateTime.ofEpochSecond(now, 0, ZoneOffset.UTC);
  }

  /**
   * {@return by how much the guest's clock is ahead of the host's, in UTC or in the zone that it
   * was built for; meaningful while the clock runs}
   */
  public Duration clockOffset() {
    synchronized (lock) {
      return Duration.ofMillis(offset - zoneMillis);
    }
  }

  /** {@return the shutdown status byte, 0 to 255} */
  public int shutdownStatus() {
    return ram(SHUTDOWN_STATUS);
  }

  /**
   * {@return a byte of the RAM as the guest left it, 0 to 255}
   *
   * @param address its index, 0x0e to 0x7f
   * @throws IllegalArgumentException if it is out of range
   */
  public int ram(int address) {
    if (address <= REG_D || address >= SIZE) {
      throw new IllegalArgumentException("address=0x%x is not in 0xe..0x7f".formatted(address));
    }
    synchronized (lock) {
      return bytes[address] & 0xff;
    }
  }

  /** {@return whether the guest last wrote the index port with the NMI mask} */
  public boolean isNmiMasked() {
    synchronized (lock) {
      return nmiMasked;
    }
  }

  /** Ends the timer: no interrupt comes by itself any more. Closing twice is safe. */
  @Override
  public void close() {
    timer.close();
  }

  /** {@return the state, for people} */
  @Override
  public String toString() {
    synchronized (lock) {
      return String.format(
          "CMOS RTC A=%02x B=%02x flags=%02x index=%02x%s",
          bytes[REG_A], bytes[REG_B], flags, index, runs() ? "" : " (stopped)");
    }
  }
}
