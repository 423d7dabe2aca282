// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.kvm_h;
import org.javavmm.kvm.arm64.ArmCap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of ioctls against the generated constants, the methods, and the document. */
class IoctlTableTest {
  private static final long KVMIO = 0xae;

  /** Not ioctls, though their numbers look like it; none so far. */
  private static final Set<String> NO_IOCTLS = Set.of();

  @TempDir private Path folder;

  private static Set<String> ioctls(Class<?> header) throws Exception {
    Set<String> ioctls = new TreeSet<>();
    for (Method method : header.getMethods()) {
      boolean constant = method.getName().startsWith("KVM_") && method.getParameterCount() == 0;
      if (constant
          && (method.getReturnType() == int.class || method.getReturnType() == long.class)
          && !NO_IOCTLS.contains(method.getName())) {
        long value = ((Number) method.invoke(null)).longValue();
        if (((value >> 8) & 0xff) == KVMIO && value >= 0xae00) {
          ioctls.add(method.getName());
        }
      }
    }
    return ioctls;
  }

  @Test
  void everyIoctlOfTheHeaderStandsInTheTable() throws Exception {
    Set<String> header = ioctls(kvm_h.class);
    assertTrue(header.size() > 100, header::toString);
    assertTrue(header.contains("KVM_RUN"));
    Set<String> absent = new TreeSet<>(header);
    absent.removeAll(IoctlTable.ROWS.keySet());
    assertEquals(Set.of(), absent, "ioctls that the table lacks");
    Set<String> arm = ioctls(kvm_arm64_h.class);
    // What stands there beyond the header of x86 is arm64's or another architecture's.
    Set<String> armRows = new TreeSet<>();
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      if (row.isMockOnly()) {
        armRows.add(ioctl);
      } else if (!header.contains(ioctl)) {
        assertEquals(IoctlTable.OTHER_ARCHITECTURE, row.absence(), ioctl);
      }
    });
    assertTrue(arm.contains("KVM_ARM_VCPU_INIT"));
    assertEquals(arm, armRows, "the ioctls of arm64's header, all of them with methods");
  }

  @Test
  void eachRowHasMethodsOrAReasonThatIsAllowed() {
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      assertEquals(row.methods().isEmpty(), !row.absence().isEmpty(), ioctl);
      assertTrue(
          Set.of("", IoctlTable.OTHER_ARCHITECTURE, IoctlTable.OBSOLETE).contains(row.absence()),
          ioctl);
      assertTrue(Set.of("", IoctlTable.ARM64).contains(row.limit()), ioctl);
      // Only arm64's package is not run, and it is marked as such.
      boolean armMethods = row.methods().stream().anyMatch(m -> m.startsWith("arm64."));
      assertEquals(armMethods, row.isMockOnly(), ioctl);
    });
  }

  @Test
  void theMethodsAreThere() {
    Map<String, List<String>> missing = new TreeMap<>();
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      List<String> names = IoctlTable.missing(row);
      if (!names.isEmpty()) {
        missing.put(ioctl, names);
      }
    });
    assertEquals(Map.of(), missing);
  }

  @Test
  void eachNumberStandsInTheTable() throws Exception {
    Set<String> ours = new TreeSet<>();
    for (KvmIoctl ioctl : KvmIoctl.values()) {
      ours.add(ioctl.name());
    }
    Set<String> arms = new TreeSet<>();
    // The enum is not public in its package.
    for (Object ioctl : Class.forName("org.javavmm.kvm.arm64.ArmIoctl").getEnumConstants()) {
      arms.add(((Enum<?>) ioctl).name());
    }
    IoctlTable.ROWS.forEach((ioctl, row) -> {
      boolean named = row.isMockOnly() ? arms.contains(ioctl) : ours.contains(ioctl);
      assertEquals(!row.methods().isEmpty(), named, ioctl);
      assertFalse(row.isMockOnly() && ours.contains(ioctl), ioctl);
    });
    ours.addAll(arms);
    ours.removeAll(IoctlTable.ROWS.keySet());
    assertEquals(Set.of(), ours, "numbers that the table lacks");
  }

  @Test
  void theDocumentKeepsTheOtherColumns() throws IOException {
    Path file = folder.resolve("coverage.md");
    Map<String, Integer> caps = Map.of("HLT", 1, "NR_MEMSLOTS", 32767);
    KvmCoverage.write(file, "host", Set.of("KVM_RUN", "KVM_CREATE_VM"), caps);
    String host = Files.readString(file);
    assertTrue(host.contains("| `KVM_RUN` | `Vcpu.run` | yes | not yet | not yet |  |\n"), host);
    assertTrue(
        host.contains("| `KVM_NMI` | `Vcpu.nmi` | no | not yet | not yet | nowhere |\n"), host);
    assertTrue(
        host.contains("| `KVM_GET_PIT` | – obsolete in KVM's documentation | – | – | – |  |\n"));
    assertTrue(
        host.contains("| `KVM_CAP_NR_MEMSLOTS` | 10 | 32767 | not yet | not yet |  |\n"), host);
    String arm =
        "| `KVM_ARM_VCPU_INIT` | `arm64.ArmVcpu.init` | mock only | mock only | mock only |"
            + " arm64, not run on hardware |\n";
    assertTrue(host.contains(arm), host);
    String armCap =
        "| `KVM_CAP_ARM_SVE` | 170 | mock only | mock only | mock only |"
            + " arm64, not run on hardware |\n";
    assertTrue(host.contains(armCap), host);
    assertTrue(
        host.contains("| `KVM_CAP_PPC_UNSET_IRQ` | 53 | – | – | – | another architecture |\n"),
        host);
    KvmCoverage.write(file, "lab-6.12", Set.of("KVM_RUN", "KVM_NMI"), Map.of("HLT", 1));
    String both = Files.readString(file);
    assertTrue(both.contains("| `KVM_RUN` | `Vcpu.run` | yes | not yet | yes |  |\n"), both);
    assertTrue(both.contains("| `KVM_NMI` | `Vcpu.nmi` | no | not yet | yes |  |\n"), both);
    assertTrue(
        both.contains("| `KVM_CREATE_VM` | `Kvm.createVm` | yes | not yet | no |  |\n"), both);
    assertTrue(both.contains("| `KVM_SMI` | `Vcpu.smi` | no | not yet | no | nowhere |\n"), both);
    assertTrue(
        both.contains("| `KVM_CAP_NR_MEMSLOTS` | 10 | 32767 | not yet | absent |  |\n"), both);
    assertTrue(both.contains("\n| `KVM_SMI` | no KVM at hand has `KVM_CAP_X86_SMM` |\n"), both);
    assertTrue(both.contains("\n| `KVM_CAP_XEN_HVM` | kernels built without KVM_XEN |\n"), both);
    assertTrue(both.contains(arm), both);
    // A row that was none of arm64's before keeps no claim of a run.
    Files.writeString(
        file, both.replace("`arm64.ArmVcpu.init` | mock only | mock only |", "old | yes | yes |"));
    KvmCoverage.write(file, "lab-6.12", Set.of("KVM_RUN", "KVM_NMI"), Map.of("HLT", 1));
    assertEquals(both, Files.readString(file));
    // Written again it is the same: nothing is lost or doubled.
    KvmCoverage.write(file, "lab-6.12", Set.of("KVM_RUN", "KVM_NMI"), Map.of("HLT", 1));
    assertEquals(both, Files.readString(file));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> KvmCoverage.write(file, "moon", Set.of(), Map.of()));
    assertEquals("vmm.kvm.where=moon, must be one of [host, lab-6.1, lab-6.12]", e.getMessage());
  }

  @Test
  void everyCapabilityOfTheHeaderHasARow() throws Exception {
    Map<String, Integer> rows = new TreeMap<>(CapTable.OTHER_ARCHITECTURES);
    for (Cap cap : Cap.values()) {
      assertNull(rows.put(cap.name(), cap.number()), cap.name());
    }
    for (ArmCap cap : ArmCap.values()) {
      assertNull(rows.put(cap.name(), cap.number()), cap.name());
    }
    assertEquals(UapiHeader.numbers(UapiHeader.text(), "KVM_CAP_"), rows);
  }

  @Test
  void theDocumentIsOfThisTable() throws IOException {
    Path file = Path.of("..", "docs", "kvm-coverage.md");
    if (!Files.exists(file)) {
      // A module unpacked alone has no documents.
      return;
    }
    String text = Files.readString(file);
    IoctlTable.ROWS.forEach((ioctl, row) ->
        assertTrue(text.contains(KvmCoverage.start(ioctl, row)), ioctl + " is not up to date"));
    for (Cap cap : Cap.values()) {
      assertTrue(text.contains("| `KVM_CAP_" + cap + "` | " + cap.number() + " |"), cap.name());
    }
    // What a run would write, with a column as it stands there, is the document itself.
    Set<String> taken = new TreeSet<>();
    Map<String, Integer> caps = new TreeMap<>();
    KvmCoverage.read(file)
        .forEach((name, cells) -> {
          String cell = String.valueOf(cells.get("lab 6.12"));
          if (cell.equals("yes")) {
            taken.add(name);
          } else if (name.startsWith("KVM_CAP_") && cell.matches("-?\\d+")) {
            caps.put(name.substring("KVM_CAP_".length()), Integer.valueOf(cell));
          }
        });
    assertTrue(taken.contains("KVM_RUN") && caps.containsKey("HLT"));
    Path again = folder.resolve("again.md");
    Files.writeString(again, text);
    KvmCoverage.write(again, "lab-6.12", taken, caps);
    assertEquals(text, Files.readString(again));
    assertFalse(text.contains(KvmNowhere.UNKNOWN), "something ran nowhere for no reason");
  }
}
