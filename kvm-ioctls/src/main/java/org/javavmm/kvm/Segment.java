// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

/**
 * A segment register with its hidden part, {@code struct kvm_segment}.
 *
 * @param base the linear address where it starts
 * @param limit the last offset, in bytes; KVM takes it as it is, whatever {@code g} says
 * @param selector the selector
 * @param type the descriptor's type, 0 to 15
 * @param present whether it is present
 * @param dpl the privilege level, 0 to 3
 * @param db whether it is a 32-bit segment
 * @param s whether it is a code or data segment, not a system one
 * @param l whether it is a 64-bit code segment
 * @param g whether the descriptor counts its limit in pages
 * @param avl the bit for the system's use
 * @param unusable whether an access through it faults
 */
public record Segment(
    long base,
    int limit,
    int selector,
    int type,
    boolean present,
    int dpl,
    boolean db,
    boolean s,
    boolean l,
    boolean g,
    boolean avl,
    boolean unusable) {
  /**
   * {@return this segment elsewhere}
   *
   * @param newBase the linear address where it starts
   * @param newSelector the selector
   */
  public Segment at(long newBase, int newSelector) {
    return new Segment(newBase, limit, newSelector, type, present, dpl, db, s, l, g, avl, unusable);
  }
}
