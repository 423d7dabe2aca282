// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.MemorySegment;
import org.javavmm.kvm.Device;
import org.javavmm.kvm.DeviceAttributes;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;

/** What this package needs of a VM: that of the kernel, or a test's. */
interface VmCalls {
  int rawIoctl(String call, long number, MemorySegment argument) throws KvmException;

  int rawIoctl(String call, long number, long argument) throws KvmException;

  DeviceAttributes attributes();

  boolean hasDevice(int type) throws KvmException;

  DeviceCalls createDevice(int type) throws KvmException;

  /** A device that was created. */
  record DeviceCalls(DeviceAttributes attributes, Runnable close) {}

  /** A VM of the kernel. */
  record OfKernel(Vm vm) implements VmCalls {
    @Override
    public int rawIoctl(String call, long number, MemorySegment argument) throws KvmException {
      return vm.rawIoctl(call, number, argument);
    }

    @Override
    public int rawIoctl(String call, long number, long argument) throws KvmException {
      return vm.rawIoctl(call, number, argument);
    }

    @Override
    public DeviceAttributes attributes() {
      return vm.attributes();
    }

    @Override
    public boolean hasDevice(int type) throws KvmException {
      return vm.hasDevice(type);
    }

    @Override
    public DeviceCalls createDevice(int type) throws KvmException {
      Device device = vm.createDevice(type);
      return new DeviceCalls(device.attributes(), device::close);
    }
  }
}
