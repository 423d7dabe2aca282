// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;
import java.util.Optional;
import org.javavmm.memory.AddressSpace;

/**
 * A queue as its device sees it, of either format: {@link #take} gives the next request, {@link
 * #complete} returns it to the driver.
 *
 * <p>The geometry is checked and resolved when the queue is activated and stays as it is. The three
 * areas lie in one region of memory each. The queue holds no lease on them: if a region is removed,
 * accesses give an {@link QueueFault.AreaAccess} fault.
 *
 * <p>A queue is for one thread at a time. It allocates nothing in steady state, takes no lock, and
 * does work bounded by its size for each call, whatever the guest writes. Faults allocate.
 */
public abstract sealed class Virtqueue permits SplitVirtqueue, PackedVirtqueue {
  Virtqueue() {}

  /**
   * Makes a queue of what the driver configured.
   *
   * @param memory where the rings and buffers are: the guest's memory, or an IOMMU's view of it if
   *     {@code VIRTIO_F_ACCESS_PLATFORM} was agreed on
   * @param config what the driver configured
   * @return the queue: a {@link SplitVirtqueue} or a {@link PackedVirtqueue}
   * @throws QueueFaultException if the configuration is not possible; size, alignment, memory and
   *     overlap are checked in this order
   */
  public static Virtqueue activate(AddressSpace memory, QueueConfig config) {
    return config.isPacked()
        ? new PackedVirtqueue(memory, config)
        : new SplitVirtqueue(memory, config);
  }

  /**
   * Makes a queue that goes on where another was saved. {@link #held} then has the requests that
   * were in flight.
   *
   * @param memory as for {@link #activate}
   * @param config as for {@link #activate}
   * @param state what was saved
   * @return the queue
   * @throws QueueFaultException as {@link #activate}, or if the state does not fit the
   *     configuration, the rings or memory
   */
  public static Virtqueue restore(AddressSpace memory, QueueConfig config, QueueState state) {
    Virtqueue queue = activate(memory, config);
    queue.restore(state);
    return queue;
  }

  /** {@return what the queue was made of} */
  public abstract QueueConfig config();

  /** {@return the queue's size in descriptors} */
  public abstract int size();

  // ---- taking ------------------------------------------------------------------------------

  /**
   * Takes the next request that the driver made available, checked wholly: each descriptor is read
   * once.
   *
   * <p>After a fault the queue stands where it was and the next call finds the fault again, unless
   * {@link #discard} passes over it.
   *
   * @return what was found; {@code EMPTY} always after {@link #reset}
   */
  public abstract Taken take();

  /**
   * {@return the request that the last {@link #take} found}
   *
   * @throws IllegalStateException if it found none
   */
  public abstract Request request();

  /** {@return the fault that was found last, by {@link #take} or another method} */
  public abstract Optional<QueueFault> fault();

  /**
   * Passes over the chain whose fault the last {@link #take} found, and returns it to the driver
   * with nothing written. That is possible where the ring itself is intact: head and extent of the
   * chain are known.
   *
   * @return whether that was possible; if not, only a reset helps
   */
  public abstract boolean discard();

  /** {@return the requests taken and not completed, in the order taken; a new list} */
  public abstract List<Request> held();

  // ---- completing --------------------------------------------------------------------------

  /**
   * Returns a request to the driver, with {@link Request#written} bytes written. The same as {@link
   * #stage} and {@link #publish}.
   *
   * @param request the request
   * @return whether that was possible; if not, {@link #fault} says why and the queue stands where
   *     it was; or it was reset
   * @throws IllegalArgumentException if the request is not one of this queue's that is held
   */
  public abstract boolean complete(Request request);

  /**
   * Returns a request to the driver.
   *
   * @param request the request
   * @param written how many bytes were written, counted from the start of the first device-writable
   *     buffer (VIRTIO 1.4 §2.7.8.2)
   * @return as {@link #complete(Request)}
   * @throws IllegalArgumentException if the request is not one of this queue's that is held, or if
   *     {@code written} is negative or more than is writable
   */
  public abstract boolean complete(Request request, long written);

  /**
   * Writes what tells the driver that a request is complete, for {@link #publish} to show. With
   * in-order use, one that is complete before its predecessors waits for them.
   *
   * @param request the request, which is not the device's any more
   * @param written as for {@link #complete(Request, long)}
   * @return as {@link #complete(Request)}
   * @throws IllegalArgumentException as {@link #complete(Request, long)}
   */
  public abstract boolean stage(Request request, long written);

  /**
   * Shows the driver all that was staged, by one store with release order.
   *
   * @return whether that was possible; if not, {@link #fault} says why, and it can be tried again
   */
  public abstract boolean publish();

  // ---- notifications -----------------------------------------------------------------------

  /**
   * Decides whether the driver wants a notification for what was published since the last decision
   * (VIRTIO 1.4 §2.7.7.2, §2.8.10). To be asked after each {@link #publish}, or after several.
   *
   * @return whether to send one
   */
  public abstract boolean needsNotification();

  /**
   * Asks the driver for notifications of available buffers, then looks whether some arrived
   * meanwhile.
   *
   * @return whether there is something to take already, for which no notification may come
   */
  public abstract boolean enableNotifications();

  /** Tells the driver that notifications of available buffers are not needed for now. */
  public abstract void disableNotifications();

  // ---- the loop ----------------------------------------------------------------------------

  /**
   * Takes requests and hands them to a handler until there are none, at most as many as the queue
   * has descriptors; with notifications off meanwhile, and looking again after they are on. The one
   * place where faults that a handler meets in a request's memory are caught.
   *
   * @param handler what serves the requests
   * @return {@code EMPTY} if there are no more; {@code REQUEST} if there may be, and the caller has
   *     to come again without waiting for a notification; {@code FAULT} if {@link #fault} says so
   */
  public final Taken process(RequestHandler handler) {
    int budget = size();
    disableNotifications();
    while (true) {
      Taken taken = take();
      switch (taken) {
        case REQUEST -> {
          try {
            handler.handle(this, request());
          } catch (QueueFaultException e) {
            fault(e.fault());
            return Taken.FAULT;
          }
          if (--budget == 0) {
            return Taken.REQUEST;
          }
        }
        case EMPTY -> {
          if (!enableNotifications()) {
            return Taken.EMPTY;
          }
          disableNotifications();
        }
        case FAULT -> {
          return Taken.FAULT;
        }
      }
    }
  }

  /** Keeps a fault for {@link #fault()}. */
  abstract void fault(QueueFault found);

  /** Puts a new queue into a saved state. */
  abstract void restore(QueueState state);

  // ---- life --------------------------------------------------------------------------------

  /**
   * {@return what has to be kept to go on later}
   *
   * @throws IllegalStateException if something is staged and not published, or after {@link #reset}
   */
  public abstract QueueState save();

  /**
   * Ends the queue, for a reset of the device or of this queue ({@code VIRTIO_F_RING_RESET}): its
   * memory is not touched any more, requests still held are void, completing them does nothing. A
   * queue that the driver enables again is a new one, made by {@link #activate} (VIRTIO 1.4
   * §2.6.1).
   */
  public abstract void reset();

  /** {@return whether {@link #reset} was called} */
  public abstract boolean isReset();
}
