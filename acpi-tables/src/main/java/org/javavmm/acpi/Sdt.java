// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A system description table: the 36-byte header of ACPI §5.2.6 and a body.
 *
 * <p>Length and checksum are computed here and nowhere else. The classes of particular tables
 * ({@link Fadt}, {@link Madt}, {@link Dsdt}, {@link Ssdt}) only write a body; a table that this
 * library does not know is written with {@link #builder} directly:
 *
 * {@snippet :
 * Sdt waet = Sdt.builder("WAET", 1).u32(0b11).build();
 * }
 */
public final class Sdt implements AcpiTable {
  /** Bytes of the header that stand before every body. */
  public static final int HEADER_LENGTH = 36;

  private static final int CHECKSUM_OFFSET = 9;

  private final String signature;
  private final int revision;
  private final @Nullable String oemTableId;
  private final byte[] body;
  private final List<Pointer> pointers;

  /** A 64-bit field of the body that holds the address of another table. */
  private record Pointer(int bodyOffset, String signature) {}

  private Sdt(Builder builder) {
    this.signature = builder.signature;
    this.revision = builder.revision;
    this.oemTableId = builder.oemTableId;
    this.body = builder.body.toByteArray();
    this.pointers = List.copyOf(builder.pointers);
  }

  /**
   * {@return a builder of a table with an empty body}
   *
   * @param signature four printable ASCII characters
   * @param revision the revision of the table's layout, 0 to 255
   * @throws IllegalArgumentException if the signature or the revision is malformed
   */
  public static Builder builder(String signature, int revision) {
    return new Builder(signature, revision);
  }

  @Override
  public String signature() {
    return signature;
  }

  /** {@return the revision of the table's layout} */
  public int revision() {
    return revision;
  }

  /** {@return the length in bytes, header included} */
  public int length() {
    return HEADER_LENGTH + body.length;
  }

  @Override
  public byte[] toBytes(TableContext context) {
    OemIds ids = context.ids();
    byte[] bytes =
        new ByteSink()
            .ascii("signature", signature, 4)
            .u32(length())
            .u8(revision)
            .u8(0) // the checksum, below
            .ascii("OEM id", ids.oemId(), 6)
            .ascii("OEM table id", oemTableId != null ? oemTableId : ids.oemTableId(), 8)
            .u32(ids.oemRevision())
            .ascii("creator id", ids.creatorId(), 4)
            .u32(ids.creatorRevision())
            .bytes(body)
            .toByteArray();
    for (Pointer pointer : pointers) {
      long address = context.addressOf(pointer.signature);
      ByteSink.putU64(bytes, HEADER_LENGTH + pointer.bodyOffset, address);
    }
    bytes[CHECKSUM_OFFSET] = ByteSink.checksum(bytes, 0, bytes.length);
    return bytes;
  }

  /**
   * {@return the table with default ids and with zero for every address of another table}
   *
   * <p>For a table that stands alone, such as an SSDT that a guest loads at run time.
   */
  public byte[] toBytes() {
    return toBytes(TableContext.unplaced(OemIds.DEFAULT));
  }

  /** {@return the signature and the length, such as {@code FACP rev 6, 276 bytes}} */
  @Override
  public String toString() {
    return "%s rev %d, %d bytes".formatted(signature, revision, length());
  }

  /**
   * Writes the body of a table, field after field, little endian. Not safe for use by several
   * threads.
   */
  public static final class Builder {
    private final String signature;
    private final int revision;
    private final ByteSink body = new ByteSink();
    private final List<Pointer> pointers = new ArrayList<>();
    private @Nullable String oemTableId;

    private Builder(String signature, int revision) {
      this.signature = checkSignature(signature);
      this.revision = Check.range("revision", revision, 0, 0xff);
    }

    /**
     * Replaces the set's OEM table id in this table's header. Tables of one signature, such as
     * several SSDTs, are told apart by it.
     *
     * @param id 1 to 8 printable ASCII characters
     * @return this builder
     * @throws IllegalArgumentException if the id is empty, too long or not printable ASCII
     */
    public Builder oemTableId(String id) {
      this.oemTableId = Check.printable("OEM table id", id, 8);
      return this;
    }

    /**
     * Appends one byte.
     *
     * @param value 0 to 0xff
     * @return this builder
     * @throws IllegalArgumentException if the value does not fit
     */
    public Builder u8(int value) {
      body.u8(value);
      return this;
    }

    /**
     * Appends two bytes.
     *
     * @param value 0 to 0xffff
     * @return this builder
     * @throws IllegalArgumentException if the value does not fit
     */
    public Builder u16(int value) {
      body.u16(value);
      return this;
    }

    /**
     * Appends four bytes.
     *
     * @param value 0 to 0xffffffff
     * @return this builder
     * @throws IllegalArgumentException if the value does not fit
     */
    public Builder u32(long value) {
      body.u32(value);
      return this;
    }

    /**
     * Appends eight bytes.
     *
     * @param value any value, taken as unsigned
     * @return this builder
     */
    public Builder u64(long value) {
      body.u64(value);
      return this;
    }

    /**
     * Appends bytes as they are.
     *
     * @param bytes copied
     * @return this builder
     */
    public Builder bytes(byte[] bytes) {
      body.bytes(bytes);
      return this;
    }

    /**
     * Appends zero bytes.
     *
     * @param count 0 or more
     * @return this builder
     * @throws IllegalArgumentException if the count is negative
     */
    public Builder zeros(int count) {
      body.zeros(count);
      return this;
    }

    /**
     * Appends a 64-bit field that holds the address of another table once the set is placed, and 0
     * if the set has no such table.
     *
     * @param target the other table's signature
     * @return this builder
     * @throws IllegalArgumentException if the signature is malformed
     */
    public Builder pointer(String target) {
      pointers.add(new Pointer(body.size(), checkSignature(target)));
      body.u64(0);
      return this;
    }

    /**
     * Appends a generic address structure of 12 bytes (ACPI §5.2.3.2).
     *
     * @param address the address
     * @return this builder
     */
    public Builder address(GenericAddress address) {
      body.u8(address.space().code())
          .u8(address.bitWidth())
          .u8(address.bitOffset())
          .u8(address.accessSize().code())
          .u64(address.address());
      return this;
    }

    /** {@return the length in bytes that the table has so far, header included} */
    public int length() {
      return HEADER_LENGTH + body.size();
    }

    /** {@return the table} */
    public Sdt build() {
      return new Sdt(this);
    }
  }

  static String checkSignature(String signature) {
    Check.printable("signature", signature, 4);
    if (signature.length() != 4) {
      throw new IllegalArgumentException(
          "signature \"%s\" has %d characters, not 4".formatted(signature, signature.length()));
    }
    return signature;
  }
}
