// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * The devices of a PC and of a machine without fixed registers, as the second decoder reads them.
 */
class PcDevicesTest {
  private static String text(AmlTerm term) {
    return AmlDecoder.terms(term.toBytes());
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  /** The integer in which an id of the vendor PNP is stored: bytes 41 d0 and the product. */
  private static long pnp(int product) {
    return 0xd041L | Integer.toUnsignedLong(Integer.reverseBytes(product));
  }

  @Test
  void keyboardMouseAndClock() {
    // 47: I/O ports, decode, min, max, alignment, length. 22: interrupts. 79: end and checksum.
    assertEquals(
        "Device(KBD_){Name(_HID,%d) Name(_CRS,Buffer(21){%s})}"
            .formatted(
                pnp(0x0303),
                "47016000600001014701640064000101220200"
                    + "79"
                    + checksum("470160006000010147" + "01640064000101220200" + "79")),
        text(AmlDevices.keyboard("KBD", AmlResource.irq(1))));
    assertEquals(
        "Device(MOU_){Name(_HID,%d) Name(_CRS,Buffer(5){22001079%s})}"
            .formatted(pnp(0x0f13), checksum("22001079")),
        text(AmlDevices.mouse("MOU", AmlResource.irq(12))));
    assertEquals(
        "Device(RTC_){Name(_HID,%d) Name(_CRS,Buffer(13){%s})}"
            .formatted(
                pnp(0x0b00),
                "4701700070000102220001" + "79" + checksum("4701700070000102220001" + "79")),
        text(AmlDevices.rtc("RTC", AmlResource.irq(8))));
  }

  private static String checksum(String hex) {
    return "%02x".formatted(-TableReader.sum(HexFormat.of().parseHex(hex)) & 0xff);
  }

  @Test
  void buttonsAndPvpanic() {
    assertEquals(
        "Device(PWRB){Name(_HID,%d)}".formatted(pnp(0x0c0c)), text(AmlDevices.powerButton("PWRB")));
    assertEquals(
        "Device(SLPB){Name(_HID,%d)}".formatted(pnp(0x0c0e)), text(AmlDevices.sleepButton("SLPB")));
    assertEquals(
        "Device(PEVT){Name(_HID,\"QEMU0001\") Name(_CRS,Buffer(10){4701050505050101%s})}"
            .formatted("79" + checksum("470105050505010179")),
        text(AmlDevices.pvpanic("PEVT", AmlResource.io(AmlDevices.PVPANIC_PORT, 1))));
  }

  @Test
  void processorsHaveTheIdsOfTheMadt() {
    assertEquals(
        "Device(CPUS){Name(_HID,\"ACPI0010\") Name(_CID,%d)".formatted(pnp(0x0a05))
            + " Device(C000){Name(_HID,\"ACPI0007\") Name(_UID,0)}"
            + " Device(C001){Name(_HID,\"ACPI0007\") Name(_UID,1)}"
            + " Device(C002){Name(_HID,\"ACPI0007\") Name(_UID,2)}}",
        text(AmlDevices.processors("CPUS", 3)));
    refused(
        "number of processors 0x0 (0) is outside 0x1..0x1000",
        () -> AmlDevices.processors("CPUS", 0));
    refused(
        "number of processors 0x1001 (4097) is outside 0x1..0x1000",
        () -> AmlDevices.processors("CPUS", 4097));
  }

  @Test
  void eventsNotifyByInterrupt() {
    AmlTerm events =
        GenericEventDevice.builder("GED")
            .notify(5, "\\_SB.PWRB", GenericEventDevice.BUTTON_PRESSED)
            .on(
                0x1_0002,
                Trigger.LEVEL,
                Polarity.ACTIVE_LOW,
                List.of(Aml.notify(Aml.path("VGID"), Aml.integer(1))))
            .build();
    String resources = "89060003" + "01" + "05000000" + "89060005" + "01" + "02000100" + "79";
    assertEquals(
        "Device(GED_){Name(_HID,\"ACPI0013\") Name(_UID,0)"
            + " Name(_CRS,Buffer(20){%s%s})".formatted(resources, checksum(resources))
            + " Method(_EVT,1,Serialized){If(LEqual(Arg0,5)){Notify(\\_SB_.PWRB,128)}"
            + " If(LEqual(Arg0,65538)){Notify(VGID,1)}}}",
        text(events));
  }

  @Test
  void eventDevicesThatAreRefused() {
    GenericEventDevice.Builder events =
        GenericEventDevice.builder("GED").uid(3).notify(5, "PWRB", 0x80);
    refused("GSI 5 was given before", () -> events.notify(5, "SLPB", 0x80));
    refused("GSI -1 (-1) is outside 0x0..0xffffffff", () -> events.notify(-1, "SLPB", 0x80));
    refused("event 0x100 (256) is outside 0x0..0xff", () -> events.notify(6, "SLPB", 256));
    refused(
        "segment \"slpb\" of path \"slpb\" is not [A-Z_][A-Z0-9_]{0,3}",
        () -> events.notify(6, "slpb", 0x80));
    refused("_UID -1 (-1) is outside 0x0..0x7fffffff", () -> events.uid(-1));
    refused("path \"\\\" names nothing new", () -> GenericEventDevice.builder("\\"));
    assertEquals(
        "event device GED_ has no interrupt",
        assertThrows(IllegalStateException.class, () -> GenericEventDevice.builder("GED").build())
            .getMessage());
    // What was refused left nothing behind.
    assertEquals(
        text(GenericEventDevice.builder("GED").uid(3).notify(5, "PWRB", 0x80).build()),
        text(events.build()));
  }

  @Test
  void generationId() {
    UUID id = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    VmGenerationId generation = new VmGenerationId(0xfedc_ba98_7654_3210L, id);
    assertEquals(
        "33221100" + "5544" + "7766" + "8899aabbccddeeff",
        HexFormat.of().formatHex(generation.bytes()));
    assertEquals(
        "Device(VGID){Name(_HID,\"JVMM0001\")"
            + " Name(_CID,Package(2){\"VMGENCTR\" \"VM_Gen_Counter\"})"
            + " Name(_DDN,\"VM_Gen_Counter\") Name(_UID,0)"
            + " Name(ADDR,Package(2){1985229328 4275878552})}",
        text(generation.device("VGID")));
    refused(
        "address 0x4 of the VM generation id is not a multiple of 8",
        () -> new VmGenerationId(4, id));
    refused("VM generation id at 0xfffffffffffffff8 passes 2^64", () -> new VmGenerationId(-8, id));
    assertEquals(16, new VmGenerationId(-16, id).bytes().length);
  }
}
