// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.javavmm.loader.MemoryRange;
import org.javavmm.loader.X86Layout;

/**
 * Memory and vCPUs that the guest is told are near to each other: a proximity domain of the ACPI
 * tables, whose number is the node's place in the list of nodes. What is near on the host is not
 * decided by this.
 *
 * @param memory the node's memory, which may be empty
 * @param cpus the numbers of the node's vCPUs, which may be empty
 */
public record NumaNode(List<MemoryRange> memory, List<Integer> cpus) {
  /** Copies the lists. */
  public NumaNode {
    memory = List.copyOf(memory);
    cpus = List.copyOf(cpus);
  }

  /**
   * What a node is to have.
   *
   * @param memory the size of its memory in bytes, a multiple of 4096
   * @param cpus the numbers of its vCPUs
   */
  public record Share(long memory, List<Integer> cpus) {
    /** Copies the list. */
    public Share {
      cpus = List.copyOf(cpus);
    }
  }

  /**
   * {@return nodes with the memory of a machine laid out in their order}
   *
   * @param shares what each node is to have
   * @param memory the size of the machine's memory in bytes
   * @param cpus how many vCPUs it has
   * @throws IllegalArgumentException if there is no node, if a vCPU is in none or in several, or is
   *     not the machine's, if the machine's memory is not a positive multiple of 4096, if a node's
   *     is negative or no multiple of 4096, or if the nodes' together are not the machine's
   */
  public static List<NumaNode> of(List<Share> shares, long memory, int cpus) {
    checkCpus(shares, cpus);
    List<MemoryRange> free = new ArrayList<>(X86Layout.splitRam(memory));
    List<NumaNode> nodes = new ArrayList<>();
    long total = 0;
    for (Share share : shares) {
      if (share.memory < 0 || share.memory % 4096 != 0) {
        throw new IllegalArgumentException(
            "NUMA node "
                + nodes.size()
                + ": memory of "
                + share.memory
                + " bytes is not zero or a positive multiple of 4096");
      }
      if (share.memory > memory - total) {
        throw new IllegalArgumentException(
            "NUMA node "
                + nodes.size()
                + ": memory of "
                + share.memory
                + " bytes, and "
                + total
                + " in the nodes before it, exceed the machine's "
                + memory);
      }
      total += share.memory;
      List<MemoryRange> ranges = new ArrayList<>();
      for (long left = share.memory; left > 0; ) {
        MemoryRange first = free.removeFirst();
        long taken = Math.min(left, first.size());
        ranges.add(new MemoryRange(first.gpa(), taken));
        if (taken < first.size()) {
          free.addFirst(new MemoryRange(first.gpa() + taken, first.size() - taken));
        }
        left -= taken;
      }
      nodes.add(new NumaNode(ranges, share.cpus));
    }
    if (total != memory) {
      throw new IllegalArgumentException(
          "NUMA nodes have " + total + " bytes of memory together, not the machine's " + memory);
    }
    return List.copyOf(nodes);
  }

  private static void checkCpus(List<Share> shares, int cpus) {
    if (shares.isEmpty()) {
      throw new IllegalArgumentException("no NUMA node");
    }
    Map<Integer, Integer> nodes = new HashMap<>();
    for (int node = 0; node < shares.size(); node++) {
      for (int cpu : shares.get(node).cpus) {
        if (cpu < 0 || cpu >= cpus) {
          throw new IllegalArgumentException(
              "NUMA node " + node + ": vCPU " + cpu + " is not in 0.." + (cpus - 1));
        }
        Integer other = nodes.put(cpu, node);
        if (other != null) {
          throw new IllegalArgumentException(
              "NUMA node " + node + ": vCPU " + cpu + " was given to node " + other + " before");
        }
      }
    }
    for (int cpu = 0; cpu < cpus; cpu++) {
      if (!nodes.containsKey(cpu)) {
        throw new IllegalArgumentException("vCPU " + cpu + " is in no NUMA node");
      }
    }
  }

  /**
   * {@return so many nodes with equal shares} Where they cannot be equal, some have one vCPU more
   * than others, and some one page more.
   *
   * @param nodes how many, 1 to the number of vCPUs
   * @param memory the size of the machine's memory in bytes, a positive multiple of 4096
   * @param cpus how many vCPUs it has
   * @throws IllegalArgumentException if there are more nodes than vCPUs or pages of memory, or
   *     none; or if the memory's size is none
   */
  public static List<NumaNode> equal(int nodes, long memory, int cpus) {
    long pages = memory / 4096;
    if (nodes < 1 || nodes > cpus) {
      throw new IllegalArgumentException(
          "NUMA nodes: " + nodes + " is not in 1.." + cpus + ", the number of vCPUs");
    }
    if (nodes > pages) {
      throw new IllegalArgumentException(
          "NUMA nodes: " + nodes + " are more than the " + pages + " pages of memory");
    }
    List<Share> shares = new ArrayList<>();
    for (int i = 0; i < nodes; i++) {
      int first = cpus * i / nodes;
      int end = cpus * (i + 1) / nodes;
      long size = (pages * (i + 1) / nodes - pages * i / nodes) * 4096;
      shares.add(new Share(size, IntStream.range(first, end).boxed().toList()));
    }
    return of(shares, memory, cpus);
  }
}
