// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.UnionLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compares what jextract generated with what gcc makes of the headers of Linux 6.12: every size,
 * alignment, offset and constant. What there is to compare is found by reflection; a C program that
 * asks the compiler for each of these numbers is written, compiled and run.
 */
class AbiTest {
  /** Members whose name is a Java keyword: jextract appends an underscore. */
  private static final Map<String, String> KEYWORDS = Map.of("class_", "class");

  private static Path headers;

  @TempDir private Path folder;

  /**
   * A number that Java has and the C expression for it.
   *
   * @param narrow the number is an {@code int}, which is how jextract shows an {@code unsigned int}
   *     too: the 32 bits count
   */
  private record Fact(String name, String c, long value, boolean narrow) {
    boolean holds(long inC) {
      if (!narrow) {
        return inC == value;
      }
      boolean fits = inC >= Integer.MIN_VALUE && inC <= 0xffff_ffffL;
      return fits && (int) inC == (int) value;
    }
  }

  /** What one generated package states, gathered by reflection. */
  private static final class Facts {
    final List<Fact> facts = new ArrayList<>();
    final Set<String> constants = new TreeSet<>();
    final Set<String> types = new TreeSet<>();
    final Set<String> holes = new TreeSet<>();
    int fields;

    void add(String name, String c, long value, boolean narrow) {
      facts.add(new Fact(name, c, value, narrow));
    }
  }

  @BeforeAll
  static void findHeaders() throws Exception {
    Tools.require("gcc");
    headers = Tools.uapiHeaders();
  }

  @Test
  void kvm() throws Exception {
    // jextract leaves bit-fields out: here delivery_mode to trig_mode and mask of an IOAPIC entry.
    compare(
        kvm_h.class,
        "kvm.includes",
        "#include <linux/kvm.h>",
        "x86/include",
        List.of(),
        Set.of("struct kvm_ioapic_state: redirtbl[0].fields"));
  }

  @Test
  void kvmArm64() throws Exception {
    // gcc for x86-64 stands in for one for arm64: both are LP64 with the same alignments; only
    // char's sign differs.
    compare(
        kvm_arm64_h.class,
        "kvm-arm64.includes",
        "#include <linux/kvm.h>",
        "arm64/include",
        List.of("-funsigned-char"),
        Set.of());
  }

  @Test
  void linux() throws Exception {
    // glibc's part of these headers is the host's.
    Tools.requireArch("amd64");
    Path header = Tools.basedir().resolve("jextract/linux.h");
    compare(
        linux_h.class,
        "linux.includes",
        "#include \"" + header + "\"",
        "x86/include",
        List.of(),
        Set.of());
  }

  private void compare(
      Class<?> header,
      String includes,
      String include,
      String headerFolder,
      List<String> options,
      Set<String> holes)
      throws Exception {
    Facts facts = gather(header);
    checkIncludes(includes, facts);
    assertEquals(holes, facts.holes, "structs with fields that are not bound");

    Path source = folder.resolve("probe.c");
    Path probe = folder.resolve("probe");
    Files.writeString(source, program(include, facts.facts));
    List<String> gcc = new ArrayList<>(List.of("gcc", "-std=gnu17", "-w"));
    gcc.addAll(options);
    gcc.addAll(List.of("-I", headers.resolve(headerFolder).toString()));
    gcc.addAll(List.of("-o", probe.toString(), source.toString()));
    Tools.Result compiled = Tools.run(gcc);
    assertEquals(0, compiled.status(), compiled.err());
    Tools.Result run = Tools.run(List.of(probe.toString()));
    assertEquals(0, run.status(), run.err());

    List<String> lines = run.out().lines().toList();
    assertEquals(facts.facts.size(), lines.size(), "answers of the probe");
    List<String> wrong = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      Fact fact = facts.facts.get(i);
      long inC = Long.parseUnsignedLong(lines.get(i));
      if (!fact.holds(inC)) {
        wrong.add("%s: %#x in Java, %#x in C (%s)".formatted(fact.name, fact.value, inC, fact.c));
      }
    }
    System.out.printf(
        "%s: %d types, %d fields, %d constants: %d numbers compared; not bound: %d %s%n",
        header.getPackageName(),
        facts.types.size(),
        facts.fields,
        facts.constants.size(),
        lines.size(),
        holes.size(),
        holes);
    if (!wrong.isEmpty()) {
      fail(wrong.size() + " of " + lines.size() + " differ:\n" + String.join("\n", wrong));
    }
  }

  /** Holds the generated package against the list jextract was given, so that nothing got lost. */
  private static void checkIncludes(String includes, Facts facts) throws IOException {
    Set<String> constants = new TreeSet<>();
    Set<String> types = new TreeSet<>();
    for (String line : Files.readAllLines(Tools.basedir().resolve("jextract").resolve(includes))) {
      String[] words = line.split(" ", -1);
      switch (words[0]) {
        case "--include-constant" -> constants.add(words[1]);
        case "--include-struct", "--include-union" -> types.add(words[1]);
        default -> fail(includes + ": " + line);
      }
    }
    assertEquals(constants, facts.constants, includes);
    assertEquals(types, facts.types, includes);
  }

  private static Facts gather(Class<?> header) throws Exception {
    Facts facts = new Facts();
    for (Class<?> type : classesOf(header)) {
      // The header's class and, for long headers, the classes it is split into.
      if (type.isAssignableFrom(header)) {
        gatherConstants(type, facts);
      } else {
        gatherType(type, facts);
      }
    }
    assertNotEquals(0, facts.fields);
    return facts;
  }

  /** The top-level classes of the package, from the folder they were compiled to. */
  private static List<Class<?>> classesOf(Class<?> header) throws Exception {
    Path root = Path.of(header.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path packageFolder = root.resolve(header.getPackageName().replace('.', '/'));
    List<Class<?>> classes = new ArrayList<>();
    try (Stream<Path> files = Files.list(packageFolder)) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.endsWith(".class")) {
          String simple = name.substring(0, name.length() - ".class".length());
          Class<?> type = Class.forName(header.getPackageName() + "." + simple);
          if (type.getEnclosingClass() == null) {
            classes.add(type);
          }
        }
      }
    }
    return classes;
  }

  private static void gatherConstants(Class<?> type, Facts facts) throws Exception {
    for (Method method : accessors(type)) {
      String name = method.getName();
      assertTrue(facts.constants.add(name), name);
      Object value = method.invoke(null);
      switch (value) {
        case Integer i -> facts.add(name, name, i, true);
        case Long l -> facts.add(name, name, l, false);
        case MemorySegment s when s.byteSize() == 0 -> facts.add(name, name, s.address(), false);
        default -> fail(name + " is a " + value.getClass() + ": teach this test to compare it");
      }
    }
  }

  private static void gatherType(Class<?> type, Facts facts) throws Exception {
    GroupLayout layout = (GroupLayout) invoke(type, "layout");
    String tag = type.getSimpleName();
    String c = (layout instanceof UnionLayout ? "union " : "struct ") + tag;
    facts.types.add(tag);
    facts.add(tag, "sizeof(" + c + ")", layout.byteSize(), false);
    facts.add(tag + ": alignment", "_Alignof(" + c + ")", layout.byteAlignment(), false);
    findHoles(layout, tag, facts);
    gatherFields(type, c, "", 0, facts);
  }

  /**
   * @param path what leads from the named type {@code c} to the type of the field that {@code type}
   *     describes, with a dot at its end, or empty
   * @param base the offset of that field
   */
  private static void gatherFields(Class<?> type, String c, String path, long base, Facts facts)
      throws Exception {
    Map<String, Class<?>> nested = new LinkedHashMap<>();
    for (Class<?> each : type.getDeclaredClasses()) {
      nested.put(each.getSimpleName(), each);
    }
    for (Method method : accessors(type)) {
      if (!method.getName().endsWith("$offset")) {
        continue;
      }
      String field = method.getName().substring(0, method.getName().length() - "$offset".length());
      long offset = base + (long) method.invoke(null);
      MemoryLayout layout = (MemoryLayout) invoke(type, field + "$layout");
      String inner = path + KEYWORDS.getOrDefault(field, field);
      String whole = "((" + c + " *) 0)->" + inner;
      String name = c + ": " + inner;
      facts.fields++;
      facts.add(name, "offsetof(" + c + ", " + inner + ")", offset, false);

      MemoryLayout element = layout;
      // A flexible array has no size in C, its elements have.
      boolean flexible = false;
      while (element instanceof SequenceLayout sequence) {
        flexible |= sequence.elementCount() == 0;
        element = sequence.elementLayout();
        inner += "[0]";
      }
      String lvalue = "((" + c + " *) 0)->" + inner;
      facts.add(name + ": size of element", "sizeof(" + lvalue + ")", element.byteSize(), false);
      if (layout instanceof SequenceLayout && !flexible) {
        facts.add(name + ": size", "sizeof(" + whole + ")", layout.byteSize(), false);
      }

      Class<?> fieldType = nested.remove(field);
      if (fieldType != null) {
        GroupLayout own = (GroupLayout) invoke(fieldType, "layout");
        facts.add(name + ": size of type", "sizeof(" + lvalue + ")", own.byteSize(), false);
        findHoles(own, c + ": " + inner, facts);
        gatherFields(fieldType, c, inner + ".", offset, facts);
      }
    }
    assertEquals(Map.of(), nested, c + ": classes of no field");
  }

  /** Finds padding that alignment does not explain: there C has fields that Java has not. */
  private static void findHoles(GroupLayout layout, String name, Facts facts) {
    List<MemoryLayout> members = layout.memberLayouts();
    for (int i = 0; i < members.size(); i++) {
      MemoryLayout member = members.get(i);
      if (member instanceof PaddingLayout) {
        boolean inside = layout instanceof StructLayout && i + 1 < members.size();
        long alignment = (inside ? members.get(i + 1) : layout).byteAlignment();
        if (layout instanceof StructLayout && member.byteSize() >= alignment) {
          facts.holes.add(name);
        }
      } else if (member instanceof GroupLayout group
          && group.name().map(n -> n.startsWith("$anon$")).orElse(true)) {
        findHoles(group, name, facts);
      }
    }
  }

  /** The public static methods without parameters, in a stable order. */
  private static List<Method> accessors(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(m -> Modifier.isStatic(m.getModifiers()) && Modifier.isPublic(m.getModifiers()))
        .filter(m -> m.getParameterCount() == 0)
        // The second class of a large header is not public.
        .peek(m -> m.setAccessible(true))
        .sorted(Comparator.comparing(Method::getName))
        .toList();
  }

  private static Object invoke(Class<?> type, String name) throws Exception {
    return type.getMethod(name).invoke(null);
  }

  private static String program(String include, List<Fact> facts) {
    StringBuilder program = new StringBuilder(1 << 20);
    program.append(include).append("\n#include <stddef.h>\n#include <stdio.h>\n");
    program.append("static void say(unsigned long long v) { printf(\"%llu\\n\", v); }\n");
    program.append("int main(void) {\n");
    for (Fact fact : facts) {
      program.append("  say((unsigned long long) (").append(fact.c).append("));\n");
    }
    return program.append("}\n").toString();
  }
}
