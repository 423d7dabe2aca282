// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;
import java.util.ResourceBundle;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GuestLogTest {
  private static final long SECOND = 1_000_000_000;

  private final List<String> lines = new ArrayList<>();
  // Near the end of the range, for the arithmetic has to wrap.
  private long now = Long.MAX_VALUE - SECOND;
  private final GuestLog log = new GuestLog(new Lines(), () -> now);

  private final class Lines implements System.Logger {
    @Override
    public String getName() {
      return "lines";
    }

    @Override
    public boolean isLoggable(Level level) {
      return true;
    }

    @Override
    public void log(
        Level level,
        @Nullable ResourceBundle bundle,
        @Nullable String text,
        @Nullable Throwable thrown) {
      lines.add(text + (thrown == null ? "" : ": " + thrown.getMessage()));
    }

    @Override
    public void log(
        Level level,
        @Nullable ResourceBundle bundle,
        @Nullable String text,
        @Nullable Object... params) {
      lines.add(String.valueOf(text));
    }
  }

  private void flood(int count) {
    for (int i = 0; i < count; i++) {
      log.warn(() -> "flood");
    }
  }

  @Test
  void tenAtOnceThenOneASecond() {
    flood(1000);
    assertEquals(10, lines.size());
    now += SECOND - 1;
    flood(1);
    assertEquals(10, lines.size());
    now += 1;
    log.warn(() -> "text", new IllegalStateException("cause"));
    assertEquals("text (991 messages suppressed before): cause", lines.getLast());
    flood(5);
    assertEquals(11, lines.size());
    now += 3 * SECOND;
    flood(100);
    assertEquals(14, lines.size());
    assertEquals("flood (5 messages suppressed before)", lines.get(11));
    assertEquals("flood", lines.get(12));
  }

  @Test
  void aLongSilenceGivesNoMoreThanTen() {
    flood(20);
    now += 3600 * SECOND;
    flood(100);
    assertEquals(20, lines.size());
  }

  @Test
  void whatIsLeftOutIsNotMade() {
    flood(10);
    log.warn(() -> {
      throw new AssertionError("made");
    });
    assertEquals(10, lines.size());
  }

  @Test
  void aModuleHasOne() {
    assertSame(GuestLog.of("org.javavmm.test"), GuestLog.of("org.javavmm.test"));
  }
}
