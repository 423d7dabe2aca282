// SPDX-License-Identifier: Apache-2.0
package org.javavmm.vmm;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** What was opened so far, closed in reverse unless all of it succeeds. */
final class Undo implements AutoCloseable {
  private final Deque<Closeable> opened = new ArrayDeque<>();

  /** Closing that throws nothing checked. */
  private interface Closeable {
    void close();
  }

  <T extends AutoCloseable> T on(T resource) {
    opened.push(() -> {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close " + resource, e);
      }
    });
    return resource;
  }

  /** All succeeded: nothing is undone. */
  void keep() {
    opened.clear();
  }

  @Override
  public void close() {
    @Nullable IllegalStateException failure = null;
    while (!opened.isEmpty()) {
      try {
        opened.pop().close();
      } catch (IllegalStateException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
