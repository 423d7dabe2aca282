// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A small AML reader written from the grammar alone; shares no code with the encoder. Turns a term
 * list into text: {@code Device(COM1){Name(_UID,1)}}.
 */
final class AmlDecoder {
  private final byte[] aml;
  private final Map<String, Integer> methods;
  private int at;

  private AmlDecoder(byte[] aml, Map<String, Integer> methods) {
    this.aml = aml;
    this.methods = methods;
  }

  /** Reads terms; {@code methods} gives the number of arguments of every method that is called. */
  static String terms(byte[] aml, Map<String, Integer> methods) {
    return new AmlDecoder(aml, methods).termsTo(aml.length);
  }

  static String terms(byte[] aml) {
    return terms(aml, Map.of());
  }

  /** Reads the length at the start of {@code bytes}: {length, bytes that it takes}. */
  static int[] pkgLength(byte[] bytes) {
    AmlDecoder decoder = new AmlDecoder(bytes, Map.of());
    int length = decoder.pkgLength();
    return new int[] {length, decoder.at};
  }

  private String termsTo(int end) {
    List<String> terms = new ArrayList<>();
    while (at < end) {
      terms.add(term());
    }
    if (at != end) {
      throw new AssertionError("term ends at %d, its container at %d".formatted(at, end));
    }
    return String.join(" ", terms);
  }

  private int u8() {
    return aml[at++] & 0xff;
  }

  private long little(int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (long) u8() << (8 * i);
    }
    return value;
  }

  private int pkgLength() {
    int lead = u8();
    int more = lead >> 6;
    if (more == 0) {
      return lead & 0x3f;
    }
    if ((lead & 0x30) != 0) {
      throw new AssertionError("reserved bits in PkgLength lead byte " + lead);
    }
    return (int) (little(more) << 4) | (lead & 0xf);
  }

  private int pkgEnd() {
    int start = at;
    int end = start + pkgLength();
    if (end > aml.length) {
      throw new AssertionError("package ends at %d of %d".formatted(end, aml.length));
    }
    return end;
  }

  private boolean atName() {
    int c = aml[at] & 0xff;
    return (c >= 'A' && c <= 'Z') || c == '_' || c == '\\' || c == '^' || c == 0x2e || c == 0x2f;
  }

  private String nameString() {
    StringBuilder name = new StringBuilder();
    while (aml[at] == '\\' || aml[at] == '^') {
      name.append((char) u8());
    }
    int segments = 1;
    switch (aml[at] & 0xff) {
      case 0x00 -> {
        at++;
        segments = 0;
      }
      case 0x2e -> {
        at++;
        segments = 2;
      }
      case 0x2f -> {
        at++;
        segments = u8();
      }
      default -> {}
    }
    for (int i = 0; i < segments; i++) {
      name.append(i > 0 ? "." : "").append(new String(aml, at, 4, StandardCharsets.US_ASCII));
      at += 4;
    }
    return name.toString();
  }

  private String term() {
    if (atName()) {
      String name = nameString();
      StringBuilder call = new StringBuilder(name).append('(');
      for (int i = 0; i < methods.getOrDefault(name, 0); i++) {
        call.append(i > 0 ? "," : "").append(term());
      }
      return methods.containsKey(name) ? call.append(')').toString() : name;
    }
    int opcode = u8();
    if (opcode == 0x5b) {
      opcode = 0x5b00 | u8();
    }
    return switch (opcode) {
      case 0x00 -> "0";
      case 0x01 -> "1";
      case 0xff -> "Ones";
      case 0x0a -> Long.toUnsignedString(little(1));
      case 0x0b -> Long.toUnsignedString(little(2));
      case 0x0c -> Long.toUnsignedString(little(4));
      case 0x0e -> Long.toUnsignedString(little(8));
      case 0x0d -> {
        int from = at;
        while (u8() != 0) {}
        yield '"' + new String(aml, from, at - 1 - from, StandardCharsets.US_ASCII) + '"';
      }
      case 0x08 -> "Name(" + nameString() + "," + term() + ")";
      case 0x10 -> {
        int end = pkgEnd();
        yield "Scope(" + nameString() + "){" + termsTo(end) + "}";
      }
      case 0x5b82 -> {
        int end = pkgEnd();
        yield "Device(" + nameString() + "){" + termsTo(end) + "}";
      }
      case 0x14 -> {
        int end = pkgEnd();
        String name = nameString();
        int flags = u8();
        String how = (flags & 8) != 0 ? "Serialized" : "NotSerialized";
        if (flags >> 4 != 0) {
          throw new AssertionError("sync level " + (flags >> 4));
        }
        yield "Method(" + name + "," + (flags & 7) + "," + how + "){" + termsTo(end) + "}";
      }
      case 0x11 -> {
        int end = pkgEnd();
        String size = term();
        String hex = HexFormat.of().formatHex(aml, at, end);
        at = end;
        yield "Buffer(" + size + "){" + hex + "}";
      }
      case 0x12, 0x13 -> {
        int end = pkgEnd();
        String count = opcode == 0x12 ? Integer.toString(u8()) : term();
        yield (opcode == 0x12 ? "Package(" : "VarPackage(") + count + "){" + termsTo(end) + "}";
      }
      case 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67 -> "Local" + (opcode - 0x60);
      case 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e -> "Arg" + (opcode - 0x68);
      case 0x70 -> "Store(" + term() + "," + term() + ")";
      case 0x7b -> "And(" + term() + "," + term() + "," + target() + ")";
      case 0x7d -> "Or(" + term() + "," + term() + "," + target() + ")";
      case 0x86 -> "Notify(" + term() + "," + term() + ")";
      case 0x92 -> "LNot(" + term() + ")";
      case 0x93 -> "LEqual(" + term() + "," + term() + ")";
      case 0x94 -> "LGreater(" + term() + "," + term() + ")";
      case 0x95 -> "LLess(" + term() + "," + term() + ")";
      case 0xa0 -> {
        int end = pkgEnd();
        yield "If(" + term() + "){" + termsTo(end) + "}";
      }
      case 0xa1 -> {
        int end = pkgEnd();
        yield "Else{" + termsTo(end) + "}";
      }
      case 0xa4 -> "Return(" + term() + ")";
      case 0x5b80 ->
          "OperationRegion(" + nameString() + "," + u8() + "," + term() + "," + term() + ")";
      case 0x5b81 -> {
        int end = pkgEnd();
        StringBuilder field = new StringBuilder("Field(" + nameString());
        int flags = u8();
        field.append(",%d,%d,%d){".formatted(flags & 0xf, flags >> 4 & 1, flags >> 5));
        String separator = "";
        while (at < end) {
          String name = aml[at] == 0 ? "" : nameString();
          if (name.isEmpty()) {
            at++;
          }
          field.append(separator).append(name).append(':').append(pkgLength());
          separator = " ";
        }
        yield field.append('}').toString();
      }
      default -> throw new AssertionError("opcode 0x%x before %d".formatted(opcode, at));
    };
  }

  private String target() {
    if (aml[at] == 0) {
      at++;
      return "";
    }
    return term();
  }
}
