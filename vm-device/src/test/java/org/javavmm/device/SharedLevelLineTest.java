// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SharedLevelLineTest {
  /** Keeps its level, and what it was told. */
  private static final class Recorder implements LevelLine {
    final List<Boolean> told = new ArrayList<>();
    volatile boolean level;

    @Override
    public void setLevel(boolean asserted) {
      told.add(asserted);
      level = asserted;
    }
  }

  @Test
  void theLineIsToldOfTheFirstAndTheLast() {
    Recorder line = new Recorder();
    SharedLevelLine shared = new SharedLevelLine(line);
    LevelLine a = shared.source();
    LevelLine b = shared.source();
    a.setLevel(false);
    assertEquals(List.of(), line.told);
    a.setLevel(true);
    a.setLevel(true);
    b.setLevel(true);
    assertEquals(2, shared.assertedSources());
    a.setLevel(false);
    assertEquals(List.of(true), line.told);
    b.setLevel(false);
    b.setLevel(false);
    assertEquals(List.of(true, false), line.told);
    assertEquals(0, shared.assertedSources());
  }

  /** Any sequence on one thread: the level is the OR. */
  @Property(tries = 200)
  void agreesWithAnOr(@ForAll long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Recorder line = new Recorder();
    SharedLevelLine shared = new SharedLevelLine(line);
    LevelLine[] sources = new LevelLine[random.nextInt(1, 6)];
    boolean[] model = new boolean[sources.length];
    for (int i = 0; i < sources.length; i++) {
      sources[i] = shared.source();
    }
    for (int i = 0; i < 200; i++) {
      int which = random.nextInt(sources.length);
      model[which] = random.nextBoolean();
      sources[which].setLevel(model[which]);
      boolean or = false;
      for (boolean level : model) {
        or |= level;
      }
      assertEquals(or, line.level);
    }
  }

  /** What the line throws reaches who changed it, and the line is told again later. */
  @Test
  void aLineThatThrowsIsToldAgain() {
    List<Boolean> told = new ArrayList<>();
    SharedLevelLine shared =
        new SharedLevelLine(asserted -> {
          told.add(asserted);
          if (told.size() == 1) {
            throw new IllegalStateException("closed");
          }
        });
    LevelLine source = shared.source();
    assertThrows(IllegalStateException.class, () -> source.setLevel(true));
    source.setLevel(false);
    source.setLevel(true);
    assertEquals(List.of(true, false, true), told);
  }

  /** A line that changes another source of the same sharing does not wait for itself. */
  @Test
  void aSourceMayBeSetFromWithinTheLine() {
    List<Boolean> told = new ArrayList<>();
    LevelLine[] other = {LevelLine.NONE};
    SharedLevelLine shared =
        new SharedLevelLine(asserted -> {
          told.add(asserted);
          other[0].setLevel(false);
        });
    LevelLine source = shared.source();
    other[0] = source;
    source.setLevel(true);
    assertEquals(List.of(true, false), told);
  }

  /** Threads that end with their source low leave the line low, and the other way round. */
  @Test
  void threadsLeaveTheLineAsTheirSourcesSay() throws Exception {
    for (int round = 0; round < 200; round++) {
      Recorder line = new Recorder();
      SharedLevelLine shared = new SharedLevelLine(line);
      boolean[] ends = {round % 3 == 0, false, round % 4 == 0};
      List<Thread> threads = new ArrayList<>();
      for (boolean end : ends) {
        LevelLine source = shared.source();
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  for (int i = 0; i < 50; i++) {
                    source.setLevel(true);
                    source.setLevel(false);
                  }
                  source.setLevel(end);
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(ends[0] || ends[2], line.level, "round " + round);
    }
  }
}
