// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio;

import java.util.List;
import java.util.Optional;
import org.javavmm.memory.AddressSpace;

/** A split virtqueue (VIRTIO 1.4 §2.7). Made by {@link Virtqueue#activate}. */
@SuppressWarnings("DoNotCallSuggester")
public final class SplitVirtqueue extends Virtqueue {
  private final AddressSpace memory;
  private final QueueConfig config;

  SplitVirtqueue(AddressSpace memory, QueueConfig config) {
    this.memory = memory;
    this.config = config;
  }

  @Override
  void fault(QueueFault found) {
    throw new UnsupportedOperationException(found.message() + memory + config);
  }

  @Override
  void restore(QueueState state) {
    throw new UnsupportedOperationException();
  }

  @Override
  public QueueConfig config() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int size() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Taken take() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Request request() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Optional<QueueFault> fault() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean discard() {
    throw new UnsupportedOperationException();
  }

  @Override
  public List<Request> held() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean complete(Request request) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean complete(Request request, long written) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean stage(Request request, long written) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean publish() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean needsNotification() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean enableNotifications() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void disableNotifications() {
    throw new UnsupportedOperationException();
  }

  @Override
  public QueueState save() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void reset() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean isReset() {
    throw new UnsupportedOperationException();
  }
}
