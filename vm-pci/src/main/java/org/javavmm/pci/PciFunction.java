// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.javavmm.device.BusDevice;
import org.javavmm.device.LevelLine;
import org.javavmm.device.MsiController;
import org.jspecify.annotations.Nullable;

/**
 * A function of a PCI device with a type 0 header (PCI Local Bus 3.0 §6.1): its configuration
 * space, BARs, capabilities and interrupts. Built by {@link #builder}, then put on a {@link
 * PciBus}.
 *
 * <p><b>Threads.</b> vCPU threads call {@link #readConfig} and {@link #writeConfig}, several at a
 * time; both allocate nothing, reading takes no lock. Writing holds the function's lock while BARs
 * move; capability handlers run without it. {@link Msix#trigger} and {@link Intx#setLevel} never
 * take it, so a device may call them under a lock of its own, which its BAR may take too.
 *
 * <p><b>What the guest's writes do.</b> I/O and memory decode map and unmap the BARs; a BAR written
 * while decode is on moves, and what it says is read back whether there was place for it or not.
 * Bus master off holds messages back (they stay pending). INTx disable takes the pin back, not the
 * status bit. In D3hot the BARs are unmapped and no interrupt is sent; nothing is lost on the way
 * back (No_Soft_Reset). Without a capability for them, states other than D0 do not exist.
 */
public final class PciFunction {
  private static final int MAGIC = 0x46494350; // "PCIF"
  private static final int STATE_VERSION = 1;

  private static final int WRITABLE_COMMAND =
      PciLayout.COMMAND_IO
          | PciLayout.COMMAND_MEMORY
          | PciLayout.COMMAND_MASTER
          | PciLayout.COMMAND_PARITY
          | PciLayout.COMMAND_SERR
          | PciLayout.COMMAND_INTX_DISABLE;

  /** A capability where it was placed. */
  record Placed(int offset, PciCapability capability) {}

  private final String name;
  private final ConfigurationSpace config;
  private final int[] initial;
  private final @Nullable PciBar[] bars;
  private final @Nullable Msix msix;
  private final Intx intx = new Intx();
  private final Optional<IntxPin> pin;
  private final List<Placed> capabilities;

  /** The capability with a handler that a dword belongs to. */
  private final @Nullable Placed[] handlers;

  private final int msixAt;
  private final int powerAt;
  private final int expressAt;
  private final boolean functionLevelReset;
  private final Consumer<PciFunction> onReset;

  private final Object lock = new Object();
  private BarMapper mapper = BarMapper.NONE;

  /** Where each BAR was last asked to be; 0 for nowhere. */
  private final long[] wanted = new long[6];

  private boolean closed;
  private volatile @Nullable PciAddress address;

  private PciFunction(Builder b) {
    name = b.name;
    config = new ConfigurationSpace();
    bars = new PciBar[6];
    onReset = b.onReset;
    functionLevelReset = b.functionLevelReset;
    pin = b.pin;
    msix = b.msixController == null ? null : new Msix(name, b.msixVectors, b.msixController);
    b.defineHeader(config);
    for (int i = 0; i < 6; i++) {
      BarSpec spec = b.specs[i];
      if (spec != null) {
        bars[i] = b.makeBar(i, spec, msix);
      }
    }
    capabilities = List.copyOf(b.placeCapabilities(config));
    handlers = new Placed[PciLayout.CFG_SPACE_EXP_SIZE / 4];
    int msixOffset = 0;
    int powerOffset = 0;
    int expressOffset = 0;
    for (Placed placed : capabilities) {
      PciCapability capability = placed.capability;
      if (capability.hasHandler()) {
        int last = placed.offset + capability.length() - 1;
        Arrays.fill(handlers, placed.offset >> 2, (last >> 2) + 1, placed);
      }
      if (!capability.isExtended()) {
        // There is one of each: the builder sees to it.
        switch (capability.id()) {
          case PciLayout.CAP_ID_MSIX -> msixOffset = placed.offset;
          case PciLayout.CAP_ID_PM -> powerOffset = placed.offset;
          case PciLayout.CAP_ID_EXP -> expressOffset = placed.offset;
          default -> {}
        }
      }
    }
    msixAt = msixOffset;
    powerAt = powerOffset;
    expressAt = expressOffset;
    initial = new int[PciLayout.CFG_SPACE_EXP_SIZE / 4];
    for (int i = 0; i < initial.length; i++) {
      initial[i] = config.get(4 * i, 4);
    }
  }

  /**
   * {@return a builder}
   *
   * @param name the function's name, for messages
   * @param vendor the vendor's identifier, 0 to 0xfffe
   * @param device the device's identifier, 0 to 0xffff
   * @throws IllegalArgumentException if a number is out of range
   */
  public static Builder builder(String name, int vendor, int device) {
    return new Builder(name, vendor, device);
  }

  /** {@return the name, for messages} */
  public String name() {
    return name;
  }

  /** {@return the registers, as the device sees them; the guest's way is {@link #writeConfig}} */
  public ConfigurationSpace config() {
    return config;
  }

  /** {@return where it is, or empty while it is on no bus} */
  public Optional<PciAddress> address() {
    return Optional.ofNullable(address);
  }

  /**
   * {@return a BAR, or empty if there is none of that number}
   *
   * @param index 0 to 5; whatever else has none
   */
  public Optional<PciBar> bar(int index) {
    return Optional.ofNullable(barAt(index));
  }

  /** As {@link #bar}, without allocation. */
  private @Nullable PciBar barAt(int index) {
    return index >= 0 && index < bars.length ? bars[index] : null;
  }

  /**
   * Reads from a BAR whether it is mapped or not, for windows in configuration space.
   *
   * @param index the BAR, any number
   * @param offset the offset in it, any number
   * @param size the width, any number
   * @return the value; all ones if there is no such BAR or the access is not wholly in it
   */
  public long readBar(int index, long offset, int size) {
    PciBar bar = barAt(index);
    return bar == null ? ConfigurationSpace.ones(size) : bar.read(offset, size);
  }

  /**
   * Writes to a BAR whether it is mapped or not, for windows in configuration space. Does nothing
   * if there is no such BAR or the access is not wholly in it.
   *
   * @param index the BAR, any number
   * @param offset the offset in it, any number
   * @param size the width, any number
   * @param value the value
   */
  public void writeBar(int index, long offset, int size, long value) {
    PciBar bar = barAt(index);
    if (bar != null) {
      bar.write(offset, size, value);
    }
  }

  /** {@return its MSI-X, or empty if it has none} */
  public Optional<Msix> msix() {
    return Optional.ofNullable(msix);
  }

  /** {@return its INTx; without a pin it leads nowhere} */
  public Intx intx() {
    return intx;
  }

  /** {@return its interrupt pin, if it has one} */
  public Optional<IntxPin> pin() {
    return pin;
  }

  /** {@return whether the guest lets it access memory: bus master, and in D0} */
  public boolean isBusMaster() {
    return (config.get(PciLayout.COMMAND, 2) & PciLayout.COMMAND_MASTER) != 0 && isAwake();
  }

  private boolean isAwake() {
    return powerAt == 0
        || (config.get(powerAt + PciLayout.PM_CTRL, 2) & PciLayout.PM_CTRL_STATE_MASK) == 0;
  }

  /**
   * {@return the address that a BAR's registers hold, whether it is mapped there or not; 0 if there
   * is no such BAR}
   *
   * @param index the BAR
   */
  public long barAddress(int index) {
    PciBar bar = barAt(index);
    if (bar == null) {
      return 0;
    }
    int at = PciLayout.BASE_ADDRESS_0 + 4 * index;
    long value = config.get(at, 4) & 0xffff_ffffL;
    if (bar.spec().type() == BarSpec.Type.MEMORY_64) {
      value |= (long) config.get(at + 4, 4) << 32;
    }
    return value & -bar.spec().size();
  }

  /**
   * Programs a BAR, as firmware would.
   *
   * @param index the BAR
   * @param newAddress where, a multiple of its size; 0 for nowhere
   * @throws IllegalArgumentException if there is no such BAR, or if {@code newAddress} is not
   *     aligned or does not fit the register
   */
  public void setBarAddress(int index, long newAddress) {
    PciBar bar = barAt(index);
    if (bar == null) {
      throw new IllegalArgumentException(name + " has no BAR" + index);
    }
    boolean wide = bar.spec().type() == BarSpec.Type.MEMORY_64;
    if ((newAddress & (bar.spec().size() - 1)) != 0 || (!wide && newAddress >>> 32 != 0)) {
      throw new IllegalArgumentException(
          "%s: address=0x%x is not aligned to %s or does not fit it"
              .formatted(bar.name(), newAddress, bar.spec()));
    }
    synchronized (lock) {
      if (closed) {
        return;
      }
      int at = PciLayout.BASE_ADDRESS_0 + 4 * index;
      config.write(at, 4, newAddress);
      if (wide) {
        config.write(at + 4, 4, newAddress >>> 32);
      }
      place(bar);
    }
  }

  /**
   * The guest reads configuration space.
   *
   * @param offset the first byte
   * @param size the width; 1, 2 or 4 within a dword
   * @return the value; all ones for any other access
   */
  public long readConfig(int offset, int size) {
    if (!ConfigurationSpace.isValid(offset, size)) {
      return ConfigurationSpace.ones(size);
    }
    Placed placed = handlers[offset >> 2];
    if (placed != null) {
      placed.capability.handler().beforeRead(this, placed.offset, offset - placed.offset, size);
    }
    long value = config.read(offset, size);
    if ((offset & ~3) == PciLayout.COMMAND && intx.isAsserted()) {
      long status = (long) PciLayout.STATUS_INTERRUPT << 16;
      value |= (status >>> (8 * (offset & 3))) & ConfigurationSpace.ones(size);
    }
    return value;
  }

  /**
   * The guest writes configuration space. Any access but 1, 2 or 4 bytes within a dword does
   * nothing.
   *
   * @param offset the first byte
   * @param size the width
   * @param value the value in the low {@code size} bytes; the rest is ignored
   */
  public void writeConfig(int offset, int size, long value) {
    if (!ConfigurationSpace.isValid(offset, size)) {
      return;
    }
    int dword = offset & ~3;
    boolean reset = false;
    synchronized (lock) {
      if (closed) {
        return;
      }
      config.write(offset, size, dword == powerControl() ? power(offset, value) : value);
      if (dword == PciLayout.COMMAND || dword == powerControl()) {
        applyCommand();
      } else if (dword >= PciLayout.BASE_ADDRESS_0 && dword < PciLayout.BASE_ADDRESS_0 + 24) {
        PciBar bar = barOfRegister((dword - PciLayout.BASE_ADDRESS_0) / 4);
        if (bar != null) {
          place(bar);
        }
      } else if (msixAt != 0 && dword == msixAt) {
        applyMsix();
      } else if (expressAt != 0 && dword == expressAt + PciLayout.EXP_DEVCTL) {
        reset =
            functionLevelReset
                && (((value & ConfigurationSpace.ones(size)) << (8 * (offset & 3)))
                        & PciLayout.EXP_DEVCTL_BCR_FLR)
                    != 0;
      }
    }
    if (reset) {
      reset();
      return;
    }
    Placed placed = handlers[offset >> 2];
    if (placed != null) {
      placed.capability.handler().afterWrite(this, placed.offset, offset - placed.offset, size);
    }
  }

  private int powerControl() {
    return powerAt == 0 ? -1 : powerAt + PciLayout.PM_CTRL;
  }

  /** A write of D1 or D2, which do not exist here, is discarded (PCI PM 1.2 §3.2.4). */
  private long power(int offset, long value) {
    if ((offset & 3) != 0) {
      return value;
    }
    long state = value & PciLayout.PM_CTRL_STATE_MASK;
    if (state == 0 || state == 3) {
      return value;
    }
    return (value & ~PciLayout.PM_CTRL_STATE_MASK)
        | (config.get(offset, 1) & PciLayout.PM_CTRL_STATE_MASK);
  }

  /** The BAR that a register belongs to. */
  private @Nullable PciBar barOfRegister(int index) {
    PciBar bar = bars[index];
    if (bar == null && index > 0) {
      PciBar before = bars[index - 1];
      if (before != null && before.spec().type() == BarSpec.Type.MEMORY_64) {
        return before;
      }
    }
    return bar;
  }

  private void applyCommand() {
    int command = config.get(PciLayout.COMMAND, 2);
    boolean awake = isAwake();
    intx.block(Intx.DISABLED, (command & PciLayout.COMMAND_INTX_DISABLE) != 0);
    intx.block(Intx.POWER, !awake);
    for (PciBar bar : bars) {
      if (bar != null) {
        place(bar);
      }
    }
    if (msix != null) {
      msix.hold((command & PciLayout.COMMAND_MASTER) == 0 || !awake);
    }
  }

  private void applyMsix() {
    if (msix != null) {
      int flags = config.get(msixAt + PciLayout.MSIX_FLAGS, 2);
      boolean enabled = (flags & PciLayout.MSIX_FLAGS_ENABLE) != 0;
      if (enabled) {
        intx.block(Intx.MSIX, true);
      }
      msix.control(enabled, (flags & PciLayout.MSIX_FLAGS_MASKALL) != 0);
      if (!enabled) {
        intx.block(Intx.MSIX, false);
      }
    }
  }

  /** Maps, moves or unmaps a BAR as the registers say. */
  private void place(PciBar bar) {
    int decode =
        bar.spec().type() == BarSpec.Type.IO ? PciLayout.COMMAND_IO : PciLayout.COMMAND_MEMORY;
    boolean decoded = isAwake() && (config.get(PciLayout.COMMAND, 2) & decode) != 0;
    long at = decoded ? barAddress(bar.index()) : 0;
    if (wanted[bar.index()] == at) {
      return;
    }
    wanted[bar.index()] = at;
    if (at == 0) {
      mapper.unmap(bar);
    } else {
      mapper.map(bar, at);
    }
  }

  /**
   * Resets the function as a function level reset does (PCI Express Base §6.6.2): all registers,
   * MSI-X and the BARs; then calls {@link Builder#onReset} without a lock.
   */
  public void reset() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      // The pin first: what follows lifts all that holds it back.
      intx.setLevel(false);
      // Off, so that nothing is mapped half-way.
      config.set(PciLayout.COMMAND, 2, 0);
      applyCommand();
      for (int i = 0; i < initial.length; i++) {
        int guests = config.changeable(4 * i);
        if (guests != 0 && 4 * i != (PciLayout.INTERRUPT_LINE & ~3)) {
          config.set(4 * i, 4, (config.get(4 * i, 4) & ~guests) | (initial[i] & guests));
        }
      }
      if (msix != null) {
        msix.reset();
      }
      intx.block(Intx.MSIX, false);
      applyCommand();
    }
    onReset.accept(this);
  }

  void setMultifunction(boolean multifunction) {
    int type = config.get(PciLayout.HEADER_TYPE, 1) & ~PciLayout.HEADER_TYPE_MFD;
    config.set(PciLayout.HEADER_TYPE, 1, type | (multifunction ? PciLayout.HEADER_TYPE_MFD : 0));
  }

  /**
   * Connects it to a bus.
   *
   * @throws IllegalStateException if it is or was on a bus
   */
  void attach(PciAddress at, BarMapper newMapper, LevelLine line, int gsi) {
    synchronized (lock) {
      if (closed || address != null) {
        throw new IllegalStateException(
            name + (closed ? " was removed" : " is at " + address) + ", cannot be put at " + at);
      }
      address = at;
      mapper = newMapper;
      Arrays.fill(wanted, 0);
      if (gsi >= 0) {
        config.set(PciLayout.INTERRUPT_LINE, 1, gsi < 0xff ? gsi : 0xff);
      }
      intx.connect(line);
      applyCommand();
    }
  }

  /** Disconnects it for good. */
  void detach() {
    synchronized (lock) {
      closed = true;
      for (PciBar bar : bars) {
        if (bar != null) {
          mapper.unmap(bar);
        }
      }
      intx.block(Intx.CLOSED, true);
      if (msix != null) {
        msix.close();
      }
      address = null;
    }
  }

  // ---- state -------------------------------------------------------------------------------

  /**
   * {@return the whole state: registers, MSI-X table and pending bits, INTx} For a function that
   * nobody uses meanwhile.
   */
  public byte[] save() {
    synchronized (lock) {
      int vectors = msix == null ? 0 : msix.count();
      int pendingWords = msix == null ? 0 : msix.pbaSize() / 8;
      ByteBuffer out =
          ByteBuffer.allocate(
                  16
                      + PciLayout.CFG_SPACE_EXP_SIZE
                      + vectors * PciLayout.MSIX_ENTRY_SIZE
                      + 8 * pendingWords)
              .order(ByteOrder.LITTLE_ENDIAN);
      out.putInt(MAGIC).putInt(STATE_VERSION).putInt(vectors).putInt(intx.isAsserted() ? 1 : 0);
      for (int i = 0; i < PciLayout.CFG_SPACE_EXP_SIZE; i += 4) {
        out.putInt(config.get(i, 4));
      }
      if (msix != null) {
        for (int dword : msix.saveTable()) {
          out.putInt(dword);
        }
        for (long word : msix.savePending()) {
          out.putLong(word);
        }
      }
      return out.array();
    }
  }

  /**
   * Takes over what {@link #save} gave. It is not trusted: what a guest cannot have written must be
   * as in this function. Nothing changes unless all of it is good. BARs are mapped where the state
   * says, as if the guest had written it. For a function that nobody uses meanwhile; pending
   * messages that may be sent are sent.
   *
   * @param state the state
   * @throws IllegalArgumentException if it is no state of such a function; the message says why
   * @throws IllegalStateException if the function was removed
   */
  public void restore(byte[] state) {
    synchronized (lock) {
      if (closed) {
        throw new IllegalStateException(name + " was removed");
      }
      int vectors = msix == null ? 0 : msix.count();
      int pendingWords = (vectors + 63) / 64;
      int length =
          16
              + PciLayout.CFG_SPACE_EXP_SIZE
              + vectors * PciLayout.MSIX_ENTRY_SIZE
              + 8 * pendingWords;
      if (state.length != length) {
        throw new IllegalArgumentException(
            name + ": state of " + state.length + " bytes, must be " + length);
      }
      ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
      expect("magic", in.getInt(), MAGIC);
      expect("version", in.getInt(), STATE_VERSION);
      expect("MSI-X vectors", in.getInt(), vectors);
      int asserted = in.getInt();
      if ((asserted & ~1) != 0) {
        throw new IllegalArgumentException(
            "%s: INTx=0x%x, must be 0 or 1".formatted(name, asserted));
      }
      int[] dwords = new int[initial.length];
      for (int i = 0; i < dwords.length; i++) {
        dwords[i] = in.getInt();
        checkDword(4 * i, dwords[i]);
      }
      int[] table = new int[vectors * PciLayout.MSIX_ENTRY_SIZE / 4];
      for (int i = 0; i < table.length; i++) {
        table[i] = in.getInt();
      }
      long[] pending = new long[pendingWords];
      for (int i = 0; i < pending.length; i++) {
        pending[i] = in.getLong();
      }
      if (msix != null) {
        Msix.check(name, vectors, table, pending);
      }
      // The pin low until all that may hold it back is there.
      intx.setLevel(false);
      config.set(PciLayout.COMMAND, 2, 0);
      applyCommand();
      if (msix != null) {
        msix.restore(table, pending);
      }
      for (int i = 0; i < dwords.length; i++) {
        int guests = isHandlers(4 * i) ? -1 : config.changeable(4 * i);
        config.set(4 * i, 4, (config.get(4 * i, 4) & ~guests) | (dwords[i] & guests));
      }
      applyMsix();
      applyCommand();
      intx.setLevel(asserted == 1);
    }
  }

  private void expect(String field, int value, int expected) {
    if (value != expected) {
      throw new IllegalArgumentException(
          "%s: %s=0x%x, must be 0x%x".formatted(name, field, value, expected));
    }
  }

  /** What a handler keeps in its capability's bytes is its affair, but for the header. */
  private boolean isHandlers(int offset) {
    Placed placed = handlers[offset >> 2];
    return placed != null && offset != placed.offset;
  }

  private void checkDword(int offset, int value) {
    if (isHandlers(offset)) {
      return;
    }
    int fixed = ~config.changeable(offset);
    if (offset == (PciLayout.HEADER_TYPE & ~3)) {
      fixed &= ~(PciLayout.HEADER_TYPE_MFD << 16); // depends on the other functions
    }
    int own = config.get(offset, 4);
    if (((value ^ own) & fixed) != 0) {
      throw new IllegalArgumentException(
          "%s: register 0x%x = 0x%x, must be 0x%x but for bits 0x%x"
              .formatted(name, offset, value, own, ~fixed));
    }
    if (offset == powerControl()) {
      int power = value & PciLayout.PM_CTRL_STATE_MASK;
      if (power == 1 || power == 2) {
        throw new IllegalArgumentException(
            "%s: power state D%d, must be D0 or D3".formatted(name, power));
      }
    }
  }

  // ---- description -------------------------------------------------------------------------

  /** {@return the function as lspci would show it, several lines} */
  @Override
  public String toString() {
    PciAddress at = address;
    StringBuilder text = new StringBuilder();
    text.append(at == null ? "--:--.-" : at.toString());
    text.append(
        " %06x: %04x:%04x (rev %02x) %s%n"
            .formatted(
                config.get(PciLayout.REVISION_ID, 4) >>> 8,
                config.get(PciLayout.VENDOR_ID, 2),
                config.get(PciLayout.DEVICE_ID, 2),
                config.get(PciLayout.REVISION_ID, 1),
                name));
    int command = config.get(PciLayout.COMMAND, 2);
    text.append("  control:")
        .append((command & PciLayout.COMMAND_IO) != 0 ? " I/O+" : " I/O-")
        .append((command & PciLayout.COMMAND_MEMORY) != 0 ? " Mem+" : " Mem-")
        .append((command & PciLayout.COMMAND_MASTER) != 0 ? " BusMaster+" : " BusMaster-")
        .append((command & PciLayout.COMMAND_INTX_DISABLE) != 0 ? " DisINTx+" : " DisINTx-")
        .append(isAwake() ? "" : " D3hot")
        .append(System.lineSeparator());
    pin.ifPresent(p ->
        text.append("  interrupt: pin ")
            .append(p)
            .append(" line ")
            .append(config.get(PciLayout.INTERRUPT_LINE, 1))
            .append(intx.isAsserted() ? " wanted" : "")
            .append(intx.isDriven() ? " asserted" : "")
            .append(System.lineSeparator()));
    for (PciBar bar : bars) {
      if (bar != null) {
        long where = barAddress(bar.index());
        text.append("  BAR%d: %s".formatted(bar.index(), bar.spec()))
            .append(where == 0 ? " unassigned" : " at 0x" + Long.toHexString(where))
            .append(bar.isMapped() ? "" : " [not mapped]")
            .append(System.lineSeparator());
      }
    }
    for (Placed placed : capabilities) {
      text.append("  [%02x] ".formatted(placed.offset))
          .append(placed.offset == msixAt && msix != null ? msix : placed.capability)
          .append(System.lineSeparator());
    }
    return text.toString();
  }

  // ---- building ----------------------------------------------------------------------------

  /** Builds a function. For one thread. */
  public static final class Builder {
    private final String name;
    private final int vendor;
    private final int device;
    private int revision;
    private int classCode = 0xff0000;
    private int subsystemVendor;
    private int subsystem;
    private Optional<IntxPin> pin = Optional.empty();
    private BarListener barListener = BarListener.NONE;
    private Consumer<PciFunction> onReset = f -> {};
    private boolean functionLevelReset;
    private final @Nullable BarSpec[] specs = new BarSpec[6];
    private final @Nullable BusDevice[] devices = new BusDevice[6];
    private final List<PciCapability> capabilities = new ArrayList<>();

    private @Nullable MsiController msixController;
    private int msixVectors;
    private int msixTableBar;
    private long msixTable;
    private int msixPbaBar;
    private long msixPba;

    private Builder(String name, int vendor, int device) {
      range("vendor", vendor, 0xfffe);
      range("device", device, 0xffff);
      this.name = name;
      this.vendor = vendor;
      this.device = device;
    }

    private static void range(String field, int value, int limit) {
      if (value < 0 || value > limit) {
        throw new IllegalArgumentException(
            "%s=0x%x is not in 0..0x%x".formatted(field, value, limit));
      }
    }

    /**
     * Sets the revision; 0 if it is not called.
     *
     * @param newRevision 0 to 0xff
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder revision(int newRevision) {
      range("revision", newRevision, 0xff);
      revision = newRevision;
      return this;
    }

    /**
     * Sets the class; 0xff0000, which is none, if it is not called.
     *
     * @param newClass base class, subclass and programming interface, 0 to 0xffffff
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder classCode(int newClass) {
      range("classCode", newClass, 0xffffff);
      classCode = newClass;
      return this;
    }

    /**
     * Sets the subsystem; zeroes if it is not called.
     *
     * @param newVendor its vendor, 0 to 0xffff
     * @param id its identifier, 0 to 0xffff
     * @return this
     * @throws IllegalArgumentException if a number is out of range
     */
    public Builder subsystem(int newVendor, int id) {
      range("subsystem vendor", newVendor, 0xffff);
      range("subsystem", id, 0xffff);
      subsystemVendor = newVendor;
      subsystem = id;
      return this;
    }

    /**
     * Adds a BAR.
     *
     * @param index its register, 0 to 5; one of 64 bits also takes the next
     * @param spec what it is
     * @param handler gets the guest's accesses with the offset in the BAR
     * @return this
     * @throws IllegalArgumentException if a register does not exist or is taken
     */
    public Builder bar(int index, BarSpec spec, BusDevice handler) {
      boolean wide = spec.type() == BarSpec.Type.MEMORY_64;
      range("BAR", index, wide ? 4 : 5);
      if (isTaken(index) || (wide && isTaken(index + 1))) {
        throw new IllegalArgumentException(
            name + ": BAR" + index + " " + spec + " overlaps another BAR");
      }
      specs[index] = spec;
      devices[index] = handler;
      return this;
    }

    private boolean isTaken(int index) {
      if (specs[index] != null) {
        return true;
      }
      BarSpec before = index == 0 ? null : specs[index - 1];
      return before != null && before.type() == BarSpec.Type.MEMORY_64;
    }

    /**
     * Says who is told where the BARs are.
     *
     * @param listener the listener
     * @return this
     */
    public Builder barListener(BarListener listener) {
      barListener = listener;
      return this;
    }

    /**
     * Gives the function a pin.
     *
     * @param newPin the pin; single-function devices use A
     * @return this
     */
    public Builder intx(IntxPin newPin) {
      pin = Optional.of(newPin);
      return this;
    }

    /**
     * Adds a capability behind those added before.
     *
     * @param capability the capability
     * @return this
     * @throws IllegalArgumentException if it is power management, PCI Express or MSI-X, which have
     *     methods of their own
     */
    public Builder capability(PciCapability capability) {
      if (!capability.isExtended()
          && (capability.id() == PciLayout.CAP_ID_PM
              || capability.id() == PciLayout.CAP_ID_EXP
              || capability.id() == PciLayout.CAP_ID_MSIX)) {
        throw new IllegalArgumentException(
            "%s: capability 0x%02x has a method of its own".formatted(name, capability.id()));
      }
      capabilities.add(capability);
      return this;
    }

    private Builder addOnce(PciCapability capability, String what) {
      for (PciCapability c : capabilities) {
        if (!c.isExtended() && c.id() == capability.id()) {
          throw new IllegalArgumentException(name + " has " + what + " already");
        }
      }
      capabilities.add(capability);
      return this;
    }

    /**
     * Adds MSI-X with its table and pending bits in BARs. Accesses to these do not reach the BAR's
     * handler.
     *
     * @param vectors 1 to {@link Msix#MAX_VECTORS}
     * @param tableBar the BAR of the table, memory
     * @param tableOffset the table's offset in it, a multiple of 8
     * @param pbaBar the BAR of the pending bits, memory
     * @param pbaOffset their offset in it, a multiple of 8
     * @param controller makes the host's vectors
     * @return this
     * @throws IllegalArgumentException if {@code vectors} is out of range, or if MSI-X was added
     *     before; whether the places are good is checked by {@link #build}
     */
    public Builder msix(
        int vectors,
        int tableBar,
        long tableOffset,
        int pbaBar,
        long pbaOffset,
        MsiController controller) {
      range("MSI-X table's BAR", tableBar, 5);
      range("MSI-X pending bits' BAR", pbaBar, 5);
      if (vectors < 1 || vectors > Msix.MAX_VECTORS) {
        throw new IllegalArgumentException(
            name + ": MSI-X vectors=" + vectors + " is not in 1.." + Msix.MAX_VECTORS);
      }
      ByteBuffer body = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
      body.putShort((short) (vectors - 1));
      body.putInt((int) tableOffset | tableBar).putInt((int) pbaOffset | pbaBar);
      addOnce(
          PciCapability.standard(PciLayout.CAP_ID_MSIX, body.array())
              .writableBits(
                  PciLayout.MSIX_FLAGS + 1,
                  (PciLayout.MSIX_FLAGS_ENABLE | PciLayout.MSIX_FLAGS_MASKALL) >>> 8),
          "MSI-X");
      msixController = controller;
      msixVectors = vectors;
      msixTableBar = tableBar;
      msixTable = tableOffset;
      msixPbaBar = pbaBar;
      msixPba = pbaOffset;
      return this;
    }

    /**
     * Adds power management: D0 and D3hot, without a reset between them and without PME (PCI Power
     * Management 1.2 §3.2).
     *
     * @return this
     * @throws IllegalArgumentException if it was added before
     */
    public Builder powerManagement() {
      return addOnce(
          PciCapability.standard(
                  PciLayout.CAP_ID_PM,
                  (byte) 0x03, // version 1.2
                  (byte) 0,
                  (byte) PciLayout.PM_CTRL_NO_SOFT_RESET,
                  (byte) 0,
                  (byte) 0,
                  (byte) 0)
              .writableBits(PciLayout.PM_CTRL, PciLayout.PM_CTRL_STATE_MASK),
          "power management");
    }

    /** What a PCI Express function is (PCI Express Base §7.5.3.2). */
    public enum ExpressType {
      /** An endpoint below a port. */
      ENDPOINT(0),
      /** An endpoint on the root bus itself, without a link. */
      ROOT_COMPLEX_INTEGRATED_ENDPOINT(9);

      private final int value;

      ExpressType(int value) {
        this.value = value;
      }
    }

    /**
     * Adds the PCI Express capability, version 2, which makes a guest look for the extended
     * configuration space.
     *
     * @param type what the function is
     * @param canReset whether it offers function level reset; see {@link #onReset}
     * @return this
     * @throws IllegalArgumentException if it was added before
     */
    public Builder express(ExpressType type, boolean canReset) {
      ByteBuffer body = ByteBuffer.allocate(0x3c - 2).order(ByteOrder.LITTLE_ENDIAN);
      body.putShort((short) (2 | type.value << 4));
      body.putInt(PciLayout.EXP_DEVCAP_RBER | (canReset ? PciLayout.EXP_DEVCAP_FLR : 0));
      if (type == ExpressType.ENDPOINT) {
        // A link of 2.5 GT/s and one lane, up: capabilities at 0x0c, status at 0x12.
        body.putInt(0x0c - 2, 0x0000_0011);
        body.putShort(0x12 - 2, (short) 0x0011);
        body.putInt(0x2c - 2, 0x0000_0002); // supported link speeds
      }
      addOnce(
          PciCapability.standard(PciLayout.CAP_ID_EXP, body.array())
              .writable(PciLayout.EXP_DEVCTL, 1)
              .writableBits(PciLayout.EXP_DEVCTL + 1, 0x7f),
          "PCI Express");
      functionLevelReset = canReset;
      return this;
    }

    /**
     * Says what a function level reset does to the device, after the registers were reset. It runs
     * on the vCPU's thread, without the function's lock.
     *
     * @param handler the handler
     * @return this
     */
    public Builder onReset(Consumer<PciFunction> handler) {
      onReset = handler;
      return this;
    }

    /**
     * Makes the function.
     *
     * @return the function, on no bus yet
     * @throws IllegalArgumentException if the MSI-X table or the pending bits are not in a memory
     *     BAR, not aligned to 8 or overlap, or if the capabilities do not fit
     */
    public PciFunction build() {
      if (msixController != null) {
        checkMsix("table", msixTableBar, msixTable, Msix.tableSize(msixVectors));
        checkMsix("pending bits", msixPbaBar, msixPba, Msix.pbaSize(msixVectors));
        if (msixTableBar == msixPbaBar
            && msixTable < msixPba + Msix.pbaSize(msixVectors)
            && msixPba < msixTable + Msix.tableSize(msixVectors)) {
          throw new IllegalArgumentException(
              "%s: MSI-X table at 0x%x overlaps the pending bits at 0x%x"
                  .formatted(name, msixTable, msixPba));
        }
      }
      return new PciFunction(this);
    }

    private void checkMsix(String what, int index, long offset, long length) {
      BarSpec spec = specs[index];
      if (spec == null || spec.type() == BarSpec.Type.IO) {
        throw new IllegalArgumentException(
            "%s: MSI-X %s in BAR%d, which is no memory BAR".formatted(name, what, index));
      }
      if (offset < 0
          || offset > 0xffff_fff8L
          || (offset & 7) != 0
          || length > spec.size()
          || offset > spec.size() - length) {
        throw new IllegalArgumentException(
            "%s: MSI-X %s at 0x%x, length 0x%x, is not aligned to 8 or exceeds BAR%d %s"
                .formatted(name, what, offset, length, index, spec));
      }
    }

    private PciBar makeBar(int index, BarSpec spec, @Nullable Msix msix) {
      boolean hasTable = msix != null && msixTableBar == index;
      boolean hasPba = msix != null && msixPbaBar == index;
      BusDevice handler = devices[index];
      if (handler == null) {
        throw new AssertionError("BAR" + index + " without a handler");
      }
      return new PciBar(
          name,
          index,
          spec,
          handler,
          barListener,
          hasTable || hasPba ? msix : null,
          hasTable ? new long[] {msixTable, msixTable + Msix.tableSize(msixVectors)} : new long[2],
          hasPba ? new long[] {msixPba, msixPba + Msix.pbaSize(msixVectors)} : new long[2]);
    }

    private void defineHeader(ConfigurationSpace config) {
      config.define(PciLayout.VENDOR_ID, 2, vendor, 0, 0);
      config.define(PciLayout.DEVICE_ID, 2, device, 0, 0);
      config.define(PciLayout.COMMAND, 2, 0, WRITABLE_COMMAND, 0);
      config.define(PciLayout.STATUS, 2, 0, 0, PciLayout.STATUS_ERRORS);
      config.define(PciLayout.REVISION_ID, 4, classCode << 8 | revision, 0, 0);
      config.define(PciLayout.CACHE_LINE_SIZE, 1, 0, 0xff, 0);
      config.define(PciLayout.SUBSYSTEM_VENDOR_ID, 2, subsystemVendor, 0, 0);
      config.define(PciLayout.SUBSYSTEM_ID, 2, subsystem, 0, 0);
      config.define(PciLayout.INTERRUPT_LINE, 1, pin.isPresent() ? 0xff : 0, 0xff, 0);
      config.define(PciLayout.INTERRUPT_PIN, 1, pin.map(IntxPin::register).orElse(0), 0, 0);
      for (int i = 0; i < specs.length; i++) {
        BarSpec spec = specs[i];
        if (spec != null) {
          int at = PciLayout.BASE_ADDRESS_0 + 4 * i;
          config.define(at, 4, spec.flags(), (int) -spec.size(), 0);
          if (spec.type() == BarSpec.Type.MEMORY_64) {
            config.define(at + 4, 4, 0, (int) (-spec.size() >>> 32), 0);
          }
        }
      }
    }

    private boolean hasExpress() {
      return capabilities.stream().anyMatch(c -> !c.isExtended() && c.id() == PciLayout.CAP_ID_EXP);
    }

    private List<Placed> placeCapabilities(ConfigurationSpace config) {
      List<Placed> placed = new ArrayList<>();
      int next = PciLayout.STD_HEADER_SIZEOF;
      int nextExtended = PciLayout.CFG_SPACE_SIZE;
      int last = 0;
      int lastExtended = 0;
      for (PciCapability capability : capabilities) {
        int at = capability.isExtended() ? nextExtended : next;
        int end = at + capability.length();
        int limit =
            capability.isExtended() ? PciLayout.CFG_SPACE_EXP_SIZE : PciLayout.CFG_SPACE_SIZE;
        if (end > limit) {
          throw new IllegalArgumentException(
              "%s: capability %s at 0x%x ends at 0x%x, behind 0x%x"
                  .formatted(name, capability, at, end, limit));
        }
        capability.place(config, at);
        placed.add(new Placed(at, capability));
        if (capability.isExtended()) {
          config.define(at, 4, capability.id() | capability.version() << 16, 0, 0);
          if (lastExtended != 0) {
            config.set(lastExtended, 4, config.get(lastExtended, 4) | at << 20);
          } else if (!hasExpress()) {
            throw new IllegalArgumentException(
                name + ": extended capabilities need the PCI Express capability");
          }
          lastExtended = at;
          nextExtended = (end + 3) & ~3;
        } else {
          config.set(last == 0 ? PciLayout.CAPABILITY_LIST : last + 1, 1, at);
          config.set(
              PciLayout.STATUS, 2, config.get(PciLayout.STATUS, 2) | PciLayout.STATUS_CAP_LIST);
          last = at;
          next = (end + 3) & ~3;
        }
      }
      return placed;
    }
  }
}
