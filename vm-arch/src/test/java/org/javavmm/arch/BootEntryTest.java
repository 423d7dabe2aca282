// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.javavmm.arch.BootState.EntryState;
import org.javavmm.kvm.Regs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The states of the entries as data: which registers have a value, and that the others are 0. */
class BootEntryTest {
  private static final long HIGH = 1L << 32;

  @Test
  void linux64() {
    // A kernel above 4 GiB.
    EntryState state = BootState.linux64(HIGH + 0x200, 0x7000, 0x8ff0, 0x500, 0x9000);
    assertEquals(Gdt.code(), state.code());
    assertEquals(Gdt.tss(), state.tss());
    assertEquals(
        List.of(0x500L, 0x8000_0011L, 0x9000L, 0x20L, 0x500L),
        List.of(state.gdt(), state.cr0(), state.cr3(), state.cr4(), state.efer()));
    Regs expected = new Regs().rip(HIGH + 0x200).rsi(0x7000).rsp(0x8ff0).rbp(0x8ff0).rflags(2);
    assertEquals(expected.toString(), state.regs().toString());
  }

  @Test
  void linux32() {
    EntryState state = BootState.linux32(0x10_0000, 0x7000, 0x8ff0, 0x500);
    protectedMode(state);
    Regs expected = new Regs().rip(0x10_0000).rsi(0x7000).rsp(0x8ff0).rflags(2);
    assertEquals(expected.toString(), state.regs().toString());
  }

  @Test
  void pvh() {
    EntryState state = BootState.pvh(0x100_0470, 0x6000, 0x500);
    protectedMode(state);
    Regs expected = new Regs().rip(0x100_0470).rbx(0x6000).rflags(2);
    assertEquals(expected.toString(), state.regs().toString());
  }

  @Test
  void multiboot() {
    EntryState state = BootState.multiboot(0x10_000c, 0x9500, 0x500);
    protectedMode(state);
    Regs expected = new Regs().rip(0x10_000c).rax(0x2BADB002).rbx(0x9500).rflags(2);
    assertEquals(expected.toString(), state.regs().toString());
  }

  private static void protectedMode(EntryState state) {
    assertEquals(Gdt.code32(), state.code());
    assertEquals(Gdt.tss32(), state.tss());
    assertEquals(
        List.of(0x500L, 0x11L, 0L, 0L, 0L),
        List.of(state.gdt(), state.cr0(), state.cr3(), state.cr4(), state.efer()));
  }

  @Test
  void addressesOf32Bits() {
    refused("entry=0x100000000 is not below 4 GiB", () -> BootState.linux32(HIGH, 0, 0, 0));
    refused("zeroPage=0x100000000 is not below 4 GiB", () -> BootState.linux32(0, HIGH, 0, 0));
    refused("stack=0x100000000 is not below 4 GiB", () -> BootState.linux32(0, 0, HIGH, 0));
    refused("gdt=0x100000000 is not below 4 GiB", () -> BootState.linux32(0, 0, 0, HIGH));
    refused("entry=0xffffffffffffffff is not below 4 GiB", () -> BootState.pvh(-1, 0, 0));
    refused("startInfo=0x100000000 is not below 4 GiB", () -> BootState.pvh(0, HIGH, 0));
    refused("info=0x100000000 is not below 4 GiB", () -> BootState.multiboot(0, HIGH, 0));
    BootState.linux32(HIGH - 1, HIGH - 1, HIGH - 1, HIGH - 1);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }
}
