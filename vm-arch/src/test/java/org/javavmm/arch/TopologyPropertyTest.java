// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;
import org.junit.jupiter.api.function.Executable;

/**
 * Topologies as a guest finds them: from APIC ids and the shifts of the leaves, which are decoded
 * as Intel SDM vol. 3, 9.9 and AMD APM vol. 3, appendix E.4 say.
 */
class TopologyPropertyTest {
  private static final CpuidTemplate INTEL = CpuidTemplate.of(Hosts.INTEL, true);
  private static final CpuidTemplate AMD = CpuidTemplate.of(Hosts.AMD, true);

  private static Entry leaf(Cpuid cpuid, int function, int index) {
    return cpuid.find(function, index).orElseThrow();
  }

  private static int field(int register, int high, int low) {
    return register >>> low & (int) ((1L << (high - low + 1)) - 1);
  }

  /** The smallest power of two that is not less. */
  private static int ids(int n) {
    int power = 1;
    while (power < n) {
      power *= 2;
    }
    return power;
  }

  @Property(tries = 150)
  void aGuestFindsTheTopology(
      @ForAll @IntRange(min = 1, max = 5) int sockets,
      @ForAll @IntRange(min = 1, max = 3) int dies,
      @ForAll @IntRange(min = 1, max = 9) int cores,
      @ForAll @IntRange(min = 1, max = 2) int threads) {
    Topology topology = new Topology(sockets, dies, cores, threads);
    assertEquals(sockets * dies * cores * threads, topology.cpus());
    Set<Integer> seen = new HashSet<>();
    int vcpu = 0;
    for (int socket = 0; socket < sockets; socket++) {
      for (int die = 0; die < dies; die++) {
        for (int core = 0; core < cores; core++) {
          for (int thread = 0; thread < threads; thread++) {
            int id = ((socket * ids(dies) + die) * ids(cores) + core) * ids(threads) + thread;
            assertEquals(id, topology.apicId(vcpu));
            assertTrue(seen.add(id));
            Cpuid intel = INTEL.forVcpu(vcpu, topology);
            Cpuid amd = AMD.forVcpu(vcpu, topology);
            for (Cpuid cpuid : List.of(intel, amd)) {
              assertEquals(id & 0xff, leaf(cpuid, 1, 0).ebx() >>> 24);
              extended(leaf(cpuid, 0xb, 0), leaf(cpuid, 0xb, 1), topology, id, socket);
            }
            dies(intel, topology, id, socket, die);
            amd(amd, topology, id, socket, die, core);
            vcpu++;
          }
        }
      }
    }
    assertEquals(topology.maxApicId(), seen.stream().mapToInt(i -> i).max().orElseThrow());
    Cpuid intel = INTEL.forVcpu(0, topology);
    Cpuid amd = AMD.forVcpu(0, topology);
    assertEquals(ids(threads) - 1, field(leaf(intel, 4, 0).eax(), 25, 14), "level 1 per core");
    assertEquals(
        ids(cores) * ids(threads) - 1, field(leaf(intel, 4, 3).eax(), 25, 14), "level 3 per die");
    assertEquals(
        Math.min(63, ids(dies) * ids(cores) - 1), field(leaf(intel, 4, 3).eax(), 31, 26), "cores");
    assertEquals(ids(cores) * ids(threads) - 1, field(leaf(amd, 0x8000_001d, 3).eax(), 25, 14));
    boolean several = dies * cores * threads > 1;
    assertEquals(several, field(leaf(amd, 1, 0).edx(), 28, 28) == 1, "HTT");
    assertEquals(several, field(leaf(amd, 0x8000_0001, 0).ecx(), 1, 1) == 1, "CmpLegacy");
    assertEquals(
        ids(dies) * ids(cores) * ids(threads), field(leaf(intel, 1, 0).ebx(), 23, 16), "ids");
    assertEquals(dies * cores * threads, field(leaf(amd, 1, 0).ebx(), 23, 16), "threads");
  }

  private static void extended(Entry smt, Entry core, Topology topology, int id, int socket) {
    assertEquals(List.of(id, id), List.of(smt.edx(), core.edx()));
    assertEquals(List.of(0x100, 0x201), List.of(smt.ecx(), core.ecx()));
    assertEquals(topology.threads(), smt.ebx());
    assertEquals(topology.cpusPerSocket(), core.ebx());
    assertEquals(socket, id >>> core.eax());
    assertEquals(ids(topology.threads()), 1 << smt.eax());
  }

  private static void dies(Cpuid cpuid, Topology topology, int id, int socket, int die) {
    int last = topology.dies() > 1 ? 2 : 1;
    Entry end = leaf(cpuid, 0x1f, last + 1);
    assertEquals(List.of(0, 0, last + 1), List.of(end.eax(), end.ebx(), end.ecx()));
    Entry whole = leaf(cpuid, 0x1f, last);
    assertEquals(socket, id >>> whole.eax());
    assertEquals(topology.cpusPerSocket(), whole.ebx());
    assertEquals(id, whole.edx());
    if (topology.dies() > 1) {
      assertEquals(0x502, whole.ecx());
      Entry core = leaf(cpuid, 0x1f, 1);
      assertEquals(0x201, core.ecx());
      assertEquals(topology.cores() * topology.threads(), core.ebx());
      assertEquals(die, id >>> core.eax() & (1 << (whole.eax() - core.eax())) - 1);
    }
  }

  private static void amd(Cpuid cpuid, Topology topology, int id, int socket, int die, int core) {
    Entry sizes = leaf(cpuid, 0x8000_0008, 0);
    assertEquals(topology.cpusPerSocket() - 1, field(sizes.ecx(), 7, 0));
    assertEquals(socket, id >>> field(sizes.ecx(), 15, 12));
    Entry node = leaf(cpuid, 0x8000_001e, 0);
    assertEquals(id, node.eax());
    assertEquals(die * ids(topology.cores()) + core, field(node.ebx(), 7, 0));
    assertEquals(topology.threads() - 1, field(node.ebx(), 15, 8));
    assertEquals(socket * topology.dies() + die, field(node.ecx(), 7, 0));
    assertEquals(topology.dies() - 1, field(node.ecx(), 10, 8));
  }

  /** 1 to 288 vCPUs: ids are what every leaf says, also beyond the 8 bits of leaf 1. */
  @Example
  void upTo288() {
    for (int vcpus = 1; vcpus <= 288; vcpus++) {
      Topology topology = Topology.ofCores(vcpus);
      for (int vcpu : new int[] {0, vcpus / 2, vcpus - 1}) {
        assertEquals(vcpu, topology.apicId(vcpu));
        for (CpuidTemplate template : List.of(INTEL, AMD)) {
          Cpuid cpuid = template.forVcpu(vcpu, topology);
          assertEquals(vcpu & 0xff, leaf(cpuid, 1, 0).ebx() >>> 24);
          for (int function : new int[] {0xb, 0x1f}) {
            for (int index = 0; index < 3; index++) {
              assertEquals(vcpu, leaf(cpuid, function, index).edx());
            }
            assertEquals(vcpus, leaf(cpuid, function, 1).ebx());
            assertEquals(0, vcpu >>> leaf(cpuid, function, 1).eax());
          }
          assertTrue(cpuid.entries().size() <= 256, "KVM takes no more");
        }
        assertEquals(vcpu, leaf(AMD.forVcpu(vcpu, vcpus), 0x8000_001e, 0).eax());
      }
    }
  }

  @Example
  void diesGiveOlderProcessorsTheLeaf() {
    Cpuid old = new Cpuid(List.of(new Entry(0, 0, 0, 0xd, 0x756e_6547, 0, 0)));
    CpuidTemplate template = CpuidTemplate.of(old, false);
    Topology dies = new Topology(1, 2, 1, 1);
    assertEquals(0x1f, leaf(template.forVcpu(0, dies), 0, 0).eax());
    assertEquals(0x502, leaf(template.forVcpu(1, dies), 0x1f, 2).ecx());
    assertEquals(0xd, leaf(template.forVcpu(0, 2), 0, 0).eax());
  }

  @Example
  void misuse() {
    refused("sockets=0 is not in 1..4096", () -> new Topology(0, 1, 1, 1));
    refused("dies=-1 is not in 1..4096", () -> new Topology(1, -1, 1, 1));
    refused("cores=4097 is not in 1..4096", () -> new Topology(1, 1, 4097, 1));
    refused("threads=0 is not in 1..4096", () -> new Topology(1, 1, 1, 0));
    refused(
        "topology of 4096 sockets, 4096 dies, 4096 cores, 4096 threads has 281474976710656 vCPUs,"
            + " more than 4096",
        () -> new Topology(4096, 4096, 4096, 4096));
    assertEquals(18568, new Topology(5, 9, 9, 9).maxApicId(), "within 15 bits");
    assertEquals(4095, Topology.ofCores(4096).maxApicId());
    refused("vcpu=4 is not in 0..3", () -> Topology.ofCores(4).apicId(4));
    refused("vcpu=-1 is not in 0..3", () -> INTEL.forVcpu(-1, Topology.ofCores(4)));
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
