// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

/**
 * How the vCPUs of a machine are arranged. vCPUs are numbered thread by thread, then core by core,
 * die by die, socket by socket.
 *
 * <p>An APIC id has a field of whole bits for each level, so ids have gaps where a count is not a
 * power of two: with 3 cores of 2 threads, socket 1 starts at id 8. KVM takes the number given to
 * {@code KVM_CREATE_VCPU} as APIC id: create vCPU {@code n} with {@link #apicId apicId(n)}, and let
 * MADT, MP table and SRAT name the same ids.
 *
 * @param sockets how many packages there are
 * @param dies how many dies a package has
 * @param cores how many cores a die has
 * @param threads how many threads a core has
 */
public record Topology(int sockets, int dies, int cores, int threads) {
  /**
   * The most vCPUs that a topology may have, which is KVM's own limit. Each field of an APIC id at
   * most doubles it, so that ids have at most the 15 bits of an extended destination id.
   */
  public static final int MAX_CPUS = 4096;

  /**
   * Checks the counts.
   *
   * @throws IllegalArgumentException if a count is not in 1..{@link #MAX_CPUS}, or if there are
   *     more vCPUs than that
   */
  public Topology {
    check("sockets", sockets);
    check("dies", dies);
    check("cores", cores);
    check("threads", threads);
    long cpus = (long) sockets * dies * cores * threads; // at most 2^48
    if (cpus > MAX_CPUS) {
      throw new IllegalArgumentException(
          "topology of "
              + sockets
              + " sockets, "
              + dies
              + " dies, "
              + cores
              + " cores, "
              + threads
              + " threads has "
              + cpus
              + " vCPUs, more than "
              + MAX_CPUS);
    }
  }

  private static void check(String what, int count) {
    if (count < 1 || count > MAX_CPUS) {
      throw new IllegalArgumentException(what + "=" + count + " is not in 1.." + MAX_CPUS);
    }
  }

  /**
   * {@return one package of so many cores, each with one thread}: an APIC id is the vCPU's number
   *
   * @param cores the number of vCPUs
   * @throws IllegalArgumentException if it is not in 1..{@link #MAX_CPUS}
   */
  public static Topology ofCores(int cores) {
    return new Topology(1, 1, cores, 1);
  }

  /** {@return the number of vCPUs} */
  public int cpus() {
    return sockets * cpusPerSocket();
  }

  /** {@return the number of vCPUs of a package} */
  public int cpusPerSocket() {
    return dies * cores * threads;
  }

  /** {@return how many low bits of an APIC id number the threads of a core} */
  public int threadBits() {
    return bits(threads);
  }

  /** {@return how many low bits of an APIC id number the threads of a die} */
  public int dieShift() {
    return bits(cores) + bits(threads);
  }

  /** {@return how many low bits of an APIC id number the threads of a package} */
  public int socketShift() {
    return bits(dies) + bits(cores) + bits(threads);
  }

  /**
   * {@return the APIC id of a vCPU, also its x2APIC id and its number in KVM}
   *
   * @param vcpu the vCPU's number
   * @throws IllegalArgumentException if it is not in 0..{@link #cpus}{@code - 1}
   */
  public int apicId(int vcpu) {
    if (vcpu < 0 || vcpu >= cpus()) {
      throw new IllegalArgumentException("vcpu=" + vcpu + " is not in 0.." + (cpus() - 1));
    }
    int thread = vcpu % threads;
    int core = vcpu / threads % cores;
    int die = vcpu / (threads * cores) % dies;
    int socket = vcpu / (threads * cores * dies);
    return (socket << socketShift()) | (die << dieShift()) | (core << threadBits()) | thread;
  }

  /** {@return the largest APIC id} */
  public int maxApicId() {
    return apicId(cpus() - 1);
  }

  /** How many bits number {@code n} things. */
  private static int bits(int n) {
    return n <= 1 ? 0 : 32 - Integer.numberOfLeadingZeros(n - 1);
  }
}
