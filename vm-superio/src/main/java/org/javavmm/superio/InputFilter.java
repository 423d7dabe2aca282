// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

/** Sees console input before the guest does, and may take from it. */
@FunctionalInterface
public interface InputFilter {
  /** Lets everything through. */
  InputFilter NONE = (buffer, length) -> length;

  /**
   * Filters a chunk of input in place. A sequence may be split between chunks. Called by one thread
   * at a time.
   *
   * @param buffer the input in its first {@code length} bytes; what the guest shall get is moved to
   *     its start
   * @param length how many bytes there are, positive
   * @return how many bytes the guest gets, 0 to {@code length}
   */
  int filter(byte[] buffer, int length);
}
