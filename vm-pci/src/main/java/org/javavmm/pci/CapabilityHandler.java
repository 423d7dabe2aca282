// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

/**
 * What a capability does besides keeping its bytes. vCPU threads call it, several at a time, and
 * without the function's lock; it must not throw. The bytes are in {@link PciFunction#config} from
 * {@code capability} on.
 */
public interface CapabilityHandler {
  /** Does nothing. */
  CapabilityHandler NONE = new CapabilityHandler() {};

  /**
   * The guest is about to read bytes of the capability; the handler may set them first, by {@link
   * ConfigurationSpace#set}.
   *
   * @param function whose capability it is
   * @param capability where in configuration space the capability begins
   * @param offset the first byte, counted from there
   * @param size the width: 1, 2 or 4, within a dword
   */
  default void beforeRead(PciFunction function, int capability, int offset, int size) {}

  /**
   * The guest has written bytes of the capability; the writable ones hold the new values.
   *
   * @param function whose capability it is
   * @param capability where in configuration space the capability begins
   * @param offset the first byte, counted from there
   * @param size the width: 1, 2 or 4, within a dword
   */
  default void afterWrite(PciFunction function, int capability, int offset, int size) {}
}
