// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.io.Serial;

/**
 * A {@link QueueFault} on its way to whoever answers it: thrown where a queue cannot be activated
 * or restored, and by the accessors of a request whose memory is gone since it was taken. {@link
 * Virtqueue#process} catches it. Guests cause these, so they carry no stack trace.
 */
public final class QueueFaultException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final transient QueueFault fault;

  QueueFaultException(QueueFault fault) {
    super(null, null, false, false);
    this.fault = fault;
  }

  /** {@return what is wrong} */
  public QueueFault fault() {
    return fault;
  }

  @Override
  public String getMessage() {
    return fault.message();
  }
}
