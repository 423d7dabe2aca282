// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class AmlTest {
  private static String hex(AmlNode node) {
    return HexFormat.of().formatHex(node.toBytes());
  }

  private static String hex(AmlResource resource) {
    return HexFormat.of().formatHex(resource.toBytes());
  }

  private static void refused(String message, Executable executable) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, executable).getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "0, 00",
    "1, 01",
    "2, 0a02",
    "0xff, 0aff",
    "0x100, 0b0001",
    "0xffff, 0bffff",
    "0x10000, 0c00000100",
    "0xffffffff, 0cffffffff",
    "0x100000000, 0e0000000001000000",
    "0x7fffffffffffffff, 0effffffffffffff7f",
    "-2, 0efeffffffffffffff",
    "-1, ff",
  })
  void integersTakeTheShortestForm(String value, String expected) {
    assertEquals(expected, hex(Aml.integer(Long.decode(value))));
  }

  @ParameterizedTest
  @CsvSource({"PNP0501, 0c41d00501", "PNP0A03, 0c41d00a03", "PNP0C0C, 0c41d00c0c"})
  void eisaIds(String id, String expected) {
    assertEquals(expected, hex(Aml.eisaId(id)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "ACPI0013", "PNP050", "pnp0501", "PNP05G1", "PNP0a03", "P1P0501"})
  void malformedEisaIds(String id) {
    refused("EISA id \"%s\" is not [A-Z]{3}[0-9A-F]{4}".formatted(id), () -> Aml.eisaId(id));
  }

  @Test
  void strings() {
    assertEquals("0d4142017f00", hex(Aml.string("AB\u0001\u007f")));
    refused("character 1 of AML string 0x0 (0) is outside 0x1..0x7f", () -> Aml.string("A\0"));
    refused("character 0 of AML string 0xe4 (228) is outside 0x1..0x7f", () -> Aml.string("ä"));
  }

  @Test
  void packagesBeyond255ElementsAreVarPackages() {
    assertEquals("120200", hex(Aml.pkg()));
    List<AmlData> zeros = Collections.nCopies(255, Aml.integer(0));
    assertEquals("124210ff00", hex(Aml.pkg(zeros)).substring(0, 10));
    zeros = Collections.nCopies(256, Aml.integer(0));
    assertEquals("1345100b000100", hex(Aml.pkg(zeros)).substring(0, 14));
  }

  @Test
  void sleepStates() {
    assertEquals("085c5f53355f" + "1208" + "04" + "0a050a050000", hex(Aml.sleepState(5, 5)));
    refused("sleep state 0x6 (6) is outside 0x0..0x5", () -> Aml.sleepState(6, 5));
    refused("sleep type 0x8 (8) is outside 0x0..0x7", () -> Aml.sleepState(5, 8));
  }

  @Test
  void endTagMakesTheTemplateSumToZero() {
    // IO(Decode16, 0x3f8, 0x3f8, 1, 8), IRQNoFlags(){4}, end tag.
    assertEquals(
        "11100a0d" + "4701f803f8030108" + "221000" + "79" + "0e",
        hex(Aml.resourceTemplate(AmlResource.io(0x3f8, 8), AmlResource.irq(4))));
    assertEquals("11050a027987", hex(Aml.resourceTemplate()));
  }

  @Test
  void resources() {
    assertEquals("4701000cff0f1008", hex(AmlResource.io(0xc00, 0xfff, 16, 8)));
    assertEquals("220080", hex(AmlResource.irq(15)));
    assertEquals(
        "23080001", hex(AmlResource.irq(3, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)));
    assertEquals(
        "23000218", hex(AmlResource.irq(9, Trigger.LEVEL, Polarity.ACTIVE_LOW, Sharing.SHARED)));
    assertEquals(
        "890600030110000000",
        hex(AmlResource.interrupt(16, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE)));
    assertEquals(
        "8906000d01ffffffff",
        hex(
            AmlResource.interrupt(
                0xffff_ffffL, Trigger.LEVEL, Polarity.ACTIVE_LOW, Sharing.SHARED)));
    assertEquals(
        "86090001000000d000100000", hex(AmlResource.memory32Fixed(0xd000_0000L, 0x1000, true)));
    assertEquals(
        "86090000ffffffff01000000", hex(AmlResource.memory32Fixed(0xffff_ffffL, 1, false)));
  }

  @Test
  void resourcesOutOfRange() {
    refused("ISA interrupt 0x10 (16) is outside 0x0..0xf", () -> AmlResource.irq(16));
    refused(
        "ISA interrupt -1 (-1) is outside 0x0..0xf",
        () -> AmlResource.irq(-1, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.SHARED));
    refused(
        "GSI 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () ->
            AmlResource.interrupt(1L << 32, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE));
    refused("lowest port 0x10000 (65536) is outside 0x0..0xffff", () -> AmlResource.io(65536, 1));
    refused("highest port 0x1 (1) is outside 0x2..0xffff", () -> AmlResource.io(2, 1, 1, 1));
    refused("last port 0x10000 (65536) is outside 0x0..0xffff", () -> AmlResource.io(0xffff, 2));
    refused("number of ports 0x0 (0) is outside 0x1..0xff", () -> AmlResource.io(0, 0));
    refused("port alignment 0x0 (0) is outside 0x1..0xff", () -> AmlResource.io(0, 0, 0, 1));
    refused(
        "memory address 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> AmlResource.memory32Fixed(1L << 32, 1, true));
    refused(
        "memory length 0x0 (0) is outside 0x1..0xffffffff",
        () -> AmlResource.memory32Fixed(0, 0, true));
    refused(
        "last byte of memory 0x100000000 (4294967296) is outside 0x0..0xffffffff",
        () -> AmlResource.memory32Fixed(0xffff_ffffL, 2, true));
  }

  @ParameterizedTest
  @CsvSource({
    "COM1, 1, 4701f803f8030108, 221000",
    "COM2, 2, 4701f802f8020108, 220800",
    "COM3, 3, 4701e803e8030108, 221000",
    "COM4, 4, 4701e802e8020108, 220800",
  })
  void comPorts(ComPort port, int uid, String io, String irq) {
    assertEquals(uid, port.uid());
    assertEquals(io, hex(AmlResource.io(port.base(), ComPort.LENGTH)));
    assertEquals(irq, hex(AmlResource.irq(port.isaIrq())));
    String text = AmlDecoder.terms(port.device().toBytes());
    String expected =
        "Device(%s){Name(_HID,17158209) Name(_UID,%d) Name(_DDN,\"%s\") Name(_CRS,Buffer(13){%s%s79"
            .formatted(port, uid, port, io, irq);
    assertEquals(expected, text.substring(0, expected.length()));
  }

  @ParameterizedTest
  @EnumSource
  void comPortsTakeAnyInterrupt(ComPort port) {
    AmlResource interrupt =
        AmlResource.interrupt(
            16 + port.uid(), Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE);
    String text = AmlDecoder.terms(port.device(interrupt).toBytes());
    assertTrue(text.contains("0108" + hex(interrupt) + "79"), text);
  }

  @Test
  void methodFlags() {
    assertEquals("14084d54484400a400", hex(Aml.method("MTHD", 0, Aml.returnValue(zero()))));
    assertEquals("14064d5448440f", hex(Aml.serializedMethod("MTHD", 7)));
    refused("number of arguments 0x8 (8) is outside 0x0..0x7", () -> Aml.method("MTHD", 8));
    refused(
        "number of arguments -1 (-1) is outside 0x0..0x7", () -> Aml.serializedMethod("MTHD", -1));
  }

  @Test
  void fieldsAndRegions() {
    assertEquals(
        "5b80" + "52454753" + "01" + "0b2006" + "0a08",
        hex(Aml.operationRegion("REGS", AddressSpace.SYSTEM_IO, 0x620, 8)));
    assertEquals(
        "5b81" + "13" + "52454753" + "51" + "46414141" + "08" + "00" + "4104" + "46415f5f" + "01",
        hex(
            Aml.field(
                "REGS",
                Aml.FieldAccess.BYTE,
                true,
                Aml.FieldUpdate.WRITE_AS_ZEROS,
                new Aml.FieldUnit("FAAA", 8),
                Aml.FieldUnit.skip(65),
                new Aml.FieldUnit("FA", 1))));
    refused(
        "length of operation region 0x0 (0) is outside 0x1..0x7fffffffffffffff",
        () -> Aml.operationRegion("REGS", AddressSpace.SYSTEM_MEMORY, 0, 0));
    refused("field unit \"A.B\" is not one segment", () -> new Aml.FieldUnit("A.B", 1));
    refused(
        "bits of a field unit 0x0 (0) is outside 0x1..0xfffffff", () -> new Aml.FieldUnit("A", 0));
    refused(
        "Field REGS declares a name twice: [A___, A___]",
        () ->
            Aml.field(
                "REGS",
                Aml.FieldAccess.ANY,
                false,
                Aml.FieldUpdate.PRESERVE,
                new Aml.FieldUnit("A", 1),
                new Aml.FieldUnit("A_", 1)));
  }

  @Test
  void localsAndArguments() {
    assertEquals("60", hex(Aml.local(0)));
    assertEquals("67", hex(Aml.local(7)));
    assertEquals("68", hex(Aml.arg(0)));
    assertEquals("6e", hex(Aml.arg(6)));
    refused("local 0x8 (8) is outside 0x0..0x7", () -> Aml.local(8));
    refused("argument 0x7 (7) is outside 0x0..0x6", () -> Aml.arg(7));
  }

  @Test
  void oneNameTwice() {
    AmlTerm first = Aml.name("_UID", Aml.integer(1));
    AmlTerm second = Aml.method("_UID", 0, Aml.returnValue(zero()));
    refused("Device COM1 declares _UID twice", () -> Aml.device("COM1", first, second));
    refused(
        "Scope \\_SB declares COM1 twice",
        () -> Aml.scope("\\_SB", ComPort.COM1.device(), ComPort.COM1.device()));
    refused(
        "DSDT declares \\_S5_ twice",
        () -> Dsdt.of(Aml.sleepState(5, 5), Aml.name("\\_S5_", Aml.pkg())));
    refused("SSDT declares _UID twice", () -> Ssdt.of("T", first, second));
    refused("Method M declares _UID twice", () -> Aml.method("M", 0, first, second));
    refused("If declares _UID twice", () -> Aml.ifThen(zero(), first, second));
    refused(
        "Else declares _UID twice",
        () -> Aml.ifElse(zero(), List.of(first), List.of(first, second)));
    // A scope may be opened again.
    AmlTerm scope = Aml.scope("\\_SB");
    assertEquals(Sdt.HEADER_LENGTH + 14, Dsdt.of(scope, scope).length());
  }

  @Test
  void onlyNamesCanBeDeclared() {
    refused("path \"\\\" names nothing new", () -> Aml.device("\\"));
    refused("path \"^\" names nothing new", () -> Aml.name("^", zero()));
    refused("path \"^^\" names nothing new", () -> Aml.call("^^"));
    assertEquals("10035c00", hex(Aml.scope("\\")));
  }

  @Test
  void callsTakeSevenArguments() {
    AmlArg[] eight = new AmlArg[8];
    Arrays.fill(eight, zero());
    refused("number of arguments 0x8 (8) is outside 0x0..0x7", () -> Aml.call("M", eight));
  }

  @Test
  void nodesAreValues() {
    assertEquals(Aml.integer(7), Aml.integer(7));
    assertEquals(Aml.integer(7).hashCode(), Aml.integer(7).hashCode());
    assertNotEquals(Aml.integer(7), Aml.integer(8));
    assertNotEquals(Aml.integer(0x60), Aml.local(0));
    assertEquals("AML 0a 07", Aml.integer(7).toString());
    AmlData data = Aml.integer(7);
    data.toBytes()[1] = 8;
    assertEquals("0a07", hex(data));
  }

  private static AmlData zero() {
    return Aml.integer(0);
  }
}
