// SPDX-License-Identifier: Apache-2.0
/**
 * What KVM has of its own on arm64: register ids, the start of a vCPU, the interrupt controllers
 * (GIC), attributes of vCPUs, and the firmware interface PSCI.
 *
 * <p><b>Not run on hardware.</b> No machine of this project is an arm64 one. What stands here was
 * tested against mocks alone: that each call has the number, the structure and the addresses that
 * the header of Linux 6.12 defines, and that errors say what was asked for. Whether KVM takes it, a
 * run on arm64 has to show. What is the same on all architectures ({@link
 * org.javavmm.kvm.Vcpu#run}, memory slots, eventfds) is in {@link org.javavmm.kvm}; of what is
 * there for x86, nothing is to be used on arm64.
 *
 * <pre>{@code
 * try (Kvm kvm = Kvm.open();
 *     Vm vm = ArmVm.createVm(kvm, 40)) {
 *   ArmVm arm = new ArmVm(vm);
 *   Vcpu vcpu = vm.createVcpu(0);
 *   VgicV3 gic = arm.createVgicV3();
 *   gic.setDistributor(0x0800_0000);
 *   gic.setRedistributorRegion(new RedistributorRegion(0, 1, 0x080a_0000));
 *   ArmVcpu cpu = new ArmVcpu(vcpu);
 *   cpu.init(arm.preferredTarget().with(VcpuFeature.PSCI_0_2));
 *   gic.init();
 *   cpu.set(RegisterId.PC, 0x4000_0000);
 *   cpu.set(RegisterId.x(0), deviceTree);
 *   vcpu.run();
 * }
 * }</pre>
 */
package org.javavmm.kvm.arm64;
