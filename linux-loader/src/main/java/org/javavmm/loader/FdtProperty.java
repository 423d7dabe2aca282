// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A property of a device tree's node: a name and bytes, which the node's binding gives a type
 * (Devicetree Specification v0.4 §2.2.4). The methods that read a type throw if the bytes cannot be
 * of it. Immutable.
 */
public final class FdtProperty {
  private final String name;
  private final byte[] value;

  FdtProperty(String name, byte[] value) {
    this.name = name;
    this.value = value;
  }

  /** {@return the property's name} */
  public String name() {
    return name;
  }

  /** {@return the length of the value in bytes} */
  public int size() {
    return value.length;
  }

  /** {@return a copy of the value} */
  public byte[] bytes() {
    return value.clone();
  }

  byte[] value() {
    return value;
  }

  /**
   * {@return the value as a u32}
   *
   * @throws LoaderException if it does not have 4 bytes
   */
  public int u32() throws LoaderException {
    checkSize(value.length == Integer.BYTES, "must be 4");
    return ByteBuffer.wrap(value).getInt();
  }

  /**
   * {@return the value as a u64}
   *
   * @throws LoaderException if it does not have 8 bytes
   */
  public long u64() throws LoaderException {
    checkSize(value.length == Long.BYTES, "must be 8");
    return ByteBuffer.wrap(value).getLong();
  }

  /**
   * {@return the value as u32 cells}
   *
   * @throws LoaderException if its length is no multiple of 4
   */
  public int[] cells() throws LoaderException {
    checkSize(value.length % Integer.BYTES == 0, "must be a multiple of 4");
    int[] cells = new int[value.length / Integer.BYTES];
    ByteBuffer.wrap(value).asIntBuffer().get(cells);
    return cells;
  }

  /**
   * {@return the value as one string, without its final zero}
   *
   * @throws LoaderException if it is not one string of ASCII that ends with a zero
   */
  public String string() throws LoaderException {
    List<String> strings = strings();
    if (strings.size() != 1) {
      throw error("number of strings", strings.size(), "must be 1");
    }
    return strings.getFirst();
  }

  /**
   * {@return the value as a list of strings, without their final zeros}
   *
   * @throws LoaderException if it is empty, does not end with a zero, or is not ASCII
   */
  public List<String> strings() throws LoaderException {
    checkSize(value.length > 0, "must be at least 1");
    if (value[value.length - 1] != 0) {
      throw error("last byte", value[value.length - 1], "must be zero");
    }
    List<String> strings = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < value.length; i++) {
      if (value[i] < 0) {
        throw error("byte " + i, Byte.toUnsignedInt(value[i]), "must be ASCII");
      }
      if (value[i] == 0) {
        strings.add(new String(value, begin, i - begin, StandardCharsets.US_ASCII));
        begin = i + 1;
      }
    }
    return List.copyOf(strings);
  }

  /**
   * An address and a size.
   *
   * @param address the address on the parent's bus; 0 for no cells
   * @param size the size in bytes; 0 for no cells
   */
  public record Reg(long address, long size) {}

  /**
   * {@return the value as pairs of an address and a size, as {@code reg} has them}
   *
   * @param addressCells the parent's {@code #address-cells}, 0 to 2
   * @param sizeCells the parent's {@code #size-cells}, 0 to 2
   * @throws IllegalArgumentException if these are not in their range, or both 0
   * @throws LoaderException if the length is no multiple of that of a pair
   */
  public List<Reg> reg(int addressCells, int sizeCells) throws LoaderException {
    checkCells(addressCells, sizeCells);
    int pair = (addressCells + sizeCells) * Integer.BYTES;
    checkSize(value.length % pair == 0, "must be a multiple of " + pair);
    ByteBuffer buffer = ByteBuffer.wrap(value);
    List<Reg> regs = new ArrayList<>();
    while (buffer.hasRemaining()) {
      regs.add(new Reg(get(buffer, addressCells), get(buffer, sizeCells)));
    }
    return List.copyOf(regs);
  }

  static void checkCells(int addressCells, int sizeCells) {
    if (addressCells < 0
        || addressCells > 2
        || sizeCells < 0
        || sizeCells > 2
        || addressCells + sizeCells == 0) {
      throw new IllegalArgumentException(
          "address cells " + addressCells + ", size cells " + sizeCells + ": must be 0 to 2 each");
    }
  }

  private static long get(ByteBuffer buffer, int cells) {
    return switch (cells) {
      case 0 -> 0;
      case 1 -> Integer.toUnsignedLong(buffer.getInt());
      default -> buffer.getLong();
    };
  }

  private void checkSize(boolean good, String limit) throws LoaderException {
    if (!good) {
      throw error("length", value.length, limit);
    }
  }

  private LoaderException error(String field, int found, String limit) {
    return LoaderException.of(
        LoaderException.Reason.FORMAT,
        "device tree property " + name,
        field,
        Integer.toString(found),
        limit);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FdtProperty property
        && name.equals(property.name)
        && Arrays.equals(value, property.value);
  }

  @Override
  public int hashCode() {
    return 31 * name.hashCode() + Arrays.hashCode(value);
  }

  /** {@return the name and the length} */
  @Override
  public String toString() {
    return name + " (" + value.length + " bytes)";
  }
}
