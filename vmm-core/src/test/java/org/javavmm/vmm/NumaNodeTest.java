// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.vmm.NumaNode.Share;

class NumaNodeTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  private static NumaNode node(List<Integer> cpus, MemoryRange... memory) {
    return new NumaNode(List.of(memory), cpus);
  }

  @Example
  void equalShares() {
    assertEquals(
        List.of(
            node(List.of(0, 1), new MemoryRange(0, 256 * MIB)),
            node(List.of(2, 3), new MemoryRange(256 * MIB, 256 * MIB))),
        NumaNode.equal(2, 512 * MIB, 4));
    assertEquals(List.of(node(List.of(0), new MemoryRange(0, 4096))), NumaNode.equal(1, 4096, 1));
  }

  /** The second node's memory lies on both sides of the hole. */
  @Example
  void aroundTheHole() {
    assertEquals(
        List.of(
            node(List.of(0), new MemoryRange(0, 2 * GIB + 512 * MIB)),
            node(
                List.of(1),
                new MemoryRange(2 * GIB + 512 * MIB, 512 * MIB),
                new MemoryRange(4 * GIB, 2 * GIB))),
        NumaNode.equal(2, 5 * GIB, 2));
    // Exactly up to it, and from its end on.
    assertEquals(
        List.of(
            node(List.of(0), new MemoryRange(0, 3 * GIB)),
            node(List.of(1), new MemoryRange(4 * GIB, GIB))),
        NumaNode.of(
            List.of(new Share(3 * GIB, List.of(0)), new Share(GIB, List.of(1))), 4 * GIB, 2));
  }

  @Example
  void nodesWithoutMemoryOrCpus() {
    assertEquals(
        List.of(node(List.of(2, 0)), node(List.of(), new MemoryRange(0, 8192)), node(List.of(1))),
        NumaNode.of(
            List.of(
                new Share(0, List.of(2, 0)), new Share(8192, List.of()), new Share(0, List.of(1))),
            8192,
            3));
  }

  /** Every byte of the memory is in one node, in their order, and every vCPU in one. */
  @Property
  void sharesAreKept(
      @ForAll @IntRange(min = 1, max = 8) int count,
      @ForAll @LongRange(min = 1, max = 2_000_000) long pages,
      @ForAll @IntRange(min = 0, max = 20) int cpus,
      @ForAll long seed) {
    Random random = new Random(seed);
    List<List<Integer>> members = new ArrayList<>();
    IntStream.range(0, count).forEach(_ -> members.add(new ArrayList<>()));
    List<Integer> all = new ArrayList<>(IntStream.range(0, cpus).boxed().toList());
    Collections.shuffle(all, random);
    all.forEach(cpu -> members.get(random.nextInt(count)).add(cpu));
    List<Share> shares = new ArrayList<>();
    long left = pages;
    for (int i = 0; i < count; i++) {
      long part = i == count - 1 ? left : random.nextLong(left + 1);
      shares.add(new Share(part * 4096, members.get(i)));
      left -= part;
    }
    List<NumaNode> nodes = NumaNode.of(shares, pages * 4096, cpus);
    assertEquals(count, nodes.size());
    for (int i = 0; i < count; i++) {
      assertEquals(shares.get(i).cpus(), nodes.get(i).cpus());
      assertEquals(
          shares.get(i).memory(),
          nodes.get(i).memory().stream().mapToLong(MemoryRange::size).sum());
    }
    assertPartition(nodes, pages * 4096);
  }

  @Property
  void equalSharesDifferByOneAtMost(
      @ForAll @IntRange(min = 1, max = 254) int cpus,
      @ForAll @IntRange(min = 0, max = 253) int choice,
      @ForAll @LongRange(min = 254, max = 1L << 30) long pages) {
    int count = 1 + choice % cpus;
    List<NumaNode> nodes = NumaNode.equal(count, pages * 4096, cpus);
    assertEquals(count, nodes.size());
    List<Integer> all = new ArrayList<>();
    for (NumaNode node : nodes) {
      all.addAll(node.cpus());
      assertTrue(node.cpus().size() == cpus / count || node.cpus().size() == cpus / count + 1);
      long share = node.memory().stream().mapToLong(MemoryRange::size).sum() / 4096;
      assertTrue(share == pages / count || share == pages / count + 1, () -> share + " pages");
    }
    assertEquals(IntStream.range(0, cpus).boxed().toList(), all);
    assertPartition(nodes, pages * 4096);
  }

  /** The ranges in their order, joined where they touch, are the machine's memory. */
  private static void assertPartition(List<NumaNode> nodes, long memory) {
    List<MemoryRange> joined = new ArrayList<>();
    for (NumaNode node : nodes) {
      for (MemoryRange range : node.memory()) {
        if (!joined.isEmpty() && joined.getLast().end() == range.gpa()) {
          MemoryRange last = joined.removeLast();
          joined.add(new MemoryRange(last.gpa(), last.size() + range.size()));
        } else {
          joined.add(range);
        }
      }
    }
    assertEquals(X86Layout.splitRam(memory), joined);
  }

  private static void assertRefused(String message, List<Share> shares, long memory, int cpus) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> NumaNode.of(shares, memory, cpus))
            .getMessage());
  }

  private static Share share(long memory, Integer... cpus) {
    return new Share(memory, List.of(cpus));
  }

  @Example
  void wrongShares() {
    assertRefused("no NUMA node", List.of(), 4096, 1);
    assertRefused("NUMA node 0: vCPU -1 is not in 0..1", List.of(share(4096, -1)), 4096, 2);
    assertRefused(
        "NUMA node 1: vCPU 2 is not in 0..1", List.of(share(4096, 0), share(0, 1, 2)), 4096, 2);
    assertRefused(
        "NUMA node 1: vCPU 0 was given to node 0 before",
        List.of(share(4096, 0, 1), share(0, 0)),
        4096,
        2);
    assertRefused(
        "NUMA node 0: vCPU 1 was given to node 0 before", List.of(share(4096, 1, 1)), 4096, 2);
    assertRefused("vCPU 1 is in no NUMA node", List.of(share(0, 0), share(0, 2)), 4096, 3);
    assertRefused(
        "memory of 4097 bytes: size is not a positive multiple of 4096",
        List.of(share(4096, 0)),
        4097,
        1);
    assertRefused(
        "NUMA node 1: memory of 4097 bytes is not zero or a positive multiple of 4096",
        List.of(share(4096, 0), share(4097)),
        8192,
        1);
    assertRefused(
        "NUMA node 0: memory of -4096 bytes is not zero or a positive multiple of 4096",
        List.of(share(-4096, 0)),
        8192,
        1);
    assertRefused(
        "NUMA nodes have 4096 bytes of memory together, not the machine's 8192",
        List.of(share(4096, 0)),
        8192,
        1);
    assertRefused(
        "NUMA node 1: memory of 8192 bytes, and 4096 in the nodes before it, exceed the machine's"
            + " 8192",
        List.of(share(4096, 0), share(8192)),
        8192,
        1);
  }

  /** The sum of these sizes is 4096 modulo 2^64. */
  @Example
  void sizesWhoseSumOverflows() {
    assertRefused(
        "NUMA node 1: memory of 4611686018427387904 bytes, and 4096 in the nodes before it, exceed"
            + " the machine's 4096",
        List.of(share(4096, 0), share(1L << 62), share(1L << 62), share(1L << 62), share(1L << 62)),
        4096,
        1);
  }

  @Example
  void wrongCounts() {
    assertEqualRefused("NUMA nodes: 0 is not in 1..4, the number of vCPUs", 0, 512 * MIB, 4);
    assertEqualRefused("NUMA nodes: -1 is not in 1..4, the number of vCPUs", -1, 512 * MIB, 4);
    assertEqualRefused("NUMA nodes: 5 is not in 1..4, the number of vCPUs", 5, 512 * MIB, 4);
    assertEqualRefused("NUMA nodes: 3 are more than the 2 pages of memory", 3, 8192, 4);
    assertEqualRefused("memory of 8193 bytes: size is not a positive multiple of 4096", 2, 8193, 4);
  }

  private static void assertEqualRefused(String message, int nodes, long memory, int cpus) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> NumaNode.equal(nodes, memory, cpus))
            .getMessage());
  }
}
