// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.javavmm.sys.Errno;
import org.junit.jupiter.api.Test;

/** The likely causes of errors, and that they belong to ioctls of the header. */
class CausesTest {
  @Test
  void theCauseGoesWithTheIoctl() {
    assertEquals(
        "KVM_CREATE_VCPU(id=1): EEXIST (a vCPU has the number)",
        new KvmException("KVM_CREATE_VCPU(id=1)", Errno.EEXIST).getMessage());
    assertEquals(
        "KVM_IRQ_LINE(gsi=4, level=true): ENXIO (the interrupt controllers are not in the kernel)",
        new KvmException("KVM_IRQ_LINE(gsi=4, level=true)", Errno.ENXIO).getMessage());
    assertEquals(
        "KVM_SMI(vcpu=0): ENOTTY (this KVM lacks system management mode)",
        new KvmException("KVM_SMI(vcpu=0)", Errno.ENOTTY).getMessage());
    assertEquals(
        "KVM_PRE_FAULT_MEMORY(): ENOTTY (this KVM lacks the ioctl)",
        new KvmException("KVM_PRE_FAULT_MEMORY()", Errno.ENOTTY).getMessage());
    assertEquals(
        "KVM_SIGNAL_MSI(address=0xfee05000, data=0x44): EPERM (no local APIC is the message's"
            + " destination)",
        new KvmException("KVM_SIGNAL_MSI(address=0xfee05000, data=0x44)", Errno.EPERM)
            .getMessage());
    assertEquals(
        "KVM_X86_SET_MSR_FILTER(ranges=[]): EINVAL (a flag is not known, or what no range has is"
            + " denied and there is no range)",
        new KvmException("KVM_X86_SET_MSR_FILTER(ranges=[])", Errno.EINVAL).getMessage());
    assertEquals(
        "KVM_SET_CLOCK(clock=1, flags=64): EINVAL (a flag that this KVM does not take)",
        new KvmException("KVM_SET_CLOCK(clock=1, flags=64)", Errno.EINVAL).getMessage());
  }

  @Test
  void whatAMethodKnowsStandsInstead() {
    assertEquals(
        "KVM_CREATE_VCPU(id=1): EEXIST (mine)",
        new KvmException("KVM_CREATE_VCPU(id=1)", Errno.EEXIST, "mine").getMessage());
  }

  @Test
  void withoutAKnownCauseTheNumberSpeaks() {
    assertEquals(Errno.meaning(Errno.EMFILE), Causes.of("KVM_CREATE_VM(type=0)", Errno.EMFILE));
    assertEquals(Errno.meaning(Errno.EINVAL), Causes.of("KVM_NMI(vcpu=0)", Errno.EINVAL));
    assertEquals(Errno.meaning(Errno.EINVAL), Causes.of("no ioctl", Errno.EINVAL));
  }

  /** Each number that KVM uses has causes of its own for the ioctls named here at least. */
  @Test
  void everyIoctlThatIsOftenRefusedHasACause() {
    for (String ioctl :
        List.of(
            "KVM_CREATE_VCPU",
            "KVM_SET_SREGS",
            "KVM_SET_CPUID2",
            "KVM_SET_USER_MEMORY_REGION",
            "KVM_SET_GSI_ROUTING",
            "KVM_IRQFD",
            "KVM_IOEVENTFD",
            "KVM_SET_XSAVE",
            "KVM_ENABLE_CAP")) {
      assertTrue(IoctlTable.ROWS.containsKey(ioctl), ioctl);
      String cause = Causes.of(ioctl + "()", Errno.EINVAL);
      assertTrue(!cause.equals(Errno.meaning(Errno.EINVAL)), ioctl + ": " + cause);
    }
  }
}
