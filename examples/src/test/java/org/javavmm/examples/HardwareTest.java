// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.javavmm.arch.CpuFeatures;
import org.javavmm.arch.CpuModel;
import org.javavmm.arch.MpTable;
import org.javavmm.vmm.NumaNode;

class HardwareTest {
  private static final long MIB = 1L << 20;

  private static Hardware hardware(String... options) throws UsageException {
    List<String> args = new ArrayList<>(List.of("linux"));
    args.addAll(List.of(options));
    return Hardware.of(Options.parse(args.toArray(String[]::new)));
  }

  @Example
  void defaults() throws UsageException {
    assertEquals(
        new Hardware(512 * MIB, 1, Optional.empty(), CpuFeatures.NONE, List.of(), true),
        hardware());
  }

  @Example
  void allThatCanBeSet() throws UsageException {
    assertEquals(
        new Hardware(
            1024 * MIB,
            4,
            Optional.of(CpuModel.of("EPYC-Rome")),
            CpuFeatures.parse("+avx2,-x2apic"),
            NumaNode.equal(2, 1024 * MIB, 4),
            true),
        hardware(
            "--memory",
            "1G",
            "--cpus=4",
            "--cpu-model",
            "epyc-rome",
            "--cpu-features",
            "+avx2,-x2apic",
            "--numa",
            "2"));
  }

  @Example
  void everyModelCanBeNamed() throws UsageException {
    for (CpuModel model : CpuModel.all()) {
      assertEquals(Optional.of(model), hardware("--cpu-model", model.name()).model());
    }
  }

  /** A value may begin like an option: there is an option -h. */
  @Example
  void featuresThatAreOff() throws UsageException {
    for (String text : new String[] {"-x2apic", "-hle", "-hypervisor,+avx2"}) {
      assertEquals(CpuFeatures.parse(text), hardware("--cpu-features", text).features());
      assertEquals(CpuFeatures.parse(text), hardware("--cpu-features=" + text).features());
    }
    assertEquals(CpuFeatures.NONE, hardware("--cpu-features", "").features());
  }

  /** As many as are allowed fit into the MP table's place, whose number is in its comment. */
  @Example
  void withoutAcpi() throws UsageException {
    String most = Integer.toString(Hardware.MAX_CPUS_WITHOUT_ACPI);
    Hardware hardware = hardware("--no-acpi", "--cpus", most);
    assertEquals(false, hardware.acpi());
    assertTrue(
        MpTable.pc(hardware.cpus(), MpTable.TIMER_PIN_0).build().size()
            <= MpTable.BASE_MEMORY_END - MpTable.BASE_MEMORY);
    assertRefused(
        "--cpus 17: at most 16 with --no-acpi", () -> hardware("--no-acpi", "--cpus", "17"));
  }

  // ---- --numa
  // ------------------------------------------------------------------------------------

  private static List<NumaNode.Share> shares(List<NumaNode> nodes) {
    return nodes.stream()
        .map(n -> new NumaNode.Share(n.memory().stream().mapToLong(r -> r.size()).sum(), n.cpus()))
        .toList();
  }

  @Example
  void bothFormsOfNodes() throws UsageException {
    assertEquals(
        Hardware.nodes("2", 512 * MIB, 4), Hardware.nodes("256M:0-1,256M:2,3", 512 * MIB, 4));
    assertEquals(
        List.of(
            new NumaNode.Share(128 * MIB, List.of(3, 0, 1)),
            new NumaNode.Share(0, List.of(2)),
            new NumaNode.Share(384 * MIB, List.of())),
        shares(Hardware.nodes("128M:3,0-1,0:2,384M:", 512 * MIB, 4)));
  }

  /** What is written down, in any way that the option has, is read. */
  @Property
  void nodesReadBack(
      @ForAll @IntRange(min = 1, max = 6) int count,
      @ForAll @LongRange(min = 1, max = 4L << 20) long pages,
      @ForAll @IntRange(min = 1, max = 40) int cpus,
      @ForAll long seed)
      throws UsageException {
    Random random = new Random(seed);
    List<List<Integer>> members = new ArrayList<>();
    IntStream.range(0, count).forEach(_ -> members.add(new ArrayList<>()));
    // In runs, so that ranges occur.
    for (int cpu = 0; cpu < cpus; ) {
      List<Integer> node = members.get(random.nextInt(count));
      for (int run = 1 + random.nextInt(5); run > 0 && cpu < cpus; run--) {
        node.add(cpu++);
      }
    }
    List<NumaNode.Share> shares = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    long left = pages;
    for (int i = 0; i < count; i++) {
      long part = i == count - 1 ? left : random.nextLong(left + 1);
      left -= part;
      if (random.nextBoolean()) {
        Collections.shuffle(members.get(i), random);
      }
      shares.add(new NumaNode.Share(part * 4096, members.get(i)));
      String size = random.nextBoolean() ? Sizes.show(part * 4096) : part * 4 + "K";
      texts.add(size + ":" + cpuList(members.get(i), random));
    }
    String text = String.join(",", texts);
    assertEquals(shares, shares(Hardware.nodes(text, pages * 4096, cpus)), text);
  }

  /** Single numbers, or a range where there is one and the dice say so. */
  private static String cpuList(List<Integer> cpus, Random random) {
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < cpus.size(); ) {
      int end = i + 1;
      while (end < cpus.size() && cpus.get(end) == cpus.get(end - 1) + 1 && random.nextInt(4) > 0) {
        end++;
      }
      parts.add(end == i + 1 ? "" + cpus.get(i) : cpus.get(i) + "-" + cpus.get(end - 1));
      i = end;
    }
    return String.join(",", parts);
  }

  /** Whatever is typed, there are nodes of the machine's memory and CPUs, or one message. */
  @Property
  void anyTextIsReadOrRefused(@ForAll @IntRange(min = 0, max = 12) int length, @ForAll long seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append("0123,:-MKx ".charAt(random.nextInt(11)));
    }
    try {
      List<NumaNode> nodes = Hardware.nodes(text.toString(), 2 * MIB, 2);
      assertEquals(2 * MIB, shares(nodes).stream().mapToLong(NumaNode.Share::memory).sum());
      assertEquals(2, nodes.stream().mapToInt(n -> n.cpus().size()).sum());
    } catch (UsageException e) {
      assertTrue(String.valueOf(e.getMessage()).startsWith("--numa " + text + ": "), e::toString);
    }
  }

  private interface Reading {
    Object read() throws UsageException;
  }

  private static void assertRefused(String message, Reading reading) {
    assertEquals(message, assertThrows(UsageException.class, reading::read).getMessage());
  }

  private static void assertNodesRefused(String message, String text) {
    assertRefused("--numa " + text + ": " + message, () -> Hardware.nodes(text, 512 * MIB, 4));
  }

  @Example
  void wrongCounts() {
    for (String text : new String[] {"", "x", "2,2", "1.5", "99999999999"}) {
      assertNodesRefused(
          "must be how many nodes, or SIZE:CPUS for each, as in 256M:0-1,256M:2,3", text);
    }
    for (String text : new String[] {"0", "-1", "5", "128"}) {
      assertNodesRefused("NUMA nodes: " + text + " is not in 1..4, the number of vCPUs", text);
    }
    assertNodesRefused("129 nodes are more than 128", "129");
    assertRefused(
        "--numa 3: NUMA nodes: 3 are more than the 2 pages of memory",
        () -> Hardware.nodes("3", 8192, 4));
    String many = "512M:0-3" + ",0:".repeat(128);
    assertNodesRefused("129 nodes are more than 128", many);
  }

  @Example
  void wrongLists() {
    assertNodesRefused("\"0\" is not SIZE:CPUS", "0,512M:1-3");
    assertNodesRefused("\":0\" is not SIZE:CPUS", ":0");
    assertNodesRefused(
        "memory 1Q: not a size; write a number with K, M, G or T, such as 512M", "1Q:0-3");
    assertNodesRefused("memory 5T: must be from 0 to 4T", "5T:0-3");
    assertNodesRefused("memory 1000: not a multiple of 4096 bytes", "1000:0-3");
    for (String cpus : new String[] {"4", "-1", "1-", "3-2", "0-4", "0-1-2", "x", " 1", "0:1"}) {
      assertNodesRefused(
          "CPUs \"" + cpus + "\" are not a number or FIRST-LAST from 0 to 3", "512M:" + cpus);
    }
    assertNodesRefused("CPUs \"\" are not a number or FIRST-LAST from 0 to 3", "512M:0-3,");
    assertNodesRefused("vCPU 3 is in no NUMA node", "512M:0-2");
    assertNodesRefused("NUMA node 1: vCPU 1 was given to node 0 before", "512M:0-3,0:1");
    assertNodesRefused(
        "NUMA nodes have 268435456 bytes of memory together, not the machine's 536870912",
        "256M:0-3");
    assertNodesRefused(
        "NUMA node 1: memory of 536870912 bytes, and 268435456 in the nodes before it, exceed the"
            + " machine's 536870912",
        "256M:0-1,512M:2-3");
  }
}
