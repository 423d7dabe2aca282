// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.javavmm.memory.Access;
import org.javavmm.memory.AddressSpace;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.GuestMemoryException;
import org.javavmm.memory.GuestMemoryException.Reason;
import org.javavmm.memory.GuestRegion;
import org.javavmm.memory.GuestView;
import org.javavmm.virtio.QueueFault.Area;
import org.jspecify.annotations.Nullable;

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
  /** Chains of more bytes are forbidden (VIRTIO 1.4 §2.7.5.2). */
  static final long MAX_CHAIN_BYTES = 1L << 32;

  /** What the used length can say at most. */
  static final long MAX_USED_LENGTH = 0xffff_ffffL;

  /** Regions whose bounds are compared here before the address space is asked. */
  private static final int MAX_WINDOWS = 8;

  private static final VarHandle BYTES_8 =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  final AddressSpace memory;
  final QueueConfig config;
  final int size;
  final boolean eventIdx;
  final boolean indirect;
  final boolean inOrder;

  /** The areas, resolved once. */
  final GuestView descriptorArea;

  final GuestView driverArea;
  final GuestView deviceArea;

  /** The guest's memory if the addresses are its own; its map may change. */
  private final @Nullable GuestMemory guest;

  /** The regions that the windows below are of. */
  private @Nullable List<GuestRegion> windowsOf;

  private final long[] windowStarts = new long[MAX_WINDOWS];
  private final long[] windowSizes = new long[MAX_WINDOWS];
  private final boolean[] windowWritable = new boolean[MAX_WINDOWS];
  private int windows;

  /** The window that was hit last. */
  private long windowStart;

  private long windowSize;
  private boolean windowIsWritable;

  /** Where a descriptor is put together that lies across the border of two regions. */
  private final byte[] scratch = new byte[8];

  /** How many parts may be held at least before no more are taken, whatever the size. */
  private static final int LEAST_HELD_PARTS = 16_384;

  /** No request. */
  static final int NONE = -1;

  /** All requests there are; they name each other by their index, for a reference costs more. */
  private Request[] requests = new Request[8];

  private int made;

  /** Those not in use: a stack. */
  private int[] pool = new int[8];

  private int pooled;

  /** The first and last of those taken and not used, in the order taken. */
  private int first = NONE;

  private int last = NONE;

  /** As many parts held, and no more are taken. Otherwise a guest could have size^2 of them. */
  private final int mostHeldParts;

  /** Parts of all requests taken and not used. */
  private long heldParts;

  /** What the requests' arrays have grown by, in parts, and beyond what they are shrunk again. */
  long grown;

  private final long mostGrown;

  /** Whether the last take left something because too much is held. */
  private boolean full;

  private @Nullable Runnable onRoom;

  /** What the last take found. */
  private @Nullable Request current;

  private @Nullable QueueFault fault;

  /** Whether the fault of the last take can be passed over. */
  boolean discardable;

  /** With {@link #discardable}: the chain. */
  int discardHead;

  int discardId;
  int discardDescriptors;

  private boolean reset;

  /** How many used entries or descriptors were published since the last decision to notify. */
  long sinceDecision;

  Virtqueue(AddressSpace memory, QueueConfig config) {
    this.memory = memory;
    this.config = config;
    this.size = config.size();
    boolean packed = config.isPacked();
    if (size < 1
        || size > SplitDescriptorLayout.MAX_QUEUE_SIZE
        || (!packed && Integer.bitCount(size) != 1)) {
      throw new QueueFaultException(new QueueFault.BadSize(size, packed));
    }
    this.mostHeldParts = Math.max(4 * size, LEAST_HELD_PARTS);
    // The arrays of what may be held, of which the last chain is beyond the limit: doubled each.
    this.mostGrown = 2L * (mostHeldParts + size);
    this.eventIdx = config.has(RingFeatures.EVENT_IDX);
    this.indirect = config.has(RingFeatures.INDIRECT_DESC);
    this.inOrder = config.has(RingFeatures.IN_ORDER);
    checkAligned(Area.DESCRIPTOR, config.descriptorArea(), SplitDescriptorLayout.ALIGNMENT);
    checkAligned(
        Area.DRIVER,
        config.driverArea(),
        packed ? EventSuppressionLayout.ALIGNMENT : AvailRingLayout.ALIGNMENT);
    checkAligned(
        Area.DEVICE,
        config.deviceArea(),
        packed ? EventSuppressionLayout.ALIGNMENT : UsedRingLayout.ALIGNMENT);
    this.descriptorArea =
        resolve(
            Area.DESCRIPTOR,
            config.descriptorArea(),
            (long) SplitDescriptorLayout.SIZE * size,
            packed ? Access.READ_WRITE : Access.READ);
    this.driverArea =
        resolve(
            Area.DRIVER,
            config.driverArea(),
            packed ? EventSuppressionLayout.SIZE : AvailRingLayout.size(size),
            Access.READ);
    this.deviceArea =
        resolve(
            Area.DEVICE,
            config.deviceArea(),
            packed ? EventSuppressionLayout.SIZE : UsedRingLayout.size(size),
            Access.WRITE);
    checkApart(Area.DRIVER, driverArea, Area.DESCRIPTOR, descriptorArea);
    checkApart(Area.DEVICE, deviceArea, Area.DESCRIPTOR, descriptorArea);
    checkApart(Area.DEVICE, deviceArea, Area.DRIVER, driverArea);
    this.guest = memory instanceof GuestMemory g ? g : null;
  }

  private static void checkAligned(Area area, long address, int alignment) {
    if ((address & (alignment - 1)) != 0) {
      throw new QueueFaultException(new QueueFault.MisalignedArea(area, address, alignment));
    }
  }

  private GuestView resolve(Area area, long address, long length, Access access) {
    try {
      return memory.view(address, length, access);
    } catch (GuestMemoryException e) {
      throw new QueueFaultException(
          new QueueFault.AreaAccess(area, address, length, access, e.reason()));
    }
  }

  /** By guest-physical addresses: behind an IOMMU two addresses may be one place. */
  private void checkApart(Area area, GuestView view, Area other, GuestView otherView) {
    if (Long.compareUnsigned(view.gpa() - otherView.gpa(), otherView.length()) < 0
        || Long.compareUnsigned(otherView.gpa() - view.gpa(), view.length()) < 0) {
      throw new QueueFaultException(
          new QueueFault.OverlappingAreas(area, address(area), other, address(other)));
    }
  }

  private long address(Area area) {
    return switch (area) {
      case DESCRIPTOR -> config.descriptorArea();
      case DRIVER -> config.driverArea();
      case DEVICE -> config.deviceArea();
    };
  }

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
  public final QueueConfig config() {
    return config;
  }

  /** {@return the queue's size in descriptors} */
  public final int size() {
    return size;
  }

  // ---- taking ------------------------------------------------------------------------------

  /**
   * Takes the next request that the driver made available, checked wholly: each descriptor is read
   * once.
   *
   * <p>After a fault the queue stands where it was and the next call finds the fault again, unless
   * {@link #discard} passes over it.
   *
   * @return what was found; {@code EMPTY} always after {@link #reset}, and while the queue {@link
   *     #isFull}
   */
  public final Taken take() {
    current = null;
    discardable = false;
    if (reset) {
      return Taken.EMPTY;
    }
    if (heldParts >= mostHeldParts) {
      full = true;
      return Taken.EMPTY;
    }
    GuestMemory g = guest;
    if (g != null) {
      updateWindows(g);
    }
    Taken taken;
    try {
      taken = takeNext();
    } catch (GuestMemoryException e) {
      // Whatever else can fault is caught where it is known what it belongs to.
      taken = found(areaFault(e));
    }
    return taken;
  }

  /**
   * {@return whether the last {@link #take} looked for nothing, because requests of very many parts
   * are held} That is at least 16,384 parts and four times the queue's size; through indirect
   * tables a driver can make as many as the size squared. It ends when requests are completed;
   * {@link VirtioDevice#notified} is called then, and who has a queue without a device takes again.
   */
  public final boolean isFull() {
    return full;
  }

  /**
   * What is run, on the queue's thread, when the queue is not {@linkplain #isFull full} any more.
   */
  final void onRoom(Runnable task) {
    onRoom = task;
  }

  /** Takes the next request by the rules of the format. */
  abstract Taken takeNext();

  /** Keeps a fault as what was found. */
  final Taken found(QueueFault what) {
    fault = what;
    return Taken.FAULT;
  }

  /** Keeps a request, whose fields are set, as what was found. */
  final Taken found(Request r) {
    pooled--;
    r.start();
    append(r);
    current = r;
    return Taken.REQUEST;
  }

  private void append(Request r) {
    int l = last;
    r.before = l;
    r.after = NONE;
    if (l == NONE) {
      first = r.index;
    } else {
      requests[l].after = r.index;
    }
    last = r.index;
    heldParts += r.parts;
  }

  /** The oldest request taken and not used. */
  final @Nullable Request first() {
    return first == NONE ? null : requests[first];
  }

  /** The one taken after another. */
  final @Nullable Request after(Request r) {
    return r.after == NONE ? null : requests[r.after];
  }

  /** The request that the next chain is read into; it stays in the pool until it is found. */
  final Request spare() {
    if (pooled == 0) {
      if (made == requests.length) {
        requests = Arrays.copyOf(requests, made * 2);
        pool = new int[made * 2];
      }
      requests[made] = new Request(this, made);
      pool[0] = made++;
      pooled = 1;
    }
    return requests[pool[pooled - 1]];
  }

  /** Takes a request out of the list, and back into the pool. */
  final void release(Request r) {
    int b = r.before;
    int a = r.after;
    if (b == NONE) {
      first = a;
    } else {
      requests[b].after = a;
    }
    if (a == NONE) {
      last = b;
    } else {
      requests[a].before = b;
    }
    if (r.held) {
      r.end();
    }
    heldParts -= r.parts;
    if (grown > mostGrown && r.hasGrown()) {
      r.shrink();
    }
    pool[pooled++] = r.index;
    if (full && heldParts < mostHeldParts) {
      full = false;
      Runnable task = onRoom;
      if (task != null) {
        task.run();
      }
    }
  }

  private QueueFault areaFault(GuestMemoryException e) {
    Area area = Area.DESCRIPTOR;
    // The views fault by guest-physical address.
    if (Long.compareUnsigned(e.address() - driverArea.gpa(), driverArea.length()) < 0) {
      area = Area.DRIVER;
    } else if (Long.compareUnsigned(e.address() - deviceArea.gpa(), deviceArea.length()) < 0) {
      area = Area.DEVICE;
    }
    return new QueueFault.AreaAccess(area, e.address(), e.length(), e.access(), e.reason());
  }

  // ---- buffers -----------------------------------------------------------------------------

  /** A changed map has another list. */
  @SuppressWarnings("ReferenceEquality") // equal contents are no reason to look twice
  private void updateWindows(GuestMemory g) {
    if (g.regions() != windowsOf) {
      openWindows(g);
    }
  }

  private void openWindows(GuestMemory g) {
    List<GuestRegion> regions = g.regions();
    windowsOf = regions;
    windows = 0;
    windowSize = 0;
    for (GuestRegion region : regions) {
      if (windows == MAX_WINDOWS) {
        break;
      }
      windowStarts[windows] = region.gpa();
      windowSizes[windows] = region.size();
      windowWritable[windows] = !region.isReadOnly();
      windows++;
    }
  }

  /** Whether a range of 1 to 2^32 - 1 bytes may be accessed so. */
  final boolean allows(long address, long length, boolean write) {
    long offset = address - windowStart;
    if (Long.compareUnsigned(offset, windowSize) < 0
        && length <= windowSize - offset
        && (!write || windowIsWritable)) {
      return true;
    }
    return allowsElsewhere(address, length, write);
  }

  private boolean allowsElsewhere(long address, long length, boolean write) {
    for (int i = 0; i < windows; i++) {
      long offset = address - windowStarts[i];
      if (Long.compareUnsigned(offset, windowSizes[i]) < 0
          && length <= windowSizes[i] - offset
          && (!write || windowWritable[i])) {
        windowStart = windowStarts[i];
        windowSize = windowSizes[i];
        windowIsWritable = windowWritable[i];
        return true;
      }
    }
    return memory.allows(address, length, write ? Access.WRITE : Access.READ);
  }

  /** Why a range cannot be accessed, after {@link #allows} said so. */
  final Reason reason(long address, long length, Access access) {
    try {
      memory.view(address, length, access);
    } catch (GuestMemoryException e) {
      return e.reason();
    }
    return Reason.CLOSED; // it was taken away and came back
  }

  final QueueFault noAccess(
      int head, int index, boolean inTable, long address, long length, boolean write) {
    Access access = write ? Access.WRITE : Access.READ;
    return new QueueFault.BufferAccess(
        head, index, inTable, address, length, access, reason(address, length, access));
  }

  /** Checks length and place of an indirect table; null if all is well. */
  final @Nullable QueueFault checkTable(int head, int index, long address, long length) {
    if (length == 0 || length % SplitDescriptorLayout.SIZE != 0) {
      return new QueueFault.IndirectTableLength(head, index, length);
    }
    long entries = length / SplitDescriptorLayout.SIZE;
    if (entries > size) {
      return new QueueFault.IndirectTableTooLong(head, index, entries, size);
    }
    if (!allows(address, length, false)) {
      return new QueueFault.IndirectTableAccess(
          head, index, address, length, reason(address, length, Access.READ));
    }
    return null;
  }

  /** Eight bytes of an indirect table, which may lie across a border of regions. */
  final long readLong(long address) {
    try {
      return memory.getLong(address);
    } catch (GuestMemoryException e) {
      if (e.reason() != Reason.REGION_BOUNDARY) {
        throw e;
      }
    }
    memory.read(address, scratch);
    return (long) BYTES_8.get(scratch, 0);
  }

  /**
   * {@return the request that the last {@link #take} found}
   *
   * @throws IllegalStateException if it found none
   */
  public final Request request() {
    Request r = current;
    if (r == null) {
      throw new IllegalStateException("the last take found no request");
    }
    return r;
  }

  /** {@return the fault that was found last, by {@link #take} or another method} */
  public final Optional<QueueFault> fault() {
    return Optional.ofNullable(fault);
  }

  /**
   * Passes over the chain whose fault the last {@link #take} found, and returns it to the driver
   * with nothing written. That is possible where the ring itself is intact: head and extent of the
   * chain are known.
   *
   * @return whether that was possible; if not, only a reset helps
   */
  public final boolean discard() {
    if (!discardable || reset) {
      return false;
    }
    discardable = false;
    Request r = spare();
    r.head = discardHead;
    r.id = discardId;
    r.descriptors = discardDescriptors;
    r.parts = 0;
    r.readableParts = 0;
    r.readable = 0;
    r.writable = 0;
    pass(r);
    found(r);
    current = null;
    return complete(r, 0);
  }

  /** Passes over a chain in the ring, and marks it as in flight. */
  abstract void pass(Request r);

  /** {@return the requests taken and not completed, in the order taken; a new list} */
  public final List<Request> held() {
    List<Request> held = new ArrayList<>();
    for (Request r = first(); r != null; r = after(r)) {
      if (r.held) {
        held.add(r);
      }
    }
    return held;
  }

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
  public final boolean complete(Request request) {
    return complete(request, request.written);
  }

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
  public final boolean complete(Request request, long written) {
    if (!check(request, written)) {
      return false;
    }
    try {
      if (inOrder) {
        request.completed = written;
        boolean done = false;
        try {
          publishInOrder();
          done = true;
        } finally {
          if (!done) {
            request.completed = -1;
          }
        }
        if (request.held) {
          request.end(); // it waits for those before it
        }
      } else {
        put(request, written);
        publishWith(request);
      }
    } catch (GuestMemoryException e) {
      fault = areaFault(e);
      return false;
    }
    return true;
  }

  /** Whether the queue lives; throws unless the request can be completed so. */
  private boolean check(Request request, long written) {
    if (request.queue != this) {
      throw new IllegalArgumentException(request + " is another queue's");
    }
    if (reset) {
      return false;
    }
    if (!request.held) {
      throw new IllegalArgumentException(request + ": it cannot be completed");
    }
    if (written < 0 || written > request.writable) {
      throw new IllegalArgumentException(
          "written=" + written + " is not in 0.." + request.writable + ", what is writable");
    }
    return true;
  }

  /** Writes a used element after those staged; nothing else changes. */
  abstract void put(Request request, long written);

  /** Counts what {@link #put} wrote last as staged. */
  abstract void staged(Request request);

  /** Publishes what is staged and what {@link #put} wrote last, or changes nothing. */
  abstract void publishWith(Request request);

  /** Publishes what is staged, or changes nothing. */
  abstract void publishStaged();

  /** Publishes the completed requests from the oldest on, or changes nothing. */
  abstract void publishInOrder();

  /**
   * Writes what tells the driver that a request is complete, for {@link #publish} to show. With
   * in-order use, one that is complete before its predecessors waits for them.
   *
   * @param request the request, which is not the device's any more
   * @param written as for {@link #complete(Request, long)}
   * @return as {@link #complete(Request)}
   * @throws IllegalArgumentException as {@link #complete(Request, long)}
   */
  public final boolean stage(Request request, long written) {
    if (!check(request, written)) {
      return false;
    }
    if (inOrder) {
      request.completed = written;
      request.end();
      return true;
    }
    try {
      put(request, written);
    } catch (GuestMemoryException e) {
      fault = areaFault(e);
      return false;
    }
    staged(request);
    return true;
  }

  /**
   * Shows the driver all that was staged, by one store with release order.
   *
   * @return whether that was possible; if not, {@link #fault} says why, and it can be tried again
   */
  public final boolean publish() {
    if (reset) {
      return false;
    }
    try {
      if (inOrder) {
        publishInOrder();
      } else {
        publishStaged();
      }
    } catch (GuestMemoryException e) {
      fault = areaFault(e);
      return false;
    }
    return true;
  }

  // ---- notifications -----------------------------------------------------------------------

  /**
   * Decides whether the driver wants a notification for what was published since the last decision
   * (VIRTIO 1.4 §2.7.7.2, §2.8.10). To be asked after each {@link #publish}, or after several.
   *
   * @return whether to send one
   */
  public final boolean needsNotification() {
    long since = sinceDecision;
    if (since == 0 || reset) {
      return false;
    }
    sinceDecision = 0;
    // What was published is seen before what the driver wants is read: it does the reverse.
    VarHandle.fullFence();
    try {
      return driverWants(since);
    } catch (GuestMemoryException e) {
      fault = areaFault(e);
      return true;
    }
  }

  /** Whether the driver wants a notification of the last so many. */
  abstract boolean driverWants(long since);

  /**
   * Asks the driver for notifications of available buffers, then looks whether some arrived
   * meanwhile.
   *
   * @return whether there is something to take already, for which no notification may come; false
   *     while the queue {@link #isFull}
   */
  public final boolean enableNotifications() {
    if (reset) {
      return false;
    }
    try {
      ask();
      // What is asked is seen before the ring is looked at again: the driver does the reverse.
      VarHandle.fullFence();
      return !full && hasNext();
    } catch (GuestMemoryException e) {
      fault = areaFault(e);
      return true; // the next take finds it
    }
  }

  /** Asks for notifications. */
  abstract void ask();

  /** Whether there is something to take. */
  abstract boolean hasNext();

  /** Tells the driver that notifications of available buffers are not needed for now. */
  public final void disableNotifications() {
    if (reset) {
      return;
    }
    try {
      askNot();
    } catch (GuestMemoryException e) {
      fault = areaFault(e); // the next take finds more
    }
  }

  /** Asks for no notifications. */
  abstract void askNot();

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
            fault = e.fault();
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
          // A driver that takes back what it shows would keep the thread here.
          if (--budget == 0) {
            return Taken.REQUEST;
          }
          disableNotifications();
        }
        case FAULT -> {
          return Taken.FAULT;
        }
      }
    }
  }

  // ---- life --------------------------------------------------------------------------------

  /**
   * {@return what has to be kept to go on later}
   *
   * @throws IllegalStateException if something is staged and not published, or after {@link #reset}
   */
  public final QueueState save() {
    if (reset) {
      throw new IllegalStateException("the queue was reset");
    }
    checkPublished();
    List<QueueState.InFlight> inFlight = new ArrayList<>();
    for (Request r = first(); r != null; r = after(r)) {
      List<QueueState.Part> parts = new ArrayList<>();
      for (int i = 0; i < r.parts; i++) {
        parts.add(new QueueState.Part(r.addresses[i], r.lengths[i], i >= r.readableParts));
      }
      inFlight.add(new QueueState.InFlight(r.head, r.id, r.descriptors, parts, r.completed));
    }
    return save(inFlight);
  }

  abstract void checkPublished();

  abstract QueueState save(List<QueueState.InFlight> inFlight);

  /** Puts a new queue into a saved state. */
  final void restore(QueueState state) {
    try {
      restoreRing(state);
    } catch (GuestMemoryException e) {
      throw new QueueFaultException(areaFault(e));
    }
    if (guest != null) {
      openWindows(guest);
    }
    for (int i = 0; i < state.inFlight().size(); i++) {
      restoreRequest(i, state.inFlight().get(i));
    }
    // What was decided before is not known: one notification too many does no harm.
    sinceDecision = Long.MAX_VALUE >>> 1;
  }

  /** Checks and takes over the state's own fields; the requests are checked for number only. */
  abstract void restoreRing(QueueState state);

  private void restoreRequest(int index, QueueState.InFlight saved) {
    String name = "inFlight[" + index + "]";
    restorable(
        saved.head() >= 0 && saved.head() < size, name + ".head", saved.head(), "below " + size);
    restorableId(name, saved);
    restorable(
        saved.parts().size() <= size, name + ".parts", saved.parts().size(), "at most " + size);
    Request r = spare();
    r.head = saved.head();
    r.id = saved.id();
    r.descriptors = saved.descriptors();
    r.parts = 0;
    r.readableParts = 0;
    r.readable = 0;
    r.writable = 0;
    for (QueueState.Part part : saved.parts()) {
      String partName = name + ".parts[" + r.parts + "]";
      restorable(
          part.length() > 0 && part.length() <= MAX_USED_LENGTH,
          partName + ".length",
          part.length(),
          "in 1..4294967295");
      restorable(
          part.writable() || r.writable == 0,
          partName + ".writable",
          0,
          "1, as that of a part before it");
      if (!allows(part.address(), part.length(), part.writable())) {
        Access access = part.writable() ? Access.WRITE : Access.READ;
        throw new QueueFaultException(
            new QueueFault.BufferAccess(
                r.head,
                r.parts,
                false,
                part.address(),
                part.length(),
                access,
                reason(part.address(), part.length(), access)));
      }
      if (r.parts == r.addresses.length) {
        r.grow();
      }
      r.addresses[r.parts] = part.address();
      r.lengths[r.parts] = part.length();
      r.parts++;
      if (part.writable()) {
        r.writable += part.length();
      } else {
        r.readable += part.length();
        r.readableParts = r.parts;
      }
    }
    restorable(
        r.readable + r.writable <= MAX_CHAIN_BYTES,
        name + ".length",
        r.readable + r.writable,
        "at most 2^32");
    restorable(
        saved.written() >= -1 && saved.written() <= r.writable && (inOrder || saved.written() < 0),
        name + ".written",
        saved.written(),
        inOrder ? "in -1.." + r.writable : "-1 without in-order use");
    restorable(
        saved.written() < 0 || index > 0,
        name + ".written",
        saved.written(),
        "-1, as the oldest request's must be");
    keep(r);
    pooled--;
    r.start();
    append(r);
    if (saved.written() >= 0) {
      r.completed = saved.written();
      r.end();
    }
  }

  /** Checks identifier and number of descriptors of a saved request, of the format. */
  abstract void restorableId(String name, QueueState.InFlight saved);

  /** Marks a chain as in flight. */
  abstract void keep(Request r);

  static void restorable(boolean possible, String field, long value, String limit) {
    if (!possible) {
      throw new QueueFaultException(new QueueFault.BadState(field, value, limit));
    }
  }

  /**
   * Ends the queue, for a reset of the device or of this queue ({@code VIRTIO_F_RING_RESET}): its
   * memory is not touched any more, requests still held are void, completing them does nothing. A
   * queue that the driver enables again is a new one, made by {@link #activate} (VIRTIO 1.4
   * §2.6.1).
   */
  public final void reset() {
    reset = true;
    current = null;
    for (Request r = first(); r != null; r = after(r)) {
      r.end();
    }
    first = NONE;
    last = NONE;
  }

  /** {@return whether {@link #reset} was called} */
  public final boolean isReset() {
    return reset;
  }
}
