// SPDX-License-Identifier: Apache-2.0
package org.javavmm.acpi;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;

/** Random AML with the text that {@link AmlDecoder} must make of it. */
final class RandomAml {
  /** What was made, and how it reads. */
  record Described<N>(N node, String text) {}

  /** The methods that are called, with the number of their arguments. */
  static final Map<String, Integer> METHODS = Map.of("CAL0", 0, "\\_SB_.CAL1", 1, "^CAL3", 3);

  private static final int MAX_DEPTH = 4;

  private final Random random;
  private int names;

  RandomAml(Random random) {
    this.random = random;
  }

  /** Up to seven terms, fewer the deeper. */
  Described<List<AmlTerm>> terms(int depth) {
    List<Described<? extends AmlTerm>> terms = new ArrayList<>();
    for (int i = random.nextInt(8 - depth); i > 0; i--) {
      terms.add(term(depth + 1));
    }
    return all(terms, " ");
  }

  private static <N> Described<List<N>> all(
      List<? extends Described<? extends N>> parts, String separator) {
    List<N> nodes = new ArrayList<>();
    parts.forEach(part -> nodes.add(part.node()));
    return new Described<>(
        nodes, parts.stream().map(Described::text).collect(Collectors.joining(separator)));
  }

  private <T> T oneOf(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  /** A name that was not given before, with random prefix and parents. */
  private String newName() {
    StringBuilder name = new StringBuilder(oneOf(List.of("", "", "\\", "^", "^^")));
    for (int i = random.nextInt(4); i > 0; i--) {
      name.append(oneOf(List.of("_SB_", "PCI0", "A___", "Z9__"))).append('.');
    }
    return name + segment();
  }

  /** A segment that was not given before, of 46,656. */
  private String segment() {
    String digits = Integer.toString(names++, 36).toUpperCase(Locale.ROOT);
    return "N" + "0".repeat(3 - digits.length()) + digits;
  }

  private Described<? extends AmlTerm> term(int depth) {
    String name = newName();
    return switch (random.nextInt(depth < MAX_DEPTH ? 11 : 6)) {
      case 0 -> {
        Described<? extends AmlData> value = data(depth);
        yield new Described<>(
            Aml.name(name, value.node()), "Name(%s,%s)".formatted(name, value.text()));
      }
      case 1 -> {
        Described<? extends AmlArg> value = arg(depth);
        yield new Described<>(Aml.returnValue(value.node()), "Return(%s)".formatted(value.text()));
      }
      case 2 -> {
        Described<? extends AmlTarget> target = target();
        Described<? extends AmlArg> value = arg(depth);
        yield new Described<>(
            Aml.notify(target.node(), value.node()),
            "Notify(%s,%s)".formatted(target.text(), value.text()));
      }
      case 3 -> {
        AddressSpace space = oneOf(List.of(AddressSpace.values()));
        Described<AmlData> offset = integer();
        long length = 1 + random.nextLong(Long.MAX_VALUE - 1);
        yield new Described<>(
            Aml.operationRegion(name, space, parse(offset.text()), length),
            "OperationRegion(%s,%d,%s,%s)"
                .formatted(name, space.code(), offset.text(), Long.toString(length)));
      }
      case 4 -> {
        yield field(name);
      }
      case 5 -> {
        yield operation(depth);
      }
      case 6 -> {
        Described<List<AmlTerm>> terms = terms(depth);
        yield new Described<>(
            Aml.device(name, terms.node()), "Device(%s){%s}".formatted(name, terms.text()));
      }
      case 7 -> {
        Described<List<AmlTerm>> terms = terms(depth);
        yield new Described<>(
            Aml.scope(name, terms.node()), "Scope(%s){%s}".formatted(name, terms.text()));
      }
      case 8 -> {
        Described<List<AmlTerm>> terms = terms(depth);
        int args = random.nextInt(8);
        boolean serialized = random.nextBoolean();
        yield new Described<>(
            serialized
                ? Aml.serializedMethod(name, args, terms.node())
                : Aml.method(name, args, terms.node()),
            "Method(%s,%d,%s){%s}"
                .formatted(name, args, serialized ? "Serialized" : "NotSerialized", terms.text()));
      }
      default -> {
        Described<? extends AmlArg> condition = arg(depth);
        Described<List<AmlTerm>> then = terms(depth);
        Described<List<AmlTerm>> otherwise = terms(depth);
        String text = "If(%s){%s}".formatted(condition.text(), then.text());
        if (!otherwise.node().isEmpty()) {
          text += " Else{" + otherwise.text() + "}";
        }
        yield new Described<>(Aml.ifElse(condition.node(), then.node(), otherwise.node()), text);
      }
    };
  }

  private Described<? extends AmlTerm> field(String region) {
    Aml.FieldAccess access = oneOf(List.of(Aml.FieldAccess.values()));
    Aml.FieldUpdate update = oneOf(List.of(Aml.FieldUpdate.values()));
    boolean lock = random.nextBoolean();
    List<Described<Aml.FieldUnit>> units = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      String name = random.nextBoolean() ? "" : segment();
      int bits = 1 + (random.nextInt(AmlCode.MAX_PKG_LENGTH) >>> random.nextInt(28));
      units.add(new Described<>(new Aml.FieldUnit(name, bits), name + ":" + bits));
    }
    Described<List<Aml.FieldUnit>> all = all(units, " ");
    AmlTerm field =
        Aml.field(region, access, lock, update, all.node().toArray(new Aml.FieldUnit[0]));
    int accessCode = List.of(Aml.FieldAccess.values()).indexOf(access);
    int updateCode = List.of(Aml.FieldUpdate.values()).indexOf(update);
    return new Described<>(
        field,
        "Field(%s,%d,%d,%d){%s}"
            .formatted(region, accessCode, lock ? 1 : 0, updateCode, all.text()));
  }

  private Described<AmlOperation> operation(int depth) {
    Described<? extends AmlArg> a = arg(depth + 1);
    Described<? extends AmlArg> b = arg(depth + 1);
    String args = a.text() + "," + b.text();
    return switch (random.nextInt(12)) {
      case 0 -> {
        Described<? extends AmlTarget> target = target();
        yield new Described<>(
            Aml.store(a.node(), target.node()), "Store(%s,%s)".formatted(a.text(), target.text()));
      }
      case 1 -> new Described<>(Aml.equal(a.node(), b.node()), "LEqual(%s)".formatted(args));
      case 2 -> new Described<>(Aml.greater(a.node(), b.node()), "LGreater(%s)".formatted(args));
      case 3 -> new Described<>(Aml.less(a.node(), b.node()), "LLess(%s)".formatted(args));
      case 4 -> new Described<>(Aml.not(a.node()), "LNot(%s)".formatted(a.text()));
      case 5 -> new Described<>(Aml.and(a.node(), b.node()), "And(%s,)".formatted(args));
      case 6 -> new Described<>(Aml.or(a.node(), b.node()), "Or(%s,)".formatted(args));
      case 7 -> new Described<>(Aml.call("CAL0"), "CAL0()");
      case 8 -> {
        Described<? extends AmlTarget> target = target();
        yield new Described<>(
            Aml.and(a.node(), b.node(), target.node()),
            "And(%s,%s)".formatted(args, target.text()));
      }
      case 9 -> {
        Described<? extends AmlTarget> target = target();
        yield new Described<>(
            Aml.or(a.node(), b.node(), target.node()), "Or(%s,%s)".formatted(args, target.text()));
      }
      case 10 ->
          new Described<>(Aml.call("\\_SB.CAL1", a.node()), "\\_SB_.CAL1(%s)".formatted(a.text()));
      default ->
          new Described<>(
              Aml.call("^CAL3", a.node(), b.node(), a.node()),
              "^CAL3(%s,%s)".formatted(args, a.text()));
    };
  }

  private Described<? extends AmlArg> arg(int depth) {
    return switch (random.nextInt(depth < MAX_DEPTH ? 3 : 2)) {
      case 0 -> data(depth);
      case 1 -> target();
      default -> operation(depth);
    };
  }

  private Described<? extends AmlTarget> target() {
    int index = random.nextInt(7);
    String name = newName();
    return switch (random.nextInt(3)) {
      case 0 -> new Described<>(Aml.local(index), "Local" + index);
      case 1 -> new Described<>(Aml.arg(index), "Arg" + index);
      default -> new Described<>(Aml.path(name), name);
    };
  }

  private Described<? extends AmlData> data(int depth) {
    return switch (random.nextInt(depth < MAX_DEPTH ? 6 : 4)) {
      case 0, 1 -> integer();
      case 2 -> {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(20); i > 0; i--) {
          text.append((char) (1 + random.nextInt(0x7f)));
        }
        yield new Described<>(Aml.string(text.toString()), "\"" + text + "\"");
      }
      case 3 -> {
        byte[] bytes =
            new byte[random.nextInt(100) == 0 ? random.nextInt(5000) : random.nextInt(80)];
        random.nextBytes(bytes);
        String size = Integer.toString(bytes.length);
        yield new Described<>(
            Aml.buffer(bytes), "Buffer(%s){%s}".formatted(size, HexFormat.of().formatHex(bytes)));
      }
      default -> {
        List<Described<? extends AmlElement>> elements = new ArrayList<>();
        for (int i = random.nextInt(50) == 0 ? 250 + random.nextInt(10) : random.nextInt(6);
            i > 0;
            i--) {
          String name = newName();
          elements.add(
              random.nextInt(4) == 0 ? new Described<>(Aml.path(name), name) : data(depth + 1));
        }
        Described<List<AmlElement>> all = all(elements, " ");
        String kind = elements.size() > 255 ? "VarPackage" : "Package";
        yield new Described<>(
            Aml.pkg(all.node()), "%s(%d){%s}".formatted(kind, elements.size(), all.text()));
      }
    };
  }

  private Described<AmlData> integer() {
    long value = random.nextLong() >>> random.nextInt(64);
    if (random.nextInt(8) == 0) {
      value = -1;
    }
    return new Described<>(Aml.integer(value), value == -1 ? "Ones" : Long.toUnsignedString(value));
  }

  private static long parse(String integer) {
    return integer.equals("Ones") ? -1 : Long.parseUnsignedLong(integer);
  }
}
