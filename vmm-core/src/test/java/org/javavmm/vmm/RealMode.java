// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Regs;
import org.javavmm.kvm.Segment;
import org.javavmm.kvm.Sregs;
import org.javavmm.superio.ExitPort;
import org.javavmm.sys.SystemCallException;

/** Small machines whose guests are a few instructions in real mode. */
final class RealMode {
  /** The memory's size; what a real-mode guest reaches above it is MMIO. */
  static final int MEMORY = 64 << 10;

  /** Where the program starts. */
  static final int CODE = 0x1000;

  private static final int STACK = 0xf000;

  private RealMode() {}

  /** {@return a machine with an exit port and this program on its first vCPU} */
  static Vmm machine(String listing) throws SystemCallException {
    Vmm vmm = Vmm.builder().memory(MEMORY).build();
    try {
      load(vmm, listing);
    } catch (SystemCallException | RuntimeException e) {
      vmm.close();
      throw e;
    }
    return vmm;
  }

  /** Puts an exit port on the bus, the program into the memory and vCPU 0 at its beginning. */
  static void load(Vmm vmm, String listing) throws KvmException {
    vmm.pio()
        .add(
            "exit",
            ExitPort.PORT,
            1,
            new ExitPort(status -> vmm.stop(new StopReason.Exit(status))));
    vmm.memory().write(CODE, bytes(listing));
    enter(vmm, 0);
  }

  /** Puts a vCPU at the program's beginning, with its number in AX and all segments at 0. */
  static void enter(Vmm vmm, int id) throws KvmException {
    Sregs sregs = vmm.vcpu(id).getSregs();
    Segment data = sregs.ds().at(0, 0);
    sregs.cs(sregs.cs().at(0, 0)).ds(data).es(data).ss(data);
    vmm.vcpu(id).setSregs(sregs);
    vmm.vcpu(id).setRegs(new Regs().rax(id).rip(CODE).rsp(STACK).rflags(2));
  }

  /** {@return the bytes of a listing: hexadecimal bytes, a semicolon, what they mean} */
  static byte[] bytes(String listing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    listing
        .lines()
        .map(line -> line.substring(0, line.indexOf(';')).replace(" ", ""))
        .forEach(hex -> bytes.writeBytes(HexFormat.of().parseHex(hex)));
    return bytes.toByteArray();
  }
}
