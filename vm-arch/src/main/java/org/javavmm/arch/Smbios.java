// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.javavmm.device.AddressRange;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;

/**
 * The tables of the System Management BIOS Reference Specification 3.1 (DMTF DSP0134, here
 * "SMBIOS"), by which a guest learns names, serial numbers and sizes: a 64-bit entry point (SMBIOS
 * §5.2.2) and, right behind it, the structures.
 *
 * {@snippet :
 * Smbios tables =
 *     Smbios.builder()
 *         .bios("java-vmm", "1", "01/01/2026")
 *         .system(
 *             new Smbios.SystemInformation("java-vmm", "machine", "", "", "", "", uuid))
 *         .build();
 * tables.writeTo(memory, 0xf_0000);
 * }
 *
 * <p>Texts are printable ASCII of at most 255 characters; an empty one is left out. Immutable; for
 * any thread.
 */
public final class Smbios {
  /** The first address at which a guest looks for the entry point. */
  public static final long AREA = 0xf_0000;

  /** The address behind the last at which a guest looks for the entry point. */
  public static final long AREA_END = 0x10_0000;

  private static final int ENTRY_POINT_SIZE = 24;
  private static final int ALIGNMENT = 16;

  /** From the entry point to the structures. */
  private static final int TABLE_OFFSET = 32;

  private static final int MAX_TEXT = 255;
  private static final int MAX_TEXTS = 255;
  private static final int UNKNOWN_HANDLE = 0xffff;
  private static final int NO_ERROR_HANDLE = 0xfffe;
  private static final long KIB = 1L << 10;
  private static final long MIB = 1L << 20;
  private static final Pattern DATE =
      Pattern.compile("(0[1-9]|1[0-2])/(0[1-9]|[12]\\d|3[01])/\\d{4}");

  private final byte[] structures;

  private Smbios(byte[] structures) {
    this.structures = structures;
  }

  /**
   * System information, type 1 (SMBIOS §7.2).
   *
   * @param manufacturer who made the machine
   * @param product what it is
   * @param version which version of it
   * @param serial its serial number
   * @param sku its stock keeping unit
   * @param family the family of machines
   * @param uuid its id; in memory the first three fields are little endian
   */
  public record SystemInformation(
      String manufacturer,
      String product,
      String version,
      String serial,
      String sku,
      String family,
      UUID uuid) {}

  /**
   * A chassis, type 3 (SMBIOS §7.4).
   *
   * @param type its type, 1 to 0x24 (SMBIOS table 17); 1 is "other"
   * @param manufacturer who made it
   * @param version which version of it
   * @param serial its serial number
   * @param assetTag the owner's mark
   * @param sku its stock keeping unit
   */
  public record Chassis(
      int type, String manufacturer, String version, String serial, String assetTag, String sku) {}

  /**
   * A processor package, type 4 (SMBIOS §7.5).
   *
   * @param socket the socket's name
   * @param manufacturer who made it
   * @param version its brand
   * @param signature what CPUID leaf 1 answers in EAX
   * @param features what CPUID leaf 1 answers in EDX
   * @param cores how many cores it has, all enabled, 1 to 65534
   * @param threads how many threads all of them have together, {@code cores} to 65534
   * @param speedMhz its speed in MHz, 0 to 65535; 0 is unknown
   */
  public record Processor(
      String socket,
      String manufacturer,
      String version,
      int signature,
      int features,
      int cores,
      int threads,
      int speedMhz) {}

  /** {@return a builder of tables without structures} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return the bytes of entry point and structures together} */
  public int size() {
    return TABLE_OFFSET + structures.length;
  }

  /**
   * {@return the entry point and the structures for one address}
   *
   * @param gpa the address of the entry point, a multiple of 16 in 0xf0000 to 0xfffff, in which all
   *     of it must lie
   * @throws IllegalArgumentException if it is not a multiple of 16, lies elsewhere, or the
   *     structures do not fit
   */
  public byte[] toBytes(long gpa) {
    if (gpa % ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "address 0x%x of the SMBIOS entry point is not a multiple of %d"
              .formatted(gpa, ALIGNMENT));
    }
    LittleEndian.range("address of the SMBIOS entry point", gpa, AREA, AREA_END - 1);
    if (size() > AREA_END - gpa) {
      throw new IllegalArgumentException(
          "SMBIOS tables of %d bytes do not fit into the %d bytes at 0x%x"
              .formatted(size(), AREA_END - gpa, gpa));
    }
    byte[] entry =
        new LittleEndian()
            .ascii("_SM3_", 5)
            .u8(0) // the checksum, below
            .u8(ENTRY_POINT_SIZE)
            .u8(3)
            .u8(1)
            .u8(0) // SMBIOS 3.1.0
            .u8(1) // revision of the entry point
            .u8(0)
            .u32(structures.length)
            .u64(gpa + TABLE_OFFSET)
            .toByteArray();
    entry[5] = LittleEndian.checksum(entry);
    return new LittleEndian()
        .bytes(entry)
        .zeros(TABLE_OFFSET - ENTRY_POINT_SIZE)
        .bytes(structures)
        .toByteArray();
  }

  /**
   * Writes the entry point and the structures. The range must be reserved in the memory map.
   *
   * @param memory the guest's memory
   * @param gpa the address of the entry point, as {@link #toBytes} takes it
   * @throws IllegalArgumentException as {@link #toBytes}
   * @throws GuestMemoryException if it is outside of memory
   */
  public void writeTo(GuestMemory memory, long gpa) {
    memory.write(gpa, toBytes(gpa));
  }

  /**
   * Collects the structures; they stand in the table in the order of the calls, and the end of the
   * table behind them. Their handles count from 0. Not safe for use by several threads.
   */
  public static final class Builder {
    private final LittleEndian structures = new LittleEndian();
    private final Set<Integer> single = new HashSet<>();
    private int handles;

    private Builder() {}

    /**
     * Adds BIOS information, type 0 (SMBIOS §7.1), which says that this is a virtual machine.
     *
     * @param vendor who made the firmware
     * @param version which version of it
     * @param date when it was released, {@code mm/dd/yyyy}
     * @return this builder
     * @throws IllegalArgumentException if a text is malformed
     * @throws IllegalStateException if there is one already
     */
    public Builder bios(String vendor, String version, String date) {
      Texts texts = new Texts();
      if (!DATE.matcher(date).matches()) {
        throw new IllegalArgumentException("BIOS date \"%s\" is not mm/dd/yyyy".formatted(date));
      }
      LittleEndian body =
          new LittleEndian()
              .u8(texts.add("BIOS vendor", vendor))
              .u8(texts.add("BIOS version", version))
              .u16(0) // no segment
              .u8(texts.add("BIOS date", date))
              .u8(0) // ROM of 64 KiB
              .u64(1L << 3) // characteristics are not given
              .u8(0)
              .u8(1 << 4) // this is a virtual machine
              .u8(0xff)
              .u8(0xff) // no release of the system firmware
              .u8(0xff)
              .u8(0xff) // nor of an embedded controller
              .u16(0);
      return addSingle(0, "BIOS information", body, texts);
    }

    /**
     * Adds system information, type 1.
     *
     * @param system what it says
     * @return this builder
     * @throws IllegalArgumentException if a text is malformed
     * @throws IllegalStateException if there is one already
     */
    public Builder system(SystemInformation system) {
      Texts texts = new Texts();
      long high = system.uuid.getMostSignificantBits();
      LittleEndian body =
          new LittleEndian()
              .u8(texts.add("manufacturer", system.manufacturer))
              .u8(texts.add("product", system.product))
              .u8(texts.add("version", system.version))
              .u8(texts.add("serial number", system.serial))
              .u32(high >>> 32)
              .u16((int) (high >>> 16) & 0xffff)
              .u16((int) high & 0xffff)
              .u64(Long.reverseBytes(system.uuid.getLeastSignificantBits()))
              .u8(6) // woken up by the power switch
              .u8(texts.add("SKU", system.sku))
              .u8(texts.add("family", system.family));
      return addSingle(1, "system information", body, texts);
    }

    /**
     * Adds a chassis, type 3.
     *
     * @param chassis what it is
     * @return this builder
     * @throws IllegalArgumentException if its type is out of range or a text is malformed
     */
    public Builder chassis(Chassis chassis) {
      Texts texts = new Texts();
      LittleEndian.range("type of chassis", chassis.type, 1, 0x24);
      LittleEndian body =
          new LittleEndian()
              .u8(texts.add("manufacturer", chassis.manufacturer))
              .u8(chassis.type)
              .u8(texts.add("version", chassis.version))
              .u8(texts.add("serial number", chassis.serial))
              .u8(texts.add("asset tag", chassis.assetTag))
              .u8(3) // state at boot: safe
              .u8(3) // power supply: safe
              .u8(3) // temperature: safe
              .u8(2) // security: unknown
              .u32(0)
              .u8(0) // height: unknown
              .u8(0) // power cords: unknown
              .u8(0)
              .u8(0) // contains nothing
              .u8(texts.add("SKU", chassis.sku));
      return add(3, body.toByteArray(), texts.list);
    }

    /**
     * Adds a processor package, type 4.
     *
     * @param processor what it is
     * @return this builder
     * @throws IllegalArgumentException if a value is out of range or a text is malformed
     */
    public Builder processor(Processor processor) {
      Texts texts = new Texts();
      int cores = (int) LittleEndian.range("number of cores", processor.cores, 1, 0xfffe);
      int threads = (int) LittleEndian.range("number of threads", processor.threads, cores, 0xfffe);
      int speed = (int) LittleEndian.range("speed in MHz", processor.speedMhz, 0, 0xffff);
      LittleEndian body =
          new LittleEndian()
              .u8(texts.add("socket", processor.socket))
              .u8(3) // central processor
              .u8(1) // family: other
              .u8(texts.add("manufacturer", processor.manufacturer))
              .u32(Integer.toUnsignedLong(processor.signature))
              .u32(Integer.toUnsignedLong(processor.features))
              .u8(texts.add("version", processor.version))
              .u8(0) // voltage: unknown
              .u16(0) // external clock: unknown
              .u16(speed)
              .u16(speed)
              .u8(0x41) // socket populated, processor enabled
              .u8(1) // upgrade: other
              .u16(UNKNOWN_HANDLE)
              .u16(UNKNOWN_HANDLE)
              .u16(UNKNOWN_HANDLE) // caches: not given
              .u8(0)
              .u8(0)
              .u8(0) // serial number, asset tag, part number
              // 0xff in the first three: see the last three, of 16 bits.
              .u8(Math.min(cores, 0xff))
              .u8(Math.min(cores, 0xff))
              .u8(Math.min(threads, 0xff))
              .u16(1 << 2) // 64 bits
              .u16(1) // family: other
              .u16(cores)
              .u16(cores)
              .u16(threads);
      return add(4, body.toByteArray(), texts.list);
    }

    /**
     * Adds OEM strings, type 11 (SMBIOS §7.12): texts of the monitor for programs in the guest.
     *
     * @param strings 1 to 255 texts, none of them empty
     * @return this builder
     * @throws IllegalArgumentException if there are too few or too many, or one is malformed
     */
    public Builder oemStrings(List<String> strings) {
      LittleEndian.range("number of OEM strings", strings.size(), 1, MAX_TEXTS);
      return add(11, new LittleEndian().u8(strings.size()).toByteArray(), strings);
    }

    /**
     * Adds the memory: an array, type 16, a device in it, type 17, and where it is mapped, type 19
     * for each range (SMBIOS §7.17, §7.18, §7.20).
     *
     * @param ranges the ranges of the guest's memory, whose owners do not count; at least one, each
     *     of whole KiB, together of whole MiB, less than 2^31 MiB
     * @return this builder
     * @throws IllegalArgumentException if there is none, one is not made of whole KiB or overlaps
     *     another, or the sum is not made of whole MiB or is too large
     * @throws IllegalStateException if there is memory already
     */
    public Builder memory(List<AddressRange> ranges) {
      if (ranges.isEmpty()) {
        throw new IllegalArgumentException("no range of memory");
      }
      long total = 0;
      for (int i = 0; i < ranges.size(); i++) {
        AddressRange range = ranges.get(i);
        if (Long.compareUnsigned(range.last(), range.start()) < 0
            || range.start() % KIB != 0
            || (range.last() + 1) % KIB != 0) {
          throw new IllegalArgumentException(
              "memory 0x%x..0x%x is not made of whole KiB".formatted(range.start(), range.last()));
        }
        for (AddressRange other : ranges.subList(0, i)) {
          if (range.contains(other.start()) || other.contains(range.start())) {
            throw new IllegalArgumentException(
                "memory 0x%x..0x%x overlaps 0x%x..0x%x"
                    .formatted(range.start(), range.last(), other.start(), other.last()));
          }
        }
        total += range.size();
      }
      if (total % MIB != 0) {
        throw new IllegalArgumentException(
            "memory of 0x%x bytes is not made of whole MiB".formatted(total));
      }
      LittleEndian.range("size of memory in MiB", total >>> 20, 1, Integer.MAX_VALUE);
      long mib = total >>> 20;
      requireNone(16, "memory");
      int array = handles;
      long kib = total >>> 10;
      add(
          16,
          new LittleEndian()
              .u8(1) // place: other
              .u8(3) // use: system memory
              .u8(2) // error correction: unknown
              .u32(Math.min(kib, 0x8000_0000L)) // 0x80000000: see the last field
              .u16(NO_ERROR_HANDLE)
              .u16(1) // devices
              .u64(kib < 0x8000_0000L ? 0 : total)
              .toByteArray(),
          List.of());
      Texts texts = new Texts();
      add(
          17,
          new LittleEndian()
              .u16(array)
              .u16(NO_ERROR_HANDLE)
              .u16(0xffff)
              .u16(0xffff) // widths: unknown
              .u16((int) Math.min(mib, 0x7fff)) // 0x7fff: see the extended size
              .u8(9) // form: DIMM
              .u8(0) // no set
              .u8(texts.add("device locator", "DIMM 0"))
              .u8(0)
              .u8(7) // RAM
              .u16(1 << 1) // other
              .u16(0) // speed: unknown
              .u8(0)
              .u8(0)
              .u8(0)
              .u8(0) // manufacturer, serial number, asset tag, part number
              .u8(0) // rank: unknown
              .u32(mib < 0x7fff ? 0 : mib)
              .u16(0) // configured speed: unknown
              .u16(0)
              .u16(0)
              .u16(0) // voltages: unknown
              .toByteArray(),
          texts.list);
      for (AddressRange range : ranges) {
        long firstKib = range.start() >>> 10;
        long lastKib = range.last() >>> 10;
        // Both or neither: 0xffffffff says that the addresses stand in the last fields.
        boolean extended = lastKib >= 0xffff_ffffL;
        add(
            19,
            new LittleEndian()
                .u32(extended ? 0xffff_ffffL : firstKib)
                .u32(extended ? 0xffff_ffffL : lastKib)
                .u16(array)
                .u8(1) // devices in a row
                .u64(extended ? range.start() : 0)
                .u64(extended ? range.last() : 0)
                .toByteArray(),
            List.of());
      }
      return this;
    }

    /**
     * Adds how the machine started, type 32 (SMBIOS §7.33): without an error.
     *
     * @return this builder
     * @throws IllegalStateException if there is one already
     */
    public Builder bootInformation() {
      return addSingle(32, "boot information", new LittleEndian().zeros(7), new Texts());
    }

    /**
     * Adds any structure.
     *
     * @param type its type, 0 to 255 but 127, the end of the table
     * @param body what follows the header of four bytes, at most 251 bytes
     * @param strings its texts, at most 255, none of them empty; the body refers to them from 1 on
     * @return this builder
     * @throws IllegalArgumentException if the type is out of range, the body too long, there are
     *     too many texts, or one is malformed
     * @throws IllegalStateException if there are 65279 structures already
     */
    public Builder add(int type, byte[] body, List<String> strings) {
      LittleEndian.range("type of structure", type, 0, 255);
      if (type == 127) {
        throw new IllegalArgumentException("type 127 is made by the table, not added to it");
      }
      LittleEndian.range("length of the body", body.length, 0, 251);
      LittleEndian.range("number of texts", strings.size(), 0, MAX_TEXTS);
      for (int i = 0; i < strings.size(); i++) {
        LittleEndian.checkText(
            "text %d of type %d".formatted(i + 1, type), strings.get(i), MAX_TEXT);
      }
      if (handles >= 0xfeff) { // SMBIOS §6.1.2: handles from 0xff00 on are reserved
        throw new IllegalStateException("%d structures are there already".formatted(handles));
      }
      single.add(type);
      structures.u8(type).u8(4 + body.length).u16(handles++).bytes(body);
      for (String text : strings) {
        structures.ascii(text, text.length()).u8(0);
      }
      structures.zeros(strings.isEmpty() ? 2 : 1);
      return this;
    }

    private Builder addSingle(int type, String what, LittleEndian body, Texts texts) {
      requireNone(type, what);
      return add(type, body.toByteArray(), texts.list);
    }

    private void requireNone(int type, String what) {
      if (single.contains(type)) {
        throw new IllegalStateException("%s was given before".formatted(what));
      }
    }

    /** {@return the tables, with the end of the table, type 127} */
    public Smbios build() {
      return new Smbios(
          new LittleEndian()
              .bytes(structures.toByteArray())
              .u8(127)
              .u8(4)
              .u16(handles)
              .zeros(2)
              .toByteArray());
    }
  }

  /** The texts of one structure, which its body refers to by number, 0 for none. */
  private static final class Texts {
    final List<String> list = new ArrayList<>();

    int add(String what, String text) {
      if (text.isEmpty()) {
        return 0;
      }
      list.add(LittleEndian.checkText(what, text, MAX_TEXT));
      return list.size();
    }
  }
}
