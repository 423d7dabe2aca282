// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.javavmm.sys.Errno.E2BIG;
import static org.javavmm.sys.Errno.EAGAIN;
import static org.javavmm.sys.Errno.EBUSY;
import static org.javavmm.sys.Errno.EEXIST;
import static org.javavmm.sys.Errno.EFAULT;
import static org.javavmm.sys.Errno.EINVAL;
import static org.javavmm.sys.Errno.EIO;
import static org.javavmm.sys.Errno.ENODEV;
import static org.javavmm.sys.Errno.ENOENT;
import static org.javavmm.sys.Errno.ENOMEM;
import static org.javavmm.sys.Errno.ENOSPC;
import static org.javavmm.sys.Errno.ENOSYS;
import static org.javavmm.sys.Errno.ENOTTY;
import static org.javavmm.sys.Errno.ENXIO;
import static org.javavmm.sys.Errno.EOPNOTSUPP;
import static org.javavmm.sys.Errno.EPERM;

import org.javavmm.sys.Errno;

/**
 * What an error number of an ioctl most likely means, by KVM's documentation and by what its code
 * checks on x86. Where a method knows more, its own words stand instead.
 */
final class Causes {
  private static final int EHWPOISON = 133;

  private Causes() {}

  /**
   * {@return the likely cause; where none is known, what the number means in general}
   *
   * @param call the call with its arguments, which begins with the ioctl's name
   * @param errno the positive error number
   */
  static String of(String call, int errno) {
    int end = call.indexOf('(');
    String ioctl = end < 0 ? call : call.substring(0, end);
    String cause =
        switch (errno) {
          case EINVAL -> invalid(ioctl);
          case EEXIST -> exists(ioctl);
          case ENXIO -> absent(ioctl);
          case ENOENT -> notFound(ioctl);
          case EBUSY -> busy(ioctl);
          case E2BIG -> tooBig(ioctl);
          case ENODEV -> "KVM_CREATE_DEVICE".equals(ioctl) ? "this KVM lacks such a device" : "";
          case ENOSPC ->
              switch (ioctl) {
                case "KVM_IOEVENTFD", "KVM_REGISTER_COALESCED_MMIO" ->
                    "the VM has as many devices in the kernel as fit on its bus";
                default -> "";
              };
          case EPERM ->
              switch (ioctl) {
                case "KVM_ENABLE_CAP" -> "the process lacks a privilege that it needs";
                case "KVM_RUN" -> "the vCPU is not finalized";
                // KVM's own -1, "no processor", arrives as this number.
                case "KVM_SIGNAL_MSI" -> "no local APIC is the message's destination";
                default -> "";
              };
          case EFAULT ->
              switch (ioctl) {
                case "KVM_RUN" -> "the guest accessed memory that the host cannot give";
                case "KVM_SET_USER_MEMORY_REGION", "KVM_SET_USER_MEMORY_REGION2" ->
                    "the address is none of this process's memory";
                default -> "";
              };
          case EAGAIN -> "KVM_IRQFD".equals(ioctl) ? "create the interrupt controllers first" : "";
          case ENOSYS -> "KVM_RUN".equals(ioctl) ? "the vCPU is not set up" : "";
          case EOPNOTSUPP ->
              switch (ioctl) {
                case "KVM_PRE_FAULT_MEMORY" -> "KVM shadows this guest's page tables";
                default -> "";
              };
          case EHWPOISON -> "the host's memory is broken there";
          // KVM's documentation, general description; and a VM that KVM found to be inconsistent.
          case EIO ->
              "KVM_MEMORY_ENCRYPT_OP".equals(ioctl)
                  ? ""
                  : "the VM belongs to another process, or KVM has given it up after an internal"
                      + " error";
          case ENOTTY ->
              switch (ioctl) {
                case "KVM_MEMORY_ENCRYPT_OP",
                    "KVM_MEMORY_ENCRYPT_REG_REGION",
                    "KVM_MEMORY_ENCRYPT_UNREG_REGION" ->
                    "this VM's memory is not encrypted";
                case "KVM_SMI" -> "this KVM lacks system management mode";
                default -> "this KVM lacks the ioctl";
              };
          case ENOMEM -> "the kernel has no memory left for it";
          default -> "";
        };
    return cause.isEmpty() ? Errno.meaning(errno) : cause;
  }

  private static String invalid(String ioctl) {
    return switch (ioctl) {
      case "KVM_CREATE_VM" -> "this KVM lacks VMs of the type";
      case "KVM_CREATE_VCPU" ->
          "the number is not below KVM_CAP_MAX_VCPU_ID, or there are as many vCPUs as fit";
      case "KVM_CREATE_IRQCHIP" -> "there are vCPUs already";
      case "KVM_SET_USER_MEMORY_REGION", "KVM_SET_USER_MEMORY_REGION2" ->
          "a number, flag, size or address is refused, or something of the slot cannot be changed";
      case "KVM_GET_DIRTY_LOG", "KVM_CLEAR_DIRTY_LOG" -> "there is no such slot or range";
      case "KVM_RESET_DIRTY_RINGS" -> "the VM has no dirty rings";
      case "KVM_SET_SREGS", "KVM_SET_SREGS2" -> "the processor would refuse such a state";
      case "KVM_SET_CPUID", "KVM_SET_CPUID2" ->
          "the vCPU ran already, or the leaves name a feature that cannot be";
      case "KVM_SET_MSRS", "KVM_GET_MSRS" -> "no register of that number, or not of that value";
      case "KVM_SET_XCRS" -> "the values are not among those that CPUID allows";
      case "KVM_GET_XCRS" -> "the host's processor has none";
      case "KVM_GET_XSAVE" -> "the state is larger than 4096 bytes: use KVM_GET_XSAVE2";
      case "KVM_SET_XSAVE" ->
          "a part is in use that the vCPU does not have, or MXCSR has a bit that is not there";
      case "KVM_SET_DEBUGREGS" -> "a register has a bit above 31 or one that is reserved";
      case "KVM_SET_VCPU_EVENTS" -> "an event that cannot be, or a flag that lacks its capability";
      case "KVM_SET_MP_STATE" -> "no state that this vCPU can be in";
      case "KVM_GET_LAPIC", "KVM_SET_LAPIC" -> "there is no local APIC in the kernel";
      case "KVM_SET_VAPIC_ADDR" -> "there is no local APIC in the kernel, or no slot there";
      case "KVM_SIGNAL_MSI" -> "there is no local APIC in the kernel, or the message is refused";
      case "KVM_SET_GSI_ROUTING" -> "a route has a number, type or flag that cannot be";
      case "KVM_IRQFD" ->
          "no such interrupt, or a resample eventfd without the IOAPIC in the kernel";
      case "KVM_IOEVENTFD" -> "a width other than 0, 1, 2, 4 and 8, or an address out of range";
      case "KVM_GET_IRQCHIP", "KVM_SET_IRQCHIP" -> "there is no such controller";
      case "KVM_SET_CLOCK" -> "a flag that this KVM does not take";
      case "KVM_SET_TSC_KHZ" -> "the processor cannot scale to it, or there are vCPUs already";
      case "KVM_KVMCLOCK_CTRL" -> "the guest has not set up kvmclock";
      case "KVM_SET_GUEST_DEBUG" -> "a flag that this KVM does not know";
      case "KVM_X86_SETUP_MCE" -> "more banks or features than KVM_X86_GET_MCE_CAP_SUPPORTED tells";
      case "KVM_X86_SET_MCE" -> "there is no such bank, or the status is not valid";
      case "KVM_X86_SET_MSR_FILTER" ->
          "a flag is not known, or what no range has is denied and there is no range";
      case "KVM_SET_PMU_EVENT_FILTER" -> "an action, flag or event that this KVM does not know";
      case "KVM_SET_NESTED_STATE" ->
          "the state is none of this host's, or does not go with the registers";
      case "KVM_GET_NESTED_STATE" -> "KVM offers the guest no virtualization";
      case "KVM_HYPERV_EVENTFD" -> "the connection's id has more than 24 bits";
      case "KVM_CREATE_GUEST_MEMFD" -> "a size that is no multiple of the page size, or a flag";
      case "KVM_SET_MEMORY_ATTRIBUTES" ->
          "an attribute that is not supported, or a range not of whole pages";
      case "KVM_ENABLE_CAP" ->
          "no capability that can be enabled here, refused arguments, or too late for it";
      case "KVM_SET_IDENTITY_MAP_ADDR", "KVM_SET_TSS_ADDR", "KVM_SET_BOOT_CPU_ID" ->
          "there are vCPUs already, or the value is out of range";
      case "KVM_SET_NR_MMU_PAGES" -> "fewer than 64 pages";
      case "KVM_CREATE_DEVICE" -> "the flags are refused";
      case "KVM_RUN" -> "KVM cannot run the vCPU in the state it has";
      default -> "";
    };
  }

  private static String exists(String ioctl) {
    return switch (ioctl) {
      case "KVM_CREATE_VCPU" -> "a vCPU has the number";
      case "KVM_CREATE_IRQCHIP" -> "the VM has its interrupt controllers";
      case "KVM_CREATE_PIT", "KVM_CREATE_PIT2" -> "the VM has its timer";
      case "KVM_CREATE_DEVICE" -> "the VM has such a device, and there can be only one";
      case "KVM_SET_USER_MEMORY_REGION", "KVM_SET_USER_MEMORY_REGION2" -> "overlaps another slot";
      case "KVM_IOEVENTFD" -> "such writes signal an eventfd already";
      case "KVM_INTERRUPT" -> "an interrupt is on its way already";
      case "KVM_HYPERV_EVENTFD" -> "the connection has an eventfd";
      default -> "";
    };
  }

  private static String absent(String ioctl) {
    return switch (ioctl) {
      case "KVM_IRQ_LINE",
          "KVM_IRQ_LINE_STATUS",
          "KVM_GET_IRQCHIP",
          "KVM_SET_IRQCHIP",
          "KVM_CREATE_PIT" ->
          "the interrupt controllers are not in the kernel";
      case "KVM_GET_PIT2", "KVM_SET_PIT2", "KVM_REINJECT_CONTROL" ->
          "the timer is not in the kernel";
      case "KVM_INTERRUPT" -> "the interrupt controllers are in the kernel";
      case "KVM_HAS_DEVICE_ATTR", "KVM_GET_DEVICE_ATTR", "KVM_SET_DEVICE_ATTR" ->
          "there is no such attribute";
      case "KVM_GET_DIRTY_LOG", "KVM_CLEAR_DIRTY_LOG" -> "this VM logs into rings";
      default -> "";
    };
  }

  private static String notFound(String ioctl) {
    return switch (ioctl) {
      case "KVM_GET_DIRTY_LOG", "KVM_CLEAR_DIRTY_LOG" ->
          "the slot does not log: it lacks KVM_MEM_LOG_DIRTY_PAGES";
      case "KVM_CREATE_PIT", "KVM_CREATE_PIT2" -> "create the interrupt controllers first";
      case "KVM_IOEVENTFD" -> "no such writes signal the eventfd";
      case "KVM_HYPERV_EVENTFD" -> "the connection has no eventfd";
      case "KVM_GET_ONE_REG", "KVM_SET_ONE_REG" -> "no such register";
      case "KVM_PRE_FAULT_MEMORY" -> "there is no slot";
      default -> "";
    };
  }

  private static String busy(String ioctl) {
    return switch (ioctl) {
      case "KVM_CREATE_VM" -> "another hypervisor uses the processors' virtualization";
      case "KVM_SET_BOOT_CPU_ID" -> "there are vCPUs already";
      case "KVM_IRQFD" -> "the eventfd is connected already";
      case "KVM_SET_GUEST_DEBUG" -> "an exception is on its way already";
      default -> "";
    };
  }

  private static String tooBig(String ioctl) {
    return switch (ioctl) {
      case "KVM_SET_CPUID", "KVM_SET_CPUID2" -> "there are more leaves than KVM takes";
      case "KVM_SET_MSRS", "KVM_GET_MSRS" -> "there are more registers than KVM takes at once";
      case "KVM_SET_PMU_EVENT_FILTER" -> "there are more events than KVM takes";
      case "KVM_ENABLE_CAP" -> "an argument is larger than KVM allows";
      default -> "";
    };
  }
}
