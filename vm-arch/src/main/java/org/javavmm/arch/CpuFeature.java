// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.javavmm.kvm.Cpuid;

/**
 * A feature bit of CPUID with its name: the one of Linux's {@code /proc/cpuinfo} where it has one,
 * or that of the manuals; for KVM's own, that of {@code KVM_FEATURE_…} with {@code kvm_}.
 *
 * @param name the name
 * @param aliases other names of the same bit
 * @param function the leaf
 * @param index the subleaf
 * @param register the register
 * @param bit the bit's number, 0 to 31
 */
public record CpuFeature(
    String name, List<String> aliases, int function, int index, CpuidRegister register, int bit) {

  /** Leaf, subleaf and register, then each bit's number and names. */
  private static final String TABLE =
      """
      1 0 ecx 0:pni|sse3 1:pclmulqdq|pclmul 2:dtes64 3:monitor 4:ds_cpl 5:vmx 6:smx 7:est 8:tm2 \
      9:ssse3 10:cid 11:sdbg 12:fma 13:cx16 14:xtpr 15:pdcm 17:pcid 18:dca 19:sse4_1 20:sse4_2 \
      21:x2apic 22:movbe 23:popcnt 24:tsc_deadline_timer|tsc_deadline 25:aes 26:xsave 28:avx \
      29:f16c 30:rdrand 31:hypervisor
      1 0 edx 0:fpu 1:vme 2:de 3:pse 4:tsc 5:msr 6:pae 7:mce 8:cx8 9:apic 11:sep 12:mtrr 13:pge \
      14:mca 15:cmov 16:pat 17:pse36 18:pn 19:clflush 21:dts 22:acpi 23:mmx 24:fxsr 25:sse \
      26:sse2 27:ss 29:tm 30:ia64 31:pbe
      6 0 eax 0:dtherm 1:ida 2:arat
      7 0 ebx 0:fsgsbase 1:tsc_adjust 2:sgx 3:bmi1 4:hle 5:avx2 6:fdp_excptn_only 7:smep 8:bmi2 \
      9:erms 10:invpcid 11:rtm 12:cqm 13:zero_fcs_fds 14:mpx 15:rdt_a 16:avx512f 17:avx512dq \
      18:rdseed 19:adx 20:smap 21:avx512ifma 23:clflushopt 24:clwb 25:intel_pt 26:avx512pf \
      27:avx512er 28:avx512cd 29:sha_ni 30:avx512bw 31:avx512vl
      7 0 ecx 0:prefetchwt1 1:avx512vbmi 2:umip 3:pku 5:waitpkg 6:avx512_vbmi2 7:shstk 8:gfni \
      9:vaes 10:vpclmulqdq 11:avx512_vnni 12:avx512_bitalg 13:tme 14:avx512_vpopcntdq 16:la57 \
      22:rdpid 24:bus_lock_detect 25:cldemote 27:movdiri 28:movdir64b 29:enqcmd 30:sgx_lc 31:pks
      7 0 edx 2:avx512_4vnniw 3:avx512_4fmaps 4:fsrm 5:uintr 8:avx512_vp2intersect 9:srbds_ctrl \
      10:md_clear 11:rtm_always_abort 14:serialize 15:hybrid_cpu 16:tsxldtrk 18:pconfig \
      19:arch_lbr 20:ibt 22:amx_bf16 23:avx512_fp16 24:amx_tile 25:amx_int8 26:spec_ctrl \
      27:intel_stibp 28:flush_l1d 29:arch_capabilities 30:core_capabilities 31:spec_ctrl_ssbd
      7 1 eax 0:sha512 1:sm3 2:sm4 3:rao_int 4:avx_vnni 5:avx512_bf16 6:lass 7:cmpccxadd 10:fzrm \
      11:fsrs 12:fsrc 17:fred 18:lkgs 19:wrmsrns 21:amx_fp16 22:hreset 23:avx_ifma 26:lam
      7 1 edx 4:avx_vnni_int8 5:avx_ne_convert 8:amx_complex 10:avx_vnni_int16 14:prefetchiti \
      19:avx10
      7 2 edx 0:intel_psfd 1:ipred_ctrl 2:rrsba_ctrl 3:ddpd_u 4:bhi_ctrl 5:mcdt_no
      d 1 eax 0:xsaveopt 1:xsavec 2:xgetbv1 3:xsaves 4:xfd
      80000001 0 ecx 0:lahf_lm 2:svm 3:extapic 4:cr8_legacy 5:abm|lzcnt 6:sse4a 7:misalignsse \
      8:3dnowprefetch 9:osvw 10:ibs 11:xop 12:skinit 13:wdt 15:lwp 16:fma4 17:tce 19:nodeid_msr \
      21:tbm 22:topoext 23:perfctr_core 24:perfctr_nb 26:bpext 27:ptsc 28:perfctr_llc 29:mwaitx
      80000001 0 edx 11:syscall 19:mp 20:nx 22:mmxext 25:fxsr_opt 26:pdpe1gb 27:rdtscp 29:lm \
      30:3dnowext 31:3dnow
      80000007 0 edx 8:invtsc|nonstop_tsc|constant_tsc
      80000008 0 ebx 0:clzero 1:irperf 2:xsaveerptr 4:rdpru 9:wbnoinvd 12:amd_ibpb 14:amd_ibrs \
      15:amd_stibp 17:amd_stibp_always_on 23:amd_ppin 24:amd_ssbd 25:virt_ssbd 26:amd_ssb_no \
      27:cppc 28:amd_psfd 29:btc_no
      80000021 0 eax 0:no_nested_data_bp 2:lfence_rdtsc 6:null_sel_clr_base 8:autoibrs \
      9:no_smm_ctl_msr 20:prefetchi 27:sbpb 28:ibpb_brtype 29:srso_no
      40000001 0 eax 0:kvm_clocksource 1:kvm_nop_io_delay 2:kvm_mmu_op 3:kvm_clocksource2 \
      4:kvm_async_pf 5:kvm_steal_time 6:kvm_pv_eoi 7:kvm_pv_unhalt 9:kvm_pv_tlb_flush \
      10:kvm_async_pf_vmexit 11:kvm_pv_send_ipi 12:kvm_poll_control 13:kvm_pv_sched_yield \
      14:kvm_async_pf_int 16:kvm_hc_map_gpa_range 17:kvm_migration_control \
      24:kvm_clocksource_stable_bit
      """;

  /** Features, and after the colon what they need. */
  private static final String NEEDS =
      """
      sse : fxsr
      sse2 misalignsse : sse
      pni sse4a aes pclmulqdq sha_ni gfni : sse2
      ssse3 : pni
      sse4_1 : ssse3
      sse4_2 : sse4_1
      mmxext 3dnow : mmx
      3dnowext : 3dnow
      xsaveopt xsavec xgetbv1 pku mpx : xsave
      xsaves : xsavec
      xfd enqcmd shstk : xsaves
      avx : xsave sse4_2
      avx2 fma f16c fma4 xop : avx
      vaes : avx aes
      vpclmulqdq : avx pclmulqdq
      avx_vnni avx_ifma avx_vnni_int8 avx_vnni_int16 avx_ne_convert sha512 sm3 sm4 : avx2
      avx512f : avx2 fma f16c
      avx512dq avx512cd avx512bw avx512vl avx512ifma avx512pf avx512er : avx512f
      avx512_4vnniw avx512_4fmaps avx512_vnni avx512_vpopcntdq avx512_vp2intersect : avx512f
      avx512vbmi avx512_vbmi2 avx512_bitalg avx512_bf16 avx512_fp16 : avx512bw
      avx10 : avx512bw avx512vl
      amx_tile : xfd
      amx_bf16 amx_int8 amx_fp16 amx_complex : amx_tile
      apic : msr
      x2apic extapic : apic
      tsc_deadline_timer : apic tsc
      tsc_adjust rdtscp invtsc : tsc
      nx lm : pae
      pdpe1gb lahf_lm syscall pcid la57 : lm
      cx16 : cx8
      sgx_lc : sgx
      rtm_always_abort : rtm
      kvm_async_pf_vmexit kvm_async_pf_int : kvm_async_pf
      kvm_clocksource_stable_bit : kvm_clocksource2
      """;

  /** Bits that nobody can choose, and why. */
  private static final Map<String, String> FOLLOWING =
      Map.of(
          "ht", "it follows the topology",
          "cmp_legacy", "it follows the topology",
          "osxsave", "it follows CR4 of the vCPU",
          "ospke", "it follows CR4 of the vCPU",
          "kvm_msi_ext_dest_id", "it follows what the machine's interrupt controllers can do");

  private static final int NEAR = 5;

  private static final Map<String, CpuFeature> BY_NAME = new LinkedHashMap<>();
  private static final Map<String, Set<CpuFeature>> BASES = new LinkedHashMap<>();

  static {
    for (String line : TABLE.lines().toList()) {
      List<String> words = List.of(line.split(" +", -1));
      CpuidRegister register = CpuidRegister.valueOf(words.get(2).toUpperCase(Locale.ROOT));
      for (String word : words.subList(3, words.size())) {
        int colon = word.indexOf(':');
        List<String> names = List.of(word.substring(colon + 1).split("\\|", -1));
        CpuFeature feature =
            new CpuFeature(
                names.getFirst(),
                names.subList(1, names.size()),
                Integer.parseUnsignedInt(words.get(0), 16),
                Integer.parseInt(words.get(1)),
                register,
                Integer.parseInt(word.substring(0, colon)));
        for (String name : names) {
          if (BY_NAME.put(name, feature) != null) {
            throw new IllegalStateException("two features are called " + name);
          }
        }
      }
    }
    for (String line : NEEDS.lines().toList()) {
      String[] sides = line.split(" : ", -1);
      for (String name : sides[0].split(" ", -1)) {
        for (String base : sides[1].split(" ", -1)) {
          BASES.computeIfAbsent(of(name).name(), n -> new LinkedHashSet<>()).add(of(base));
        }
      }
    }
  }

  /** Copies the list. */
  public CpuFeature {
    aliases = List.copyOf(aliases);
  }

  /** {@return all features that have a name, by leaf, subleaf, register and bit} */
  public static List<CpuFeature> all() {
    return List.copyOf(new LinkedHashSet<>(BY_NAME.values()));
  }

  /**
   * {@return the feature of a name}
   *
   * @param name the name or an alias, in any case, with {@code _}, {@code -} or {@code .} between
   *     words
   * @throws IllegalArgumentException if there is no such feature, with the names that look like it,
   *     or if it is a bit that follows from something else, such as {@code ht}
   */
  public static CpuFeature of(String name) {
    String key = name.toLowerCase(Locale.ROOT).replace('-', '_').replace('.', '_');
    CpuFeature feature = BY_NAME.get(key);
    if (feature != null) {
      return feature;
    }
    String follows = FOLLOWING.get(key);
    if (follows != null) {
      throw new IllegalArgumentException(
          "CPU feature \"" + key + "\" cannot be switched: " + follows);
    }
    List<String> near = near(key);
    throw new IllegalArgumentException(
        "CPU feature \""
            + name
            + "\" is not known"
            + (near.isEmpty() ? "" : "; near it: " + String.join(", ", near)));
  }

  private static List<String> near(String key) {
    Map<Integer, List<String>> byDistance = new TreeMap<>();
    for (String name : BY_NAME.keySet()) {
      int distance = distance(key, name);
      boolean part = key.length() > 2 && (name.contains(key) || key.contains(name));
      if (distance <= Math.max(1, key.length() / 3) || part) {
        byDistance.computeIfAbsent(distance, d -> new ArrayList<>()).add(name);
      }
    }
    return byDistance.values().stream().flatMap(List::stream).limit(NEAR).toList();
  }

  /** How many letters must be put in, taken out or changed. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(change, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }

  /** {@return the features without which this one does not work, those that they need included} */
  public Set<CpuFeature> needs() {
    Set<CpuFeature> needs = new LinkedHashSet<>();
    for (CpuFeature base : BASES.getOrDefault(name, Set.of())) {
      needs.add(base);
      needs.addAll(base.needs());
    }
    return Collections.unmodifiableSet(needs);
  }

  /**
   * {@return whether the bit is set}
   *
   * @param cpuid the leaves to look in
   */
  public boolean in(Cpuid cpuid) {
    return cpuid.find(function, index).map(e -> register.of(e) >>> bit & 1).orElse(0) != 0;
  }

  /** {@return name and place: {@code avx2 (leaf 0x7/0 ebx bit 5)}} */
  @Override
  public String toString() {
    return name
        + " (leaf 0x"
        + Integer.toHexString(function)
        + "/"
        + index
        + " "
        + register.name().toLowerCase(Locale.ROOT)
        + " bit "
        + bit
        + ")";
  }

  // By hand, for what the JVM makes for a record is made anew at each start and costs milliseconds.

  @Override
  public boolean equals(Object other) {
    return other instanceof CpuFeature that
        && function == that.function
        && index == that.index
        && register == that.register
        && bit == that.bit
        && name.equals(that.name)
        && aliases.equals(that.aliases);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }
}
