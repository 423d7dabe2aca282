// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.javavmm.acpi.Aml.FieldUnit.skip;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.javavmm.acpi.Madt.ProcessorState;

/** Table sets whose bytes are held in golden files and read by iasl. */
enum TestMachines {
  /** One processor, one serial port: the least that boots. */
  MINIMAL {
    @Override
    AcpiTables tables() {
      return AcpiTables.builder()
          .add(fadt().build())
          .add(
              Madt.builder()
                  .processor(0, 0, ProcessorState.ENABLED)
                  .ioApic(0, 0xfec0_0000L, 0)
                  .build())
          .add(Dsdt.of(Aml.scope("\\_SB", ComPort.COM1.device()), Aml.sleepState(5, 5)))
          .build();
    }
  },

  /** Four processors, four serial ports with an interrupt each, a timer override, NMI. */
  FOUR_PORTS {
    @Override
    AcpiTables tables() {
      Madt.Builder madt = Madt.builder().pcatCompat();
      for (int i = 0; i < 4; i++) {
        madt.processor(i, 2L * i, i == 3 ? ProcessorState.ONLINE_CAPABLE : ProcessorState.ENABLED);
      }
      madt.ioApic(0, 0xfec0_0000L, 0)
          .interruptSourceOverride(0, 2)
          .interruptSourceOverride(9, 9, Trigger.LEVEL, Polarity.ACTIVE_HIGH)
          .interruptSourceOverride(10, 10, Trigger.EDGE, Polarity.ACTIVE_LOW)
          .localApicNmi(1);
      return AcpiTables.builder()
          .ids(new OemIds("VMM", "FOURPORT", 0x20260101, "TEST", 7))
          .add(madt.build())
          .add(
              Dsdt.of(
                  Aml.scope(
                      "\\_SB",
                      ComPort.COM1.device(),
                      ComPort.COM2.device(
                          AmlResource.irq(3, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.SHARED)),
                      ComPort.COM3.device(
                          AmlResource.interrupt(
                              16, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)),
                      ComPort.COM4.device(
                          AmlResource.interrupt(
                              17, Trigger.LEVEL, Polarity.ACTIVE_LOW, Sharing.SHARED))),
                  Aml.sleepState(5, 5)))
          .add(
              fadt()
                  .bootArch(Fadt.BootArch.I8042, Fadt.BootArch.LEGACY_DEVICES)
                  .flags(Fadt.Flag.HEADLESS)
                  .hypervisorVendor("JAVAVMM")
                  .build())
          .build();
    }
  },

  /** More processors than xAPIC ids, two I/O APICs, no reset or sleep register. */
  X2APIC {
    @Override
    AcpiTables tables() {
      Madt.Builder madt = Madt.builder().localApicNmi(1);
      for (int i = 250; i < 260; i++) {
        madt.processor(i - 250, i, ProcessorState.ENABLED);
      }
      madt.processor(0x1_0000, 0xffff_fffeL, ProcessorState.DISABLED);
      return AcpiTables.builder()
          .add(Fadt.hardwareReduced().build())
          .add(Dsdt.of(Aml.name("EMPT", Aml.string(""))))
          .add(madt.ioApic(0, 0xfec0_0000L, 0).ioApic(1, 0xfec1_0000L, 24).build())
          .build();
    }
  },

  /** Devices on a memory-mapped bus, in two SSDTs that have package lengths of 1 to 3 bytes. */
  VIRTIO_MMIO {
    @Override
    AcpiTables tables() {
      List<AmlTerm> devices = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        devices.add(
            Aml.device(
                "V%03X".formatted(i),
                Aml.name("_HID", Aml.string("LNRO0005")),
                Aml.name("_UID", Aml.integer(i)),
                Aml.name("_CCA", Aml.integer(1)),
                Aml.name(
                    "_CRS",
                    Aml.resourceTemplate(
                        AmlResource.memory32Fixed(0xd000_0000L + 0x1000L * i, 0x1000, true),
                        AmlResource.interrupt(
                            5 + i, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)))));
      }
      return AcpiTables.builder()
          .add(fadt().build())
          .add(Dsdt.of(Aml.sleepState(5, 5)))
          .add(Ssdt.of("VIRTIO0", Aml.scope("\\_SB", devices.subList(0, 4))))
          .add(Ssdt.of("VIRTIO1", Aml.scope("\\_SB", devices.subList(4, 64))))
          .build();
    }
  },

  /** A PCI root bus with windows below and above 4 GiB, its pins, and ECAM. */
  PCI {
    @Override
    AcpiTables tables() {
      List<AmlData> routes = new ArrayList<>();
      for (int device = 0; device < 32; device++) {
        for (int pin = 0; pin < 4; pin++) {
          routes.add(AmlDevices.pciRoute(device, pin, 20 + ((device + pin) & 3)));
        }
      }
      return AcpiTables.builder()
          .add(fadt().build())
          .add(Mcfg.of(0xe000_0000L, 0, 3))
          .add(
              Dsdt.of(
                  Aml.scope(
                      "\\_SB",
                      AmlDevices.virtioMmio(
                          "V000",
                          0,
                          0xf000_0000L,
                          0x1000,
                          AmlResource.interrupt(
                              16, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)),
                      AmlDevices.pciRoot(
                          "PCI0",
                          0,
                          List.of(
                              AmlResource.busNumbers(0, 3),
                              AmlResource.io(0xcf8, 8),
                              AmlResource.ioWindow(0x1000, 0xffff),
                              AmlResource.memoryWindow(0xc000_0000L, 0xdfff_ffffL),
                              AmlResource.memoryWindow(0x1_0000_0000L, 0xff_ffff_ffffL)),
                          routes),
                      AmlDevices.motherboard(
                          "MBRD", 0, AmlResource.memory32Fixed(0xe000_0000L, 4 << 20, true))),
                  Aml.sleepState(5, 5)))
          .build();
    }
  },

  /** Methods, fields and every constant. */
  METHODS {
    @Override
    AcpiTables tables() {
      List<AmlData> many =
          IntStream.range(0, 300).mapToObj(i -> Aml.integer(1L << (i % 64))).toList();
      AmlTerm events =
          Aml.device(
              "GED",
              Aml.name("_HID", Aml.string("ACPI0013")),
              Aml.name(
                  "_CRS",
                  Aml.resourceTemplate(
                      AmlResource.interrupt(
                          20, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE))),
              Aml.operationRegion("REGS", AddressSpace.SYSTEM_IO, 0x620, 8),
              Aml.field(
                  "REGS",
                  Aml.FieldAccess.BYTE,
                  false,
                  Aml.FieldUpdate.WRITE_AS_ZEROS,
                  new Aml.FieldUnit("EVTS", 8),
                  skip(8),
                  new Aml.FieldUnit("ACK", 8)),
              Aml.serializedMethod(
                  "_EVT",
                  1,
                  Aml.store(Aml.path("EVTS"), Aml.local(0)),
                  Aml.ifElse(
                      Aml.equal(Aml.arg(0), Aml.integer(20)),
                      List.of(
                          Aml.ifThen(
                              Aml.and(Aml.local(0), Aml.integer(2)),
                              Aml.notify(Aml.path("\\_SB.PWRB"), Aml.integer(0x80))),
                          Aml.or(Aml.local(0), Aml.integer(1), Aml.path("ACK"))),
                      List.of(Aml.call("TEST", Aml.arg(0), Aml.local(0))))),
              Aml.method(
                  "TEST",
                  2,
                  Aml.ifThen(
                      Aml.not(Aml.greater(Aml.arg(0), Aml.arg(1))),
                      Aml.returnValue(Aml.integer(-1))),
                  Aml.ifThen(
                      Aml.less(Aml.arg(1), Aml.integer(0x1234_5678L)),
                      Aml.returnValue(Aml.call("^^PWRB._STA"))),
                  Aml.returnValue(Aml.integer(0))));
      AmlTerm button =
          Aml.device(
              "PWRB",
              Aml.name("_HID", Aml.eisaId("PNP0C0C")),
              Aml.name("_UID", Aml.integer(0)),
              Aml.method("_STA", 0, Aml.returnValue(Aml.integer(0xf))));
      return AcpiTables.builder()
          .add(fadt().build())
          .add(
              Dsdt.of(
                  Aml.scope("\\_SB", button, events),
                  Aml.name("BUFF", Aml.buffer(new byte[] {1, 2, 3, 4, 5, 6, 7, 8})),
                  Aml.name(
                      "PACK",
                      Aml.pkg(
                          Aml.string("text"),
                          Aml.path("\\_SB.PWRB"),
                          Aml.integer(0xff),
                          Aml.integer(0x100),
                          Aml.integer(0x1_0000),
                          Aml.integer(0x1_0000_0000L),
                          Aml.pkg(Aml.integer(1)))),
                  Aml.name("MANY", Aml.pkg(many)),
                  Aml.sleepState(5, 5)))
          .build();
    }
  },

  /** A PC: fixed registers, 8259 controllers, keyboard, mouse, clock, console. */
  FIXED_HARDWARE {
    @Override
    AcpiTables tables() {
      return AcpiTables.builder()
          .add(
              Fadt.fixedHardware(9, 0x600, 0x604, 0x608)
                  .bootArch(
                      Fadt.BootArch.LEGACY_DEVICES,
                      Fadt.BootArch.I8042,
                      Fadt.BootArch.VGA_NOT_PRESENT)
                  .flags(Fadt.Flag.TMR_VAL_EXT)
                  .fixedPowerButton()
                  .gpe0(0x620, 16)
                  .century(0x32)
                  .resetRegister(GenericAddress.ioByte(0x64), 0xfe)
                  .build())
          .add(Facs.of(0x1234))
          .add(
              Madt.builder()
                  .pcatCompat()
                  .processors(2)
                  .ioApic(0, 0xfec0_0000L, 0)
                  .interruptSourceOverride(0, 2)
                  .interruptSourceOverride(9, 9, Trigger.LEVEL, Polarity.ACTIVE_HIGH)
                  .localApicNmi(1)
                  .build())
          .add(Spcr.of(ComPort.COM1, 4))
          .add(
              Dsdt.of(
                  Aml.scope(
                      "\\_SB",
                      ComPort.COM1.device(),
                      AmlDevices.keyboard("KBD", AmlResource.irq(1)),
                      AmlDevices.mouse("MOU", AmlResource.irq(12)),
                      AmlDevices.rtc("RTC", AmlResource.irq(8)),
                      AmlDevices.sleepButton("SLPB")),
                  Aml.sleepState(5, 7)))
          .build();
    }
  },

  /** A machine without fixed registers whose events come by interrupts. */
  EVENTS {
    @Override
    AcpiTables tables() {
      return AcpiTables.builder()
          .add(fadt().bootArch(Fadt.BootArch.I8042, Fadt.BootArch.VGA_NOT_PRESENT).build())
          .add(Madt.builder().processors(1).ioApic(0, 0xfec0_0000L, 0).build())
          .add(Spcr.of(ComPort.COM2, 16))
          .add(
              Dsdt.of(
                  Aml.scope(
                      "\\_SB",
                      AmlDevices.powerButton("PWRB"),
                      AmlDevices.sleepButton("SLPB"),
                      new VmGenerationId(
                              0x1_2345_6000L,
                              UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"))
                          .device("VGID"),
                      AmlDevices.pvpanic("PEVT", AmlResource.io(AmlDevices.PVPANIC_PORT, 1)),
                      AmlDevices.keyboard("KBD", AmlResource.irq(1)),
                      AmlDevices.rtc("RTC", AmlResource.irq(8)),
                      GenericEventDevice.builder("GED")
                          .uid(1)
                          .notify(5, "\\_SB.PWRB", GenericEventDevice.BUTTON_PRESSED)
                          .notify(6, "\\_SB.SLPB", GenericEventDevice.BUTTON_PRESSED)
                          .notify(300, "\\_SB.VGID", GenericEventDevice.GENERATION_CHANGED)
                          .on(
                              0x1_0000,
                              Trigger.LEVEL,
                              Polarity.ACTIVE_LOW,
                              List.of(
                                  Aml.notify(Aml.path("\\_SB.PWRB"), Aml.integer(2)),
                                  Aml.notify(Aml.path("\\_SB.SLPB"), Aml.integer(2))))
                          .build()),
                  Aml.sleepState(5, 5)))
          .build();
    }
  },

  /** 288 processors in two domains, each with memory below or above 4 GiB. */
  NUMA {
    @Override
    AcpiTables tables() {
      Srat.Builder srat = Srat.builder();
      for (int i = 0; i < 288; i++) {
        srat.processor(i, i / 144);
      }
      return AcpiTables.builder()
          .add(fadt().build())
          .add(Madt.builder().processors(288).ioApic(0, 0xfec0_0000L, 0).localApicNmi(1).build())
          .add(
              srat.memory(0, 0xa_0000, 0)
                  .memory(0x10_0000, 0xbff0_0000L, 0)
                  .memory(0x1_0000_0000L, 0xc000_0000L, 1)
                  .memory(0x2_0000_0000L, 0x1_0000_0000L, 1, Srat.MemoryFlag.HOT_PLUGGABLE)
                  .memory(
                      0x10_0000_0000L,
                      0x1_0000_0000L,
                      2,
                      Srat.MemoryFlag.HOT_PLUGGABLE,
                      Srat.MemoryFlag.NON_VOLATILE)
                  .build())
          .add(Slit.of(new int[][] {{10, 20, 40}, {21, 10, 41}, {255, 254, 10}}))
          .add(
              Dsdt.of(Aml.scope("\\_SB", AmlDevices.processors("CPUS", 288)), Aml.sleepState(5, 5)))
          .build();
    }
  };

  /** The methods that the machines' AML calls, with the number of their arguments. */
  static final Map<String, Integer> CALLED = Map.of("TEST", 2, "^^PWRB._STA", 0);

  abstract AcpiTables tables();

  PlacedTables placed() {
    return tables().place(0xe_0000, 0x2_0000);
  }

  static Fadt.Builder fadt() {
    return Fadt.hardwareReduced()
        .resetRegister(GenericAddress.ioByte(0x600), 1)
        .sleepRegisters(GenericAddress.ioByte(0x600), GenericAddress.ioByte(0x600));
  }
}
