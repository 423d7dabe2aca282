// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.javavmm.kvm.Cpuid;
import org.javavmm.kvm.Cpuid.Entry;

/**
 * What CPUID tells each vCPU: what the host's KVM supports, or less of it, with the topology of
 * this VM. Without more words all vCPUs are cores of one package, one thread each, and a vCPU's
 * APIC id is its number.
 *
 * <p>A template does not change and may be used by any thread.
 */
public final class CpuidTemplate {
  private static final int LEAF1_EDX_HTT = 1 << 28;
  private static final int LEAF1_ECX_TSC_DEADLINE = 1 << 24;
  private static final int LEAF1_ECX_HYPERVISOR = 1 << 31;
  private static final int LEAF1_ECX_X2APIC = 1 << 21;

  /** AMD, leaf 0x8000_0001: leaf 1's count is one of cores, not of threads. */
  private static final int LEAF8000_0001_ECX_CMP_LEGACY = 1 << 1;

  /** Leaf 0x4000_0001, EAX: KVM_FEATURE_MSI_EXT_DEST_ID. */
  private static final int KVM_MSI_EXT_DEST_ID = 1 << 15;

  /** Leaf 0's EBX: "Auth" of AuthenticAMD and "Hygo" of HygonGenuine. */
  private static final int VENDOR_AMD = 0x6874_7541;

  private static final int VENDOR_HYGON = 0x6f67_7948;

  /** Leaf 0xb and 0x1f, ECX[15:8]. */
  private static final int LEVEL_SMT = 1 << 8;

  private static final int LEVEL_CORE = 2 << 8;
  private static final int LEVEL_DIE = 5 << 8;

  private final List<Entry> base;
  private final int maxLeaf;
  private final List<String> notes;

  /** Some leaves mean what AMD says, and nothing with Intel. */
  private final boolean amd;

  private CpuidTemplate(List<Entry> base, List<String> notes) {
    this.base = List.copyOf(base);
    this.notes = List.copyOf(notes);
    Cpuid cpuid = new Cpuid(base);
    maxLeaf = cpuid.find(0, 0).map(Entry::eax).orElse(0);
    amd = isAmd(cpuid);
  }

  private static boolean isAmd(Cpuid cpuid) {
    int vendor = cpuid.find(0, 0).map(Entry::ebx).orElse(0);
    return vendor == VENDOR_AMD || vendor == VENDOR_HYGON;
  }

  /**
   * {@return the template of all that the host supports}
   *
   * @param supported from {@code KVM_GET_SUPPORTED_CPUID}
   * @param tscDeadline whether {@code KVM_CAP_TSC_DEADLINE_TIMER} is there: the timer of the local
   *     APIC in the kernel, which the supported leaves do not mention
   */
  public static CpuidTemplate of(Cpuid supported, boolean tscDeadline) {
    return new CpuidTemplate(always(supported, tscDeadline), List.of());
  }

  /**
   * {@return a builder of a template, that of {@link #of} if nothing is set}
   *
   * @param supported from {@code KVM_GET_SUPPORTED_CPUID}
   * @param tscDeadline whether {@code KVM_CAP_TSC_DEADLINE_TIMER} is there
   */
  public static Builder builder(Cpuid supported, boolean tscDeadline) {
    return new Builder(supported, tscDeadline);
  }

  /** What each vCPU has, whether or not KVM's leaves say so. */
  private static List<Entry> always(Cpuid supported, boolean tscDeadline) {
    List<Entry> entries = new ArrayList<>(supported.entries());
    int set = LEAF1_ECX_HYPERVISOR | LEAF1_ECX_X2APIC | (tscDeadline ? LEAF1_ECX_TSC_DEADLINE : 0);
    entries.replaceAll(
        e -> e.function() == 1 ? e.with(e.eax(), e.ebx(), e.ecx() | set, e.edx()) : e);
    return entries;
  }

  /**
   * {@return what the user should know about the features: which were switched on or off because
   * others were, a sentence each}
   */
  public List<String> notes() {
    return notes;
  }

  /**
   * {@return the leaves of one vCPU of a package of cores}
   *
   * @param vcpu its number and APIC id
   * @param vcpus how many there are
   * @throws IllegalArgumentException if {@code vcpu} is not in 0..{@code vcpus - 1}, or if there
   *     are more than {@link Topology#MAX_CPUS}
   */
  public Cpuid forVcpu(int vcpu, int vcpus) {
    if (vcpu < 0 || vcpu >= vcpus) {
      throw new IllegalArgumentException("vcpu=" + vcpu + " is not in 0.." + (vcpus - 1));
    }
    return forVcpu(vcpu, Topology.ofCores(vcpus));
  }

  /**
   * {@return the leaves of one vCPU}
   *
   * @param vcpu its number, of which {@link Topology#apicId} makes its APIC id
   * @param topology how the vCPUs are arranged
   * @throws IllegalArgumentException if {@code vcpu} is not in 0..{@code topology.cpus() - 1}
   */
  public Cpuid forVcpu(int vcpu, Topology topology) {
    int apicId = topology.apicId(vcpu);
    // Leaf 0xb knows no dies, so a processor with dies has leaf 0x1f (Intel).
    boolean dies = topology.dies() > 1 && !amd && Integer.compareUnsigned(maxLeaf, 0xb) >= 0;
    int highest = dies && Integer.compareUnsigned(maxLeaf, 0x1f) < 0 ? 0x1f : maxLeaf;
    List<Entry> entries = new ArrayList<>();
    for (Entry e : base) {
      switch (e.function()) {
        case 0x0 -> entries.add(e.with(highest, e.ebx(), e.ecx(), e.edx()));
        case 0x1 -> entries.add(features(e, apicId, topology));
        case 0x4, 0x8000_001d -> entries.add(cache(e, topology));
        // Topology, written below; AMD's 0x8000_0026 says no more than 0xb, and is optional.
        case 0xb, 0x1f, 0x8000_0026 -> {}
        case 0x8000_0001 -> entries.add(amd ? amdFeatures(e, topology) : e);
        case 0x8000_0008 -> entries.add(amd ? amdSizes(e, topology) : e);
        case 0x8000_001e -> entries.add(amd ? amdNode(e, vcpu, apicId, topology) : e);
        default -> entries.add(e);
      }
    }
    if (Integer.compareUnsigned(highest, 0xb) >= 0) {
      topology(entries, 0xb, apicId, topology, false);
    }
    if (Integer.compareUnsigned(highest, 0x1f) >= 0) {
      topology(entries, 0x1f, apicId, topology, topology.dies() > 1);
    }
    return new Cpuid(entries);
  }

  private Entry features(Entry e, int apicId, Topology topology) {
    // Intel counts the APIC ids that there could be, AMD the threads that there are.
    int threads = topology.cpusPerSocket();
    int logical = Math.min(255, amd ? threads : 1 << topology.socketShift());
    int ebx = (e.ebx() & 0x0000_ffff) | apicId << 24 | logical << 16;
    int edx = threads > 1 ? e.edx() | LEAF1_EDX_HTT : e.edx() & ~LEAF1_EDX_HTT;
    return e.with(e.eax(), ebx, e.ecx(), edx);
  }

  /**
   * EAX[25:14] threads that share the cache, EAX[31:26] cores of the package, each minus one. A die
   * shares level 3, a core the others.
   */
  private static Entry cache(Entry e, Topology topology) {
    if ((e.eax() & 0x1f) == 0) {
      return e; // no more caches
    }
    int level = e.eax() >>> 5 & 7;
    int sharing = (1 << (level >= 3 ? topology.dieShift() : topology.threadBits())) - 1;
    int eax = (e.eax() & 0x3fff) | (sharing & 0xfff) << 14;
    if (e.function() == 0x4) {
      int cores = 1 << (topology.socketShift() - topology.threadBits());
      eax |= Math.min(63, cores - 1) << 26;
    }
    return e.with(eax, e.ebx(), e.ecx(), e.edx());
  }

  private static Entry amdFeatures(Entry e, Topology topology) {
    int ecx = e.ecx() & ~LEAF8000_0001_ECX_CMP_LEGACY;
    boolean several = topology.cpusPerSocket() > 1;
    return e.with(e.eax(), e.ebx(), several ? ecx | LEAF8000_0001_ECX_CMP_LEGACY : ecx, e.edx());
  }

  /** ECX[7:0] threads minus one, ECX[15:12] bits of the APIC id that number them. */
  private static Entry amdSizes(Entry e, Topology topology) {
    int threads = Math.min(255, topology.cpusPerSocket() - 1);
    int ecx = (e.ecx() & 0xffff_0f00) | threads | topology.socketShift() << 12;
    return e.with(e.eax(), e.ebx(), ecx, e.edx());
  }

  /** A die is a node: ECX[7:0] its number, ECX[10:8] nodes of the package minus one. */
  private static Entry amdNode(Entry e, int vcpu, int apicId, Topology topology) {
    int inPackage = apicId & ((1 << topology.socketShift()) - 1);
    int core = inPackage >>> topology.threadBits() & 0xff;
    int threads = Math.min(255, topology.threads() - 1);
    int node = vcpu / (topology.cores() * topology.threads());
    int nodes = Math.min(7, topology.dies() - 1);
    return e.with(apicId, core | threads << 8, (node & 0xff) | nodes << 8, 0);
  }

  private static void topology(
      List<Entry> entries, int leaf, int apicId, Topology topology, boolean dies) {
    int flags = Cpuid.KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    int index = 0;
    entries.add(
        new Entry(
            leaf, index, flags, topology.threadBits(), topology.threads(), LEVEL_SMT, apicId));
    index++;
    if (dies) {
      int inDie = topology.cores() * topology.threads();
      entries.add(
          new Entry(leaf, index, flags, topology.dieShift(), inDie, LEVEL_CORE | index, apicId));
      index++;
    }
    int last = (dies ? LEVEL_DIE : LEVEL_CORE) | index;
    int inPackage = topology.cpusPerSocket();
    entries.add(new Entry(leaf, index, flags, topology.socketShift(), inPackage, last, apicId));
    index++;
    entries.add(new Entry(leaf, index, flags, 0, 0, index, apicId));
  }

  /** Makes a template of what the host supports, a model and switches. Not thread-safe. */
  public static final class Builder {
    private static final int BRAND_LEAF = 0x8000_0002;
    private static final int BRAND_SIZE = 48;

    /** The state components of XCR0 and the features whose registers they hold. */
    private static final Map<String, Long> COMPONENTS =
        Map.of("avx", 0x4L, "mpx", 0x18L, "avx512f", 0xe0L, "pku", 0x200L, "amx_tile", 0x6_0000L);

    private static final long X87_AND_SSE = 3;

    private static final int XSAVE_HEADER_END = 576;

    /** The bits of leaf 1, EDX, that AMD repeats in leaf 0x8000_0001, EDX. */
    private static final int AMD_REPEATED = 0x0183_f3ff;

    /** The local APIC's timer counts at this rate in KVM: its crystal in leaf 0x15. */
    private static final int APIC_HZ = 1_000_000_000;

    /** Linux multiplies the numerator with the crystal in kHz, in 32 bits. */
    private static final long MAX_NUMERATOR = 0xffff_ffffL / (APIC_HZ / 1000);

    private final Cpuid supported;
    private final boolean tscDeadline;

    /** Absent for the host's, so that the tables of features are not loaded without need. */
    private Optional<CpuModel> chosen = Optional.empty();

    private CpuFeatures features = CpuFeatures.NONE;
    private String brand = "";
    private boolean hideKvm;
    private boolean extendedDestinationIds;
    private long tscKhz;

    private Builder(Cpuid supported, boolean tscDeadline) {
      this.supported = supported;
      this.tscDeadline = tscDeadline;
    }

    /**
     * Sets the model, {@code host} if not.
     *
     * @param value the model
     * @return this
     */
    public Builder model(CpuModel value) {
      chosen = value.isHost() ? Optional.empty() : Optional.of(value);
      return this;
    }

    /**
     * Sets the features to switch on and off in the model.
     *
     * @param value the features
     * @return this
     */
    public Builder features(CpuFeatures value) {
      features = value;
      return this;
    }

    /**
     * Sets the processor's name in leaves 0x80000002 to 0x80000004, the host's if not.
     *
     * @param text up to 47 printable ASCII characters; empty for the host's
     * @return this
     * @throws IllegalArgumentException if it is longer, or has other characters
     */
    public Builder brand(String text) {
      if (text.length() >= BRAND_SIZE) {
        throw new IllegalArgumentException(
            "brand of " + text.length() + " characters is longer than " + (BRAND_SIZE - 1));
      }
      for (int i = 0; i < text.length(); i++) {
        if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
          throw new IllegalArgumentException(
              "brand \"" + text + "\": character " + i + " is not printable ASCII");
        }
      }
      brand = text;
      return this;
    }

    /**
     * Leaves out the hypervisor's leaves, 0x40000000 and those after, so that a guest does not find
     * KVM: it then has no kvmclock. The bit {@code hypervisor} is switched off as a feature.
     *
     * @return this
     */
    public Builder hideKvm() {
      hideKvm = true;
      return this;
    }

    /**
     * Tells the guest that an MSI's or an I/O APIC's destination may have 15 bits ({@code
     * KVM_FEATURE_MSI_EXT_DEST_ID}): without it, devices reach APIC ids below 255 alone. For
     * machines with a split interrupt controller and {@code KVM_CAP_X2APIC_API}, whose monitor
     * understands such destinations.
     *
     * @return this
     */
    public Builder extendedDestinationIds() {
      extendedDestinationIds = true;
      return this;
    }

    /**
     * Tells the guest how fast its TSC is, in the hypervisor's leaf 0x40000010 (with the local
     * APIC's bus at 1 GHz, as KVM has it) and, but for AMD, in leaves 0x15 and 0x16. Leaf 0x15 is a
     * fraction whose terms Linux multiplies in 32 bits, so its value may be off by parts per
     * million.
     *
     * @param khz the frequency in kHz, from {@code KVM_GET_TSC_KHZ}
     * @return this
     * @throws IllegalArgumentException if it is not in 1..4,294,000, the limit of leaf 0x15
     */
    public Builder tscKhz(long khz) {
      if (khz < 1 || khz > MAX_NUMERATOR * (APIC_HZ / 1000 / 1000)) {
        throw new IllegalArgumentException(
            "tscKhz=" + khz + " is not in 1.." + MAX_NUMERATOR * (APIC_HZ / 1000 / 1000));
      }
      tscKhz = khz;
      return this;
    }

    /**
     * {@return the template}
     *
     * @throws CpuFeatureException if the host is of another vendor than the model, or if it lacks a
     *     feature of the model that is not switched off, or one that is switched on: the message
     *     names each with its leaf, register and bit
     * @throws IllegalArgumentException if a feature is switched on and one that it needs off, or if
     *     {@link #extendedDestinationIds} is asked for and KVM's leaves are hidden or absent
     */
    public CpuidTemplate build() {
      List<Entry> entries = always(supported, tscDeadline);
      List<String> notes = new ArrayList<>();
      if (chosen.isPresent() || !features.switches().isEmpty()) {
        choose(chosen.orElseGet(() -> CpuModel.of("host")), entries, notes);
      }
      if (!brand.isEmpty()) {
        writeBrand(entries);
      }
      if (hideKvm) {
        entries.removeIf(e -> e.function() >>> 8 == 0x40_0000);
      }
      if (extendedDestinationIds) {
        if (entries.stream().noneMatch(e -> e.function() == 0x4000_0001)) {
          throw new IllegalArgumentException(
              "extended destination ids need leaf 0x40000001, which "
                  + (hideKvm ? "is hidden" : "this KVM does not have"));
        }
        entries.replaceAll(e ->
            e.function() == 0x4000_0001
                ? e.with(e.eax() | KVM_MSI_EXT_DEST_ID, e.ebx(), e.ecx(), e.edx())
                : e);
      }
      if (tscKhz != 0) {
        writeFrequencies(entries);
      }
      return new CpuidTemplate(entries, notes);
    }

    private void choose(CpuModel model, List<Entry> entries, List<String> notes) {
      Cpuid host = new Cpuid(entries);
      checkVendor(model, host);
      Set<CpuFeature> on = new LinkedHashSet<>();
      for (CpuFeature feature : CpuFeature.all()) {
        boolean has = feature.in(host);
        boolean wanted = model.isHost() || CpuModel.isAsHost(feature);
        if ((has && wanted) || model.features().contains(feature)) {
          on.add(feature);
        }
      }
      switchOff(on, notes);
      switchOn(on, notes);
      List<CpuFeature> missing = on.stream().filter(f -> !f.in(host)).toList();
      if (!missing.isEmpty()) {
        throw new CpuFeatureException(
            (model.isHost() ? "" : "CPU model " + model.name() + ": ")
                + "not supported by this host's KVM: "
                + missing.stream().map(CpuFeature::toString).collect(Collectors.joining(", ")),
            missing);
      }
      apply(model, entries, on);
    }

    private static void checkVendor(CpuModel model, Cpuid host) {
      if (model.vendor().isEmpty()) {
        return;
      }
      Entry leaf = host.find(0, 0).orElse(new Entry(0, 0, 0, 0, 0, 0, 0));
      byte[] bytes =
          ByteBuffer.allocate(12)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putInt(leaf.ebx())
              .putInt(leaf.edx())
              .putInt(leaf.ecx())
              .array();
      String vendor = new String(bytes, StandardCharsets.ISO_8859_1).replace("\0", "");
      if (!vendor.equals(model.vendor())) {
        throw new CpuFeatureException(
            "CPU model "
                + model.name()
                + " is one of "
                + model.vendor()
                + ", and this host is of "
                + (vendor.isEmpty() ? "no vendor" : vendor),
            List.of());
      }
    }

    private void switchOff(Set<CpuFeature> on, List<String> notes) {
      features
          .switches()
          .forEach((feature, value) -> {
            if (value) {
              return;
            }
            on.remove(feature);
            List<CpuFeature> others = on.stream().filter(f -> f.needs().contains(feature)).toList();
            others.forEach(on::remove);
            if (!others.isEmpty()) {
              notes.add("-" + feature.name() + " switches off " + names(others));
            }
          });
    }

    private void switchOn(Set<CpuFeature> on, List<String> notes) {
      features
          .switches()
          .forEach((feature, value) -> {
            if (!value) {
              return;
            }
            List<CpuFeature> others = new ArrayList<>();
            for (CpuFeature base : feature.needs()) {
              if (Boolean.FALSE.equals(features.switches().get(base))) {
                throw new IllegalArgumentException(
                    "CPU feature "
                        + feature.name()
                        + " needs "
                        + base.name()
                        + ", which is switched off");
              }
              if (on.add(base)) {
                others.add(base);
              }
            }
            on.add(feature);
            if (!others.isEmpty()) {
              notes.add("+" + feature.name() + " switches on " + names(others));
            }
          });
    }

    private static String names(List<CpuFeature> list) {
      return list.stream().map(CpuFeature::name).collect(Collectors.joining(", "));
    }

    /** Writes the features, and what follows from them in other leaves. */
    private void apply(CpuModel model, List<Entry> entries, Set<CpuFeature> on) {
      Set<String> names = on.stream().map(CpuFeature::name).collect(Collectors.toSet());
      entries.replaceAll(e -> withFeatures(model, e, on));
      if (!model.isHost()) {
        // What only the host's own model has; a fixed model has it nowhere.
        entries.replaceAll(e -> e.function() == 0xa ? e.with(0, 0, 0, 0) : e);
        if (model.signature() != 0) {
          entries.replaceAll(e ->
              e.function() == 1 || (e.function() == 0x8000_0001 && isAmd(supported))
                  ? e.with(model.signature(), e.ebx(), e.ecx(), e.edx())
                  : e);
        }
      }
      clearUnless(entries, names.contains("sgx"), 0x12);
      clearUnless(entries, names.contains("intel_pt"), 0x14);
      clearUnless(entries, names.contains("amx_tile"), 0x1d);
      clearUnless(entries, names.contains("amx_tile"), 0x1e);
      clearUnless(entries, names.contains("avx10"), 0x24);
      clearUnless(entries, names.contains("svm"), 0x8000_000a);
      clearUnless(entries, names.contains("monitor"), 5);
      if (isAmd(supported)) {
        int edx = new Cpuid(entries).find(1, 0).map(Entry::edx).orElse(0);
        entries.replaceAll(e ->
            e.function() == 0x8000_0001
                ? e.with(e.eax(), e.ebx(), e.ecx(), e.edx() & (edx | ~AMD_REPEATED))
                : e);
      }
      saveArea(model, entries, names);
    }

    private static void clearUnless(List<Entry> entries, boolean kept, int function) {
      if (!kept) {
        entries.replaceAll(e -> e.function() == function ? e.with(0, 0, 0, 0) : e);
      }
    }

    private static Entry withFeatures(CpuModel model, Entry e, Set<CpuFeature> on) {
      Entry result = e;
      for (CpuidRegister register : CpuidRegister.values()) {
        int known = 0;
        int set = 0;
        for (CpuFeature feature : CpuFeature.all()) {
          if (feature.function() == e.function()
              && feature.index() == e.index()
              && feature.register() == register) {
            known |= 1 << feature.bit();
            set |= on.contains(feature) ? 1 << feature.bit() : 0;
          }
        }
        // A bit without a name is the host's: a fixed model has none of them.
        boolean features = known != 0 || (e.function() == 7 && register != CpuidRegister.EAX);
        if (features) {
          int rest = model.isHost() || isMixed(e, register) ? register.of(e) & ~known : 0;
          result = register.with(result, rest | set);
        }
      }
      return result;
    }

    /** Registers whose other bits are no features, or follow from something else. */
    private static boolean isMixed(Entry e, CpuidRegister register) {
      return e.function() == 1
          || e.function() == 6
          || e.function() == 0x4000_0001
          || (e.function() == 0x8000_0001 && register == CpuidRegister.EDX); // repeats leaf 1
    }

    /** Leaf 0xd: the state components of features that are off, and the area's size. */
    private static void saveArea(CpuModel model, List<Entry> entries, Set<String> names) {
      if (!names.contains("xsave")) {
        entries.replaceAll(e -> e.function() == 0xd ? e.with(0, 0, 0, 0) : e);
        return;
      }
      long on = X87_AND_SSE;
      long off = 0;
      for (Map.Entry<String, Long> component : COMPONENTS.entrySet()) {
        if (names.contains(component.getKey())) {
          on |= component.getValue();
        } else {
          off |= component.getValue();
        }
      }
      // Components without a name are the host's.
      long mask = model.isHost() ? ~off : on;
      boolean supervisor = names.contains("xsaves");
      boolean compact = names.contains("xsavec") || supervisor;
      int size = XSAVE_HEADER_END;
      for (Entry e : entries) {
        if (e.function() == 0xd && isUserComponent(e, mask)) {
          size = Math.max(size, e.eax() + e.ebx());
        }
      }
      int reduced = size;
      entries.replaceAll(e -> {
        if (e.function() != 0xd) {
          return e;
        }
        if (e.index() == 0) {
          long host = (long) e.edx() << 32 | Integer.toUnsignedLong(e.eax());
          long kept = host & mask;
          int total = kept == host ? e.ecx() : Math.min(e.ecx(), reduced);
          return e.with((int) kept, Math.min(e.ebx(), total), total, (int) (kept >>> 32));
        }
        if (e.index() == 1) {
          int b = compact ? e.ebx() : 0;
          return e.with(e.eax(), b, supervisor ? e.ecx() : 0, supervisor ? e.edx() : 0);
        }
        boolean there = isUserComponent(e, mask) || (supervisor && (e.ecx() & 1) != 0);
        return there ? e : e.with(0, 0, 0, 0);
      });
    }

    /** A subleaf of leaf 0xd for a component of XCR0 that is on; ECX bit 0 tells those of XSS. */
    private static boolean isUserComponent(Entry e, long mask) {
      return e.index() >= 2
          && e.index() < Long.SIZE
          && (mask >>> e.index() & 1) != 0
          && (e.ecx() & 1) == 0;
    }

    private void writeBrand(List<Entry> entries) {
      atLeast(entries, 0x8000_0000, BRAND_LEAF + 2);
      ByteBuffer bytes = ByteBuffer.allocate(BRAND_SIZE).order(ByteOrder.LITTLE_ENDIAN);
      bytes.put(brand.getBytes(StandardCharsets.US_ASCII)).rewind();
      for (int i = 0; i < 3; i++) {
        int leaf = BRAND_LEAF + i;
        put(
            entries,
            new Entry(leaf, 0, 0, bytes.getInt(), bytes.getInt(), bytes.getInt(), bytes.getInt()));
      }
    }

    private void writeFrequencies(List<Entry> entries) {
      if (entries.stream().anyMatch(e -> e.function() == 0x4000_0000)) {
        atLeast(entries, 0x4000_0000, 0x4000_0010);
        put(entries, new Entry(0x4000_0010, 0, 0, (int) tscKhz, APIC_HZ / 1000, 0, 0));
      }
      if (isAmd(supported)) {
        return;
      }
      atLeast(entries, 0, 0x16);
      long[] fraction = fraction(tscKhz, APIC_HZ / 1000);
      put(entries, new Entry(0x15, 0, 0, (int) fraction[1], (int) fraction[0], APIC_HZ, 0));
      int mhz = (int) ((tscKhz + 500) / 1000);
      put(entries, new Entry(0x16, 0, 0, mhz, mhz, 100, 0));
    }

    /** The best fraction for a/b with a numerator up to the limit, by continued fractions. */
    static long[] fraction(long a, long b) {
      long n0 = 0;
      long d0 = 1;
      long n1 = 1;
      long d1 = 0;
      long x = a;
      long y = b;
      while (y != 0) {
        long q = x / y;
        long n = q * n1 + n0;
        if (n > MAX_NUMERATOR) {
          break;
        }
        long d = q * d1 + d0;
        n0 = n1;
        d0 = d1;
        n1 = n;
        d1 = d;
        long rest = x % y;
        x = y;
        y = rest;
      }
      return new long[] {n1, d1};
    }

    /** Raises the highest leaf of a group, with the group's first leaf if it is not there. */
    private static void atLeast(List<Entry> entries, int first, int highest) {
      if (entries.stream().noneMatch(e -> e.function() == first)) {
        entries.add(new Entry(first, 0, 0, 0, 0, 0, 0));
      }
      entries.replaceAll(e ->
          e.function() == first && Integer.compareUnsigned(e.eax(), highest) < 0
              ? e.with(highest, e.ebx(), e.ecx(), e.edx())
              : e);
    }

    private static void put(List<Entry> entries, Entry entry) {
      entries.removeIf(e -> e.function() == entry.function());
      entries.add(entry);
    }
  }
}
