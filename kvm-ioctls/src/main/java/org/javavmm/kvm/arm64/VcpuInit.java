// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a vCPU is and what it can do, {@code struct kvm_vcpu_init}: start with {@link
 * ArmVm#preferredTarget}, add features, give it to {@link ArmVcpu#init}. Immutable.
 */
public final class VcpuInit {
  /** Any processor of the host: the target that KVM prefers on all hosts of today. */
  public static final int KVM_ARM_TARGET_GENERIC_V8 = 5;

  private static final int WORDS = 7;

  private final int target;

  /** Bits that this version does not know are kept: KVM may have set them. */
  private final int[] features;

  /**
   * A target without features.
   *
   * @param target {@code KVM_ARM_TARGET_…} of the header
   */
  public VcpuInit(int target) {
    this(target, new int[WORDS]);
  }

  private VcpuInit(int target, int[] features) {
    this.target = target;
    this.features = features;
  }

  /** {@return the target, {@code KVM_ARM_TARGET_…} of the header} */
  public int target() {
    return target;
  }

  /** {@return the features that this version knows} */
  public Set<VcpuFeature> features() {
    Set<VcpuFeature> set = EnumSet.noneOf(VcpuFeature.class);
    for (VcpuFeature feature : VcpuFeature.values()) {
      if ((features[0] & 1 << feature.bit()) != 0) {
        set.add(feature);
      }
    }
    return set;
  }

  /**
   * {@return this and some features}
   *
   * @param more the features
   */
  public VcpuInit with(VcpuFeature... more) {
    int[] words = features.clone();
    for (VcpuFeature feature : more) {
      words[0] |= 1 << feature.bit();
    }
    return new VcpuInit(target, words);
  }

  MemorySegment toStruct(Arena arena) {
    MemorySegment struct = arena.allocate(VcpuInitLayout.SIZEOF, Long.BYTES);
    struct.set(ValueLayout.JAVA_INT, VcpuInitLayout.TARGET, target);
    for (int i = 0; i < WORDS; i++) {
      struct.set(
          ValueLayout.JAVA_INT, VcpuInitLayout.FEATURES + (long) Integer.BYTES * i, features[i]);
    }
    return struct;
  }

  static VcpuInit fromStruct(MemorySegment struct) {
    int[] words = new int[WORDS];
    for (int i = 0; i < WORDS; i++) {
      words[i] =
          struct.get(ValueLayout.JAVA_INT, VcpuInitLayout.FEATURES + (long) Integer.BYTES * i);
    }
    return new VcpuInit(struct.get(ValueLayout.JAVA_INT, VcpuInitLayout.TARGET), words);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof VcpuInit init
        && target == init.target
        && Arrays.equals(features, init.features);
  }

  @Override
  public int hashCode() {
    return 31 * target + Arrays.hashCode(features);
  }

  @Override
  public String toString() {
    return "target=" + target + ", features=" + features();
  }
}
