// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.javavmm.arch.BootState;
import org.javavmm.arch.CpuidTemplate;
import org.javavmm.arch.Gdt;
import org.javavmm.arch.PageTables;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.ExitReason;
import org.javavmm.kvm.Kvm;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Msrs;
import org.javavmm.kvm.Sregs;
import org.javavmm.kvm.Vcpu;
import org.javavmm.kvm.VcpuExit;
import org.javavmm.kvm.Vm;
import org.javavmm.memory.GuestMemory;
import org.javavmm.sys.SystemCallException;
import org.javavmm.vmkvm.KvmMemory;

/**
 * Finds out whether a KVM can run a stock Linux kernel, by trying.
 *
 * <p>A KVM that interprets the guest's ring 0 in software answers like any other until the guest
 * executes an instruction it does not know; a kernel then stops somewhere in its boot. The probe
 * executes a few such instructions, each in a tiny guest of its own in 64-bit mode, and looks at
 * what they compute. Those that CPUID does not offer, and that a kernel therefore does not use, are
 * left out. The probe takes some ten milliseconds, and 2 s more for each guest that hangs.
 */
public final class KvmProbe {
  /** The guest reports through this port, 32 bits wide. */
  static final int PORT = 0x10;

  // The guest's memory.
  private static final long MEMORY_SIZE = 64 << 10;
  private static final long PAGE_TABLES = 0x1000;
  private static final long IDT = 0x7000;
  private static final long GDT = 0x7800;
  private static final long CODE = 0x8000;
  private static final long ON_BREAKPOINT = 0x9000;
  private static final long ON_FAULT = 0x9100;
  private static final long ON_SYSCALL = 0x9200;
  private static final long USER_CODE = 0xa000;
  private static final long STACK = 0xf000;

  // Selectors behind those of Gdt, for ring 3.
  private static final int USER_DATA = 0x28;
  private static final int USER_CODE64 = 0x30;
  private static final long USER_DATA_DESCRIPTOR = 0x00cf_f300_0000_ffffL;
  private static final long USER_CODE64_DESCRIPTOR = 0x00af_fb00_0000_ffffL;
  private static final int GDT_SIZE = USER_CODE64 + Long.BYTES;

  /**
   * SYSCALL takes CS from bits 32 to 47 and SS 8 above it; SYSRET takes SS 8 and CS 16 above bits
   * 48 to 63.
   */
  private static final long STAR =
      (long) Gdt.CODE_SELECTOR << 32 | (long) (USER_DATA - 8 | 3) << 48;

  private static final int BREAKPOINT = 3;
  private static final int EXCEPTIONS = 32;

  private static final long CR0_MP = 1 << 1;
  private static final long CR0_NE = 1 << 5;
  private static final long CR4_OSFXSR = 1 << 9;
  private static final long CR4_OSXMMEXCPT = 1 << 10;
  private static final long EFER_SCE = 1;
  private static final int MSR_STAR = 0xc000_0081;
  private static final int MSR_LSTAR = 0xc000_0082;
  private static final int MSR_SYSCALL_MASK = 0xc000_0084;

  /** Bit 2 of an entry of a page table: ring 3 may use it. */
  private static final long PAGE_USER = 4;

  private static final int LEAF1_ECX_CX16 = 1 << 13;
  private static final int LEAF1_ECX_POPCNT = 1 << 23;

  /** Generous: what works takes less than a millisecond of it. */
  private static final long HANG_MILLIS = 2000;

  // Lines of an assembler's listing: bytes, a semicolon, and what they mean.

  private static final String BREAKPOINT_HANDLER =
      """
      b8 03 00 00 00    ; mov eax, 3
      48 cf             ; iretq
      """;

  private static final String FAULT_HANDLER =
      """
      b8 ff ff ff ff    ; mov eax, 0xffffffff
      e7 10             ; out 0x10, eax
      f4                ; hlt
      """;

  /** Goes back to ring 3 the first time; then tells in which segment it is, and the count. */
  private static final String SYSCALL_HANDLER =
      """
      ff c3             ; inc ebx
      83 fb 02          ; cmp ebx, 2
      74 03             ; je .+5
      48 0f 07          ; sysretq
      8c c8             ; mov eax, cs
      c1 e0 08          ; shl eax, 8
      09 d8             ; or eax, ebx
      e7 10             ; out 0x10, eax
      f4                ; hlt
      """;

  private static final String USER_PROGRAM =
      """
      31 db             ; xor ebx, ebx
      0f 05             ; syscall
      0f 05             ; syscall
      0f 0b             ; ud2
      """;

  /** What a stock kernel needs. The order is that of the reports. */
  enum Feature {
    INT3(
        "int3",
        3,
        0,
        """
        31 c0             ; xor eax, eax
        cc                ; int3
        e7 10             ; out 0x10, eax
        f4                ; hlt
        """),
    POPCNT(
        "popcnt",
        12,
        LEAF1_ECX_POPCNT,
        """
        b8 0f ff 00 00    ; mov eax, 0xff0f
        f3 0f b8 c0       ; popcnt eax, eax
        e7 10             ; out 0x10, eax
        f4                ; hlt
        """),
    CMPXCHG16B(
        "cmpxchg16b",
        12,
        LEAF1_ECX_CX16,
        """
        31 c0             ; xor eax, eax
        31 d2             ; xor edx, edx
        bb 05 00 00 00    ; mov ebx, 5
        b9 07 00 00 00    ; mov ecx, 7
        be 00 b0 00 00    ; mov esi, 0xb000
        f0 48 0f c7 0e    ; lock cmpxchg16b [rsi]
        8b 06             ; mov eax, [rsi]
        03 46 08          ; add eax, [rsi+8]
        e7 10             ; out 0x10, eax
        f4                ; hlt
        """),
    SSE(
        "SSE in ring 0",
        4,
        0,
        """
        b8 02 00 00 00    ; mov eax, 2
        f3 0f 2a c0       ; cvtsi2ss xmm0, eax
        f3 0f 58 c0       ; addss xmm0, xmm0
        f3 0f 2c c0       ; cvttss2si eax, xmm0
        e7 10             ; out 0x10, eax
        f4                ; hlt
        """),
    SYSCALL(
        "syscall from ring 3",
        Gdt.CODE_SELECTOR << 8 | 2,
        0,
        """
        6a 2b             ; push 0x2b
        68 00 e0 00 00    ; push 0xe000
        6a 02             ; push 2
        6a 33             ; push 0x33
        68 00 a0 00 00    ; push 0xa000
        48 cf             ; iretq
        """);

    private final String text;
    private final long answer;
    private final int cpuidBit;
    private final String listing;

    /**
     * @param answer what the guest reports if all is well
     * @param cpuidBit of leaf 1's ECX, without which a kernel does not use it; 0 if it always does
     */
    Feature(String text, long answer, int cpuidBit, String listing) {
      this.text = text;
      this.answer = answer;
      this.cpuidBit = cpuidBit;
      this.listing = listing;
    }

    private boolean isUsed(Cpuid cpuid) {
      int ecx = cpuid.find(1, 0).map(Cpuid.Entry::ecx).orElse(0);
      return cpuidBit == 0 || (ecx & cpuidBit) != 0;
    }
  }

  /** What the probe found. */
  public sealed interface Result {
    /** {@return whether a stock Linux kernel can be expected to run} */
    boolean runsLinux();

    /** {@return the features that this KVM lacks, such as {@code int3}; empty if not probed} */
    List<String> missing();

    /** {@return one line for people} */
    String describe();
  }

  /**
   * The guests ran.
   *
   * @param missing the features that did not work, in a fixed order
   */
  public record Probed(List<String> missing) implements Result {
    /** Copies the list. */
    public Probed {
      missing = List.copyOf(missing);
    }

    @Override
    public boolean runsLinux() {
      return missing.isEmpty();
    }

    @Override
    public String describe() {
      return missing.isEmpty()
          ? "this KVM runs Linux"
          : "this KVM lacks " + String.join(", ", missing);
    }
  }

  /**
   * No guest could be run.
   *
   * @param reason why, one line
   */
  public record NoKvm(String reason) implements Result {
    @Override
    public boolean runsLinux() {
      return false;
    }

    @Override
    public List<String> missing() {
      return List.of();
    }

    @Override
    public String describe() {
      return reason;
    }
  }

  private KvmProbe() {}

  /**
   * Probes a KVM. For platform threads only: a virtual one cannot run a vCPU.
   *
   * @param devicePath where it is, such as {@code /dev/kvm}
   * @return what was found; a KVM that is absent or refuses is a result as well
   * @throws IllegalStateException if the calling thread is virtual
   */
  public static Result run(String devicePath) {
    try (Kvm kvm = Kvm.open(devicePath)) {
      Cpuid cpuid = CpuidTemplate.of(kvm.supportedCpuid(), false).forVcpu(0, 1);
      List<String> missing = new ArrayList<>();
      for (Feature feature : Feature.values()) {
        if (!works(kvm, cpuid, feature)) {
          missing.add(feature.text);
        }
      }
      return new Probed(missing);
    } catch (SystemCallException e) {
      return new NoKvm("no " + devicePath + ": " + e.getMessage());
    }
  }

  /** Whether a feature works, or a kernel does not ask for it. */
  private static boolean works(Kvm kvm, Cpuid cpuid, Feature feature) throws SystemCallException {
    try (GuestMemory memory = GuestMemory.builder().anonymous("probe", 0, MEMORY_SIZE).build();
        Vm vm = kvm.createVm();
        KvmMemory _ = KvmMemory.attach(vm, memory);
        Vcpu vcpu = vm.createVcpu(0)) {
      vcpu.setCpuid2(cpuid);
      // Read back: a KVM in software may offer more than it supports.
      if (!feature.isUsed(vcpu.getCpuid2())) {
        return true;
      }
      load(memory, feature);
      prepare(vcpu);
      return answers(vcpu, feature.answer);
    }
  }

  private static void load(GuestMemory memory, Feature feature) {
    Gdt.write(memory, GDT);
    memory.putLong(GDT + USER_DATA, USER_DATA_DESCRIPTOR);
    memory.putLong(GDT + USER_CODE64, USER_CODE64_DESCRIPTOR);
    PageTables.writeIdentity(memory, PAGE_TABLES);
    // The first entry of each level: ring 3 may use the first 2 MiB.
    for (int level = 0; level < 3; level++) {
      long entry = PAGE_TABLES + 4096L * level;
      memory.putLong(entry, memory.getLong(entry) | PAGE_USER);
    }
    for (int vector = 0; vector < EXCEPTIONS; vector++) {
      gate(memory, vector, vector == BREAKPOINT ? ON_BREAKPOINT : ON_FAULT);
    }
    memory.write(ON_BREAKPOINT, assembled(BREAKPOINT_HANDLER));
    memory.write(ON_FAULT, assembled(FAULT_HANDLER));
    memory.write(ON_SYSCALL, assembled(SYSCALL_HANDLER));
    memory.write(USER_CODE, assembled(USER_PROGRAM));
    memory.write(CODE, assembled(feature.listing));
  }

  /** A present 64-bit interrupt gate for ring 0; handlers lie below 64 KiB. */
  private static void gate(GuestMemory memory, int vector, long handler) {
    long low = handler | (long) Gdt.CODE_SELECTOR << 16 | 0x8e00L << 32;
    memory.putLong(IDT + 16L * vector, low);
  }

  private static void prepare(Vcpu vcpu) throws KvmException {
    BootState.linux64(vcpu, CODE, 0, STACK, GDT, PAGE_TABLES);
    Sregs sregs = vcpu.getSregs();
    sregs.gdt(GDT, GDT_SIZE - 1).idt(IDT, 16 * EXCEPTIONS - 1);
    sregs.cr0(sregs.cr0() | CR0_MP | CR0_NE);
    sregs.cr4(sregs.cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    sregs.efer(sregs.efer() | EFER_SCE);
    vcpu.setSregs(sregs);
    vcpu.setMsrs(
        new Msrs(
            List.of(
                new Msrs.Entry(MSR_STAR, STAR),
                new Msrs.Entry(MSR_LSTAR, ON_SYSCALL),
                new Msrs.Entry(MSR_SYSCALL_MASK, 0))));
  }

  /** Whether the guest's first words are the right ones. */
  private static boolean answers(Vcpu vcpu, long answer) {
    vcpu.attach();
    Thread watchdog = Thread.ofPlatform().daemon().name("kvm-probe").start(() -> fetch(vcpu));
    try {
      VcpuExit exit = vcpu.exit();
      ExitReason reason;
      do {
        reason = vcpu.run();
      } while (reason == ExitReason.REENTER);
      return reason == ExitReason.IO
          && exit.ioIsWrite()
          && exit.ioPort() == PORT
          && exit.ioData(0) == answer;
    } catch (KvmException e) {
      return false; // KVM_RUN itself failed, which a kernel would not survive either
    } finally {
      watchdog.interrupt();
      vcpu.detach();
    }
  }

  /** Fetches the vCPU out of a guest that hangs; closed meanwhile, it is left alone. */
  private static void fetch(Vcpu vcpu) {
    try {
      Thread.sleep(HANG_MILLIS);
      vcpu.kick();
    } catch (InterruptedException e) {
      // The guest ended in time, and so does this thread.
    }
  }

  /** The bytes of a listing. */
  private static byte[] assembled(String listing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    listing
        .lines()
        .map(line -> line.substring(0, line.indexOf(';')).replace(" ", ""))
        .forEach(hex -> bytes.writeBytes(HexFormat.of().parseHex(hex)));
    return bytes.toByteArray();
  }

  /** {@return all programs, for the test that assembles them again} */
  static List<String> listings() {
    List<String> all =
        new ArrayList<>(List.of(BREAKPOINT_HANDLER, FAULT_HANDLER, SYSCALL_HANDLER, USER_PROGRAM));
    for (Feature feature : Feature.values()) {
      all.add(feature.listing);
    }
    return all;
  }
}
