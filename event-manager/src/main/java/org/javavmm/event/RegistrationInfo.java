// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/**
 * What a {@link Registration} was at the time of asking.
 *
 * @param subscriber the name of the subscriber it belongs to; empty if none
 * @param name its own name
 * @param descriptor the descriptor's number and name, for people
 * @param interest the events asked for, or-ed
 * @param failures how often its handler threw
 */
public record RegistrationInfo(
    String subscriber, String name, String descriptor, int interest, long failures) {
  @Override
  public String toString() {
    return (subscriber.isEmpty() ? "" : subscriber + "/")
        + name
        + ": "
        + descriptor
        + ", "
        + Registration.show(interest)
        + (failures == 0 ? "" : ", failed " + failures + " times");
  }
}
