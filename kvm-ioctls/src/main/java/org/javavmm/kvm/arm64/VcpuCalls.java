// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.MemorySegment;
import org.javavmm.kvm.DeviceAttributes;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vcpu;

/** What this package needs of a vCPU: that of the kernel, or a test's. */
interface VcpuCalls {
  int id();

  int rawIoctl(String call, long number, MemorySegment argument) throws KvmException;

  byte[] getOneRegBytes(long register) throws KvmException;

  void setOneRegBytes(long register, byte[] bytes) throws KvmException;

  long[] getRegList() throws KvmException;

  int getMpState() throws KvmException;

  void setMpState(int state) throws KvmException;

  DeviceAttributes attributes();

  /** A vCPU of the kernel. */
  record OfKernel(Vcpu vcpu) implements VcpuCalls {
    @Override
    public int id() {
      return vcpu.id();
    }

    @Override
    public int rawIoctl(String call, long number, MemorySegment argument) throws KvmException {
      return vcpu.rawIoctl(call, number, argument);
    }

    @Override
    public byte[] getOneRegBytes(long register) throws KvmException {
      return vcpu.getOneRegBytes(register);
    }

    @Override
    public void setOneRegBytes(long register, byte[] bytes) throws KvmException {
      vcpu.setOneRegBytes(register, bytes);
    }

    @Override
    public long[] getRegList() throws KvmException {
      return vcpu.getRegList();
    }

    @Override
    public int getMpState() throws KvmException {
      return vcpu.getMpState();
    }

    @Override
    public void setMpState(int state) throws KvmException {
      vcpu.setMpState(state);
    }

    @Override
    public DeviceAttributes attributes() {
      return vcpu.attributes();
    }
  }
}
