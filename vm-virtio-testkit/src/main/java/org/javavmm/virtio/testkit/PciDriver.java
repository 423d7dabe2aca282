// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.javavmm.pci.PciFunction;
import org.javavmm.pci.PciLayout;
import org.javavmm.virtio.QueueFault.Area;
import org.javavmm.virtio.VirtioPciLayout;

/**
 * The driver's side of virtio-pci: finds the structures by the list of capabilities, and reaches
 * them in their BARs whether these are mapped or not.
 */
public final class PciDriver extends TransportDriver {
  /**
   * A capability of virtio.
   *
   * @param at where it begins in configuration space
   * @param type its type
   * @param bar the BAR of the structure
   * @param id which of several
   * @param offset the structure's offset in the BAR
   * @param length the structure's length
   */
  public record Structure(int at, int type, int bar, int id, long offset, long length) {}

  private final PciFunction function;
  private final List<Structure> structures = new ArrayList<>();
  private int msixAt;

  /**
   * Looks at a function.
   *
   * @param function the function
   * @throws IllegalStateException if it lacks a structure that every virtio function has
   */
  public PciDriver(PciFunction function) {
    this.function = function;
    for (int at = get(PciLayout.CAPABILITY_LIST, 1); at != 0; at = get(at + 1, 1)) {
      int id = get(at, 1);
      if (id == PciLayout.CAP_ID_MSIX) {
        msixAt = at;
      } else if (id == PciLayout.CAP_ID_VNDR) {
        int type = get(at + VirtioPciLayout.CAP_CFG_TYPE, 1);
        long offset = get(at + VirtioPciLayout.CAP_OFFSET, 4) & 0xffff_ffffL;
        long length = get(at + VirtioPciLayout.CAP_LENGTH, 4) & 0xffff_ffffL;
        if (type == VirtioPciLayout.CAP_SHARED_MEMORY_CFG) {
          offset |= (long) get(at + VirtioPciLayout.CAP_OFFSET_HI, 4) << 32;
          length |= (long) get(at + VirtioPciLayout.CAP_OFFSET_HI + 4, 4) << 32;
        }
        structures.add(
            new Structure(
                at,
                type,
                get(at + VirtioPciLayout.CAP_BAR, 1),
                get(at + VirtioPciLayout.CAP_ID, 1),
                offset,
                length));
      }
    }
    for (int type : new int[] {1, 2, 3, 5}) {
      find(type);
    }
  }

  private int get(int offset, int size) {
    return (int) function.readConfig(offset, size);
  }

  /** {@return the capabilities of virtio, in their order} */
  public List<Structure> structures() {
    return List.copyOf(structures);
  }

  /** {@return where the MSI-X capability is; 0 if there is none} */
  public int msixCapability() {
    return msixAt;
  }

  /**
   * {@return the first structure of a type}
   *
   * @param type the type
   * @throws IllegalStateException if there is none
   */
  public Structure find(int type) {
    for (Structure structure : structures) {
      if (structure.type == type) {
        return structure;
      }
    }
    throw new IllegalStateException("no virtio capability of type " + type);
  }

  /** {@return the function} */
  public PciFunction function() {
    return function;
  }

  private int common(int field, int size) {
    return (int) rawRead(field, size);
  }

  private void common(int field, int size, int value) {
    rawWrite(field, size, value);
  }

  @Override
  public int deviceId() {
    return get(PciLayout.DEVICE_ID, 2) - VirtioPciLayout.DEVICE_ID_BASE;
  }

  @Override
  public void selectDeviceFeatures(int word) {
    common(VirtioPciLayout.DEVICE_FEATURE_SELECT, 4, word);
  }

  @Override
  public int deviceFeatures() {
    return common(VirtioPciLayout.DEVICE_FEATURE, 4);
  }

  @Override
  public void selectDriverFeatures(int word) {
    common(VirtioPciLayout.DRIVER_FEATURE_SELECT, 4, word);
  }

  @Override
  public void driverFeatures(int bits) {
    common(VirtioPciLayout.DRIVER_FEATURE, 4, bits);
  }

  @Override
  public OptionalInt acceptedFeatures() {
    return OptionalInt.of(common(VirtioPciLayout.DRIVER_FEATURE, 4));
  }

  @Override
  public int status() {
    return common(VirtioPciLayout.DEVICE_STATUS, 1);
  }

  @Override
  public void status(int value) {
    common(VirtioPciLayout.DEVICE_STATUS, 1, value);
  }

  @Override
  public void selectQueue(int index) {
    common(VirtioPciLayout.QUEUE_SELECT, 2, index);
  }

  @Override
  public OptionalInt queueSizeMax() {
    return OptionalInt.empty();
  }

  @Override
  public OptionalInt queueSize() {
    return OptionalInt.of(common(VirtioPciLayout.QUEUE_SIZE, 2));
  }

  @Override
  public void queueSize(int size) {
    common(VirtioPciLayout.QUEUE_SIZE, 2, size);
  }

  @Override
  public void queueAddress(Area area, boolean upper, int value) {
    common(addressField(area) + (upper ? 4 : 0), 4, value);
  }

  private static int addressField(Area area) {
    return switch (area) {
      case DESCRIPTOR -> VirtioPciLayout.QUEUE_DESC;
      case DRIVER -> VirtioPciLayout.QUEUE_DRIVER;
      case DEVICE -> VirtioPciLayout.QUEUE_DEVICE;
    };
  }

  /**
   * {@return an address of the selected queue, read as two halves}
   *
   * @param area which
   */
  public long queueAddress(Area area) {
    int field = addressField(area);
    return (common(field, 4) & 0xffff_ffffL) | (long) common(field + 4, 4) << 32;
  }

  @Override
  public int queueReady() {
    return common(VirtioPciLayout.QUEUE_ENABLE, 2);
  }

  @Override
  public void queueReady(int value) {
    common(VirtioPciLayout.QUEUE_ENABLE, 2, value);
  }

  @Override
  public int queueReset() {
    return common(VirtioPciLayout.QUEUE_RESET, 2);
  }

  @Override
  public void queueReset(int value) {
    common(VirtioPciLayout.QUEUE_RESET, 2, value);
  }

  /** {@return the vector of configuration changes} */
  public int configVector() {
    return common(VirtioPciLayout.CONFIG_MSIX_VECTOR, 2);
  }

  /**
   * Maps configuration changes to a vector.
   *
   * @param vector 16 bits
   */
  public void configVector(int vector) {
    common(VirtioPciLayout.CONFIG_MSIX_VECTOR, 2, vector);
  }

  /** {@return the vector of the selected queue} */
  public int queueVector() {
    return common(VirtioPciLayout.QUEUE_MSIX_VECTOR, 2);
  }

  /**
   * Maps the selected queue to a vector.
   *
   * @param vector 16 bits
   */
  public void queueVector(int vector) {
    common(VirtioPciLayout.QUEUE_MSIX_VECTOR, 2, vector);
  }

  /**
   * {@return a queue's notify address, as an offset in the BAR of the notifications}
   *
   * @param queue its index; it is selected afterwards
   */
  public long notifyOffset(int queue) {
    Structure structure = find(VirtioPciLayout.CAP_NOTIFY_CFG);
    selectQueue(queue);
    long multiplier = get(structure.at + VirtioPciLayout.CAP_NOTIFY_MULTIPLIER, 4) & 0xffff_ffffL;
    return structure.offset + common(VirtioPciLayout.QUEUE_NOTIFY_OFF, 2) * multiplier;
  }

  /** Writes where the queue's index, times the multiplier, is, without selecting it. */
  @Override
  public void notify(int queue) {
    Structure structure = find(VirtioPciLayout.CAP_NOTIFY_CFG);
    long multiplier = get(structure.at + VirtioPciLayout.CAP_NOTIFY_MULTIPLIER, 4) & 0xffff_ffffL;
    function.writeBar(structure.bar, structure.offset + queue * multiplier, 2, queue);
  }

  @Override
  public int takeInterruptStatus() {
    Structure structure = find(VirtioPciLayout.CAP_ISR_CFG);
    return (int) function.readBar(structure.bar, structure.offset, 1);
  }

  @Override
  public int generation() {
    return common(VirtioPciLayout.CONFIG_GENERATION, 1);
  }

  @Override
  public long config(int offset, int size) {
    Structure structure = find(VirtioPciLayout.CAP_DEVICE_CFG);
    return function.readBar(structure.bar, structure.offset + offset, size);
  }

  @Override
  public void config(int offset, int size, long value) {
    Structure structure = find(VirtioPciLayout.CAP_DEVICE_CFG);
    function.writeBar(structure.bar, structure.offset + offset, size, value);
  }

  @Override
  public long rawRead(long offset, int size) {
    Structure structure = find(VirtioPciLayout.CAP_COMMON_CFG);
    return function.readBar(structure.bar, structure.offset + offset, size);
  }

  @Override
  public void rawWrite(long offset, int size, long value) {
    Structure structure = find(VirtioPciLayout.CAP_COMMON_CFG);
    function.writeBar(structure.bar, structure.offset + offset, size, value);
  }

  /**
   * {@return what a read through the window in configuration space gives}
   *
   * @param bar the BAR
   * @param offset the offset in it, 32 bits
   * @param size how many bytes
   */
  public long windowRead(int bar, int offset, int size) {
    int at = aim(bar, offset, size);
    return function.readConfig(at + VirtioPciLayout.CAP_PCI_CFG_DATA, size);
  }

  /**
   * Writes through the window in configuration space.
   *
   * @param bar the BAR
   * @param offset the offset in it, 32 bits
   * @param size how many bytes
   * @param value the value
   */
  public void windowWrite(int bar, int offset, int size, long value) {
    int at = aim(bar, offset, size);
    function.writeConfig(at + VirtioPciLayout.CAP_PCI_CFG_DATA, size, value);
  }

  private int aim(int bar, int offset, int size) {
    int at = find(VirtioPciLayout.CAP_PCI_CFG).at;
    function.writeConfig(at + VirtioPciLayout.CAP_BAR, 1, bar);
    function.writeConfig(at + VirtioPciLayout.CAP_OFFSET, 4, offset & 0xffff_ffffL);
    function.writeConfig(at + VirtioPciLayout.CAP_LENGTH, 4, size);
    return at;
  }

  /**
   * Turns MSI-X on or off.
   *
   * @param enabled whether on
   */
  public void enableMsix(boolean enabled) {
    function.writeConfig(
        msixAt + PciLayout.MSIX_FLAGS, 2, enabled ? PciLayout.MSIX_FLAGS_ENABLE : 0);
  }

  /**
   * Writes and unmasks a vector.
   *
   * @param vector its index
   * @param address the message's address
   * @param data the message's data
   */
  public void vector(int vector, long address, int data) {
    int table = get(msixAt + PciLayout.MSIX_TABLE, 4);
    long entry = (table & ~7L) + (long) vector * PciLayout.MSIX_ENTRY_SIZE;
    int bar = table & 7;
    function.writeBar(bar, entry + PciLayout.MSIX_ENTRY_LOWER_ADDR, 4, address & 0xffff_ffffL);
    function.writeBar(bar, entry + PciLayout.MSIX_ENTRY_UPPER_ADDR, 4, address >>> 32);
    function.writeBar(bar, entry + PciLayout.MSIX_ENTRY_DATA, 4, data);
    function.writeBar(bar, entry + PciLayout.MSIX_ENTRY_VECTOR_CTRL, 4, 0);
  }

  /** Lets the function access memory, which includes sending messages. */
  public void enableBusMaster() {
    function.writeConfig(
        PciLayout.COMMAND, 2, get(PciLayout.COMMAND, 2) | PciLayout.COMMAND_MASTER);
  }
}
