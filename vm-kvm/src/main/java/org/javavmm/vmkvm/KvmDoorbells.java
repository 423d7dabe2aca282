// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmkvm;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.javavmm.device.DoorbellAddress;
import org.javavmm.device.Doorbells;
import org.javavmm.kvm.Cap;
import org.javavmm.kvm.IoeventAddress;
import org.javavmm.kvm.KvmException;
import org.javavmm.kvm.Vm;
import org.javavmm.sys.Errno;
import org.javavmm.sys.EventFd;
import org.javavmm.sys.SystemCallException;

/**
 * Doorbells as KVM's ioeventfds: the guest's write signals the eventfd inside the kernel. Such
 * writes are no exits, so they reach no bus. Thread-safe.
 *
 * <p>A doorbell without a value, or of any width, takes all writes to its address that begin there;
 * one with a value only those, and others at the same address remain exits.
 */
public final class KvmDoorbells implements Doorbells, AutoCloseable {
  private final Vm vm;
  private final boolean anyLength;
  private final List<Doorbell> connected = new ArrayList<>();
  private boolean closed;

  private KvmDoorbells(Vm vm, boolean anyLength) {
    this.vm = vm;
    this.anyLength = anyLength;
  }

  /**
   * Doorbells of a VM, none at first.
   *
   * @param vm the VM
   * @return the doorbells
   * @throws KvmException if KVM does not say what it can
   */
  public static KvmDoorbells of(Vm vm) throws KvmException {
    return new KvmDoorbells(vm, vm.checkExtension(Cap.IOEVENTFD_ANY_LENGTH) != 0);
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if this, the VM or {@code event} is closed
   * @throws SystemCallException {@code EEXIST} if writes that ring this one ring another, which the
   *     message names; {@code EOPNOTSUPP} if the width is any, and KVM lacks {@link
   *     Cap#IOEVENTFD_ANY_LENGTH}; what KVM says otherwise, {@code ENOSPC} if there are too many
   */
  @Override
  public Connection connect(EventFd event, DoorbellAddress address) throws SystemCallException {
    Doorbell doorbell = new Doorbell(event, address);
    synchronized (connected) {
      if (closed) {
        throw new IllegalStateException("doorbells are closed; none for " + doorbell);
      }
      for (Doorbell other : connected) {
        if (collide(address, other.address)) {
          throw new SystemCallException(
              "KVM_IOEVENTFD(" + doorbell + ")", Errno.EEXIST, "is rung already: " + other);
        }
      }
      if (address.size() == 0 && !anyLength) {
        throw new SystemCallException(
            "KVM_IOEVENTFD(" + doorbell + ")",
            Errno.EOPNOTSUPP,
            "this KVM lacks KVM_CAP_IOEVENTFD_ANY_LENGTH; give a size");
      }
      vm.registerIoeventfd(event, doorbell.forKvm);
      connected.add(doorbell);
      return doorbell;
    }
  }

  /** As KVM has it: the same place, and a write that rings both. */
  private static boolean collide(DoorbellAddress a, DoorbellAddress b) {
    return a.space() == b.space()
        && a.address() == b.address()
        && (a.size() == 0
            || b.size() == 0
            || (a.size() == b.size() && (!a.matched() || !b.matched() || a.value() == b.value())));
  }

  /** {@return which doorbells are connected, each with its eventfd's name; a copy} */
  public List<String> connected() {
    synchronized (connected) {
      return connected.stream().map(Doorbell::toString).toList();
    }
  }

  /**
   * Disconnects all. Closing twice is safe, and so is closing after the VM.
   *
   * @throws IllegalStateException if one cannot be disconnected; it stays, and closing may be tried
   *     again
   */
  @Override
  public void close() {
    List<Doorbell> left;
    synchronized (connected) {
      closed = true;
      left = List.copyOf(connected);
    }
    Closing.all(left.reversed());
  }

  @Override
  public String toString() {
    return "doorbells " + connected();
  }

  private final class Doorbell implements Connection {
    private final EventFd event;
    private final DoorbellAddress address;
    private final IoeventAddress forKvm;

    Doorbell(EventFd event, DoorbellAddress address) {
      this.event = event;
      this.address = address;
      this.forKvm =
          new IoeventAddress(
              address.space() == DoorbellAddress.Space.PIO,
              address.address(),
              address.size(),
              address.matched() ? OptionalLong.of(address.value()) : OptionalLong.empty());
    }

    @Override
    public void close() {
      synchronized (connected) {
        if (!connected.contains(this)) {
          return;
        }
        try {
          Ending.end(vm, () -> vm.unregisterIoeventfd(event, forKvm));
        } catch (KvmException e) {
          throw new IllegalStateException(this + " cannot be disconnected", e);
        }
        connected.remove(this);
      }
    }

    @Override
    public String toString() {
      return event.fd().name() + " at " + address;
    }
  }
}
