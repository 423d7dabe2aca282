// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.javavmm.device.MsiController;
import org.javavmm.device.MsiVector;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;

/**
 * Messages as KVM's interrupts: a vector is a GSI of {@link GsiRoutes} and an irqfd, so that a
 * trigger is one write to an eventfd and no exit. Thread-safe.
 *
 * <p>What was triggered and what the guest has not taken yet merges into one. A trigger while there
 * is no route is lost. The VM has local APICs in the kernel.
 */
public final class KvmMsiController implements MsiController, AutoCloseable {
  private final Vm vm;
  private final GsiRoutes routes;
  private final Set<Vector> vectors = new LinkedHashSet<>();
  private boolean closed;

  private KvmMsiController(Vm vm, GsiRoutes routes) {
    this.vm = vm;
    this.routes = routes;
  }

  /**
   * A controller without vectors.
   *
   * @param vm the VM
   * @param routes the VM's interrupts
   * @return the controller
   */
  public static KvmMsiController of(Vm vm, GsiRoutes routes) {
    return new KvmMsiController(vm, routes);
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if this or the VM is closed
   * @throws SystemCallException {@code ENOSPC} if all GSIs are taken, {@code EMFILE} if the process
   *     has no descriptor left, or if KVM refuses; then nothing is left behind
   */
  @Override
  public MsiVector allocate(String name) throws SystemCallException {
    synchronized (vectors) {
      if (closed) {
        throw new IllegalStateException("MSI controller is closed; no vector for " + name);
      }
      GsiRoutes.Gsi gsi = routes.allocate(name);
      try {
        EventFd event = EventFd.create(name);
        try {
          vm.registerIrqfd(event, gsi.number());
        } catch (SystemCallException | RuntimeException e) {
          event.close();
          throw e;
        }
        Vector vector = new Vector(gsi, event);
        vectors.add(vector);
        return vector;
      } catch (SystemCallException | RuntimeException e) {
        gsi.close();
        throw e;
      }
    }
  }

  /** {@return how many vectors are allocated} */
  public int vectors() {
    synchronized (vectors) {
      return vectors.size();
    }
  }

  /**
   * Closes all vectors. Closing twice is safe, and so is closing after the VM.
   *
   * @throws IllegalStateException if KVM refuses to disconnect one; all are closed nevertheless
   */
  @Override
  public void close() {
    List<Vector> left;
    synchronized (vectors) {
      closed = true;
      left = List.copyOf(vectors);
    }
    Closing.all(left.reversed());
  }

  @Override
  public String toString() {
    return "MSI controller of " + vectors() + " vectors";
  }

  private final class Vector implements MsiVector {
    private final GsiRoutes.Gsi gsi;
    private final EventFd event;

    Vector(GsiRoutes.Gsi gsi, EventFd event) {
      this.gsi = gsi;
      this.event = event;
    }

    @Override
    public void route(long address, int data) throws SystemCallException {
      gsi.route(address, data);
    }

    @Override
    public void trigger() {
      event.signal();
    }

    @Override
    public void close() {
      synchronized (vectors) {
        if (!vectors.remove(this)) {
          return;
        }
      }
      try {
        Ending.disconnect(vm, event, gsi.number(), toString());
      } finally {
        // After the irqfd, which would lead to the next owner's route.
        gsi.close();
      }
    }

    @Override
    public String toString() {
      return "MSI vector " + gsi;
    }
  }
}
