// SPDX-License-Identifier: Apache-2.0
package org.javavmm.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Who may use whom. A new module needs a row in {@link #FLOORS} and a dependency in the pom. */
class ArchitectureTest {
  /**
   * The floors: package below {@code org.javavmm}, and what it may require besides itself. What
   * those may require, it may require too, but for {@link #ONLY_NAMED}.
   */
  private static final String FLOORS =
      """
      bindings        |
      sys             | bindings
      codec           |
      memory          | sys
      event           | sys
      kvm             | sys bindings
      acpi            |
      device          | memory
      loader          | memory codec
      blockio         | memory event sys codec
      codecs          | codec
      pci             | device
      superio         | device event sys
      arch            | kvm memory device
      virtio          | pci device memory event
      virtio.testkit  | virtio
      vmkvm           | kvm device memory
      virtio.devices  | virtio blockio
      vmm             | virtio.devices vmkvm arch superio loader acpi kvm
      lab             | loader sys
      examples        | vmm lab codecs
      bench           | vmm codecs kvm virtio.testkit
      stress          | vmm codecs kvm virtio.testkit
      fuzz            | vmm codecs kvm virtio.testkit
      """;

  /** Rows that are reached only by being named, or as given here. */
  private static final Map<String, Set<String>> ONLY_NAMED =
      Map.of(
          "bindings", Set.of("sys", "kvm"),
          "kvm", Set.of("arch", "vmkvm", "vmm", "examples", "fuzz", "bench", "stress"));

  /** Rows whose classes may use libraries; all others have the JDK and JSpecify. */
  private static final Set<String> WITH_LIBRARIES =
      Set.of("codecs", "vmm", "lab", "examples", "bench", "stress", "fuzz");

  /** Programs, which talk to their user. */
  private static final Set<String> PROGRAMS = Set.of("examples", "lab");

  /** Modules of the reactor without classes that others could use. */
  private static final Set<String> NOT_CHECKED =
      Set.of("bom", "architecture", "bench", "stress", "fuzz");

  /** The methods that need native access, by owner. */
  private static final Map<String, Set<String>> RESTRICTED =
      Map.of(
          "java.lang.foreign.Linker", Set.of("downcallHandle", "upcallStub"),
          "java.lang.foreign.MemorySegment", Set.of("reinterpret"),
          "java.lang.foreign.SymbolLookup", Set.of("libraryLookup"),
          "java.lang.foreign.AddressLayout", Set.of("withTargetLayout"),
          "java.lang.System", Set.of("load", "loadLibrary"),
          "java.lang.Runtime", Set.of("load", "loadLibrary"),
          "java.lang.ModuleLayer$Controller", Set.of("enableNativeAccess"));

  private static final String ROOT = "org.javavmm.";
  private static final Map<String, Set<String>> TABLE = table();
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.javavmm");
  private static final Map<String, ModuleDescriptor> MODULES = modules();

  private static Map<String, Set<String>> table() {
    Map<String, Set<String>> rows = new LinkedHashMap<>();
    for (String line : FLOORS.lines().toList()) {
      String[] row = line.split("\\|", 2);
      rows.put(
          row[0].strip(), new TreeSet<>(Arrays.asList(row[1].strip().split(" +")))); // "" if none
    }
    rows.values().forEach(row -> row.remove(""));
    return rows;
  }

  /** Reads the descriptors of all our modules on the class path. */
  private static Map<String, ModuleDescriptor> modules() {
    Map<String, ModuleDescriptor> found = new TreeMap<>();
    try {
      for (URL url :
          Collections.list(
              ArchitectureTest.class.getClassLoader().getResources("module-info.class"))) {
        try (InputStream in = url.openStream()) {
          ModuleDescriptor descriptor = ModuleDescriptor.read(in);
          if (descriptor.name().startsWith(ROOT)) {
            found.put(descriptor.name().substring(ROOT.length()), descriptor);
          }
        }
      }
    } catch (IOException e) {
      throw new ExceptionInInitializerError(e);
    }
    return found;
  }

  /** The row of a package, the longest that fits, or the package's own name if there is none. */
  private static String row(String packageName) {
    String name = packageName.substring(Math.min(ROOT.length(), packageName.length()));
    return TABLE.keySet().stream()
        .filter(row -> name.equals(row) || name.startsWith(row + "."))
        .max((a, b) -> Integer.compare(a.length(), b.length()))
        .orElse(name);
  }

  private static String row(JavaClass c) {
    return row(c.getPackageName());
  }

  private static boolean ours(JavaClass c) {
    return c.getPackageName().startsWith(ROOT);
  }

  private static DescribedPredicate<JavaClass> in(String description, Predicate<String> rows) {
    return describe(description, c -> ours(c) && rows.test(row(c)));
  }

  /** What a row may require, itself included. */
  private static Set<String> mayRequire(String row) {
    Set<String> all = new TreeSet<>();
    List<String> open = new ArrayList<>(List.of(row));
    while (!open.isEmpty()) {
      String next = open.removeLast();
      if (all.add(next)) {
        open.addAll(TABLE.getOrDefault(next, Set.of()));
      }
    }
    ONLY_NAMED.forEach((used, users) -> {
      if (!used.equals(row) && !users.contains(row)) {
        all.remove(used);
      }
    });
    return all;
  }

  @Test
  void theTableNamesOnlyItself() {
    TABLE.forEach((row, requires) ->
        requires.forEach(used -> {
          assertTrue(TABLE.containsKey(used), row + " may require " + used + ": no row");
          assertFalse(mayRequire(used).contains(row), row + " and " + used + ": a cycle");
        }));
  }

  @Test
  void everyPackageHasARow() {
    Set<String> without = new TreeSet<>();
    for (JavaClass c : CLASSES) {
      if (!TABLE.containsKey(row(c))) {
        without.add(c.getPackageName());
      }
    }
    assertEquals(Set.of(), without);
  }

  /** Otherwise the rules below would hold for want of anything to look at. */
  @Test
  void everyModuleOfTheReactorIsHere() throws IOException {
    Matcher module =
        Pattern.compile("<module>([^<]+)</module>")
            .matcher(Files.readString(Path.of("../pom.xml")));
    int checked = 0;
    while (module.find()) {
      if (!NOT_CHECKED.contains(module.group(1))) {
        Path folder = Path.of("..", module.group(1));
        String source = Files.readString(folder.resolve("src/main/java/module-info.java"));
        Matcher name =
            Pattern.compile("(?m)^(?:open )?module org\\.javavmm\\.(\\S+) \\{").matcher(source);
        assertTrue(name.find(), "no module name in " + folder);
        assertTrue(MODULES.containsKey(name.group(1)), folder + " is missing in this module's pom");
        checked++;
      }
    }
    assertEquals(MODULES.size(), checked, MODULES.keySet().toString());
    assertTrue(checked >= 4, "only " + checked + " modules");
    for (String row : List.of("bindings", "sys", "memory", "device")) {
      assertTrue(CLASSES.stream().anyMatch(c -> row(c).equals(row)), "no classes of " + row);
    }
  }

  @TestFactory
  Stream<DynamicTest> packagesUseOnlyWhatTheirRowAllows() {
    return TABLE.keySet().stream()
        .map(row -> {
          Set<String> allowed = mayRequire(row);
          return DynamicTest.dynamicTest(
              row + " -> " + allowed,
              () ->
                  classes()
                      .that(in("are in " + row, row::equals))
                      .should()
                      .onlyDependOnClassesThat(
                          describe(
                              "are in " + allowed + " or no part of java-vmm",
                              c -> !ours(c) || allowed.contains(row(c))))
                      .allowEmptyShould(true)
                      .check(CLASSES));
        });
  }

  @Test
  void lowerFloorsUseNoLibraries() {
    classes()
        .that(in("are in a row without libraries", row -> !WITH_LIBRARIES.contains(row)))
        .should()
        .onlyDependOnClassesThat(
            describe(
                "are ours, the JDK's or JSpecify's",
                c ->
                    ours(c)
                        || c.getPackageName().isEmpty()
                        || c.getPackageName().matches("(java|javax|jdk|org\\.jspecify)\\..*")
                        || c.getPackageName().startsWith("sun.misc")))
        .check(CLASSES);
  }

  @TestFactory
  Stream<DynamicTest> someRowsAreForFewOnly() {
    return ONLY_NAMED.entrySet().stream()
        .map(rule ->
            DynamicTest.dynamicTest(
                rule.getKey() + " only by " + new TreeSet<>(rule.getValue()),
                () ->
                    noClasses()
                        .that(
                            in(
                                "are neither in " + rule.getKey() + " nor in " + rule.getValue(),
                                row ->
                                    !row.equals(rule.getKey()) && !rule.getValue().contains(row)))
                        .should()
                        .dependOnClassesThat(in("are in " + rule.getKey(), rule.getKey()::equals))
                        .check(CLASSES)));
  }

  @Test
  void onlySysCallsRestrictedMethods() {
    noClasses()
        .that(
            in("are neither in sys nor generated", row -> !Set.of("sys", "bindings").contains(row)))
        .should()
        .accessTargetWhere(
            DescribedPredicate.<JavaAccess<?>>describe(
                "the target needs native access",
                access ->
                    RESTRICTED
                        .getOrDefault(access.getTargetOwner().getFullName(), Set.of())
                        .contains(access.getTarget().getName())))
        .check(CLASSES);
  }

  @Test
  void onlySysUsesUnsupportedClasses() {
    noClasses()
        .that(in("are not in sys", row -> !row.equals("sys")))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("sun..", "jdk.internal..", "com.sun.nio.file..")
        .check(CLASSES);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("org.javavmm.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void onlyProgramsPrint() {
    noClasses()
        .that(
            in(
                "are neither programs nor generated",
                row -> !PROGRAMS.contains(row) && !row.equals("bindings")))
        .should()
        .accessTargetWhere(
            DescribedPredicate.<JavaAccess<?>>describe(
                "the target is System.out or System.err",
                access ->
                    access.getTargetOwner().getFullName().equals("java.lang.System")
                        && Set.of("out", "err").contains(access.getTarget().getName())))
        .check(CLASSES);
  }

  @TestFactory
  Stream<DynamicTest> modulesRequireOnlyWhatTheirRowAllows() {
    return MODULES.entrySet().stream()
        .map(module ->
            DynamicTest.dynamicTest(
                module.getKey(), () -> checkRequires(module.getKey(), module.getValue())));
  }

  private static void checkRequires(String name, ModuleDescriptor descriptor) {
    Set<String> wrong = new TreeSet<>();
    for (ModuleDescriptor.Requires requires : descriptor.requires()) {
      String required = requires.name();
      boolean allowed;
      if (required.startsWith(ROOT)) {
        allowed = mayRequire(name).contains(required.substring(ROOT.length()));
      } else if (required.equals("jdk.unsupported")) {
        allowed = name.equals("sys");
      } else if (required.equals("org.jspecify")) {
        allowed = requires.modifiers().contains(ModuleDescriptor.Requires.Modifier.STATIC);
      } else {
        allowed = required.matches("(java|jdk)\\..*") || WITH_LIBRARIES.contains(name);
      }
      if (!allowed) {
        wrong.add(requires.toString());
      }
    }
    assertEquals(Set.of(), wrong, "module " + descriptor.name() + " requires too much");
  }

  /** Packages besides a module's own: what one architecture has of its own. */
  private static final Set<String> SECOND_PACKAGES = Set.of(ROOT + "kvm.arm64");

  /** One module, one package, open to everyone: qualified exports break {@code -Werror}. */
  @Test
  void modulesExportTheirOwnPackageToEveryone() {
    MODULES.forEach((name, descriptor) -> {
      for (ModuleDescriptor.Exports exports : descriptor.exports()) {
        assertFalse(exports.isQualified(), descriptor.name() + ": " + exports);
        assertEquals(name, row(exports.source()), descriptor.name() + ": " + exports);
        if (!name.equals("bindings") && !SECOND_PACKAGES.contains(exports.source())) {
          assertEquals(ROOT + name, exports.source());
        }
      }
      assertEquals(Set.of(), descriptor.opens(), descriptor.name());
    });
  }
}
