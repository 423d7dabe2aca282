// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import java.io.Serial;

/** A {@link Subscriber} could not start. It left nothing behind in the loop. */
public final class SubscriberStartException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  /** The subscriber's name. */
  private final String subscriber;

  SubscriberStartException(String subscriber, String loop, Throwable cause) {
    super(
        "subscriber " + subscriber + " did not start on event loop " + loop + ": " + cause, cause);
    this.subscriber = subscriber;
  }

  /** {@return the name of the subscriber that could not start} */
  public String subscriber() {
    return subscriber;
  }
}
