// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.UUID;

/**
 * A VM generation id (Microsoft's "Virtual Machine Generation ID"): 128 random bits in guest memory
 * that change whenever a machine starts from a state from which it, or another, may have started
 * before. The guest then makes its random numbers anew.
 *
 * <p>The monitor writes {@link #bytes} to {@link #gpa} before the guest runs, and the bytes of a
 * new id after a snapshot was restored, then raises the interrupt that notifies the {@linkplain
 * #device device} of {@link GenericEventDevice#GENERATION_CHANGED}. The memory must be reserved in
 * the memory map, so that the guest uses it for nothing else.
 *
 * @param gpa the guest-physical address of the 16 bytes, unsigned, a multiple of 8
 * @param id the id
 */
public record VmGenerationId(long gpa, UUID id) {
  /** The bytes that the id takes in memory. */
  public static final int LENGTH = 16;

  private static final int ALIGNMENT = 8;

  /**
   * Checks the address.
   *
   * @throws IllegalArgumentException if it is not a multiple of 8 or the id passes 2^64
   */
  public VmGenerationId {
    if (gpa % ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "address 0x%x of the VM generation id is not a multiple of %d".formatted(gpa, ALIGNMENT));
    }
    if (Long.compareUnsigned(gpa + LENGTH - 1, gpa) < 0) {
      throw new IllegalArgumentException("VM generation id at 0x%x passes 2^64".formatted(gpa));
    }
  }

  /**
   * {@return the id in memory: a GUID, whose first three fields are little endian}
   *
   * <p>{@code 00112233-4455-6677-8899-aabbccddeeff} begins with the bytes 33 22 11 00 55 44 77 66
   * and ends with 88 to ff.
   */
  public byte[] bytes() {
    long high = id.getMostSignificantBits();
    long low = id.getLeastSignificantBits();
    return new ByteSink()
        .u32(high >>> 32)
        .u16((int) (high >>> 16) & 0xffff)
        .u16((int) high & 0xffff)
        .u64(Long.reverseBytes(low))
        .toByteArray();
  }

  /**
   * {@return the device by which the guest finds the id, for {@code \_SB}} It is compatible with
   * {@code VMGENCTR}, by which Linux knows it, and {@code VM_Gen_Counter}; its own hardware id is
   * another, for those two have not the form that ACPI §6.1.5 demands of one.
   *
   * @param name its name, such as {@code VGID}
   * @throws IllegalArgumentException if the name is malformed
   */
  public AmlTerm device(String name) {
    return Aml.device(
        name,
        Aml.name("_HID", Aml.string("JVMM0001")),
        Aml.name("_CID", Aml.pkg(Aml.string("VMGENCTR"), Aml.string("VM_Gen_Counter"))),
        Aml.name("_DDN", Aml.string("VM_Gen_Counter")),
        Aml.name("_UID", Aml.integer(0)),
        Aml.name("ADDR", Aml.pkg(Aml.integer(gpa & 0xffff_ffffL), Aml.integer(gpa >>> 32))));
  }
}
