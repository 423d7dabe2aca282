// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.javavmm.loader.Architecture;
import org.javavmm.loader.FlatImage;
import org.javavmm.loader.FlatPlan;
import org.javavmm.loader.Initrd;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.MemoryRange;
import org.javavmm.memory.GuestMemory;

/**
 * Loads any bytes as an arm64 or riscv64 Image and compares with a second reader, which knows
 * numbers without limits and tries one place after the other. Whatever the bytes are, either all
 * lies where the documents say, or memory is untouched and the error is one line.
 */
final class FlatImageCheck implements AutoCloseable {
  static final long MEMORY = 8 << 20;

  private static final long BLOCK = 2 << 20;
  private static final int TREE = 4096;
  private static final int DISK = 5000;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[(int) MEMORY]);

  private final GuestMemory memory;
  private final Initrd initrd;
  private final byte[] disk = new byte[DISK];
  private final byte[] tree = new byte[TREE];

  FlatImageCheck() throws Exception {
    memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
    Arrays.fill(disk, (byte) 0x77);
    initrd = Initrd.of("initrd", MemorySegment.ofArray(disk));
    Arrays.fill(tree, (byte) 0x55);
    ByteBuffer.wrap(tree).putInt(0, 0xd00dfeed).putInt(4, TREE);
  }

  /** What the documents say of a file; the addresses are -1 where there is no place. */
  private record Expected(boolean arm, long kernel, long size, long tree, long disk) {}

  private static BigInteger number(byte[] file, int offset, int bytes) {
    BigInteger value = BigInteger.ZERO;
    for (int i = bytes - 1; i >= 0; i--) {
      value = value.shiftLeft(8).or(BigInteger.valueOf(file[offset + i] & 0xff));
    }
    return value;
  }

  private static boolean is(byte[] file, int offset, int... bytes) {
    for (int i = 0; i < bytes.length; i++) {
      if ((file[offset + i] & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  /** {@return what must happen, all -1 for a file that is no Image} */
  private static Expected expect(byte[] file) {
    Expected none = new Expected(false, -1, -1, -1, -1);
    if (file.length < 64) {
      return none;
    }
    boolean arm = is(file, 56, 'A', 'R', 'M', 0x64);
    boolean old =
        is(file, 48, 'R', 'I', 'S', 'C', 'V', 0, 0, 0)
            && number(file, 32, 4).compareTo(BigInteger.TWO) < 0;
    boolean riscv = !arm && (is(file, 56, 'R', 'S', 'C', 5) || old);
    if ((!arm && !riscv) || (riscv && number(file, 34, 2).signum() != 0)) {
      return none;
    }
    BigInteger size = number(file, 16, 8);
    BigInteger offset = number(file, 8, 8);
    if (size.signum() == 0) {
      if (riscv) {
        return none;
      }
      offset = BigInteger.valueOf(0x80000);
      size = BigInteger.valueOf(file.length);
    }
    BigInteger limit = BigInteger.ONE.shiftLeft(48);
    BigInteger block = BigInteger.valueOf(BLOCK);
    BigInteger unit = arm ? BigInteger.valueOf(4096) : block;
    if (size.compareTo(BigInteger.valueOf(file.length)) < 0
        || size.compareTo(limit) > 0
        || offset.compareTo(limit) > 0
        || offset.mod(unit).signum() != 0
        || (arm && offset.compareTo(block) >= 0)) {
      return none;
    }
    for (long base = 0; base < MEMORY; base += BLOCK) {
      BigInteger end = BigInteger.valueOf(base).add(offset).add(size);
      if (end.compareTo(BigInteger.valueOf(MEMORY)) <= 0) {
        return place(arm, base + offset.longValueExact(), size.longValueExact());
      }
    }
    return none;
  }

  private static Expected place(boolean arm, long kernel, long size) {
    long tree = MEMORY - BLOCK;
    while (tree >= 0 && tree < kernel + size) {
      tree -= BLOCK; // ends below the kernel
    }
    if (tree < kernel + size) {
      tree = -1;
    }
    for (long disk = MEMORY - 8192; disk >= kernel + size; disk -= 4096) {
      if (tree >= 0 && (disk + DISK <= tree || disk >= tree + TREE)) {
        return new Expected(arm, kernel, size, tree, disk);
      }
    }
    return new Expected(arm, kernel, size, tree, -1);
  }

  /**
   * Loads the file.
   *
   * @return whether it was accepted
   * @throws AssertionError if the loader is wrong
   */
  boolean check(byte[] file) {
    Expected expected = expect(file);
    FlatPlan plan;
    try {
      FlatImage kernel = FlatImage.parse("kernel", MemorySegment.ofArray(file));
      plan =
          FlatPlan.builder(kernel)
              .ram(List.of(new MemoryRange(0, MEMORY)))
              .deviceTreeSize(TREE)
              .initrd(initrd)
              .build();
      plan.writeTo(memory, MemorySegment.ofArray(tree));
    } catch (LoaderException e) {
      String message = String.valueOf(e.getMessage());
      require(message.lines().count() == 1, "not one line: " + message);
      require(isZero(), "memory was written: " + message);
      require(expected.disk() < 0, "refused, and must be accepted: " + message);
      return false;
    }
    try {
      require(expected.disk() >= 0, "accepted, and must be refused: " + plan);
      require(
          plan.kernelRange().equals(new MemoryRange(expected.kernel(), expected.size())),
          plan + ", expected " + expected);
      require(plan.deviceTreeRange().gpa() == expected.tree(), plan + ", expected " + expected);
      require(
          plan.initrdRange().orElseThrow().equals(new MemoryRange(expected.disk(), DISK)),
          plan + ", expected " + expected);
      require(
          plan.entryState().architecture()
              == (expected.arm() ? Architecture.ARM64 : Architecture.RISCV64),
          "architecture of " + plan);
      checkMemory(plan, file);
    } finally {
      memory.fill(0, MEMORY, (byte) 0);
    }
    return true;
  }

  private void checkMemory(FlatPlan plan, byte[] file) {
    require(same(plan.entry(), file), "kernel's bytes");
    require(same(plan.deviceTreeRange().gpa(), tree), "device tree's bytes");
    require(same(plan.initrdRange().orElseThrow().gpa(), disk), "initrd's bytes");
    plan.ranges().forEach(range -> memory.fill(range.gpa(), range.size(), (byte) 0));
    require(isZero(), "written outside the plan's ranges");
  }

  private boolean same(long gpa, byte[] bytes) {
    return memory.slice(gpa, bytes.length).mismatch(MemorySegment.ofArray(bytes)) < 0;
  }

  private boolean isZero() {
    return memory.slice(0, MEMORY).mismatch(ZEROS) < 0;
  }

  private static void require(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
