// SPDX-License-Identifier: Apache-2.0
package org.javavmm.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Waiting for a result of a loop, and knowing whether it runs. */
@Timeout(60)
class LoopJoinTest {
  @Test
  void aResultOfALaterRoundIsWaitedFor() throws Exception {
    try (EventLoop loop = EventLoop.create("a")) {
      Thread _ = loop.start();
      CompletableFuture<Integer> result = new CompletableFuture<>();
      loop.execute(() -> loop.execute(() -> result.complete(5)));
      assertEquals(5, loop.join(result));
      IllegalArgumentException cause = new IllegalArgumentException("told to fail");
      CompletionException e =
          assertThrows(
              CompletionException.class, () -> loop.join(CompletableFuture.failedFuture(cause)));
      assertEquals(cause, e.getCause());
    }
  }

  @Test
  void theEndOfTheLoopEndsTheWait() throws Exception {
    try (EventLoop loop = EventLoop.create("a")) {
      Thread _ = loop.start();
      loop.execute(loop::stop);
      CompletableFuture<Integer> never = new CompletableFuture<>();
      RejectedExecutionException e =
          assertThrows(RejectedExecutionException.class, () -> loop.join(never));
      assertEquals("event loop a has ended", e.getMessage());
    }
  }

  @Test
  void waitingForItselfIsRefused() throws Exception {
    try (EventLoop a = EventLoop.create("a");
        EventLoop b = EventLoop.create("b")) {
      Thread _ = a.start();
      Thread _ = b.start();
      CompletableFuture<Integer> never = new CompletableFuture<>();
      ExecutionException e =
          assertThrows(ExecutionException.class, () -> a.call(() -> a.join(never)));
      assertEquals(
          "java.lang.IllegalStateException: "
              + "join() on the thread of event loop a would wait for itself",
          e.getMessage());
      e = assertThrows(ExecutionException.class, () -> a.call(() -> b.call(() -> a.join(never))));
      assertEquals(
          "java.util.concurrent.ExecutionException: java.lang.IllegalStateException: "
              + "join() would wait for ever: event loops wait for each other: b -> a -> b",
          e.getMessage());
    }
  }

  @Test
  void aLoopRunsUntilItsThreadIsDone() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (EventLoop loop = EventLoop.create("a")) {
      assertFalse(loop.isRunning());
      Thread runner = loop.start();
      assertTrue(loop.isRunning());
      loop.execute(() -> {
        inside.countDown();
        try {
          go.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      });
      inside.await();
      loop.stop();
      assertTrue(loop.isRunning());
      go.countDown();
      runner.join();
      assertFalse(loop.isRunning());
    }
  }
}
