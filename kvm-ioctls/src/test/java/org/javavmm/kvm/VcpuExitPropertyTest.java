// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.bindings.kvm.kvm_run;

/** The view of {@code kvm_run} over pages that the generated accessors wrote, and over noise. */
class VcpuExitPropertyTest {
  /** What {@code KVM_GET_VCPU_MMAP_SIZE} gives on x86: kvm_run, port data, coalesced MMIO. */
  private static final int PAGES = 3 * 4096;

  private static final int PORT_DATA = 4096;

  private final MemorySegment page = Arena.ofAuto().allocate(PAGES, 4096);
  private final VcpuExit exit = new VcpuExit(page);

  private MemorySegment exitUnion() {
    return page.asSlice(KvmRunLayout.EXIT);
  }

  private void fill(Random random) {
    byte[] noise = new byte[PAGES];
    random.nextBytes(noise);
    MemorySegment.copy(noise, 0, page, ValueLayout.JAVA_BYTE, 0, PAGES);
  }

  private void portAccess(boolean write, int size, int port, int count) {
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.IO.number());
    kvm_run.io.direction(exitUnion(), (byte) (write ? 1 : 0));
    kvm_run.io.size(exitUnion(), (byte) size);
    kvm_run.io.port(exitUnion(), (short) port);
    kvm_run.io.count(exitUnion(), count);
    kvm_run.io.data_offset(exitUnion(), PORT_DATA);
  }

  @Property
  void portAccessIsDecoded(
      @ForAll boolean write,
      @ForAll @IntRange(max = 2) int log2,
      @ForAll @IntRange(max = 0xffff) int port,
      @ForAll @IntRange(min = 1, max = 1024) int count,
      @ForAll Random random) {
    fill(random);
    int size = 1 << log2;
    portAccess(write, size, port, count);
    assertEquals(ExitReason.IO, ExitReason.of(exit.rawReason()));
    assertEquals(write, exit.ioIsWrite());
    assertEquals(size, exit.ioSize());
    assertEquals(port, exit.ioPort());
    assertEquals(count, exit.ioCount());
    assertEquals(
        "IO "
            + (write ? "out" : "in")
            + " port=0x"
            + Integer.toHexString(port)
            + " size="
            + size
            + " count="
            + count,
        exit.toString());
    assertThrows(IndexOutOfBoundsException.class, () -> exit.ioData(-1));
    IndexOutOfBoundsException e =
        assertThrows(IndexOutOfBoundsException.class, () -> exit.setIoData(count, 0));
    assertEquals("index=" + count + ", count=" + count, e.getMessage());

    int index = random.nextInt(count);
    byte[] before = page.toArray(ValueLayout.JAVA_BYTE);
    long expected = 0;
    for (int i = 0; i < size; i++) {
      expected |= (before[PORT_DATA + index * size + i] & 0xffL) << (8 * i);
    }
    assertEquals(expected, exit.ioData(index));

    long answer = random.nextLong();
    exit.setIoData(index, answer);
    assertEquals(answer & (-1L >>> (64 - 8 * size)), exit.ioData(index));
    // Nothing but that element changed.
    byte[] after = page.toArray(ValueLayout.JAVA_BYTE);
    Arrays.fill(after, PORT_DATA + index * size, PORT_DATA + (index + 1) * size, (byte) 0);
    Arrays.fill(before, PORT_DATA + index * size, PORT_DATA + (index + 1) * size, (byte) 0);
    assertArrayEquals(before, after);
  }

  @Property
  void mmioIsDecoded(
      @ForAll boolean write,
      @ForAll @IntRange(min = 1, max = 8) int size,
      @ForAll long gpa,
      @ForAll long data,
      @ForAll Random random) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.MMIO.number());
    kvm_run.mmio.phys_addr(exitUnion(), gpa);
    kvm_run.mmio.len(exitUnion(), size);
    kvm_run.mmio.is_write(exitUnion(), (byte) (write ? 1 : 0));
    kvm_run.mmio.data(exitUnion()).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, data);
    assertEquals(write, exit.mmioIsWrite());
    assertEquals(gpa, exit.mmioAddress());
    assertEquals(size, exit.mmioSize());
    assertEquals(data & (-1L >>> (64 - 8 * size)), exit.mmioData());
    assertEquals(
        "MMIO " + (write ? "write" : "read") + " gpa=0x" + Long.toHexString(gpa) + " size=" + size,
        exit.toString());
    exit.setMmioData(~data);
    assertEquals(~data & (-1L >>> (64 - 8 * size)), exit.mmioData());
    assertEquals(size, exit.mmioSize());
    assertEquals(gpa, exit.mmioAddress());
  }

  @Property
  void internalErrorIsDecoded(
      @ForAll @IntRange(max = 4) int suberror, @ForAll int ndata, @ForAll Random random) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.INTERNAL_ERROR.number());
    kvm_run.internal.suberror(exitUnion(), suberror);
    kvm_run.internal.ndata(exitUnion(), ndata);
    long[] words = exit.internalErrorData();
    assertEquals(Math.clamp(ndata, 0, 16), words.length);
    for (int i = 0; i < words.length; i++) {
      assertEquals(kvm_run.internal.data(exitUnion(), i), words[i]);
    }
    byte[] instruction = exit.internalErrorInstruction();
    boolean given =
        suberror == 1 && ndata >= 3 && (kvm_run.emulation_failure.flags(exitUnion()) & 1) != 0;
    if (!given) {
      assertEquals(0, instruction.length);
    } else {
      int size = Math.clamp(kvm_run.emulation_failure.insn_size(exitUnion()), 0, 15);
      byte[] expected = new byte[size];
      MemorySegment.copy(
          kvm_run.emulation_failure.insn_bytes(exitUnion()),
          ValueLayout.JAVA_BYTE,
          0,
          expected,
          0,
          size);
      assertArrayEquals(expected, instruction);
    }
    assertTrue(exit.toString().startsWith("INTERNAL_ERROR suberror=" + suberror), exit::toString);
  }

  @Property
  void anyPageHasAText(@ForAll Random random, @ForAll @IntRange(min = -1, max = 45) int reason) {
    fill(random);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, reason);
    ExitReason decoded = ExitReason.of(exit.rawReason());
    String expected = decoded == ExitReason.OTHER ? "exit reason " + reason : decoded.name();
    assertTrue(exit.toString().startsWith(expected), exit::toString);
    assertTrue(exit.toString().length() < 600, exit::toString);
  }

  @Example
  void theRest() {
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.SYSTEM_EVENT.number());
    kvm_run.system_event.type(exitUnion(), 2);
    kvm_run.system_event.ndata(exitUnion(), 1);
    kvm_run.system_event.data(exitUnion(), 0, 0x77);
    assertEquals(2, exit.systemEventType());
    assertArrayEquals(new long[] {0x77}, exit.systemEventData());
    assertEquals("SYSTEM_EVENT type=2", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.MEMORY_FAULT.number());
    kvm_run.memory_fault.flags(exitUnion(), 8);
    kvm_run.memory_fault.gpa(exitUnion(), 0x1_0000_0000L);
    kvm_run.memory_fault.size(exitUnion(), 0x1000);
    assertEquals(8, exit.memoryFaultFlags());
    assertEquals(0x1_0000_0000L, exit.memoryFaultGpa());
    assertEquals(0x1000, exit.memoryFaultSize());
    assertEquals("MEMORY_FAULT gpa=0x100000000 size=0x1000", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.FAIL_ENTRY.number());
    kvm_run.fail_entry.hardware_entry_failure_reason(exitUnion(), 0x8000_0021L);
    kvm_run.fail_entry.cpu(exitUnion(), 3);
    assertEquals(0x8000_0021L, exit.failEntryReason());
    assertEquals(3, exit.failEntryCpu());
    assertEquals("FAIL_ENTRY reason=0x80000021 cpu=3", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.UNKNOWN.number());
    kvm_run.hw.hardware_exit_reason(exitUnion(), 0x30);
    assertEquals(0x30, exit.hardwareExitReason());
    assertEquals("UNKNOWN hardware reason=0x30", exit.toString());

    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, 5);
    assertEquals("HLT", exit.toString());
  }
}
