// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm.arm64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntFunction;
import org.javavmm.kvm.DeviceAttributes;
import org.javavmm.kvm.KvmException;

/** Device attributes whose errors say in words what was asked for. */
final class Attributes {
  private static final String GET = "KVM_GET_DEVICE_ATTR";
  private static final String SET = "KVM_SET_DEVICE_ATTR";

  private final String owner;
  private final DeviceAttributes attributes;
  private final IntFunction<String> meaning;

  /**
   * @param meaning what an errno means here; empty for what it means in general
   */
  Attributes(String owner, DeviceAttributes attributes, IntFunction<String> meaning) {
    this.owner = owner;
    this.attributes = attributes;
    this.meaning = meaning;
  }

  /** The same attributes, with errors that mean something else. */
  Attributes with(IntFunction<String> other) {
    return new Attributes(owner, attributes, other);
  }

  boolean has(int group, long attribute) throws KvmException {
    return attributes.has(group, attribute);
  }

  void set(int group, long attribute, MemorySegment value, String what) throws KvmException {
    try {
      attributes.set(group, attribute, value);
    } catch (KvmException e) {
      throw explained(SET, e, what);
    }
  }

  /** Sets what has no value: KVM does something. */
  void act(int group, long attribute, String what) throws KvmException {
    set(group, attribute, MemorySegment.NULL, what);
  }

  void setInt(int group, long attribute, int value, String what) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      set(group, attribute, arena.allocateFrom(ValueLayout.JAVA_INT, value), what);
    }
  }

  void setLong(int group, long attribute, long value, String what) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      set(group, attribute, arena.allocateFrom(ValueLayout.JAVA_LONG, value), what);
    }
  }

  int getInt(int group, long attribute, String what) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
      get(group, attribute, value, what);
      return value.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Reads 8 bytes.
   *
   * @param asked what the value holds when KVM is asked
   */
  long getLong(int group, long attribute, long asked, String what) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, asked);
      get(group, attribute, value, what);
      return value.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  private void get(int group, long attribute, MemorySegment value, String what)
      throws KvmException {
    try {
      attributes.get(group, attribute, value);
    } catch (KvmException e) {
      throw explained(GET, e, what);
    }
  }

  private KvmException explained(String ioctl, KvmException e, String what) {
    return explained(e, ioctl + "(" + owner + ", " + what + ")", meaning);
  }

  /** An errno means what it means in general. */
  static String general(int errno) {
    return "";
  }

  static KvmException explained(KvmException e, String call, IntFunction<String> meaning) {
    return new KvmException(call, e.errno(), meaning.apply(e.errno()));
  }
}
