// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

/**
 * What a subscriber has cost until the time of asking.
 *
 * @param name the subscriber's name; the loop's own for what belongs to no subscriber
 * @param registrations how many descriptors it watches
 * @param timers how many timers it has, armed or not
 * @param failures how often it threw; counted whether measuring is on or not
 * @param calls how often it was called (events, timers, tasks, idle slices) while {@linkplain
 *     EventLoop#measure measuring} was on
 * @param nanos how long these calls took in all, in nanoseconds
 * @param handling how long each took, in nanoseconds
 */
public record SubscriberStatistics(
    String name,
    int registrations,
    int timers,
    long failures,
    long calls,
    long nanos,
    Histogram handling) {}
