// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.GsiRoute;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.kvm.VmCapabilities;
import org.javavmm.sys.Errno;
import org.javavmm.sys.SystemCallException;
import org.jspecify.annotations.Nullable;

/**
 * The global system interrupts of a VM: who has which, and where each leads. The first are the pins
 * of interrupt controllers, those above are for messages.
 *
 * <p>KVM has one table of all routes, which is replaced whole ({@code KVM_SET_GSI_ROUTING}), so one
 * object must own it: nothing else may call {@link Vm#setGsiRouting}. A replacement is atomic: an
 * irqfd that is signalled meanwhile takes the old or the new route. A table that KVM refuses
 * changes nothing, neither there nor here. It has no descriptor and needs no closing.
 *
 * <p>Thread-safe. The cost of a change grows with the number of routes.
 */
public final class GsiRoutes {
  /** What takes the table: KVM, or a test. */
  interface Table {
    void set(List<GsiRoute> routes) throws SystemCallException;

    void enableX2apicIds() throws SystemCallException;

    boolean isClosed();
  }

  /** The pins of the IOAPIC in the kernel. */
  private static final int IOAPIC_PINS = 24;

  /** The pins of both PICs in the kernel, which have the IOAPIC's first numbers. */
  private static final int PIC_PINS = 16;

  /** KVM_MAX_IRQ_ROUTES: no table has more, and no GSI is higher. */
  private static final int MAX_ROUTES = 4096;

  private final Table table;
  private final int pins;
  private final boolean pinsInKernel;
  private final int limit;

  /** By number: those of somebody. */
  private final Map<Integer, Gsi> taken = new TreeMap<>();

  /** How many of {@link #taken} are pins. */
  private int takenPins;

  private boolean x2apic;

  /** Whether KVM's table has a route more than this, of a GSI that was given back. */
  private boolean stale;

  GsiRoutes(Table table, int pins, boolean pinsInKernel, int limit) {
    this.table = table;
    this.pins = pins;
    this.pinsInKernel = pinsInKernel;
    this.limit = limit;
  }

  /**
   * The interrupts of a VM with all interrupt controllers in the kernel. GSIs 0 to 23 lead to the
   * pins of the IOAPIC, and the first 16 to those of the PICs besides, as KVM has it from the
   * start.
   *
   * @param vm the VM, after {@link Vm#createIrqchip}; its routes were not changed
   * @return its interrupts
   * @throws SystemCallException {@code EOPNOTSUPP} without {@link Cap#IRQ_ROUTING}, or if the
   *     question fails
   */
  public static GsiRoutes forIrqchip(Vm vm) throws SystemCallException {
    return of(vm, IOAPIC_PINS, true);
  }

  /**
   * The interrupts of a VM whose IOAPIC is the monitor's: {@link Cap#SPLIT_IRQCHIP}. GSIs from 0
   * are its pins; {@link #claim} them and {@link Gsi#route} each as the guest programs it, so that
   * KVM knows which vectors' ends are of interest to the IOAPIC.
   *
   * @param vm the VM, after {@link VmCapabilities#splitIrqchip}; its routes were not changed
   * @param pins the number of pins given there
   * @return its interrupts
   * @throws IllegalArgumentException if {@code pins} is negative or there are not as many routes
   * @throws SystemCallException {@code EOPNOTSUPP} without {@link Cap#IRQ_ROUTING}, or if the
   *     question fails
   */
  public static GsiRoutes forSplitIrqchip(Vm vm, int pins) throws SystemCallException {
    return of(vm, pins, false);
  }

  private static GsiRoutes of(Vm vm, int pins, boolean inKernel) throws SystemCallException {
    int limit = Math.min(vm.checkExtension(Cap.IRQ_ROUTING), MAX_ROUTES);
    if (limit == 0) {
      throw new SystemCallException(
          "KVM_CHECK_EXTENSION(KVM_CAP_IRQ_ROUTING)", Errno.EOPNOTSUPP, "this KVM has no routes");
    }
    if (pins < 0 || pins > limit) {
      throw new IllegalArgumentException("pins=" + pins + " is not in 0.." + limit);
    }
    Table table =
        new Table() {
          @Override
          public void set(List<GsiRoute> routes) throws KvmException {
            vm.setGsiRouting(routes);
          }

          @Override
          public void enableX2apicIds() throws KvmException {
            vm.capabilities()
                .x2apicApi(
                    VmCapabilities.KVM_X2APIC_API_USE_32BIT_IDS
                        | VmCapabilities.KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
          }

          @Override
          public boolean isClosed() {
            return vm.isClosed();
          }
        };
    return new GsiRoutes(table, pins, inKernel, limit);
  }

  /** A global system interrupt that somebody has. */
  public final class Gsi implements AutoCloseable {
    private final int number;
    private final String owner;
    private GsiRoute.@Nullable Msi message;
    private boolean closed;

    private Gsi(int number, String owner) {
      this.number = number;
      this.owner = owner;
    }

    /** {@return its number} */
    public int number() {
      return number;
    }

    /** {@return whose it is} */
    public String owner() {
      return owner;
    }

    /** {@return whether it is a pin of an interrupt controller} */
    public boolean isPin() {
      return number < pins;
    }

    /** {@return the message it leads to; empty if nowhere, or to controllers in the kernel} */
    public Optional<GsiRoute.Msi> message() {
      synchronized (GsiRoutes.this) {
        return Optional.ofNullable(message);
      }
    }

    /**
     * Says where it leads. Setting the route that it has costs nothing.
     *
     * @param address the address of the message. On x86 bits 19 to 12 have the destination; with
     *     {@link #enableX2apicIds} bits 63 to 40 have the rest of it and bits 39 to 32 are 0
     * @param data the data of the message
     * @throws IllegalStateException if closed, or if it is a pin of controllers in the kernel
     * @throws SystemCallException {@code EINVAL} if {@code address} has more than 32 bits without
     *     {@link #enableX2apicIds}, or if KVM refuses; then it leads where it led before
     */
    public void route(long address, int data) throws SystemCallException {
      synchronized (GsiRoutes.this) {
        change(new GsiRoute.Msi(number, address, data));
      }
    }

    /**
     * Lets it lead nowhere.
     *
     * @throws IllegalStateException if closed, or if it is a pin of controllers in the kernel
     * @throws SystemCallException if KVM refuses; then it leads where it led before
     */
    public void unroute() throws SystemCallException {
      synchronized (GsiRoutes.this) {
        change(null);
      }
    }

    private void change(GsiRoute.@Nullable Msi next) throws SystemCallException {
      if (closed) {
        throw new IllegalStateException(this + " was given back");
      }
      if (isPin() && pinsInKernel) {
        throw new IllegalStateException(this + " is a pin of controllers in the kernel");
      }
      if (next != null && next.address() >>> 32 != 0 && !x2apic) {
        // KVM would ignore the upper half and interrupt another vCPU.
        throw new SystemCallException(
            this + ": route(address=0x" + Long.toHexString(next.address()) + ")",
            Errno.EINVAL,
            "more than 32 bits, but x2APIC ids are not enabled");
      }
      GsiRoute.Msi old = message;
      if (Objects.equals(next, old)) {
        return;
      }
      message = next;
      try {
        commit();
      } catch (SystemCallException | RuntimeException e) {
        message = old;
        throw e;
      }
    }

    /**
     * Gives it back, without its route. Closing twice is safe, and so is closing after the VM.
     *
     * <p>If KVM refuses the smaller table nothing is thrown: the route left behind has no irqfd,
     * and goes with the next change, before any GSI is given away again.
     */
    @Override
    public void close() {
      synchronized (GsiRoutes.this) {
        if (closed) {
          return;
        }
        closed = true;
        taken.remove(number);
        if (isPin()) {
          takenPins--;
        }
        if (message != null) {
          message = null;
          stale = true;
          try {
            if (!table.isClosed()) {
              commit();
            }
          } catch (SystemCallException | IllegalStateException e) {
            // Stale until the next change.
          }
        }
      }
    }

    @Override
    public String toString() {
      return "GSI " + number + " of " + owner;
    }
  }

  /** Under the lock. If it fails, KVM has the table that it had. */
  private void commit() throws SystemCallException {
    table.set(routes());
    stale = false;
  }

  /**
   * Takes the lowest GSI that is free above the pins. It leads nowhere yet.
   *
   * @param owner whose it is, for messages
   * @return the GSI, owned by the caller
   * @throws SystemCallException {@code ENOSPC} if all are taken; what KVM said if it still refuses
   *     to forget a route of before
   */
  public synchronized Gsi allocate(String owner) throws SystemCallException {
    int messages = taken.size() - takenPins;
    int most = limit - pinRoutes();
    if (messages >= most) {
      throw new SystemCallException(
          "GSI of " + owner, Errno.ENOSPC, "all " + most + " for messages are taken");
    }
    settle();
    int number = pins;
    while (taken.containsKey(number)) {
      number++;
    }
    return take(number, owner);
  }

  /**
   * Takes a pin of an interrupt controller.
   *
   * @param pin its number, 0 to 23 for controllers in the kernel
   * @param owner whose it is, for messages
   * @return the GSI, owned by the caller
   * @throws IllegalArgumentException if there is no such pin, or if somebody has it, whom the
   *     message names
   * @throws SystemCallException if KVM still refuses to forget a route of before
   */
  public synchronized Gsi claim(int pin, String owner) throws SystemCallException {
    if (pin < 0 || pin >= pins) {
      throw new IllegalArgumentException(
          "GSI " + pin + " for " + owner + " is not in 0.." + (pins - 1));
    }
    Gsi other = taken.get(pin);
    if (other != null) {
      throw new IllegalArgumentException(
          "GSI " + pin + " for " + owner + " is " + other.owner + "'s");
    }
    settle();
    takenPins++;
    return take(pin, owner);
  }

  private void settle() throws SystemCallException {
    if (stale) {
      commit();
    }
  }

  private Gsi take(int number, String owner) {
    Gsi gsi = new Gsi(number, owner);
    taken.put(number, gsi);
    return gsi;
  }

  /**
   * Lets messages reach processors with APIC ids of more than 8 bits, and 255 be an id like others:
   * {@link Cap#X2APIC_API}. To be called before the first vCPU is created.
   *
   * @throws SystemCallException if this KVM lacks it or refuses
   */
  public synchronized void enableX2apicIds() throws SystemCallException {
    table.enableX2apicIds();
    x2apic = true;
  }

  /** {@return how many pins there are} */
  public int pins() {
    return pins;
  }

  /** {@return how many routes KVM has room for; no GSI is as high} */
  public int limit() {
    return limit;
  }

  /** {@return the GSIs that somebody has, by number; a copy} */
  public synchronized List<Gsi> taken() {
    return List.copyOf(taken.values());
  }

  private int pinRoutes() {
    return pinsInKernel ? pins + PIC_PINS : pins;
  }

  /** {@return the table as KVM has it, or will with the next change; a copy} */
  public synchronized List<GsiRoute> routes() {
    List<GsiRoute> routes = new ArrayList<>();
    if (pinsInKernel) {
      for (int pin = 0; pin < pins; pin++) {
        if (pin < PIC_PINS) {
          boolean first = pin < PIC_PINS / 2;
          routes.add(
              new GsiRoute.Irqchip(
                  pin,
                  first ? GsiRoute.KVM_IRQCHIP_PIC_MASTER : GsiRoute.KVM_IRQCHIP_PIC_SLAVE,
                  pin % (PIC_PINS / 2)));
        }
        routes.add(new GsiRoute.Irqchip(pin, GsiRoute.KVM_IRQCHIP_IOAPIC, pin));
      }
    }
    for (Gsi gsi : taken.values()) {
      if (gsi.message != null) {
        routes.add(gsi.message);
      }
    }
    return routes;
  }

  /** {@return who has which GSI and where it leads, one to a line} */
  @Override
  public synchronized String toString() {
    StringBuilder text = new StringBuilder();
    text.append("GSIs: ").append(pins).append(" pins");
    text.append(pinsInKernel ? " in the kernel, " : " of the monitor, ");
    text.append(taken.size() - takenPins).append(" for messages, at most ").append(limit);
    text.append(" routes\n");
    for (Gsi gsi : taken.values()) {
      text.append("  ").append(gsi.number).append(' ').append(gsi.owner).append(": ");
      GsiRoute.Msi msi = gsi.message;
      if (msi != null) {
        text.append("address=0x").append(Long.toHexString(msi.address()));
        text.append(" data=0x").append(Integer.toHexString(msi.data()));
      } else {
        text.append(gsi.isPin() && pinsInKernel ? "pin" : "nowhere");
      }
      text.append('\n');
    }
    return text.toString();
  }
}
