// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class FlatPlanTest {
  private static final long MIB = 1 << 20;
  private static final long GIB = 1L << 30;

  private final ByteBuffer arm = TestImages.arm64();
  private final ByteBuffer riscv = TestImages.riscv64();

  private static FlatPlan.Builder plan(ByteBuffer image, MemoryRange... ram)
      throws LoaderException {
    return FlatPlan.builder(FlatImage.parse("kernel", TestImages.segment(image))).ram(List.of(ram));
  }

  private static void refuses(FlatPlan.Builder builder, Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, builder::build);
    assertEquals(message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  private static byte[] tree(int size) {
    byte[] tree = TestKernels.noise(size);
    ByteBuffer.wrap(tree).putInt(0, 0xd00dfeed).putInt(4, size);
    return tree;
  }

  @Test
  void placesAnArm64Kernel() throws Exception {
    arm.putLong(8, 0x80000);
    FlatPlan plan =
        plan(arm, new MemoryRange(GIB, 64 * MIB))
            .initrd(TestKernels.initrd(new byte[5000]))
            .deviceTreeSize(0x10000)
            .build();
    assertEquals(new MemoryRange(GIB + 0x80000, 0x10000), plan.kernelRange());
    assertEquals(new MemoryRange(GIB + 62 * MIB, 0x10000), plan.deviceTreeRange());
    assertEquals(Optional.of(new MemoryRange(GIB + 64 * MIB - 8192, 5000)), plan.initrdRange());
    assertEquals(GIB + 0x80000, plan.entry());
    EntryState state = plan.entryState();
    assertEquals(Architecture.ARM64, state.architecture());
    assertEquals(GIB + 0x80000, state.pc());
    assertEquals(GIB + 62 * MIB, state.register("x0"));
    assertEquals(0, state.register("x1"));
    assertEquals(0, state.register("x2"));
    assertEquals(0, state.register("x3"));
    assertEquals(0x3c5, state.register("pstate"));
    assertEquals(
        "boot plan: arm64 kernel kernel 0x40080000..0x40090000, device tree"
            + " 0x43e00000..0x43e10000, initrd 0x43ffe000..0x43fff388",
        plan.toString());
    assertEquals(
        "x4 is not set: " + state.registers(),
        assertThrows(IllegalArgumentException.class, () -> state.register("x4")).getMessage());
  }

  @Test
  void placesARiscv64KernelAboveFirmware() throws Exception {
    FlatPlan plan =
        plan(riscv, new MemoryRange(2 * GIB, 64 * MIB))
            .reserve(new MemoryRange(2 * GIB, 512 << 10))
            .hartId(3)
            .build();
    assertEquals(new MemoryRange(2 * GIB + 2 * MIB, 0x10000), plan.kernelRange());
    assertEquals(new MemoryRange(2 * GIB + 62 * MIB, 2 * MIB), plan.deviceTreeRange());
    assertEquals(Optional.empty(), plan.initrdRange());
    EntryState state = plan.entryState();
    assertEquals(3, state.register("a0"));
    assertEquals(2 * GIB + 62 * MIB, state.register("a1"));
    assertEquals(0, state.register("satp"));
  }

  @Test
  void baseIsAlignedAndInMemory() throws Exception {
    arm.putLong(8, 0x80000);
    // The image would fit at 0x280000, but its base, 0x200000, is not in memory.
    FlatPlan plan = plan(arm, new MemoryRange(0x240000, 16 * MIB)).build();
    assertEquals(4 * MIB + 0x80000, plan.entry());
    // What is below the image need not be free.
    plan = plan(arm, new MemoryRange(0, 16 * MIB)).reserve(new MemoryRange(0, 0x80000)).build();
    assertEquals(0x80000, plan.entry());
    plan = plan(arm, new MemoryRange(0, 16 * MIB)).reserve(new MemoryRange(0x8ffff, 1)).build();
    assertEquals(2 * MIB + 0x80000, plan.entry());
    // Two regions without a gap are one.
    plan = plan(arm, new MemoryRange(0x88000, 16 * MIB), new MemoryRange(0, 0x88000)).build();
    assertEquals(0x80000, plan.entry());
  }

  @Test
  void deviceTreeLiesWithin512MibIfItCan() throws Exception {
    FlatPlan plan = plan(arm, new MemoryRange(0, 4 * GIB)).build();
    assertEquals(510 * MIB, plan.deviceTreeRange().gpa());
    MemoryRange taken = MemoryRange.between(MIB, 512 * MIB);
    plan = plan(arm, new MemoryRange(0, 4 * GIB)).reserve(taken).build();
    assertEquals(4 * GIB - 2 * MIB, plan.deviceTreeRange().gpa());
    arm.putLong(16, 0); // an old kernel needs it there
    refuses(
        plan(arm, new MemoryRange(0, 4 * GIB)).reserve(taken),
        Reason.MEMORY,
        "kernel: memory is [0x0..0x80000, 0x81000..0x100000, 0x20000000..0x100000000] beside the"
            + " kernel, must have 2097152 free bytes for the device tree at a multiple of 2 MiB"
            + " above the kernel at 0x80000..0x81000 and below 0x20000000");
  }

  @Test
  void arm64InitrdLiesInTheWindow() throws Exception {
    Initrd initrd = TestKernels.initrd(new byte[4096]);
    FlatPlan plan =
        plan(arm, new MemoryRange(3 * GIB + 256 * MIB, 64 * GIB)).initrd(initrd).build();
    assertEquals(35 * GIB, plan.initrdRange().orElseThrow().end());
    plan = plan(riscv, new MemoryRange(2 * GIB, 64 * GIB)).initrd(initrd).build();
    assertEquals(66 * GIB, plan.initrdRange().orElseThrow().end());
    refuses(
        plan(arm, new MemoryRange(0, 4 * MIB), new MemoryRange(32 * GIB, GIB))
            .initrd(TestKernels.initrd(new byte[(int) (3 * MIB)])),
        Reason.INITRD,
        "initrd: size is 3145728 bytes, must fit into free memory from 0x10000 to 0x800000000:"
            + " [0x10000..0x200000, 0x800000000..0x840000000]");
  }

  @Test
  void refusesTooLittleMemory() throws Exception {
    refuses(
        plan(arm),
        Reason.MEMORY,
        "kernel: memory is empty, must have 0x10000 free bytes (image_size) from 0x0 (text_offset)"
            + " above a multiple of 2 MiB");
    refuses(
        plan(riscv, new MemoryRange(0, 2 * MIB + 0xffff)),
        Reason.MEMORY,
        "kernel: memory is [0x0..0x20ffff], must have 0x10000 free bytes (image_size) from 0x200000"
            + " (text_offset) above a multiple of 2 MiB");
    refuses(
        plan(arm, new MemoryRange(0, 0x10000)),
        Reason.MEMORY,
        "kernel: memory is empty, must have 2097152 free bytes for the device tree at a multiple of"
            + " 2 MiB above the kernel at 0x0..0x10000");
    refuses(
        plan(arm, new MemoryRange(1L << 48, GIB)),
        Reason.MEMORY,
        "kernel: end of the image is 0x1000000010000, must be at most 0x1000000000000, 48 bits of"
            + " address");
  }

  @Test
  void refusesMisuse() throws Exception {
    assertEquals(
        "device tree of 39 bytes: must be from 40 to 2097152",
        assertThrows(IllegalArgumentException.class, () -> plan(arm).deviceTreeSize(39))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> plan(arm).deviceTreeSize((2 << 20) + 1));
    FlatPlan.Builder overlap = plan(arm, new MemoryRange(0, 4096), new MemoryRange(4095, 1));
    assertEquals(
        "memory 0xfff..0x1000 overlaps 0x0..0x1000",
        assertThrows(IllegalArgumentException.class, overlap::build).getMessage());
  }

  @Test
  void writesAll() throws Exception {
    Initrd initrd = TestKernels.initrd(TestKernels.noise(5000));
    FlatPlan plan =
        plan(arm, new MemoryRange(0, 8 * MIB)).initrd(initrd).deviceTreeSize(4096).build();
    try (GuestMemory memory = TestKernels.memory(8 * MIB)) {
      byte[] tree = tree(100);
      byte[] padded = Arrays.copyOf(tree, 8192);
      Arrays.fill(padded, 100, 8192, (byte) 0xee);
      plan.writeTo(memory, MemorySegment.ofArray(padded));
      assertEquals(-1, memory.slice(plan.entry(), 4096).mismatch(TestImages.segment(arm)));
      byte[] found = new byte[101];
      memory.read(plan.deviceTreeRange().gpa(), found);
      assertArrayEquals(Arrays.copyOf(tree, 101), found);
      byte[] disk = new byte[5000];
      memory.read(plan.initrdRange().orElseThrow().gpa(), disk);
      assertArrayEquals(TestKernels.noise(5000), disk);
      plan.ranges().forEach(range -> memory.fill(range.gpa(), range.size(), (byte) 0));
      assertEquals(
          -1, memory.slice(0, 8 * MIB).mismatch(MemorySegment.ofArray(new byte[(int) (8 * MIB)])));
    }
  }

  @Test
  void refusesDeviceTreesBeforeAnythingIsWritten() throws Exception {
    FlatPlan plan = plan(arm, new MemoryRange(0, 8 * MIB)).deviceTreeSize(4096).build();
    try (GuestMemory memory = TestKernels.memory(8 * MIB)) {
      refusesTree(plan, memory, new byte[39], "size is 39 bytes, must be at least 40, its header");
      refusesTree(plan, memory, new byte[40], "magic is 0x0, must be 0xd00dfeed");
      byte[] tree = tree(4096);
      refusesTree(
          plan,
          memory,
          Arrays.copyOf(tree, 4095),
          "totalsize is 4096 bytes, must be at most 4095, what was given");
      refusesTree(
          plan,
          memory,
          tree(4097),
          "totalsize is 4097 bytes, must be from 40 to 4096, the room planned");
      ByteBuffer.wrap(tree).putInt(4, 39);
      refusesTree(
          plan, memory, tree, "totalsize is 39 bytes, must be from 40 to 4096, the room planned");
      assertEquals(
          -1, memory.slice(0, 8 * MIB).mismatch(MemorySegment.ofArray(new byte[(int) (8 * MIB)])));
    }
  }

  private static void refusesTree(FlatPlan plan, GuestMemory memory, byte[] tree, String message) {
    LoaderException e =
        assertThrows(
            LoaderException.class, () -> plan.writeTo(memory, MemorySegment.ofArray(tree)));
    assertEquals("device tree: " + message, e.getMessage());
  }

  @Test
  void refusesOtherMemoryAndClosedArenas() throws Exception {
    try (GuestMemory memory = TestKernels.memory(4 * MIB)) {
      FlatPlan plan = plan(arm, new MemoryRange(0, 8 * MIB)).build();
      MemorySegment tree = MemorySegment.ofArray(tree(40));
      assertThrows(IllegalArgumentException.class, () -> plan.writeTo(memory, tree));
      Arena arena = Arena.ofShared();
      MemorySegment copy = arena.allocate(4096).copyFrom(TestImages.segment(arm));
      FlatPlan closed =
          FlatPlan.builder(FlatImage.parse("kernel", copy))
              .ram(List.of(new MemoryRange(0, 4 * MIB)))
              .build();
      arena.close();
      assertEquals(
          "kernel is closed",
          assertThrows(IllegalStateException.class, () -> closed.writeTo(memory, tree))
              .getMessage());
    }
  }
}
