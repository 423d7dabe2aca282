// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A named set of features, the same on every host that has them. Sizes of caches and addresses stay
 * the host's, and so do family, model and stepping unless the model says them.
 *
 * <p>{@code host} is all that the host's KVM supports. {@code x86-64-v1} to {@code v4} are the
 * levels of the x86-64 psABI, with what a kernel needs beside them. The others are the features of
 * a product line that matter to programs, and its family, model and stepping.
 *
 * <p>What belongs to the virtual machine rather than to the instruction set stays as the host's KVM
 * has it in every model: the bits by which a guest protects itself against faults of the processor
 * ({@code spec_ctrl}, {@code md_clear} …), the timers of the local APIC, and KVM's own features.
 *
 * @param name the name
 * @param description what it is, in a few words
 * @param vendor the vendor in CPUID leaf 0 that the host must have; empty for any
 * @param signature family, model and stepping for leaf 1, EAX; 0 for the host's
 * @param features what it has; empty for all that the host has
 */
public record CpuModel(
    String name, String description, String vendor, int signature, Set<CpuFeature> features) {
  private static final String V1 =
      "fpu cx8 cmov mmx fxsr sse sse2 syscall lm"
          // What the levels do not name, and a 64-bit kernel expects.
          + " de pse tsc msr pae mce apic sep mtrr pge mca pat pse36 clflush nx"
          + " x2apic hypervisor";
  private static final String V2 = V1 + " cx16 lahf_lm popcnt pni ssse3 sse4_1 sse4_2";
  private static final String V3 = V2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave";
  private static final String V4 = V3 + " avx512f avx512bw avx512cd avx512dq avx512vl";

  private static final String BOTH_VENDORS =
      " aes pclmulqdq rdrand rdseed adx fsgsbase smep smap clflushopt xsaveopt xsavec xgetbv1"
          + " pdpe1gb rdtscp 3dnowprefetch";
  private static final String ZEN =
      V3 + BOTH_VENDORS + " sha_ni cr8_legacy sse4a misalignsse topoext mmxext fxsr_opt";
  private static final String ZEN2 = ZEN + " clwb rdpid umip clzero xsaveerptr wbnoinvd";
  private static final String ZEN3 = ZEN2 + " erms fsrm pcid invpcid pku vaes vpclmulqdq";
  private static final String SKYLAKE = V4 + BOTH_VENDORS + " pcid invpcid erms clwb pku";
  private static final String CASCADE = SKYLAKE + " avx512_vnni";

  private static final String AMD = "AuthenticAMD";
  private static final String INTEL = "GenuineIntel";

  /** The host's word counts for these in every model. */
  private static final Set<CpuFeature> AS_HOST =
      set(
          "tsc_deadline_timer tsc_adjust arat"
              + " spec_ctrl intel_stibp spec_ctrl_ssbd arch_capabilities md_clear flush_l1d"
              + " srbds_ctrl core_capabilities rtm_always_abort"
              + " intel_psfd ipred_ctrl rrsba_ctrl ddpd_u bhi_ctrl mcdt_no"
              + " amd_ibpb amd_ibrs amd_stibp amd_stibp_always_on amd_ssbd virt_ssbd amd_ssb_no"
              + " amd_psfd btc_no no_nested_data_bp lfence_rdtsc null_sel_clr_base autoibrs"
              + " sbpb ibpb_brtype srso_no no_smm_ctl_msr");

  private static final Map<String, CpuModel> BY_NAME = new LinkedHashMap<>();

  static {
    add("host", "all that the host's KVM supports", "", 0, "");
    add("x86-64-v1", "the first level of the x86-64 psABI", "", 0, V1);
    add("x86-64-v2", "the second level: SSE4.2, POPCNT", "", 0, V2);
    add("x86-64-v3", "the third level: AVX2, BMI2, FMA", "", 0, V3);
    add("x86-64-v4", "the fourth level: AVX-512", "", 0, V4);
    add("EPYC", "AMD EPYC, Zen (family 17h model 01h)", AMD, 0x0080_0f12, ZEN);
    add("EPYC-Rome", "AMD EPYC, Zen 2 (family 17h model 31h)", AMD, 0x0083_0f10, ZEN2);
    add("EPYC-Milan", "AMD EPYC, Zen 3 (family 19h model 01h)", AMD, 0x00a0_0f11, ZEN3);
    add("Skylake-Server", "Intel Xeon, Skylake, no TSX", INTEL, 0x0005_0654, SKYLAKE);
    add("Cascadelake-Server", "Intel Xeon, Cascade Lake, no TSX", INTEL, 0x0005_0657, CASCADE);
  }

  /** Copies the set. */
  public CpuModel {
    features = Set.copyOf(features);
  }

  private static void add(String name, String text, String vendor, int signature, String list) {
    BY_NAME.put(name, new CpuModel(name, text, vendor, signature, set(list)));
  }

  private static Set<CpuFeature> set(String names) {
    return Arrays.stream(names.split(" ", -1))
        .filter(n -> !n.isEmpty())
        .map(CpuFeature::of)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** {@return the models there are} */
  public static List<CpuModel> all() {
    return List.copyOf(BY_NAME.values());
  }

  /**
   * {@return the model of a name}
   *
   * @param name the name, in any case
   * @throws IllegalArgumentException if there is none, with the names that there are
   */
  public static CpuModel of(String name) {
    for (CpuModel model : BY_NAME.values()) {
      if (model.name.equalsIgnoreCase(name)) {
        return model;
      }
    }
    throw new IllegalArgumentException(
        "CPU model \"" + name + "\" is not known; known: " + String.join(", ", BY_NAME.keySet()));
  }

  /** {@return whether this is all that the host has} */
  public boolean isHost() {
    return features.isEmpty();
  }

  /** Whether a feature is on in this model where the host has it, though the model does not say. */
  static boolean isAsHost(CpuFeature feature) {
    return AS_HOST.contains(feature) || feature.function() == 0x4000_0001;
  }
}
