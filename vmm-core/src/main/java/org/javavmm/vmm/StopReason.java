// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

/** Why a monitor stopped. The first reason given counts. */
public sealed interface StopReason {
  /** {@return one line for people} */
  String describe();

  /** The guest switched itself off. */
  record PowerOff() implements StopReason {
    @Override
    public String describe() {
      return "the guest powered off";
    }
  }

  /** The guest asked to be reset. */
  record Reset() implements StopReason {
    @Override
    public String describe() {
      return "the guest asked for a reset";
    }
  }

  /**
   * The guest ended the monitor through an exit port.
   *
   * @param status what it wrote, 0 to 255
   */
  record Exit(int status) implements StopReason {
    @Override
    public String describe() {
      return "the guest exited with status " + status;
    }
  }

  /**
   * The host asked the monitor to end.
   *
   * @param why who or what asked, such as {@code SIGINT}
   */
  record HostRequest(String why) implements StopReason {
    @Override
    public String describe() {
      return "stopped by " + why;
    }
  }

  /**
   * A vCPU came to a state from which it cannot go on: a triple fault, an instruction that KVM
   * cannot emulate, an entry that the processor refuses.
   *
   * @param vcpu its number
   * @param what what happened, one line
   * @param state its registers and the bytes at its instruction pointer, several lines
   */
  record GuestFailure(int vcpu, String what, String state) implements StopReason {
    @Override
    public String describe() {
      return "vCPU " + vcpu + ": " + what;
    }
  }

  /**
   * A thread of the monitor failed.
   *
   * @param where which thread or device
   * @param cause what it threw
   */
  record MonitorFailure(String where, Throwable cause) implements StopReason {
    @Override
    public String describe() {
      return where + " failed: " + cause;
    }
  }
}
