// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Factories of AML, the bytecode by which a guest learns devices and runs methods (ACPI chapters 19
 * and 20). They are named after ASL's operators:
 *
 * {@snippet :
 * AmlTerm device =
 *     Aml.device(
 *         "V000",
 *         Aml.name("_HID", Aml.string("LNRO0005")),
 *         Aml.name("_UID", Aml.integer(0)),
 *         Aml.name(
 *             "_CRS",
 *             Aml.resourceTemplate(
 *                 AmlResource.memory32Fixed(0xd000_0000L, 0x1000, true),
 *                 AmlResource.interrupt(
 *                     5, Trigger.EDGE, Polarity.ACTIVE_HIGH, Sharing.EXCLUSIVE))),
 *         Aml.method("_STA", 0, Aml.returnValue(Aml.integer(0xf))));
 * }
 *
 * <p>A path is written as {@link AmlPath} says; a factory that takes one throws {@link
 * IllegalArgumentException} if it is malformed. Integers have 64 bits. What is made may be used
 * several times and by any thread. No operator encodes more than 2^28 - 1 bytes; beyond that the
 * factories throw {@link IllegalArgumentException}.
 */
public final class Aml {
  private static final int EXT_PREFIX = 0x5b;
  private static final int NULL_NAME = 0x00;
  private static final int MAX_ARGS = 7;

  private static final Pattern EISA_ID = Pattern.compile("[A-Z]{3}[0-9A-F]{4}");

  private Aml() {}

  // Constants

  /**
   * {@return an integer in its shortest encoding}
   *
   * @param value any value, taken as unsigned
   */
  public static AmlData integer(long value) {
    return new AmlCode.Data(putInteger(new ByteSink(), value));
  }

  private static ByteSink putInteger(ByteSink out, long value) {
    if (value == 0 || value == 1) {
      return out.u8((int) value); // ZeroOp, OneOp
    } else if (value == -1) {
      return out.u8(0xff); // OnesOp
    } else if (value >>> 8 == 0) {
      return out.u8(0x0a).u8((int) value);
    } else if (value >>> 16 == 0) {
      return out.u8(0x0b).u16((int) value);
    } else if (value >>> 32 == 0) {
      return out.u8(0x0c).u32(value);
    }
    return out.u8(0x0e).u64(value);
  }

  /**
   * {@return a string}
   *
   * @param text characters U+0001 to U+007F
   * @throws IllegalArgumentException if it has another character
   */
  public static AmlData string(String text) {
    ByteSink out = new ByteSink().u8(0x0d);
    for (int i = 0; i < text.length(); i++) {
      out.u8(Check.range("character " + i + " of AML string", text.charAt(i), 1, 0x7f));
    }
    return new AmlCode.Data(out.u8(0));
  }

  /**
   * {@return a device id compressed to an integer, as {@code _HID} and {@code _CID} take it (ASL's
   * EISAID, ACPI §19.3.4)}
   *
   * @param id three letters A to Z and four hexadecimal digits 0 to 9 and A to F, such as {@code
   *     PNP0501}
   * @throws IllegalArgumentException if it is malformed; an id of eight characters, such as {@code
   *     ACPI0013}, is a {@link #string}
   */
  public static AmlData eisaId(String id) {
    if (!EISA_ID.matcher(id).matches()) {
      throw new IllegalArgumentException("EISA id \"%s\" is not [A-Z]{3}[0-9A-F]{4}".formatted(id));
    }
    // Big endian: 0 aaaaa bbbbb ccccc and 16 bits of product; letters count from 1.
    int value =
        (id.charAt(0) - '@') << 26
            | (id.charAt(1) - '@') << 21
            | (id.charAt(2) - '@') << 16
            | Integer.parseInt(id.substring(3), 16);
    return integer(Integer.toUnsignedLong(Integer.reverseBytes(value)));
  }

  /**
   * {@return a buffer}
   *
   * @param bytes its bytes, copied
   */
  public static AmlData buffer(byte... bytes) {
    ByteSink content = putInteger(new ByteSink(), bytes.length).bytes(bytes);
    return new AmlCode.Data(AmlCode.pkg(new ByteSink().u8(0x11), content));
  }

  /**
   * {@return a package; one of more than 255 elements gets the form for that}
   *
   * @param elements its elements
   */
  public static AmlData pkg(AmlElement... elements) {
    return pkg(List.of(elements));
  }

  /**
   * {@return a package; one of more than 255 elements gets the form for that}
   *
   * @param elements its elements
   */
  public static AmlData pkg(List<? extends AmlElement> elements) {
    boolean small = elements.size() <= 0xff;
    ByteSink content = new ByteSink();
    if (small) {
      content.u8(elements.size());
    } else {
      putInteger(content, elements.size());
    }
    putAll(content, elements);
    return new AmlCode.Data(AmlCode.pkg(new ByteSink().u8(small ? 0x12 : 0x13), content));
  }

  /**
   * {@return a buffer of resource descriptors, closed by an end tag with checksum (ACPI §6.4)}
   *
   * @param resources the descriptors
   */
  public static AmlData resourceTemplate(AmlResource... resources) {
    return resourceTemplate(List.of(resources));
  }

  /**
   * {@return a buffer of resource descriptors, closed by an end tag with checksum (ACPI §6.4)}
   *
   * @param resources the descriptors
   */
  public static AmlData resourceTemplate(List<AmlResource> resources) {
    ByteSink out = new ByteSink();
    for (AmlResource resource : resources) {
      out.bytes(resource.toBytes());
    }
    out.u8(0x79);
    byte[] bytes = out.u8(0).toByteArray();
    bytes[bytes.length - 1] = ByteSink.checksum(bytes, 0, bytes.length);
    return buffer(bytes);
  }

  // Objects in the namespace

  /**
   * {@return a constant with a name}
   *
   * @param path its name
   * @param value the constant
   * @throws IllegalArgumentException if the path is malformed
   */
  public static AmlTerm name(String path, AmlData value) {
    AmlPath name = named(path);
    return new AmlCode.Term(
        new ByteSink().u8(0x08).bytes(name.toBytes()).bytes(value.toBytes()), List.of(name));
  }

  /**
   * {@return terms in a scope that exists already, such as {@code \_SB}}
   *
   * @param path the scope
   * @param terms what it gets
   * @throws IllegalArgumentException if the path is malformed or two terms declare one name
   */
  public static AmlTerm scope(String path, AmlTerm... terms) {
    return scope(path, List.of(terms));
  }

  /**
   * {@return terms in a scope that exists already, such as {@code \_SB}}
   *
   * @param path the scope
   * @param terms what it gets
   * @throws IllegalArgumentException if the path is malformed or two terms declare one name
   */
  public static AmlTerm scope(String path, List<? extends AmlTerm> terms) {
    ByteSink content = new ByteSink().bytes(AmlPath.of(path).toBytes());
    content.bytes(AmlCode.termList("Scope " + path, terms));
    return new AmlCode.Term(AmlCode.pkg(new ByteSink().u8(0x10), content), List.of());
  }

  /**
   * {@return a device}
   *
   * @param path its name
   * @param terms what it has
   * @throws IllegalArgumentException if the path is malformed or two terms declare one name
   */
  public static AmlTerm device(String path, AmlTerm... terms) {
    return device(path, List.of(terms));
  }

  /**
   * {@return a device}
   *
   * @param path its name
   * @param terms what it has
   * @throws IllegalArgumentException if the path is malformed or two terms declare one name
   */
  public static AmlTerm device(String path, List<? extends AmlTerm> terms) {
    AmlPath name = named(path);
    ByteSink content = new ByteSink().bytes(name.toBytes());
    content.bytes(AmlCode.termList("Device " + path, terms));
    return new AmlCode.Term(
        AmlCode.pkg(new ByteSink().u8(EXT_PREFIX).u8(0x82), content), List.of(name));
  }

  /**
   * {@return a method that several threads of the guest may run at once}
   *
   * @param path its name
   * @param argCount how many arguments it takes, 0 to 7
   * @param body what it does
   * @throws IllegalArgumentException if the path is malformed, the count is out of range or two
   *     terms declare one name
   */
  public static AmlTerm method(String path, int argCount, AmlTerm... body) {
    return method(path, argCount, List.of(body));
  }

  /**
   * {@return a method that several threads of the guest may run at once}
   *
   * @param path its name
   * @param argCount how many arguments it takes, 0 to 7
   * @param body what it does
   * @throws IllegalArgumentException if the path is malformed, the count is out of range or two
   *     terms declare one name
   */
  public static AmlTerm method(String path, int argCount, List<? extends AmlTerm> body) {
    return method(path, argCount, 0, body);
  }

  /**
   * {@return a method that one thread of the guest runs at a time; a must if it declares names}
   *
   * @param path its name
   * @param argCount how many arguments it takes, 0 to 7
   * @param body what it does
   * @throws IllegalArgumentException if the path is malformed, the count is out of range or two
   *     terms declare one name
   */
  public static AmlTerm serializedMethod(String path, int argCount, AmlTerm... body) {
    return serializedMethod(path, argCount, List.of(body));
  }

  /**
   * {@return a method that one thread of the guest runs at a time; a must if it declares names}
   *
   * @param path its name
   * @param argCount how many arguments it takes, 0 to 7
   * @param body what it does
   * @throws IllegalArgumentException if the path is malformed, the count is out of range or two
   *     terms declare one name
   */
  public static AmlTerm serializedMethod(String path, int argCount, List<? extends AmlTerm> body) {
    return method(path, argCount, 1 << 3, body);
  }

  private static AmlTerm method(
      String path, int argCount, int flags, List<? extends AmlTerm> body) {
    AmlPath name = named(path);
    ByteSink content = new ByteSink().bytes(name.toBytes()).u8(checkArgCount(argCount) | flags);
    content.bytes(AmlCode.termList("Method " + path, body));
    return new AmlCode.Term(AmlCode.pkg(new ByteSink().u8(0x14), content), List.of(name));
  }

  /**
   * {@return the values that the guest writes to SLP_TYP to enter a sleep state: {@code \_S0} to
   * {@code \_S5} (ACPI §7.4.2)}
   *
   * @param state 0 to 5; 5 is off
   * @param sleepType 0 to 7
   * @throws IllegalArgumentException if a value is out of range
   */
  public static AmlTerm sleepState(int state, int sleepType) {
    Check.range("sleep state", state, 0, 5);
    AmlData type = integer(Check.range("sleep type", sleepType, 0, 7));
    return name("\\_S" + state, pkg(type, type, integer(0), integer(0)));
  }

  /**
   * {@return a range of an address space that {@linkplain #field fields} can be laid over}
   *
   * @param path its name
   * @param space the address space
   * @param offset its first address, taken as unsigned
   * @param length its bytes, 1 or more
   * @throws IllegalArgumentException if the path is malformed or the length is not positive
   */
  public static AmlTerm operationRegion(String path, AddressSpace space, long offset, long length) {
    AmlPath name = named(path);
    Check.range("length of operation region", length, 1, Long.MAX_VALUE);
    ByteSink out = new ByteSink().u8(EXT_PREFIX).u8(0x80).bytes(name.toBytes()).u8(space.code());
    putInteger(out, offset);
    putInteger(out, length);
    return new AmlCode.Term(out, List.of(name));
  }

  /** How wide an access to a field's region is. */
  public enum FieldAccess {
    /** Any width that serves. */
    ANY(0),
    /** 8 bits. */
    BYTE(1),
    /** 16 bits. */
    WORD(2),
    /** 32 bits. */
    DWORD(3),
    /** 64 bits. */
    QWORD(4);

    private final int code;

    FieldAccess(int code) {
      this.code = code;
    }
  }

  /** What a write to a field does to the other bits of the accessed word. */
  public enum FieldUpdate {
    /** They keep their values. */
    PRESERVE(0),
    /** They are written as ones. */
    WRITE_AS_ONES(1),
    /** They are written as zeros. */
    WRITE_AS_ZEROS(2);

    private final int code;

    FieldUpdate(int code) {
      this.code = code;
    }
  }

  /**
   * One unit of a {@linkplain #field field}.
   *
   * @param name one segment, or the empty string for bits that are skipped
   * @param bits how many bits, 1 to 2^28 - 1
   */
  public record FieldUnit(String name, int bits) {
    /**
     * Checks the unit.
     *
     * @throws IllegalArgumentException if the name is more than one segment or malformed, or the
     *     count is out of range
     */
    public FieldUnit {
      if (!name.isEmpty() && !AmlPath.of(name).isSegment()) {
        throw new IllegalArgumentException("field unit \"%s\" is not one segment".formatted(name));
      }
      Check.range("bits of a field unit", bits, 1, AmlCode.MAX_PKG_LENGTH);
    }

    /**
     * {@return bits that are skipped}
     *
     * @param bits how many
     * @throws IllegalArgumentException if the count is out of range
     */
    public static FieldUnit skip(int bits) {
      return new FieldUnit("", bits);
    }
  }

  /**
   * {@return names for the bits of an operation region, from its first bit on}
   *
   * @param region the region
   * @param access the width of one access
   * @param lock whether the guest takes its global lock for each access
   * @param update what a write does to other bits
   * @param units the names
   * @throws IllegalArgumentException if the path is malformed or two units have one name
   */
  public static AmlTerm field(
      String region, FieldAccess access, boolean lock, FieldUpdate update, FieldUnit... units) {
    ByteSink content = new ByteSink().bytes(AmlPath.of(region).toBytes());
    content.u8(access.code | (lock ? 1 << 4 : 0) | update.code << 5);
    List<AmlPath> declares = new ArrayList<>();
    for (FieldUnit unit : units) {
      if (unit.name().isEmpty()) {
        content.u8(0x00);
      } else {
        AmlPath name = AmlPath.of(unit.name());
        declares.add(name);
        content.bytes(name.toBytes());
      }
      AmlCode.plainPkgLength(content, unit.bits());
    }
    AmlTerm field =
        new AmlCode.Term(
            AmlCode.pkg(new ByteSink().u8(EXT_PREFIX).u8(0x81), content), List.copyOf(declares));
    if (declares.stream().distinct().count() != declares.size()) {
      throw new IllegalArgumentException(
          "Field %s declares a name twice: %s".formatted(region, declares));
    }
    return field;
  }

  // Places

  /**
   * {@return a named object}
   *
   * @param path its name
   * @throws IllegalArgumentException if the path is malformed
   */
  public static AmlPath path(String path) {
    return AmlPath.of(path);
  }

  /**
   * {@return an argument of the method}
   *
   * @param index 0 to 6
   * @throws IllegalArgumentException if it is out of range
   */
  public static AmlTarget arg(int index) {
    return new AmlCode.Target(new ByteSink().u8(0x68 + Check.range("argument", index, 0, 6)));
  }

  /**
   * {@return a local variable of the method}
   *
   * @param index 0 to 7
   * @throws IllegalArgumentException if it is out of range
   */
  public static AmlTarget local(int index) {
    return new AmlCode.Target(new ByteSink().u8(0x60 + Check.range("local", index, 0, 7)));
  }

  // Statements and expressions

  /**
   * {@return the end of the method, with a value}
   *
   * @param value the value
   */
  public static AmlTerm returnValue(AmlArg value) {
    return new AmlCode.Term(new ByteSink().u8(0xa4).bytes(value.toBytes()), List.of());
  }

  /**
   * {@return terms that run if a value is not zero}
   *
   * @param condition the value
   * @param then the terms
   */
  public static AmlTerm ifThen(AmlArg condition, AmlTerm... then) {
    return ifElse(condition, List.of(then), List.of());
  }

  /**
   * {@return terms that run if a value is not zero, and others that run if it is}
   *
   * @param condition the value
   * @param then the terms for a value that is not zero
   * @param otherwise the terms for zero; none means that there is no Else
   */
  public static AmlTerm ifElse(
      AmlArg condition, List<? extends AmlTerm> then, List<? extends AmlTerm> otherwise) {
    ByteSink content = new ByteSink().bytes(condition.toBytes());
    content.bytes(AmlCode.termList("If", then));
    ByteSink out = AmlCode.pkg(new ByteSink().u8(0xa0), content);
    if (!otherwise.isEmpty()) {
      ByteSink rest = new ByteSink().bytes(AmlCode.termList("Else", otherwise));
      AmlCode.pkg(out.u8(0xa1), rest);
    }
    return new AmlCode.Term(out, List.of());
  }

  /**
   * {@return the event {@code value} for a device, a processor or a thermal zone}
   *
   * @param object the object
   * @param value the event, such as 0x80
   */
  public static AmlTerm notify(AmlTarget object, AmlArg value) {
    return new AmlCode.Term(
        new ByteSink().u8(0x86).bytes(object.toBytes()).bytes(value.toBytes()), List.of());
  }

  /**
   * {@return {@code target = value}, which yields the value}
   *
   * @param value the value
   * @param target where it goes
   */
  public static AmlOperation store(AmlArg value, AmlTarget target) {
    return operation(0x70, value, target);
  }

  /**
   * {@return whether two values are equal: all ones or zero}
   *
   * @param left a value
   * @param right another
   */
  public static AmlOperation equal(AmlArg left, AmlArg right) {
    return operation(0x93, left, right);
  }

  /**
   * {@return whether a value is greater than another, unsigned: all ones or zero}
   *
   * @param left the value
   * @param right the other
   */
  public static AmlOperation greater(AmlArg left, AmlArg right) {
    return operation(0x94, left, right);
  }

  /**
   * {@return whether a value is less than another, unsigned: all ones or zero}
   *
   * @param left the value
   * @param right the other
   */
  public static AmlOperation less(AmlArg left, AmlArg right) {
    return operation(0x95, left, right);
  }

  /**
   * {@return all ones if a value is zero, else zero}
   *
   * @param value the value
   */
  public static AmlOperation not(AmlArg value) {
    return operation(0x92, value);
  }

  /**
   * {@return the bits that both values have}
   *
   * @param left a value
   * @param right another
   */
  public static AmlOperation and(AmlArg left, AmlArg right) {
    return withoutTarget(0x7b, left, right);
  }

  /**
   * {@return the bits that both values have, which also go to {@code target}}
   *
   * @param left a value
   * @param right another
   * @param target where they go
   */
  public static AmlOperation and(AmlArg left, AmlArg right, AmlTarget target) {
    return operation(0x7b, left, right, target);
  }

  /**
   * {@return the bits that either value has}
   *
   * @param left a value
   * @param right another
   */
  public static AmlOperation or(AmlArg left, AmlArg right) {
    return withoutTarget(0x7d, left, right);
  }

  /**
   * {@return the bits that either value has, which also go to {@code target}}
   *
   * @param left a value
   * @param right another
   * @param target where they go
   */
  public static AmlOperation or(AmlArg left, AmlArg right, AmlTarget target) {
    return operation(0x7d, left, right, target);
  }

  /**
   * {@return a call of a method}
   *
   * <p>AML does not say how many arguments a call has: a guest that takes the method to have
   * another number reads all that follows wrongly.
   *
   * @param method the method
   * @param args exactly as many arguments as it takes, at most 7
   * @throws IllegalArgumentException if the path is malformed or there are more than 7 arguments
   */
  public static AmlOperation call(String method, AmlArg... args) {
    ByteSink out = new ByteSink().bytes(named(method).toBytes());
    checkArgCount(args.length);
    putAll(out, List.of(args));
    return new AmlCode.Operation(out);
  }

  private static AmlOperation operation(int opcode, AmlArg... args) {
    ByteSink out = new ByteSink().u8(opcode);
    putAll(out, List.of(args));
    return new AmlCode.Operation(out);
  }

  /** Arithmetic has a third operand, where the result also goes: none here. */
  private static AmlOperation withoutTarget(int opcode, AmlArg left, AmlArg right) {
    return new AmlCode.Operation(
        new ByteSink().u8(opcode).bytes(left.toBytes()).bytes(right.toBytes()).u8(NULL_NAME));
  }

  private static void putAll(ByteSink out, List<? extends AmlNode> nodes) {
    for (AmlNode node : nodes) {
      out.bytes(node.toBytes());
    }
  }

  private static int checkArgCount(int count) {
    return Check.range("number of arguments", count, 0, MAX_ARGS);
  }

  /** A path that names something: not the root, not a parent. */
  static AmlPath named(String path) {
    AmlPath name = AmlPath.of(path);
    if (!name.hasName()) {
      throw new IllegalArgumentException("path \"%s\" names nothing new".formatted(path));
    }
    return name;
  }
}
