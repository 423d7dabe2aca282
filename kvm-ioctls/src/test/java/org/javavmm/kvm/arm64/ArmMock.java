// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.javavmm.kvm.DeviceAttributes;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Mocks;
import org.junit.jupiter.api.function.Executable;

/** A VM and a vCPU that take calls instead of the kernel. */
final class ArmMock implements VmCalls, VcpuCalls {
  /** What was called, each as an error would name it. */
  final List<String> calls = new ArrayList<>();

  /** The number of the last ioctl. */
  long number;

  /** The argument of the last ioctl that has a number for it. */
  long argument;

  /** A copy of the last structure as it was given. */
  MemorySegment given = MemorySegment.NULL;

  /** What the kernel would write into the structure. */
  Consumer<MemorySegment> answer = _ -> {};

  /** What the kernel returns if it does not fail. */
  int result;

  /** What the kernel fails with; 0 for success. */
  int errno;

  /** The registers that were read and written. */
  final List<Long> registers = new ArrayList<>();

  /** The value of a register, read or written. */
  byte[] register = {};

  long[] list = {};
  int mpState;

  /** How many bytes the value of an attribute has. */
  int valueSize;

  /** The value of an attribute as it was given. */
  byte[] value = {};

  /** What the kernel writes there; nothing if empty. */
  byte[] valueAnswer = {};

  int deviceType = -1;
  boolean deviceClosed;

  private int outcome() {
    return errno == 0 ? result : -errno;
  }

  private int done(String call) throws KvmException {
    calls.add(call);
    if (errno != 0) {
      throw new KvmException(call, errno, "");
    }
    return result;
  }

  private void take(MemorySegment struct) {
    given = Arena.ofAuto().allocate(struct.byteSize(), 8).copyFrom(struct);
    answer.accept(struct);
  }

  @Override
  public int rawIoctl(String call, long ioctl, MemorySegment struct) throws KvmException {
    number = ioctl;
    take(struct);
    return done(call);
  }

  @Override
  public int rawIoctl(String call, long ioctl, long plain) throws KvmException {
    number = ioctl;
    argument = plain;
    return done(call);
  }

  @Override
  public int id() {
    return 3;
  }

  @Override
  public byte[] getOneRegBytes(long id) throws KvmException {
    registers.add(id);
    var _ = done("get");
    return register.clone();
  }

  @Override
  public void setOneRegBytes(long id, byte[] bytes) throws KvmException {
    registers.add(id);
    register = bytes.clone();
    var _ = done("set");
  }

  @Override
  public long[] getRegList() {
    return list;
  }

  @Override
  public int getMpState() {
    return mpState;
  }

  @Override
  public void setMpState(int state) throws KvmException {
    mpState = state;
    var _ = done("KVM_SET_MP_STATE");
  }

  @Override
  public DeviceAttributes attributes() {
    return Mocks.attributes(
        "mock",
        (ioctl, struct) -> {
          calls.add(ioctl);
          take(struct);
          long address = attributeField("addr");
          value = valueSize == 0 ? new byte[0] : Mocks.at(address, valueSize);
          if (valueAnswer.length > 0) {
            Mocks.put(address, valueAnswer);
          }
          return outcome();
        });
  }

  @Override
  public boolean hasDevice(int type) {
    deviceType = type;
    return result != 0;
  }

  @Override
  public DeviceCalls createDevice(int type) {
    deviceType = type;
    return new DeviceCalls(attributes(), () -> deviceClosed = true);
  }

  /** A field of {@code struct kvm_device_attr} as it was given. */
  long attributeField(String name) {
    return switch (name) {
      case "flags" -> given.get(ValueLayout.JAVA_INT, 0);
      case "group" -> given.get(ValueLayout.JAVA_INT, 4);
      case "attr" -> given.get(ValueLayout.JAVA_LONG, 8);
      case "addr" -> given.get(ValueLayout.JAVA_LONG, 16);
      default -> throw new AssertionError(name);
    };
  }

  /** The last call was for an attribute. */
  void expectAttribute(String ioctl, long group, long attribute) {
    assertEquals(ioctl, calls.getLast());
    assertEquals(24, given.byteSize());
    assertEquals(0, attributeField("flags"));
    assertEquals(group, attributeField("group"), "group");
    assertEquals(attribute, attributeField("attr"), "attr");
  }

  /** The value of an attribute that was set, as a number. */
  long number() {
    long all = 0;
    for (int i = value.length - 1; i >= 0; i--) {
      all = all << 8 | Byte.toUnsignedLong(value[i]);
    }
    return all;
  }

  /** The kernel fails with an errno: the whole message. */
  String refused(int error, Executable call) {
    errno = error;
    String message = String.valueOf(assertThrows(KvmException.class, call).getMessage());
    errno = 0;
    return message;
  }

  static byte[] little(long value, int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (value >>> (8 * i));
    }
    return bytes;
  }
}
