// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.javavmm.bindings.kvm.arm64.kvm_arm64_h;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_events;
import org.javavmm.bindings.kvm.arm64.kvm_vcpu_init;

/** Encodings there and back, and against the generated constants and accessors. */
class ArmPropertyTest {
  @Property
  void systemRegisters(
      @ForAll @IntRange(max = 3) int op0,
      @ForAll @IntRange(max = 7) int op1,
      @ForAll @IntRange(max = 15) int crn,
      @ForAll @IntRange(max = 15) int crm,
      @ForAll @IntRange(max = 7) int op2) {
    RegisterId id = RegisterId.sysReg(op0, op1, crn, crm, op2);
    assertEquals(op0, id.op0());
    assertEquals(op1, id.op1());
    assertEquals(crn, id.crn());
    assertEquals(crm, id.crm());
    assertEquals(op2, id.op2());
    assertEquals(RegisterId.Kind.SYSREG, id.kind());
    long oracle = kvm_arm64_h.KVM_REG_ARM64() | kvm_arm64_h.KVM_REG_SIZE_U64();
    oracle |= kvm_arm64_h.KVM_REG_ARM64_SYSREG();
    oracle += (long) op0 * Integer.lowestOneBit(kvm_arm64_h.KVM_REG_ARM64_SYSREG_OP0_MASK());
    oracle += (long) op1 * Integer.lowestOneBit(kvm_arm64_h.KVM_REG_ARM64_SYSREG_OP1_MASK());
    oracle += (long) crn * Integer.lowestOneBit(kvm_arm64_h.KVM_REG_ARM64_SYSREG_CRN_MASK());
    oracle += (long) crm * Integer.lowestOneBit(kvm_arm64_h.KVM_REG_ARM64_SYSREG_CRM_MASK());
    oracle += (long) op2 * Integer.lowestOneBit(kvm_arm64_h.KVM_REG_ARM64_SYSREG_OP2_MASK());
    assertEquals(oracle, id.value());
  }

  @Property
  void sveRegisters(
      @ForAll @IntRange(max = 31) int z,
      @ForAll @IntRange(max = 15) int p,
      @ForAll @IntRange(max = 31) int slice) {
    long base = kvm_arm64_h.KVM_REG_ARM64() | kvm_arm64_h.KVM_REG_ARM64_SVE();
    long of32 = base + 32L * z + slice;
    long zreg = kvm_arm64_h.KVM_REG_SIZE_U2048() + kvm_arm64_h.KVM_REG_ARM64_SVE_ZREG_BASE();
    assertEquals(of32 + zreg, RegisterId.sveZ(z, slice).value());
    long preg = kvm_arm64_h.KVM_REG_SIZE_U256() + kvm_arm64_h.KVM_REG_ARM64_SVE_PREG_BASE();
    assertEquals(base + 32L * p + slice + preg, RegisterId.sveP(p, slice).value());
    long ffr = kvm_arm64_h.KVM_REG_SIZE_U256() + kvm_arm64_h.KVM_REG_ARM64_SVE_FFR_BASE();
    assertEquals(base + slice + ffr, RegisterId.sveFfr(slice).value());
    assertTrue(RegisterId.sveZ(z, slice).toString().startsWith("z" + z + " slice " + slice + " "));
    assertTrue(RegisterId.sveP(p, slice).toString().startsWith("p" + p + " slice " + slice + " "));
  }

  /** Whatever KVM lists can be shown, and what has a name is what that name makes. */
  @Property
  void anyIdCanBeDecoded(
      @ForAll @IntRange(max = 0xffff) int index,
      @ForAll @IntRange(min = 0x0f, max = 0x17) int kind,
      @ForAll @IntRange(max = 15) int size) {
    RegisterId id =
        new RegisterId(0x6000_0000_0000_0000L | (long) size << 52 | (long) kind << 16 | index);
    String text = id.toString();
    assertTrue(text.endsWith(" [0x" + Long.toHexString(id.value()) + "]"), text);
    if (id.kind() == RegisterId.Kind.UNKNOWN) {
      assertTrue(text.startsWith("unknown register"), text);
      return;
    }
    String[] words = text.split("[ \\[]");
    String name = words[0];
    RegisterId again =
        switch (id.kind()) {
          case SYSREG -> RegisterId.sysReg(id.op0(), id.op1(), id.crn(), id.crm(), id.op2());
          case FIRMWARE -> RegisterId.firmware(index);
          case FIRMWARE_FEATURES -> RegisterId.firmwareFeatures(index);
          case DEMUX -> RegisterId.ccsidr(index);
          case SVE -> sve(name, words);
          default -> core(name, words);
        };
    assertEquals(again, id);
  }

  private static RegisterId sve(String name, String[] words) {
    return switch (name.charAt(0)) {
      case 'z' -> RegisterId.sveZ(number(name), Integer.parseInt(words[2]));
      case 'p' -> RegisterId.sveP(number(name), Integer.parseInt(words[2]));
      case 'f' -> RegisterId.sveFfr(Integer.parseInt(words[2]));
      default -> RegisterId.SVE_VLS;
    };
  }

  private static RegisterId core(String name, String[] words) {
    return switch (name) {
      case "sp" -> RegisterId.SP;
      case "pc" -> RegisterId.PC;
      case "pstate" -> RegisterId.PSTATE;
      case "sp_el1" -> RegisterId.SP_EL1;
      case "elr_el1" -> RegisterId.ELR_EL1;
      case "fpsr" -> RegisterId.FPSR;
      case "fpcr" -> RegisterId.FPCR;
      case "spsr" -> RegisterId.spsr(Integer.parseInt(words[1].substring(0, 1)));
      default -> name.charAt(0) == 'x' ? RegisterId.x(number(name)) : RegisterId.v(number(name));
    };
  }

  private static int number(String name) {
    return Integer.parseInt(name.substring(1));
  }

  @Property
  void interruptLines(
      @ForAll ArmIrq.Type type,
      @ForAll @IntRange(max = 4095) int anyVcpu,
      @ForAll @IntRange(max = 987) int any) {
    int vcpu = type == ArmIrq.Type.SPI ? 0 : anyVcpu;
    int number =
        switch (type) {
          case CPU -> any % 2;
          case PPI -> 16 + any % 16;
          case SPI -> 32 + any;
        };
    ArmIrq irq = new ArmIrq(type, vcpu, number);
    assertEquals(irq, ArmIrq.decoded(irq.encoded()));
    int bits = irq.encoded();
    assertEquals(
        number, bits >>> kvm_arm64_h.KVM_ARM_IRQ_NUM_SHIFT() & kvm_arm64_h.KVM_ARM_IRQ_NUM_MASK());
    assertEquals(
        vcpu % 256,
        bits >>> kvm_arm64_h.KVM_ARM_IRQ_VCPU_SHIFT() & kvm_arm64_h.KVM_ARM_IRQ_VCPU_MASK());
    assertEquals(
        vcpu / 256,
        bits >>> kvm_arm64_h.KVM_ARM_IRQ_VCPU2_SHIFT() & kvm_arm64_h.KVM_ARM_IRQ_VCPU2_MASK());
    assertEquals(
        type.code(),
        bits >>> kvm_arm64_h.KVM_ARM_IRQ_TYPE_SHIFT() & kvm_arm64_h.KVM_ARM_IRQ_TYPE_MASK());
  }

  @Property
  void redistributorRegions(
      @ForAll @IntRange(max = 4095) int index,
      @ForAll @IntRange(min = 1, max = 4095) int count,
      @ForAll @IntRange(min = 0) int frame) {
    long base = (long) frame << 16;
    RedistributorRegion region = new RedistributorRegion(index, count, base);
    assertEquals(region, RedistributorRegion.decoded(region.encoded()));
    assertEquals(count, region.encoded() >>> 52);
    assertEquals(base >>> 16, (region.encoded() & 0x000f_ffff_ffff_0000L) >>> 16);
    assertEquals(0, region.encoded() & 0xf000);
    assertEquals(index, region.encoded() & 0xfff);
  }

  @Property
  void affinities(@ForAll long mpidr) {
    Affinity affinity = Affinity.ofMpidr(mpidr);
    long packed = affinity.attributeBits();
    assertEquals(0, packed & ~kvm_arm64_h.KVM_DEV_ARM_VGIC_V3_MPIDR_MASK());
    long high = packed >>> kvm_arm64_h.KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT();
    assertEquals(mpidr & 0xff_ffffL, high & 0xff_ffffL);
    assertEquals(mpidr >>> 32 & 0xff, high >>> 24);
  }

  @Property
  void psciVersions(
      @ForAll @IntRange(max = 0x7fff) int major, @ForAll @IntRange(max = 0xffff) int minor) {
    PsciVersion version = new PsciVersion(major, minor);
    assertEquals(65536L * major + minor, version.encoded());
    assertEquals(version, PsciVersion.decoded(version.encoded()));
  }

  @Property
  void events(
      @ForAll boolean pending, @ForAll boolean hasEsr, @ForAll boolean abort, @ForAll long esr) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = new ArmVcpuEvents(pending, hasEsr, abort, esr).toStruct(arena);
      MemorySegment exception = kvm_vcpu_events.exception(struct);
      assertEquals(pending ? 1 : 0, kvm_vcpu_events.exception.serror_pending(exception));
      assertEquals(hasEsr ? 1 : 0, kvm_vcpu_events.exception.serror_has_esr(exception));
      assertEquals(abort ? 1 : 0, kvm_vcpu_events.exception.ext_dabt_pending(exception));
      assertEquals(esr, kvm_vcpu_events.exception.serror_esr(exception));
      assertEquals(
          new ArmVcpuEvents(pending, hasEsr, abort, esr), ArmVcpuEvents.fromStruct(struct));
    }
  }

  @Property
  void initsKeepWhatTheyDoNotKnow(@ForAll int target, @ForAll int first, @ForAll int last) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = kvm_vcpu_init.allocate(arena);
      kvm_vcpu_init.target(struct, target);
      kvm_vcpu_init.features(struct, 0, first);
      kvm_vcpu_init.features(struct, 6, last);
      VcpuInit init = VcpuInit.fromStruct(struct);
      for (VcpuFeature feature : VcpuFeature.values()) {
        int bit = 1 << feature.bit();
        assertEquals((first & bit) != 0, init.features().contains(feature));
        MemorySegment more = init.with(feature).toStruct(arena);
        assertEquals(target, kvm_vcpu_init.target(more));
        assertEquals(first | bit, kvm_vcpu_init.features(more, 0));
        assertEquals(last, kvm_vcpu_init.features(more, 6));
      }
      assertEquals(init, VcpuInit.fromStruct(init.toStruct(arena)));
      assertEquals(init.hashCode(), VcpuInit.fromStruct(init.toStruct(arena)).hashCode());
      assertNotEquals(init, new VcpuInit(target + 1));
    }
  }
}
