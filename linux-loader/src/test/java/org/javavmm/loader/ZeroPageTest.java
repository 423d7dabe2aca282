// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.Framebuffer.PixelFormat;
import org.javavmm.loader.LoaderException.Reason;
import org.javavmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What the zero page says besides the setup header: setup_data, screen_info, long memory maps. */
class ZeroPageTest {
  private static final int SIZE = 4 << 20;

  private final ByteBuffer image = TestKernels.bzImage();

  private BootPlan.Builder builder() throws LoaderException {
    return BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(SIZE));
  }

  private static void refuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static byte[] deviceTree(int size) {
    byte[] blob = TestKernels.noise(size);
    ByteBuffer.wrap(blob).putInt(0, 0xd00dfeed).putInt(4, size);
    return blob;
  }

  /** The elements, by following the list as the kernel does. */
  private static List<SetupData> follow(GuestMemory memory, BootPlan plan) {
    List<SetupData> found = new ArrayList<>();
    long at = memory.getLong(plan.zeroPage() + 0x250);
    while (at != 0) {
      MemoryRange range = plan.setupDataRange().orElseThrow();
      byte[] data = new byte[memory.getInt(at + 12)];
      assertEquals(true, range.contains(new MemoryRange(at, 16L + data.length)));
      memory.read(at + 16, data);
      int type = memory.getInt(at + 8);
      found.add(type == 1 ? SetupData.e820(data) : SetupData.of(type, data));
      at = memory.getLong(at);
    }
    return found;
  }

  @Test
  void listsSetupData() throws Exception {
    byte[] seed = TestKernels.noise(33);
    byte[] tree = deviceTree(57);
    BootPlan plan =
        builder()
            .commandLine(CommandLine.of("quiet"))
            .setupData(SetupData.rngSeed(seed))
            .setupData(SetupData.deviceTree(tree))
            .build();
    // Behind the command line, at a multiple of 16.
    assertEquals(Optional.of(new MemoryRange(0x20010, 64 + 80)), plan.setupDataRange());
    assertEquals(plan.setupDataRange().orElseThrow(), plan.ranges().getLast());
    assertEquals(List.of(MemoryRange.between(0, 0x110000)), plan.identityMap());
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      List<SetupData> found = follow(memory, plan);
      assertEquals(
          "[setup_data of type 9, 33 bytes, setup_data of type 2, 57 bytes]", found.toString());
      assertArrayEquals(seed, found.get(0).data());
      assertArrayEquals(tree, found.get(1).data());
      assertEquals(0x20010, memory.getLong(0x7250));
    }
  }

  @Test
  void placesLargeSetupDataHigh() throws Exception {
    byte[] tree = deviceTree(0x9fc00 - 0x20010 - 16);
    BootPlan plan = builder().setupData(SetupData.deviceTree(tree)).build();
    assertEquals(0x9fc00, plan.setupDataRange().orElseThrow().end());
    byte[] larger = deviceTree(tree.length + 1);
    byte[] disk = TestKernels.noise(4096);
    plan =
        builder().setupData(SetupData.deviceTree(larger)).initrd(TestKernels.initrd(disk)).build();
    MemoryRange range = plan.setupDataRange().orElseThrow();
    assertEquals(0, range.gpa() % 4096);
    assertFalse(range.overlaps(plan.initrdRange().orElseThrow()));
    assertEquals(List.of(MemoryRange.between(0, range.end())), plan.identityMap());
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      assertArrayEquals(larger, follow(memory, plan).getFirst().data());
    }
    BootPlan.Builder tooLarge = builder().setupData(SetupData.deviceTree(deviceTree(SIZE)));
    LoaderException e = assertThrows(LoaderException.NoMemory.class, tooLarge::build);
    assertEquals(
        "kernel: setup_data is 4194320 bytes, must be at most 3080192, the largest free range",
        e.getMessage());
  }

  @Test
  void refusesSetupDataForOldKernels() throws Exception {
    image.putShort(0x206, (short) 0x208);
    BootPlan.Builder builder = builder().setupData(SetupData.rngSeed(new byte[8]));
    LoaderException e = assertThrows(LoaderException.UnsupportedProtocol.class, builder::build);
    assertEquals(
        "kernel: setup_data is 1 elements, must be none: the kernel's protocol is older than 2.09",
        e.getMessage());
    BootPlan.Builder longMap = reserveMany(builder(), 126);
    e = assertThrows(LoaderException.UnsupportedProtocol.class, longMap::build);
    assertEquals(
        "kernel: memory map is 129 entries, must be at most 128, what the zero page has room for:"
            + " the kernel's protocol has no setup_data",
        e.getMessage());
    assertEquals(Reason.PROTOCOL, e.reason());
  }

  @Test
  void refusesOddSetupData() {
    refuses("setup_data of type 9: must not be empty", () -> SetupData.rngSeed(new byte[0]));
    refuses("setup_data of type 1: must be from 2 to 9", () -> SetupData.of(1, new byte[1]));
    refuses("setup_data of type 10: must be from 2 to 9", () -> SetupData.of(10, new byte[1]));
    refuses(
        "setup_data of type -2147483648: must be from 2 to 9",
        () -> SetupData.of(Integer.MIN_VALUE, new byte[1]));
    refuses(
        "device tree of 39 bytes: must have at least 40", () -> SetupData.deviceTree(new byte[39]));
    refuses(
        "device tree's magic is 0x0, must be 0xd00dfeed", () -> SetupData.deviceTree(new byte[40]));
    byte[] tree = deviceTree(64);
    tree[7]++;
    refuses(
        "device tree's totalsize is 65, must be 64, what there is",
        () -> SetupData.deviceTree(tree));
  }

  private static BootPlan.Builder reserveMany(BootPlan.Builder builder, int count) {
    for (int i = 0; i < count; i++) {
      builder.reserve(new MemoryRange(0x8000_0000L + 8192L * i, 4096), E820Map.Type.RESERVED);
    }
    return builder;
  }

  @Test
  void longMapsGoOnInSetupData() throws Exception {
    assertEquals(Optional.empty(), reserveMany(builder(), 125).build().setupDataRange());
    BootPlan plan =
        reserveMany(builder(), 300).setupData(SetupData.rngSeed(new byte[] {1})).build();
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      plan.writeTo(memory, 0);
      assertEquals((byte) 128, memory.getByte(0x71e8));
      List<SetupData> found = follow(memory, plan);
      assertEquals(1, found.get(0).type());
      assertEquals(9, found.get(1).type());
      ByteBuffer rest =
          ByteBuffer.wrap(found.get(0).data()).order(java.nio.ByteOrder.LITTLE_ENDIAN);
      assertEquals((303 - 128) * 20, rest.capacity());
      List<E820Map.Entry> entries = plan.e820().entries();
      assertEquals(303, entries.size());
      for (int i = 0; i < 303; i++) {
        E820Map.Entry entry = entries.get(i);
        long at = 0x72d0 + 20L * i;
        long gpa = i < 128 ? memory.getLong(at) : rest.getLong();
        long size = i < 128 ? memory.getLong(at + 8) : rest.getLong();
        int type = i < 128 ? memory.getInt(at + 16) : rest.getInt();
        assertEquals(entry.range(), new MemoryRange(gpa, size));
        assertEquals(entry.type().number(), type);
      }
    }
  }

  @Test
  void describesTheScreen() throws Exception {
    Framebuffer screen = new Framebuffer(0x12_e000_0000L, 1024, 768, 4096, PixelFormat.XRGB8888);
    try (GuestMemory memory = TestKernels.memory(SIZE)) {
      builder().framebuffer(screen).build().writeTo(memory, 0);
      ByteBuffer expected = TestKernels.little(64);
      expected.put(0x0f, (byte) 0x70);
      expected.putShort(0x12, (short) 1024).putShort(0x14, (short) 768).putShort(0x16, (short) 32);
      expected.putInt(0x18, 0xe000_0000).putInt(0x1c, 4096 * 768);
      expected.putShort(0x24, (short) 4096);
      expected.put(0x26, new byte[] {8, 16, 8, 8, 8, 0, 8, 24});
      expected.putShort(0x32, (short) 1);
      expected.putInt(0x36, 2).putInt(0x3a, 0x12);
      byte[] found = new byte[64];
      memory.read(0x7000, found);
      assertArrayEquals(TestKernels.bytes(expected), found);
      Framebuffer small = new Framebuffer(0xe000_0000L, 1, 1, 2, PixelFormat.RGB565);
      builder().framebuffer(small).build().writeTo(memory, 0);
      memory.read(0x7000, found);
      assertEquals(0, found[0x36]);
      assertArrayEquals(
          new byte[] {5, 11, 6, 5, 5, 0, 0, 0}, java.util.Arrays.copyOfRange(found, 0x26, 0x2e));
    }
  }

  @Test
  void refusesOddScreens() {
    PixelFormat format = PixelFormat.RGB888;
    refuses(
        "framebuffer's width is 0, must be from 1 to 65535",
        () -> new Framebuffer(0, 0, 1, 4, format));
    refuses(
        "framebuffer's height is 65536, must be from 1 to 65535",
        () -> new Framebuffer(0, 1, 65536, 4, format));
    refuses(
        "framebuffer's stride is 29, must be from 30 to 65535",
        () -> new Framebuffer(0, 10, 1, 29, format));
    refuses(
        "framebuffer's stride is 65536, must be from 30 to 65535",
        () -> new Framebuffer(0, 10, 1, 65536, format));
    refuses(
        "framebuffer at 0xffffffffffffffff of 30 bytes: end is above 0x10000000000000",
        () -> new Framebuffer(-1, 10, 1, 30, format));
    assertEquals((1L << 52) - 1, new Framebuffer((1L << 52) - 4, 1, 1, 3, format).range().end());
  }

  @Test
  void eachReasonHasAClass() {
    for (Reason reason : Reason.values()) {
      LoaderException e = LoaderException.of(reason, "a", "b", "c", "d");
      assertEquals(reason, e.reason());
      Reason found =
          switch (e) {
            case LoaderException.BadFile _ -> Reason.FILE;
            case LoaderException.Truncated _ -> Reason.TRUNCATED;
            case LoaderException.UnknownFormat _ -> Reason.FORMAT;
            case LoaderException.WrongArchitecture _ -> Reason.ARCHITECTURE;
            case LoaderException.UnsupportedProtocol _ -> Reason.PROTOCOL;
            case LoaderException.BadHeader _ -> Reason.HEADER;
            case LoaderException.NoMemory _ -> Reason.MEMORY;
            case LoaderException.BadCommandLine _ -> Reason.COMMAND_LINE;
            case LoaderException.BadInitrd _ -> Reason.INITRD;
            case LoaderException.BadPayload _ -> Reason.PAYLOAD;
          };
      assertEquals(reason, found);
      assertEquals("a: b is c, d", e.getMessage());
      assertEquals(
          List.of("a", "b", "c", "d"), List.of(e.subject(), e.field(), e.value(), e.limit()));
    }
  }
}
