// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.javavmm.sys.Errno;
import org.javavmm.sys.Mapping;
import org.javavmm.sys.OwnedFd;

/**
 * A {@link Vcpu} without KVM: its descriptor is {@code /dev/null}'s, which answers {@code KVM_RUN}
 * with {@code ENOTTY}, and its {@code kvm_run} page shows an exit that was prepared. What is left
 * of an exit is then what the code around KVM costs. In the package of {@code Vcpu} for the two
 * halves of {@link Vcpu#run}, between which the error is taken for a success.
 */
public final class PreparedVcpu implements AutoCloseable {
  /** The address of the prepared MMIO access. */
  public static final long GPA = 0x2_0000;

  /** The port of the prepared port access. */
  public static final int PORT = 0x3f8;

  /** The page itself, that of port data, and that of the coalesced accesses. */
  private static final int RUN_SIZE = 3 * 4096;

  private static final int DATA_OFFSET = 4096;

  private final Vm vm;
  private final Vcpu vcpu;

  private PreparedVcpu(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
  }

  private static PreparedVcpu create(Mapping run) throws IOException {
    Vm vm = new Vm(OwnedFd.openReadWrite("/dev/null"), RUN_SIZE);
    return new PreparedVcpu(vm, new Vcpu(vm, 0, OwnedFd.openReadWrite("/dev/null"), run));
  }

  /**
   * {@return a vCPU at which the guest always writes one byte to a port}
   *
   * @throws IOException if the process has no descriptor or memory left
   */
  public static PreparedVcpu portWrite() throws IOException {
    Mapping run = Mapping.anonymous(RUN_SIZE);
    MemorySegment page = run.segment();
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.IO.number());
    page.set(ValueLayout.JAVA_BYTE, KvmRunLayout.IO_DIRECTION, (byte) 1);
    page.set(ValueLayout.JAVA_BYTE, KvmRunLayout.IO_SIZE, (byte) 1);
    page.set(ValueLayout.JAVA_SHORT, KvmRunLayout.IO_PORT, (short) PORT);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.IO_COUNT, 1);
    page.set(ValueLayout.JAVA_LONG, KvmRunLayout.IO_DATA_OFFSET, DATA_OFFSET);
    page.set(ValueLayout.JAVA_BYTE, DATA_OFFSET, (byte) 'x');
    return create(run);
  }

  /**
   * {@return a vCPU at which the guest always writes four bytes to MMIO}
   *
   * @throws IOException if the process has no descriptor or memory left
   */
  public static PreparedVcpu mmioWrite() throws IOException {
    Mapping run = Mapping.anonymous(RUN_SIZE);
    MemorySegment page = run.segment();
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.EXIT_REASON, ExitReason.MMIO.number());
    page.set(ValueLayout.JAVA_LONG, KvmRunLayout.MMIO_PHYS_ADDR, GPA);
    page.set(ValueLayout.JAVA_INT, KvmRunLayout.MMIO_LEN, 4);
    page.set(ValueLayout.JAVA_BYTE, KvmRunLayout.MMIO_IS_WRITE, (byte) 1);
    page.set(ValueLayout.JAVA_BYTE, KvmRunLayout.MMIO_DATA, (byte) 'x');
    return create(run);
  }

  /** {@return the view of the prepared exit} */
  public VcpuExit exit() {
    return vcpu.exit();
  }

  /**
   * Calls the ioctl as {@link Vcpu#run} does, and nothing else.
   *
   * @return what it answered, {@code -ENOTTY}
   */
  public int ioctl() {
    return vcpu.enter();
  }

  /**
   * Does what {@link Vcpu#run} does when the guest was entered and came out.
   *
   * @return the prepared exit's reason
   * @throws KvmException if the ioctl did not answer {@code ENOTTY}
   */
  public ExitReason run() throws KvmException {
    int result = vcpu.enter();
    return vcpu.reason(result == -Errno.ENOTTY ? 0 : result);
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
  }
}
