// SPDX-License-Identifier: Apache-2.0
package org.javavmm.superio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class Uart16550PropertyTest {
  /** A step of a random run. */
  record Step(Kind kind, int a, int b) {
    enum Kind {
      READ,
      WRITE,
      OFFER,
      BREAK,
      SINK_FULL,
      SINK_EMPTY,
      MODEM
    }
  }

  @Provide
  Arbitrary<Step> steps() {
    Arbitrary<Step> reads = Arbitraries.integers().between(0, 7).map(r -> step(Step.Kind.READ, r));
    Arbitrary<Step> writes =
        Combinators.combine(
                Arbitraries.frequency(
                    Tuple.of(6, 0),
                    Tuple.of(3, 1),
                    Tuple.of(2, 2),
                    Tuple.of(1, 3),
                    Tuple.of(2, 4),
                    Tuple.of(1, 5),
                    Tuple.of(1, 6),
                    Tuple.of(1, 7)),
                Arbitraries.integers().between(0, 255))
            .as((r, v) -> new Step(Step.Kind.WRITE, r, value(r, v)));
    Arbitrary<Step> offers =
        Combinators.combine(
                Arbitraries.integers().between(0, 20), Arbitraries.integers().between(0, 255))
            .as((n, v) -> new Step(Step.Kind.OFFER, n, v));
    Arbitrary<Step> others =
        Combinators.combine(
                Arbitraries.of(
                    Step.Kind.BREAK, Step.Kind.SINK_FULL, Step.Kind.SINK_EMPTY, Step.Kind.MODEM),
                Arbitraries.integers().between(0, 15))
            .as((k, v) -> new Step(k, v << 4, 0));
    return Arbitraries.frequencyOf(
        Tuple.of(8, reads), Tuple.of(8, writes), Tuple.of(3, offers), Tuple.of(2, others));
  }

  private static Step step(Step.Kind kind, int a) {
    return new Step(kind, a, 0);
  }

  /** Values that lead somewhere, more often than a plain random byte would. */
  private static int value(int register, int random) {
    return switch (register) {
      case 2 -> random < 160 ? 0x01 | (random & 0xc7) : random;
      case 3 -> random < 220 ? 0x03 : random;
      case 4 -> random < 160 ? 0x08 | (random & 0x03) : random;
      default -> random;
    };
  }

  @Property(tries = 3000)
  void behavesLikeTheModel(
      @ForAll("stepLists") List<Step> steps,
      @ForAll boolean flowControl,
      @ForAll boolean bigQueue) {
    int queueSize = bigQueue ? 64 : 3;
    int[] triggers = {0};
    FakeSink sink = new FakeSink();
    Uart16550 uart =
        Uart16550.builder(() -> triggers[0]++, sink)
            .inputQueue(queueSize)
            .flowControl(flowControl)
            .build();
    UartModel model = new UartModel(queueSize, flowControl);
    for (int i = 0; i < steps.size(); i++) {
      Step s = steps.get(i);
      String where = "step " + i + " " + s;
      triggers[0] = 0;
      model.edge = false;
      switch (s.kind) {
        case READ -> {
          int expected = model.read(s.a);
          int actual = (int) uart.read(s.a, 1);
          if (expected >= 0) {
            assertEquals(expected, actual, where);
          }
        }
        case WRITE -> {
          model.write(s.a, s.b);
          uart.write(s.a, 1, s.b);
        }
        case OFFER -> {
          byte[] bytes = new byte[s.a];
          for (int j = 0; j < bytes.length; j++) {
            bytes[j] = (byte) (s.b + j);
          }
          assertEquals(model.offer(bytes), uart.offer(bytes, 0, bytes.length), where);
        }
        case BREAK -> assertEquals(model.sendBreak(), uart.sendBreak(), where);
        case SINK_FULL -> {
          model.sinkFull(true);
          sink.setFull(true);
        }
        case SINK_EMPTY -> {
          model.sinkFull(false);
          sink.setFull(false);
        }
        case MODEM -> {
          model.modemLines(s.a);
          uart.setModemLines(s.a);
        }
      }
      assertEquals(model.edge, triggers[0] > 0, where + ": the interrupt line");
    }
    assertEquals(model.sent, sink.bytes);
    assertEquals(model.lost, uart.lostOutput());
  }

  @Provide
  Arbitrary<List<Step>> stepLists() {
    return steps().list().ofMaxSize(150);
  }

  /** How a guest's driver serves an interrupt. */
  enum Driver {
    /** As Linux does: until IIR reports nothing. */
    LOOPS,
    /** Serves the cause that IIR reports, with all the data there is, and leaves. */
    ONE_CAUSE,
    /** Reads or writes one byte for each interrupt and leaves. */
    ONE_BYTE
  }

  /** A guest whose interrupt is one latch, as an edge-triggered pin is. */
  private static final class Guest {
    final Driver driver;
    final Uart16550 uart;
    final Deque<Integer> toSend = new ArrayDeque<>();
    final List<Integer> got = new ArrayList<>();
    boolean latch;

    Guest(Driver driver, FakeSink sink, boolean fifo, Deque<Runnable> pacer, boolean paced) {
      this.driver = driver;
      Uart16550.Builder builder = Uart16550.builder(() -> latch = true, sink).inputQueue(40);
      uart = (paced ? builder.pacer(pacer::add) : builder).build();
      uart.write(4, 1, 0x0b);
      uart.write(2, 1, fifo ? 0x81 : 0);
      uart.write(1, 1, 0x05);
    }

    void send(int value) {
      toSend.add(value);
      uart.write(1, 1, 0x07);
    }

    void interrupt() {
      latch = false;
      boolean served;
      do {
        served = serve((int) uart.read(2, 1) & 0x0f);
      } while (served && driver == Driver.LOOPS);
    }

    private boolean serve(int id) {
      switch (id) {
        case 0x01 -> {
          return false;
        }
        case 0x04, 0x0c -> {
          if (driver == Driver.ONE_BYTE) {
            got.add((int) uart.read(0, 1));
          } else {
            for (int i = 0; i < 256 && (uart.read(5, 1) & 1) != 0; i++) {
              got.add((int) uart.read(0, 1));
            }
          }
        }
        case 0x02 -> {
          int room = driver == Driver.ONE_BYTE ? 1 : 16;
          while (room-- > 0 && !toSend.isEmpty()) {
            uart.write(0, 1, toSend.remove());
            if ((uart.read(5, 1) & 0x20) == 0) {
              break;
            }
          }
          if (toSend.isEmpty()) {
            uart.write(1, 1, 0x05);
          }
        }
        case 0x06 -> {
          var _ = uart.read(5, 1);
        }
        default -> {
          var _ = uart.read(6, 1);
        }
      }
      return true;
    }
  }

  @Property(tries = 1500)
  void noByteAndNoInterruptIsLost(
      @ForAll Driver driver,
      @ForAll boolean fifo,
      @ForAll boolean paced,
      @ForAll long seed,
      @ForAll @Size(max = 120) List<@IntRange(max = 6) Integer> schedule) {
    Random random = new Random(seed);
    FakeSink sink = new FakeSink();
    Deque<Runnable> pacer = new ArrayDeque<>();
    Guest guest = new Guest(driver, sink, fifo, pacer, paced);
    List<Integer> offered = new ArrayList<>();
    List<Integer> written = new ArrayList<>();
    for (int step : schedule) {
      switch (step) {
        case 0, 1 -> {
          byte[] bytes = new byte[random.nextInt(30)];
          random.nextBytes(bytes);
          int n = guest.uart.offer(bytes, 0, bytes.length);
          for (int i = 0; i < n; i++) {
            offered.add(bytes[i] & 0xff);
          }
        }
        case 2 -> {
          for (int i = random.nextInt(20); i >= 0; i--) {
            int value = random.nextInt(256);
            written.add(value);
            guest.send(value);
          }
        }
        case 3 -> sink.setFull(random.nextBoolean());
        case 4 -> {
          Runnable task = pacer.poll();
          if (task != null) {
            task.run();
          }
        }
        default -> {
          if (guest.latch) {
            guest.interrupt();
          }
        }
      }
    }
    sink.setFull(false);
    int rounds = 0;
    while (guest.latch || !pacer.isEmpty()) {
      if (guest.latch) {
        guest.interrupt();
      }
      Runnable task = pacer.poll();
      if (task != null) {
        task.run();
      }
      assertTrue(++rounds < 100_000, "an interrupt storm");
    }
    assertEquals(offered, guest.got);
    assertEquals(written, sink.bytes);
    assertEquals(0, guest.uart.lostOutput());
  }
}
