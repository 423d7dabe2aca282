// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A complete set of tables for one machine, to be {@linkplain #place placed} in guest memory.
 *
 * <p>The RSDP and the XSDT are made here. The XSDT lists every table but the DSDT and the FACS,
 * which the FADT points to (ACPI §5.2.8, §5.2.9); the FADT comes first, the others in the order in
 * which they were added.
 */
public final class AcpiTables {
  private static final int XSDT_REVISION = 1;

  private final OemIds ids;
  private final List<AcpiTable> tables;

  private AcpiTables(OemIds ids, List<AcpiTable> tables) {
    this.ids = ids;
    this.tables = tables;
  }

  /** {@return a builder of a set with {@link OemIds#DEFAULT} and no table} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Lays out all tables from {@code baseGpa} on: RSDP, XSDT, then the tables in the order in which
   * they were added, each at its alignment.
   *
   * <p>The range must be hidden from the guest's allocator: give it as reserved or ACPI memory in
   * the memory map. A guest that is not told the RSDP's address only finds it in the first KiB of
   * the extended BIOS data area or in {@code 0xe0000..0xfffff} (ACPI §5.2.5.1).
   *
   * @param baseGpa guest-physical address of the range, a multiple of 16; the RSDP's address
   * @param size bytes that the tables may take
   * @return the bytes and the addresses
   * @throws IllegalArgumentException if {@code baseGpa} is not aligned, {@code size} is negative,
   *     the range passes the end of the 64-bit address space, or the tables do not fit (the message
   *     names each table's size)
   * @throws IllegalStateException if a table does not keep the contract of {@link AcpiTable}
   */
  public PlacedTables place(long baseGpa, long size) {
    if ((baseGpa & (Rsdp.ALIGNMENT - 1)) != 0) {
      throw new IllegalArgumentException(
          "base 0x%x is not a multiple of %d".formatted(baseGpa, Rsdp.ALIGNMENT));
    }
    if (size < 0) {
      throw new IllegalArgumentException("size %d is negative".formatted(size));
    }
    if (size > 0 && Long.compareUnsigned(baseGpa + (size - 1), baseGpa) < 0) {
      throw new IllegalArgumentException(
          "range of %d bytes at 0x%x passes 2^64".formatted(size, baseGpa));
    }
    List<PlacedTables.Entry> layout = layOut(baseGpa);
    PlacedTables.Entry last = layout.getLast();
    long needed = last.gpa() - baseGpa + last.length();
    if (needed > size) {
      throw new IllegalArgumentException(
          "tables need %d bytes at 0x%x, there are %d: %s"
              .formatted(
                  needed,
                  baseGpa,
                  size,
                  layout.stream()
                      .map(e -> e.signature() + " " + e.length())
                      .collect(Collectors.joining(", "))));
    }

    Map<String, Long> addresses = new HashMap<>();
    for (PlacedTables.Entry entry : layout) {
      addresses.putIfAbsent(entry.signature(), entry.gpa());
    }
    TableContext context =
        new TableContext() {
          @Override
          public long addressOf(String signature) {
            return addresses.getOrDefault(signature, 0L);
          }

          @Override
          public OemIds ids() {
            return ids;
          }
        };
    byte[] blob = new byte[Math.toIntExact(needed)];
    PlacedTables.Entry xsdt = layout.get(1);
    put(blob, baseGpa, layout.get(0), Rsdp.toBytes(ids, xsdt.gpa()));
    put(blob, baseGpa, xsdt, xsdt(layout).toBytes(context));
    for (int i = 0; i < tables.size(); i++) {
      put(blob, baseGpa, layout.get(2 + i), tables.get(i).toBytes(context));
    }
    return new PlacedTables(baseGpa, blob, layout);
  }

  private List<PlacedTables.Entry> layOut(long baseGpa) {
    List<PlacedTables.Entry> layout = new ArrayList<>();
    layout.add(new PlacedTables.Entry("RSD PTR ", baseGpa, Rsdp.LENGTH));
    int listed = (int) tables.stream().filter(t -> isListed(t.signature())).count();
    append(layout, "XSDT", 16, Sdt.HEADER_LENGTH + 8 * listed);
    TableContext unplaced = TableContext.unplaced(ids);
    for (AcpiTable table : tables) {
      append(layout, table.signature(), table.alignment(), table.toBytes(unplaced).length);
    }
    return List.copyOf(layout);
  }

  private static void append(
      List<PlacedTables.Entry> layout, String signature, int alignment, int length) {
    PlacedTables.Entry last = layout.getLast();
    long end = last.gpa() + last.length();
    long gpa = (end + alignment - 1) & -(long) alignment;
    layout.add(new PlacedTables.Entry(signature, gpa, length));
  }

  private static Sdt xsdt(List<PlacedTables.Entry> layout) {
    Sdt.Builder xsdt = Sdt.builder("XSDT", XSDT_REVISION);
    List<PlacedTables.Entry> tables = layout.subList(2, layout.size());
    tables.stream().filter(e -> e.signature().equals("FACP")).forEach(e -> xsdt.u64(e.gpa()));
    tables.stream()
        .filter(e -> isListed(e.signature()) && !e.signature().equals("FACP"))
        .forEach(e -> xsdt.u64(e.gpa()));
    return xsdt.build();
  }

  private static void put(byte[] blob, long baseGpa, PlacedTables.Entry entry, byte[] bytes) {
    if (bytes.length != entry.length()) {
      throw new IllegalStateException(
          "table %s has %d bytes when placed and %d before"
              .formatted(entry.signature(), bytes.length, entry.length()));
    }
    System.arraycopy(bytes, 0, blob, (int) (entry.gpa() - baseGpa), bytes.length);
  }

  private static boolean isListed(String signature) {
    return !signature.equals("DSDT") && !signature.equals("FACS");
  }

  /** Collects the tables of a set. Not safe for use by several threads. */
  public static final class Builder {
    private OemIds ids = OemIds.DEFAULT;
    private final List<AcpiTable> tables = new ArrayList<>();

    private Builder() {}

    /**
     * Sets the ids for the RSDP and for the header of every table.
     *
     * @param ids the ids
     * @return this builder
     */
    public Builder ids(OemIds ids) {
      this.ids = ids;
      return this;
    }

    /**
     * Adds a table.
     *
     * @param table any table but an XSDT, which the set makes itself
     * @return this builder
     * @throws IllegalArgumentException if the signature is malformed or is XSDT or RSDT, or the
     *     alignment is not a power of two
     */
    public Builder add(AcpiTable table) {
      String signature = Sdt.checkSignature(table.signature());
      if (signature.equals("XSDT") || signature.equals("RSDT")) {
        throw new IllegalArgumentException(signature + " is made by the set, not added to it");
      }
      if (table.alignment() <= 0 || Integer.bitCount(table.alignment()) != 1) {
        throw new IllegalArgumentException(
            "alignment %d of %s is not a power of two".formatted(table.alignment(), signature));
      }
      tables.add(table);
      return this;
    }

    /**
     * {@return the set}
     *
     * @throws IllegalStateException if there is no FADT or no DSDT (a guest gives up ACPI without
     *     them), or two tables of one signature, or two SSDTs (or other tables that may be
     *     repeated) of one OEM table id, or no FACS while the FADT has fixed registers (ACPI
     *     §5.2.9)
     */
    public AcpiTables build() {
      Set<String> seen = new HashSet<>();
      for (AcpiTable table : tables) {
        String key = table.signature();
        if (isRepeatable(key)) {
          byte[] bytes = table.toBytes(TableContext.unplaced(ids));
          key += " with OEM table id " + ascii(bytes, 16, 24);
        }
        if (!seen.add(key)) {
          throw new IllegalStateException("two tables " + key);
        }
      }
      for (String required : List.of("FACP", "DSDT")) {
        if (!seen.contains(required)) {
          throw new IllegalStateException("no %s among the tables %s".formatted(required, seen));
        }
      }
      boolean reduced =
          tables.stream()
              .filter(table -> table.signature().equals("FACP"))
              .allMatch(table -> Fadt.isHardwareReduced(table.toBytes(TableContext.unplaced(ids))));
      if (!reduced && !seen.contains("FACS")) {
        throw new IllegalStateException(
            "no FACS among the tables %s, and the FADT is not hardware-reduced".formatted(seen));
      }
      return new AcpiTables(ids, List.copyOf(tables));
    }

    private static boolean isRepeatable(String signature) {
      return signature.equals("SSDT") || signature.equals("UEFI") || signature.startsWith("OEM");
    }

    private static String ascii(byte[] bytes, int from, int to) {
      StringBuilder text = new StringBuilder("\"");
      for (int i = from; i < Math.min(to, bytes.length); i++) {
        text.append((char) (bytes[i] & 0xff));
      }
      return text.append('"').toString();
    }
  }
}
