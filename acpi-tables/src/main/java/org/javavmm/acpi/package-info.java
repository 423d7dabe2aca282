// SPDX-License-Identifier: Apache-2.0

/**
 * ACPI tables and AML as composable objects that become byte arrays.
 *
 * <p>A monitor describes its machine with {@linkplain org.javavmm.acpi.Sdt tables} and, inside the
 * DSDT, with {@linkplain org.javavmm.acpi.Aml AML}; it collects them in an {@link
 * org.javavmm.acpi.AcpiTables} set and {@linkplain org.javavmm.acpi.AcpiTables#place places} the
 * set at a guest-physical address. Placing lays out every table, writes the addresses by which they
 * refer to each other, and gives one blob to copy into guest memory and the address of the RSDP to
 * hand to the guest:
 *
 * {@snippet :
 * Sdt fadt =
 *     Fadt.hardwareReduced()
 *         .resetRegister(GenericAddress.ioByte(0x600), 1)
 *         .sleepRegisters(GenericAddress.ioByte(0x600), GenericAddress.ioByte(0x600))
 *         .build();
 * Sdt madt =
 *     Madt.builder()
 *         .processor(0, 0, Madt.ProcessorState.ENABLED)
 *         .ioApic(0, 0xfec0_0000L, 0)
 *         .build();
 * Sdt dsdt =
 *     Dsdt.of(Aml.scope("\\_SB", ComPort.COM1.device()), Aml.sleepState(5, 5));
 * PlacedTables placed =
 *     AcpiTables.builder().add(fadt).add(madt).add(dsdt).build().place(0xe_0000, 0x2_0000);
 * }
 *
 * <p>The module reads no memory, calls no KVM and holds no state that a guest can reach. Everything
 * public but the builders is immutable and may be used by any thread; a builder belongs to one
 * thread.
 *
 * <p>"ACPI" followed by a section number names the ACPI Specification, release 6.5.
 */
package org.javavmm.acpi;
