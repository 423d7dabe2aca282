// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.javavmm.loader.LoaderException.Reason;
import org.junit.jupiter.api.Test;

class BzImageTest {
  private final ByteBuffer image = TestKernels.bzImage();

  private void refuses(Reason reason, String message) {
    LoaderException e = assertThrows(LoaderException.class, () -> TestKernels.parse(image));
    assertEquals("kernel: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  private void refusesToPlace(Reason reason, String message) throws LoaderException {
    KernelImage kernel = TestKernels.parse(image);
    BootPlan.Builder builder =
        BootPlan.builder(kernel).ram(TestKernels.ram(4 << 20)).entry(BootEntry.LINUX_64);
    LoaderException e = assertThrows(LoaderException.class, builder::build);
    assertEquals("kernel: " + message, e.getMessage());
    assertEquals(reason, e.reason());
  }

  @Test
  void readsTheHeader() throws Exception {
    BzImage kernel = assertInstanceOf(BzImage.class, TestKernels.parse(image));
    assertEquals("kernel", kernel.name());
    assertEquals(image.capacity(), kernel.fileSize());
    assertEquals(0x20f, kernel.protocolVersion());
    assertEquals("6.1.0-test", kernel.release());
    assertEquals(2, kernel.setupSectors());
    assertEquals(4096, kernel.kernelSize());
    assertEquals(1, kernel.loadFlags());
    assertEquals(0x7f, kernel.xloadFlags());
    assertEquals(true, kernel.relocatable());
    assertEquals(0x10000, kernel.kernelAlignment());
    assertEquals(0x100000, kernel.prefAddress());
    assertEquals(0x10000, kernel.initSize());
    assertEquals(0x400, kernel.payloadOffset());
    assertEquals(0x800, kernel.payloadLength());
    assertEquals(2047, kernel.commandLineLimit());
    assertEquals(0x7fffffff, kernel.initrdAddressMax());
    assertEquals("kernel: bzImage 6.1.0-test, boot protocol 2.15", kernel.toString());
  }

  @Test
  void readsOldHeadersWithoutTheFieldsThatTheyLack() throws Exception {
    image.putShort(0x206, (short) 0x206);
    image.put(0x201, (byte) 0x3a); // ends after cmdline_size
    image.putInt(0x24c, -1); // code, not payload_length
    image.putInt(0x260, -1);
    BzImage kernel = (BzImage) TestKernels.parse(image);
    assertEquals(0, kernel.xloadFlags());
    assertEquals(0, kernel.payloadOffset());
    assertEquals(0, kernel.payloadLength());
    assertEquals(0x100000, kernel.prefAddress());
    assertEquals(4096, kernel.initSize());
  }

  @Test
  void noSetupSectorsMeanFour() throws Exception {
    image.put(0x1f1, (byte) 0);
    image.putInt(0x1f4, (image.capacity() - 5 * 512) / 16);
    image.putInt(0x24c, 0x400);
    assertEquals(4, ((BzImage) TestKernels.parse(image)).setupSectors());
  }

  @Test
  void releaseIsNeverAnError() throws Exception {
    image.putShort(0x20e, (short) 0xffff);
    assertEquals("", ((BzImage) TestKernels.parse(image)).release());
    image.putShort(0x20e, (short) 0x3ff); // the last byte of setup
    image.put(0x5ff, (byte) 0x1b);
    BzImage kernel = (BzImage) TestKernels.parse(image);
    assertEquals("", kernel.release());
    assertEquals("kernel: bzImage boot protocol 2.15", kernel.toString());
  }

  @Test
  void refusesWrongBootFlag() {
    image.putShort(0x1fe, (short) 0xaa56);
    refuses(Reason.HEADER, "boot_flag is 0xaa56, must be 0xaa55");
  }

  @Test
  void refusesFileThatEndsInTheHeader() {
    byte[] cut = Arrays.copyOf(TestKernels.bytes(image), 1023);
    LoaderException e =
        assertThrows(LoaderException.class, () -> TestKernels.parse(ByteBuffer.wrap(cut)));
    assertEquals(
        "kernel: file is 1023 bytes, must be at least 1024: boot sector and setup header",
        e.getMessage());
    assertEquals(Reason.TRUNCATED, e.reason());
  }

  @Test
  void refusesOldProtocol() {
    image.putShort(0x206, (short) 0x205);
    refuses(Reason.PROTOCOL, "version is 0x205, must be at least 0x206 (Linux 2.6.22)");
  }

  @Test
  void refusesZimage() {
    image.put(0x211, (byte) 0x80);
    refuses(
        Reason.PROTOCOL,
        "loadflags is 0x80, must have bit 0 (LOADED_HIGH): zImages are not loaded");
  }

  @Test
  void refusesWrongJump() {
    image.put(0x200, (byte) 0xe9);
    refuses(Reason.HEADER, "jump is 0xe9, must be 0xeb, a short jump over the header");
  }

  @Test
  void refusesHeaderShorterThanItsVersionSays() {
    image.put(0x201, (byte) 0x69);
    refuses(
        Reason.HEADER,
        "end of the setup header is 0x26b, must be from 0x26c (protocol 0x20f) to 0x290");
  }

  @Test
  void refusesHeaderLongerThanTheZeroPageHasRoomFor() {
    image.put(0x201, (byte) 0x8f);
    refuses(
        Reason.HEADER,
        "end of the setup header is 0x291, must be from 0x26c (protocol 0x20f) to 0x290");
  }

  @Test
  void refusesMoreSetupThanFile() {
    image.put(0x1f1, (byte) 0xff);
    refuses(Reason.TRUNCATED, "setup_sects is 0xff, must be at most 0xa: the file has 5632 bytes");
  }

  @Test
  void refusesEmptyKernel() {
    image.putInt(0x1f4, 0);
    refuses(Reason.HEADER, "syssize is 0 bytes, must be above 512, where the 64-bit entry is");
  }

  @Test
  void refusesTruncatedKernel() {
    image.putInt(0x1f4, 0x101);
    refuses(
        Reason.TRUNCATED,
        "syssize is 4112 bytes, must be at most 4096, what the file has after setup");
    image.putInt(0x1f4, -1);
    refuses(
        Reason.TRUNCATED,
        "syssize is 68719476720 bytes, must be at most 4096, what the file has after setup");
  }

  @Test
  void refusesPayloadOutsideTheKernel() {
    image.putInt(0x24c, 0xc01);
    refuses(
        Reason.HEADER,
        "payload_offset + payload_length is 0x1001, must be at most 0x1000, the protected-mode"
            + " part's size");
    image.putInt(0x248, -1);
    image.putInt(0x24c, -1);
    refuses(
        Reason.HEADER,
        "payload_offset + payload_length is 0x1fffffffe, must be at most 0x1000, the"
            + " protected-mode part's size");
  }

  @Test
  void refusesAlignmentThatIsNoPowerOfTwo() {
    image.putInt(0x230, 0);
    refuses(Reason.HEADER, "kernel_alignment is 0x0, must be a power of two");
    image.putInt(0x230, 0x3000);
    refuses(Reason.HEADER, "kernel_alignment is 0x3000, must be a power of two");
  }

  @Test
  void refusesInitSizeSmallerThanTheKernel() {
    image.putInt(0x260, 0xfff);
    refuses(
        Reason.HEADER,
        "init_size is 0xfff, must be at least 0x1000, the protected-mode part's size");
  }

  @Test
  void refusesKernelWithout64BitEntry() throws Exception {
    image.putShort(0x236, (short) 0x7e);
    String message = "entry is LINUX_64, must be LINUX_32: the kernel has no other";
    refusesToPlace(Reason.PROTOCOL, message);
    image.putShort(0x206, (short) 0x20b); // the field is not there yet
    image.putShort(0x236, (short) 1);
    refusesToPlace(Reason.PROTOCOL, message);
  }

  @Test
  void refusesPreferredAddressBelow1MibOrAbove4Gib() throws Exception {
    image.putShort(0x236, (short) 1); // cannot lie above 4 GiB
    image.putLong(0x258, 0xff000);
    refusesToPlace(
        Reason.HEADER, "pref_address is 0xff000, must be from 0x100000 and below 0x100000000");
    image.putLong(0x258, 0x1_0000_0000L);
    refusesToPlace(
        Reason.HEADER, "pref_address is 0x100000000, must be from 0x100000 and below 0x100000000");
    image.putLong(0x258, -1);
    refusesToPlace(
        Reason.HEADER,
        "pref_address is 0xffffffffffffffff, must be from 0x100000 and below 0x100000000");
  }

  @Test
  void refusesKernelThatNeedsMoreMemory() throws Exception {
    image.putInt(0x260, 0x300001);
    refusesToPlace(
        Reason.MEMORY,
        "memory is 4194304 bytes, must be at least 4194305: the kernel takes 0x100000..0x400001"
            + " (init_size)");
    image.putInt(0x260, -1);
    refusesToPlace(
        Reason.MEMORY,
        "memory is 4194304 bytes, must be free where the kernel takes 0x100000..0x1000fffff"
            + " (init_size)");
  }

  @Test
  void fillsMemoryToItsLastByte() throws Exception {
    image.putInt(0x260, 0x300000);
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(4 << 20)).build();
    assertEquals(MemoryRange.between(0x100000, 0x400000), plan.kernelRange());
    assertEquals(0x100200, plan.entry());
  }

  @Test
  void movesUpWhereItsAddressIsTaken() throws Exception {
    BootPlan.Builder builder =
        BootPlan.builder(TestKernels.parse(image))
            .ram(TestKernels.ram(4 << 20))
            .reserve(MemoryRange.between(0x10ffff, 0x123000), E820Map.Type.RESERVED);
    assertEquals(0x130000, builder.build().kernelRange().gpa());
    image.put(0x234, (byte) 0); // not relocatable
    BootPlan.Builder fixed =
        BootPlan.builder(TestKernels.parse(image))
            .ram(TestKernels.ram(4 << 20))
            .reserve(MemoryRange.between(0x10ffff, 0x123000), E820Map.Type.RESERVED);
    LoaderException e = assertThrows(LoaderException.class, fixed::build);
    assertEquals(
        "kernel: memory is 4194304 bytes, must be free where the kernel takes 0x100000..0x110000"
            + " (init_size)",
        e.getMessage());
  }

  @Test
  void doesNotAlignFixedKernels() throws Exception {
    image.put(0x234, (byte) 0);
    image.putLong(0x258, 0x101000);
    BootPlan plan =
        BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(4 << 20)).build();
    assertEquals(0x101200, plan.entry());
    image.put(0x234, (byte) 1);
    plan = BootPlan.builder(TestKernels.parse(image)).ram(TestKernels.ram(4 << 20)).build();
    assertEquals(0x110200, plan.entry());
  }
}
