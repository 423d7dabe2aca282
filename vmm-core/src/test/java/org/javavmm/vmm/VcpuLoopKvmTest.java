// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.javavmm.arch.BootState;
import org.javavmm.arch.Gdt;
import org.javavmm.arch.PageTables;
import org.javavmm.device.BusDevice;
import org.javavmm.kvm.Sregs;
import org.javavmm.memory.RegionSpec;
import org.javavmm.superio.AcpiPower;
import org.javavmm.superio.I8042;
import org.javavmm.sys.OwnedFd;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the exits of a vCPU come to. */
@NeedsKvm
@Timeout(120)
class VcpuLoopKvmTest {
  @TempDir private Path folder = Path.of("");

  /** Where a guest's DS points for MMIO: outside of the memory. */
  private static final long MMIO = 0x20000;

  /** Answers reads with given bytes or their offset, and notes all accesses. */
  private static class Recorder implements BusDevice {
    final List<String> accesses = Collections.synchronizedList(new ArrayList<>());
    private long next = 0x11223341;

    @Override
    public long read(long offset, int size) {
      accesses.add("read " + Long.toHexString(offset) + "/" + size);
      return next++;
    }

    @Override
    public void write(long offset, int size, long value) {
      accesses.add(
          "write " + Long.toHexString(offset) + "/" + size + "=" + Long.toHexString(value));
    }
  }

  private static StopReason.GuestFailure failure(Vmm vmm) throws Exception {
    return assertInstanceOf(StopReason.GuestFailure.class, vmm.run());
  }

  private static void assertContains(String text, String part) {
    assertTrue(text.contains(part), () -> "no " + part + " in:\n" + text);
  }

  /** A machine with a page over a file at 0x10000, which DS names. */
  private Vmm withFile(OwnedFd file, String program) throws Exception {
    Vmm vmm =
        Vmm.builder()
            .memory(RealMode.MEMORY)
            .region(RegionSpec.file("pmem", 0x1_0000, 4096, file, 0))
            .build();
    RealMode.load(vmm, program);
    Sregs sregs = vmm.vcpu(0).getSregs();
    vmm.vcpu(0).setSregs(sregs.ds(sregs.ds().at(0x1_0000, 0x1000)));
    return vmm;
  }

  @Test
  void aLostPageUnderTheGuestEndsTheMachineAndHasAName() throws Exception {
    Path path = Files.write(folder.resolve("pmem"), new byte[4096]);
    try (OwnedFd file = OwnedFd.openReadWrite(path.toString());
        Vmm vmm = withFile(file, "a2 08 00 ; mov [8], al\n f4 ; hlt")) {
      Files.write(path, new byte[0]);
      String what = failure(vmm).what();
      assertContains(what, "region pmem [0x10000..0x10fff]: fd ");
      assertContains(what, "was truncated to 0 bytes; the region ends at 4096");
    }
  }

  @Test
  void aLostPageUnderADeviceEndsTheMachineAndHasAName() throws Exception {
    Path path = Files.write(folder.resolve("pmem"), new byte[4096]);
    for (boolean inLoop : new boolean[] {false, true}) {
      Files.write(path, new byte[4096]);
      try (OwnedFd file = OwnedFd.openReadWrite(path.toString());
          Vmm vmm = withFile(file, "e6 10 ; out 0x10, al\n eb fe ; jmp itself")) {
        MemorySegment lost = vmm.memory().regions().getLast().segment();
        Runnable touch =
            () -> {
              for (long at = 0; at < 4096; at++) {
                lost.set(ValueLayout.JAVA_BYTE, at, (byte) 1);
              }
            };
        vmm.pio()
            .add(
                "device",
                0x10,
                1,
                new Recorder() {
                  @Override
                  public void write(long offset, int size, long value) {
                    if (inLoop) {
                      vmm.events().execute(touch);
                    } else {
                      touch.run();
                    }
                  }
                });
        Files.write(path, new byte[0]);
        assertContains(vmm.run().describe(), "region pmem [0x10000..0x10fff]: fd ");
      }
    }
  }

  @Test
  void portsOfEveryWidth() throws Exception {
    String program =
        """
        ba 00 03           ; mov dx, 0x300
        66 b8 44 33 22 81  ; mov eax, 0x81223344
        ee                 ; out dx, al
        ef                 ; out dx, ax
        66 ef              ; out dx, eax
        42                 ; inc dx
        66 ed              ; in eax, dx
        66 a3 00 20        ; mov [0x2000], eax
        ed                 ; in ax, dx
        a3 04 20           ; mov [0x2004], ax
        ec                 ; in al, dx
        a2 06 20           ; mov [0x2006], al
        ba 00 04           ; mov dx, 0x400
        ec                 ; in al, dx
        e6 f4              ; out 0xf4, al
        f4                 ; hlt
        """;
    Recorder device = new Recorder();
    try (Vmm vmm = RealMode.machine(program)) {
      vmm.pio().add("device", 0x300, 8, device);
      // Nobody is at 0x400: all ones.
      assertEquals(new StopReason.Exit(255), vmm.run());
      assertEquals(
          List.of(
              "write 0/1=44",
              "write 0/2=3344",
              "write 0/4=81223344",
              "read 1/4",
              "read 1/2",
              "read 1/1"),
          device.accesses);
      assertEquals(0x11223341, vmm.memory().getInt(0x2000));
      assertEquals(0x3342, vmm.memory().getShort(0x2004));
      assertEquals(0x43, vmm.memory().getByte(0x2006));
      assertEquals(1, vmm.pio().unclaimedAccesses());
    }
  }

  @Test
  void stringsOfPorts() throws Exception {
    String program =
        """
        fc                 ; cld
        ba 00 03           ; mov dx, 0x300
        be 00 20           ; mov si, 0x2000
        b9 05 00           ; mov cx, 5
        f3 6e              ; rep outsb
        bf 00 30           ; mov di, 0x3000
        b9 03 00           ; mov cx, 3
        f3 6d              ; rep insw
        88 c8              ; mov al, cl
        e6 f4              ; out 0xf4, al
        f4                 ; hlt
        """;
    Recorder device = new Recorder();
    try (Vmm vmm = RealMode.machine(program)) {
      vmm.pio().add("device", 0x300, 8, device);
      vmm.memory().write(0x2000, "hello".getBytes(StandardCharsets.US_ASCII));
      assertEquals(new StopReason.Exit(0), vmm.run());
      // KVM may read ahead.
      assertEquals(
          List.of(
              "write 0/1=68",
              "write 0/1=65",
              "write 0/1=6c",
              "write 0/1=6c",
              "write 0/1=6f",
              "read 0/2",
              "read 0/2",
              "read 0/2"),
          device.accesses.subList(0, 8));
      assertEquals(0x3341, vmm.memory().getShort(0x3000));
      assertEquals(0x3342, vmm.memory().getShort(0x3002));
      assertEquals(0x3343, vmm.memory().getShort(0x3004));
    }
  }

  @Test
  void mmio() throws Exception {
    String program =
        """
        b8 00 20           ; mov ax, 0x2000
        8e d8              ; mov ds, ax
        66 b8 44 33 22 81  ; mov eax, 0x81223344
        a2 10 00           ; mov [0x10], al
        66 a3 20 00        ; mov [0x20], eax
        66 a1 30 00        ; mov eax, [0x30]
        26 66 a3 00 20     ; mov es:[0x2000], eax
        a0 00 80           ; mov al, [0x8000]
        e6 f4              ; out 0xf4, al
        f4                 ; hlt
        """;
    Recorder device = new Recorder();
    try (Vmm vmm = RealMode.machine(program)) {
      vmm.mmio().add("device", MMIO, 0x100, device);
      assertEquals(new StopReason.Exit(255), vmm.run());
      assertEquals(List.of("write 10/1=44", "write 20/4=81223344", "read 30/4"), device.accesses);
      assertEquals(0x11223341, vmm.memory().getInt(0x2000));
      assertEquals(1, vmm.mmio().unclaimedAccesses());
    }
  }

  /** KVM cuts at the page: 3 bytes and 1, which come as single ones. */
  @Test
  void mmioAcrossPages() throws Exception {
    String program =
        """
        b8 00 20           ; mov ax, 0x2000
        8e d8              ; mov ds, ax
        66 b8 44 33 22 81  ; mov eax, 0x81223344
        66 a3 fd 0f        ; mov [0xffd], eax
        66 a1 fd 1f        ; mov eax, [0x1ffd]
        26 66 a3 00 20     ; mov es:[0x2000], eax
        b0 03              ; mov al, 3
        e6 f4              ; out 0xf4, al
        f4                 ; hlt
        """;
    Recorder device = new Recorder();
    try (Vmm vmm = RealMode.machine(program)) {
      vmm.mmio().add("device", MMIO, 0x3000, device);
      assertEquals(new StopReason.Exit(3), vmm.run());
      assertEquals(
          List.of(
              "write ffd/1=44",
              "write ffe/1=33",
              "write fff/1=22",
              "write 1000/1=81",
              "read 1ffd/1",
              "read 1ffe/1",
              "read 1fff/1",
              "read 2000/1"),
          device.accesses);
      assertEquals(0x44434241, vmm.memory().getInt(0x2000));
    }
  }

  @Test
  void acpiPowerOff() throws Exception {
    String program =
        """
        ba 00 06           ; mov dx, 0x600
        b0 34              ; mov al, 0x34
        ee                 ; out dx, al
        f4                 ; hlt
        """;
    assertEquals(0x34, AcpiPower.SLEEP_TYPE_S5 << 2 | 1 << 5);
    try (Vmm vmm = RealMode.machine(program)) {
      LinuxBoot.addPowerDevices(vmm);
      assertEquals(new StopReason.PowerOff(), vmm.run());
    }
  }

  @Test
  void acpiReset() throws Exception {
    String program =
        """
        ba 00 06           ; mov dx, 0x600
        b0 01              ; mov al, 1
        ee                 ; out dx, al
        f4                 ; hlt
        """;
    try (Vmm vmm = RealMode.machine(program)) {
      LinuxBoot.addPowerDevices(vmm);
      assertEquals(new StopReason.Reset(), vmm.run());
    }
  }

  @Test
  void keyboardReset() throws Exception {
    String program =
        """
        b0 fe              ; mov al, 0xfe
        e6 64              ; out 0x64, al
        f4                 ; hlt
        """;
    assertEquals(0x64, I8042.COMMAND_PORT);
    try (Vmm vmm = RealMode.machine(program)) {
      LinuxBoot.addPowerDevices(vmm);
      assertEquals(new StopReason.Reset(), vmm.run());
    }
  }

  /** Paging on and no interrupt table: the first fault is the third. */
  private static Vmm longMode(String listing) throws Exception {
    Vmm vmm = Vmm.builder().memory(RealMode.MEMORY).build();
    try {
      vmm.memory().write(RealMode.CODE, RealMode.bytes(listing));
      Gdt.write(vmm.memory(), 0x500);
      PageTables.writeIdentity(vmm.memory(), 0x8000);
      BootState.linux64(vmm.vcpu(0), RealMode.CODE, 0, 0x7000, 0x500, 0x8000);
    } catch (Exception e) {
      vmm.close();
      throw e;
    }
    return vmm;
  }

  @Test
  void tripleFault() throws Exception {
    String program =
        """
        b8 78 56 34 12     ; mov eax, 0x12345678
        0f 0b              ; ud2
        f4                 ; hlt
        """;
    try (Vmm vmm = longMode(program)) {
      StopReason.GuestFailure failure = failure(vmm);
      assertEquals(0, failure.vcpu());
      assertEquals("triple fault", failure.what());
      assertEquals("vCPU 0: triple fault", failure.describe());
      // An AMD processor loses the state at a shutdown; KVM then resets the registers.
      assertContains(failure.state(), "rax=");
      assertContains(failure.state(), "cr3=");
      assertContains(failure.state(), "code at rip: ");
    }
  }

  /** Hardware executes it and faults three times; a KVM in software may not know it. */
  @Test
  void instructionThatMayBeUnknown() throws Exception {
    String program =
        """
        b8 78 56 34 12     ; mov eax, 0x12345678
        cc                 ; int3
        f4                 ; hlt
        """;
    try (Vmm vmm = longMode(program)) {
      StopReason.GuestFailure failure = failure(vmm);
      assertTrue(
          failure.what().equals("triple fault")
              || failure.what().startsWith("INTERNAL_ERROR suberror="),
          failure::what);
      if (failure.what().startsWith("INTERNAL_ERROR")) {
        assertContains(failure.state(), "rax=0000000012345678");
        assertContains(failure.state(), "rip=0000000000001005");
        assertContains(failure.state(), "code at rip: cc f4");
      }
    }
  }

  @Test
  void stateInRealMode() throws Exception {
    try (Vmm vmm = RealMode.machine("f4 eb fd ; hlt, jmp .-1\n")) {
      Sregs sregs = vmm.vcpu(0).getSregs();
      // The same byte by another segment.
      vmm.vcpu(0).setSregs(sregs.cs(sregs.cs().at(0x800, 0x80)));
      vmm.vcpu(0).setRegs(vmm.vcpu(0).getRegs().rip(0x800));
      assertContains(
          VcpuState.describe(vmm.vcpu(0), vmm.memory()),
          "code at rip: f4 eb fd 00 00 00 00 00 00 00 00 00 00 00 00 00");
      vmm.vcpu(0).setRegs(vmm.vcpu(0).getRegs().rip(0x7fe));
      assertContains(VcpuState.describe(vmm.vcpu(0), vmm.memory()), "code at rip: 00 00");
      // Outside of the memory.
      vmm.vcpu(0).setSregs(sregs.cs(sregs.cs().at(MMIO, 0x2000)));
      assertContains(
          VcpuState.describe(vmm.vcpu(0), vmm.memory()),
          "code at rip: not in memory (gpa=0x207fe)");
    }
  }

  @Test
  void stateWithPaging() throws Exception {
    try (Vmm vmm = longMode("0f 0b ; ud2\n")) {
      assertContains(VcpuState.describe(vmm.vcpu(0), vmm.memory()), "code at rip: 0f 0b 00");
      // The last two bytes of a page, and no more.
      vmm.vcpu(0).setRegs(vmm.vcpu(0).getRegs().rip(0x1ffe));
      assertTrue(VcpuState.describe(vmm.vcpu(0), vmm.memory()).endsWith("code at rip: 00 00"));
      vmm.vcpu(0).setRegs(vmm.vcpu(0).getRegs().rip(1L << 46));
      assertContains(VcpuState.describe(vmm.vcpu(0), vmm.memory()), "code at rip: not mapped");
    }
  }
}
