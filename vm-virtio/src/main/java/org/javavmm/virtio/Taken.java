// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

/** What {@link Virtqueue#take} found. */
public enum Taken {
  /** The driver has made nothing more available. */
  EMPTY,
  /** A request; {@link Virtqueue#request} is it. */
  REQUEST,
  /** The driver broke a rule; {@link Virtqueue#fault} says which. */
  FAULT
}
