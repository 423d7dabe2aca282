// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;

/**
 * What has to be kept of a queue, beside its {@link QueueConfig} and the guest's memory, to go on
 * with it later ({@link Virtqueue#save}, {@link Virtqueue#restore}). Untrusted: nothing is checked
 * before it is restored.
 */
public sealed interface QueueState {
  /** {@return the requests that the device had taken and not completed, in the order taken} */
  List<InFlight> inFlight();

  /**
   * A buffer of a request.
   *
   * @param address its address
   * @param length its length in bytes, below 2^32
   * @param writable whether it is device-writable
   */
  record Part(long address, long length, boolean writable) {}

  /**
   * A request that was taken and not completed.
   *
   * @param head the chain's head (split), or the list's first descriptor (packed)
   * @param id the buffer identifier (packed), or the head again (split)
   * @param descriptors the number of descriptors it has in the table or ring
   * @param parts its buffers, those of length 0 left out
   * @param written with in-order use, how many bytes were written if it is complete and waits for
   *     those before it; otherwise -1
   */
  record InFlight(int head, int id, int descriptors, List<Part> parts, long written) {
    /** Copies the list. */
    public InFlight {
      parts = List.copyOf(parts);
    }
  }

  /**
   * Of a split queue.
   *
   * @param nextAvail the available index of the next chain to take
   * @param nextUsed the used index, as published
   * @param inFlight the requests not completed
   */
  record Split(int nextAvail, int nextUsed, List<InFlight> inFlight) implements QueueState {
    /** Copies the list. */
    public Split {
      inFlight = List.copyOf(inFlight);
    }
  }

  /**
   * Of a packed queue.
   *
   * @param nextAvail the descriptor where the next list begins
   * @param availWrap the driver's wrap counter there, 0 or 1
   * @param nextUsed the descriptor where the next used one goes
   * @param usedWrap the device's wrap counter there, 0 or 1
   * @param inFlight the requests not completed
   */
  record Packed(int nextAvail, int availWrap, int nextUsed, int usedWrap, List<InFlight> inFlight)
      implements QueueState {
    /** Copies the list. */
    public Packed {
      inFlight = List.copyOf(inFlight);
    }
  }
}
