// SPDX-License-Identifier: Apache-2.0
package org.javavmm.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BusTest {
  @Test
  void devicesSeeOffsetsWidthsAndValues() {
    Bus bus = Bus.pio();
    RecordingDevice serial = new RecordingDevice(0x60);
    bus.add("serial", 0x3f8, 8, serial);
    assertEquals(0x60, bus.read(0x3fd, 1));
    bus.write(0x3f8, 1, 'A');
    bus.write(0x3fc, 4, 0xffff_ffffL);
    assertEquals(List.of("read 5/1", "write 0/1=41", "write 4/4=ffffffff"), serial.accesses);
    assertEquals(0, bus.unclaimedAccesses());
  }

  @Test
  void refusedMoveInAChangeStaysWhereItWas() {
    Bus bus = Bus.pio();
    bus.add("serial", 0x3f8, 8, new RecordingDevice(1));
    bus.change(
        change -> assertThrows(IllegalArgumentException.class, () -> change.move(0x3f8, 0xffff)));
    assertEquals(1, bus.read(0x3f8, 1));
  }

  @Test
  void changeWithinAChangeIsRefused() {
    Bus bus = Bus.pio();
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> bus.change(_ -> bus.add("serial", 0x3f8, 8, new RecordingDevice(1))));
    assertEquals(
        "the port bus is being changed by this thread: use the change given to it", e.getMessage());
    bus.add("serial", 0x3f8, 8, new RecordingDevice(1));
    assertEquals(1, bus.read(0x3f8, 1));
  }

  @Test
  void unclaimedReadsAreAllOnesAndWritesVanish() {
    Bus bus = Bus.mmio();
    assertEquals(0xffL, bus.read(0x1000, 1));
    assertEquals(0xffffL, bus.read(0x1000, 2));
    assertEquals(0xffff_ffffL, bus.read(0x1000, 4));
    assertEquals(-1L, bus.read(0x1000, 8));
    bus.write(0x1000, 4, 1);
    assertEquals(5, bus.unclaimedAccesses());
  }

  @Test
  void anAccessThatLeavesTheDeviceIsUnclaimed() {
    Bus bus = Bus.mmio();
    RecordingDevice first = new RecordingDevice(1);
    RecordingDevice second = new RecordingDevice(2);
    bus.add("first", 0x1000, 6, first);
    bus.add("second", 0x1006, 8, second);
    assertEquals(1, bus.read(0x1002, 4));
    assertEquals(0xffff_ffffL, bus.read(0x1003, 4), "two bytes of the next device");
    assertEquals(0xffffL, bus.read(0x1005, 2));
    assertEquals(-1L, bus.read(0x1000, 8));
    bus.write(0x1005, 2, 7);
    assertEquals(0xffffL, bus.read(0xfff, 2), "begins before the device");
    assertEquals(2, bus.read(0x1006, 8));
    assertEquals(List.of("read 2/4"), first.accesses);
    assertEquals(List.of("read 0/8"), second.accesses);
    assertEquals(5, bus.unclaimedAccesses());
  }

  @Test
  void edgesOfThePortBus() {
    Bus bus = Bus.pio();
    RecordingDevice low = new RecordingDevice(1);
    RecordingDevice high = new RecordingDevice(2);
    bus.add("low", 0, 1, low);
    bus.add("high", 0xffff, 1, high);
    assertEquals(1, bus.read(0, 1));
    assertEquals(2, bus.read(0xffff, 1));
    assertEquals(0xffffL, bus.read(0xffff, 2));
    assertEquals(0xffL, bus.read(0x1_0000, 1));
    assertEquals(0xffL, bus.read(-1, 1));
    assertRefused(
        bus,
        "big [0xfffe..0x10000] does not fit on the port bus (size=3, last address 0xffff)",
        "big",
        0xfffe,
        3);
    assertRefused(
        bus,
        "far [0x10000..0x10000] does not fit on the port bus (size=1, last address 0xffff)",
        "far",
        0x1_0000,
        1);
    assertRefused(
        bus,
        "negative [0xffffffffffffffff..0xffffffffffffffff] does not fit on the port bus"
            + " (size=1, last address 0xffff)",
        "negative",
        -1,
        1);
  }

  @Test
  void edgesOfTheMmioBus() {
    Bus bus = Bus.mmio();
    RecordingDevice top = new RecordingDevice(3);
    bus.add("top", -8, 8, top);
    assertEquals(3, bus.read(-8, 8));
    assertEquals(3, bus.read(-1, 1));
    assertEquals(0xffffL, bus.read(-1, 2));
    assertEquals(0xffL, bus.read(-9, 1));
    assertRefused(
        bus,
        "wrap [0xfffffffffffff000..0xfff] does not fit on the MMIO bus"
            + " (size=8192, last address 0xffffffffffffffff)",
        "wrap",
        -4096,
        8192);
  }

  @Test
  void sizesMustBePositive() {
    assertRefused(
        Bus.pio(),
        "none [0x10..0xf] does not fit on the port bus (size=0, last address 0xffff)",
        "none",
        0x10,
        0);
    assertRefused(
        Bus.mmio(),
        "less [0x10..0xe] does not fit on the MMIO bus"
            + " (size=-1, last address 0xffffffffffffffff)",
        "less",
        0x10,
        -1);
  }

  @Test
  void overlapsNameBothAndChangeNothing() {
    Bus bus = Bus.mmio();
    RecordingDevice a = new RecordingDevice(1);
    bus.add("a", 0x1000, 0x100, a);
    bus.add("b", 0x2000, 0x100, new RecordingDevice(2));
    assertRefused(bus, "c [0x10ff..0x10ff] overlaps a [0x1000..0x10ff]", "c", 0x10ff, 1);
    assertRefused(bus, "c [0xfff..0x1000] overlaps a [0x1000..0x10ff]", "c", 0xfff, 2);
    assertRefused(bus, "c [0x1800..0x27ff] overlaps b [0x2000..0x20ff]", "c", 0x1800, 0x1000);
    assertRefused(bus, "a [0x1000..0x10ff] overlaps a [0x1000..0x10ff]", "a", 0x1000, 0x100);
    assertEquals("MMIO bus\n  a [0x1000..0x10ff]\n  b [0x2000..0x20ff]\n", bus.toString());
    bus.add("before", 0xfff, 1, a);
    bus.add("after", 0x1100, 0xf00, a);
    assertEquals(
        """
        MMIO bus
          before [0xfff..0xfff]
          a [0x1000..0x10ff]
          after [0x1100..0x1fff]
          b [0x2000..0x20ff]
        """,
        bus.toString());
  }

  private static void assertRefused(Bus bus, String message, String name, long start, long size) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> bus.add(name, start, size, new RecordingDevice(0)))
            .getMessage());
  }

  @Test
  void widthsThatNoDeviceKnowsAreUnclaimed() {
    Bus bus = Bus.mmio();
    RecordingDevice device = new RecordingDevice(0);
    bus.add("device", 0, 0x1000, device);
    assertEquals(0xff_ffffL, bus.read(0, 3));
    assertEquals(0xff_ffff_ffffL, bus.read(0, 5));
    assertEquals(0xffff_ffff_ffffL, bus.read(0, 6));
    assertEquals(0xff_ffff_ffff_ffffL, bus.read(0, 7));
    bus.write(0, 3, 1);
    assertEquals(List.of(), device.accesses);
    assertEquals(5, bus.unclaimedAccesses());
    for (int size : new int[] {Integer.MIN_VALUE, -1, 0, 9, 16}) {
      String message = "size=" + size + " is not in 1..8";
      assertEquals(
          message,
          assertThrows(IllegalArgumentException.class, () -> bus.read(0, size)).getMessage());
      assertEquals(
          message,
          assertThrows(IllegalArgumentException.class, () -> bus.write(0, size, 0)).getMessage());
    }
  }

  @Test
  void valuesAreCutToTheirWidth() {
    Bus bus = Bus.mmio();
    RecordingDevice device = new RecordingDevice(-1L);
    bus.add("device", 0, 8, device);
    assertEquals(0xffL, bus.read(0, 1));
    assertEquals(0xffff_ffffL, bus.read(0, 4));
    assertEquals(-1L, bus.read(0, 8));
    device.accesses.clear();
    bus.write(0, 1, -1L);
    bus.write(0, 2, 0x1234_5678L);
    bus.write(0, 8, Long.MIN_VALUE);
    assertEquals(
        List.of("write 0/1=ff", "write 0/2=5678", "write 0/8=8000000000000000"), device.accesses);
  }

  /** Readers always see the devices that were there when they began, each at its own place. */
  @Test
  void devicesAreAddedWhileOthersRead() throws Exception {
    Bus bus = Bus.mmio();
    int devices = 400;
    AtomicBoolean done = new AtomicBoolean();
    AtomicReference<String> wrong = new AtomicReference<>();
    bus.add("fixed", 0x8000_0000L, 8, new Answer(0x77));
    List<Thread> readers = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      readers.add(
          Thread.ofPlatform()
              .start(() -> {
                long i = 0;
                while (!done.get()) {
                  if (bus.read(0x8000_0003L, 1) != 0x77) {
                    wrong.set("the fixed device vanished");
                  }
                  long k = i++ % devices;
                  long value = bus.read(k * 16, 4);
                  if (value != 0xffff_ffffL && value != k) {
                    wrong.set("device " + k + " answered " + value);
                  }
                }
              }));
    }
    // Downwards, upwards in turns: insertions at the front, in the middle and at the end.
    List<Thread> writers = new ArrayList<>();
    for (int t = 0; t < 2; t++) {
      int parity = t;
      writers.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = parity; i < devices; i += 2) {
                  int k = parity == 0 ? i : devices - i;
                  bus.add("d" + k, k * 16L, 16, new Answer(k));
                }
              }));
    }
    for (Thread writer : writers) {
      writer.join();
    }
    done.set(true);
    for (Thread reader : readers) {
      reader.join();
    }
    assertEquals(null, wrong.get());
    for (int k = 0; k < devices; k++) {
      assertEquals(k, bus.read(k * 16L, 4), "device " + k);
    }
    assertTrue(bus.toString().startsWith("MMIO bus\n  d0 [0x0..0xf]\n  d1 "));
  }

  /** Stateless, so that several threads may use it. */
  private record Answer(long answer) implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return answer;
    }

    @Override
    public void write(long offset, int size, long value) {
      // Nothing to note.
    }
  }

  @Test
  void rangesAreFoundRemovedAndMoved() {
    Bus bus = Bus.mmio();
    RecordingDevice a = new RecordingDevice(1);
    RecordingDevice b = new RecordingDevice(2);
    bus.add("a", 0x1000, 0x100, a);
    bus.add("b", 0x2000, 0x100, b);
    assertEquals(new BusRange("a", 0x1000, 0x10ff, a), bus.find(0x10ff).orElseThrow());
    assertEquals(Optional.empty(), bus.find(0x1100));
    assertEquals(List.of("a", "b"), bus.ranges().stream().map(BusRange::name).toList());
    bus.move(0x1000, 0x3000);
    assertEquals(0xff, bus.read(0x1000, 1));
    assertEquals(1, bus.read(0x3010, 1));
    assertEquals(List.of("read 10/1"), a.accesses);
    assertEquals("MMIO bus\n  b [0x2000..0x20ff]\n  a [0x3000..0x30ff]\n", bus.toString());
    // Half of its old place, which overlaps only itself.
    bus.move(0x3000, 0x3080);
    bus.move(0x3080, 0x3080);
    assertEquals(new BusRange("b", 0x2000, 0x20ff, b), bus.remove(0x2000));
    assertEquals("MMIO bus\n  a [0x3080..0x317f]\n", bus.toString());
    assertEquals(0x100, bus.ranges().getFirst().size());
    assertEquals(0xff, bus.read(0x2000, 1));
    bus.add("b", 0x2000, 0x100, b);
    assertEquals(2, bus.read(0x2000, 1));
  }

  @Test
  void refusedChangesChangeNothing() {
    Bus bus = Bus.pio();
    bus.add("a", 0x100, 8, new RecordingDevice(1));
    bus.add("b", 0x200, 8, new RecordingDevice(2));
    String before = bus.toString();
    assertChangeRefused("a [0x1ff..0x206] overlaps b [0x200..0x207]", () -> bus.move(0x100, 0x1ff));
    assertChangeRefused(
        "a [0xfff9..0x10000] does not fit on the port bus (size=8, last address 0xffff)",
        () -> bus.move(0x100, 0xfff9));
    assertChangeRefused("no range starts at 0x101 on the port bus", () -> bus.move(0x101, 0));
    assertChangeRefused("no range starts at 0x101 on the port bus", () -> bus.remove(0x101));
    assertChangeRefused(
        "c [0x204..0x204] overlaps b [0x200..0x207]",
        () ->
            bus.change(change -> {
              change.move(0x100, 0x300);
              change.add("c", 0x204, 1, new RecordingDevice(3));
            }));
    RecordingDevice twice = new RecordingDevice(4);
    assertChangeRefused(
        "d [0x400..0x400] overlaps d [0x400..0x400]",
        () ->
            bus.change(change -> {
              change.add("d", 0x400, 1, twice);
              change.add("d", 0x400, 1, twice);
            }));
    assertEquals(before, bus.toString());
  }

  private static void assertChangeRefused(
      String message, org.junit.jupiter.api.function.Executable change) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, change).getMessage());
  }

  @Test
  void rangesChangePlaces() {
    Bus bus = Bus.pio();
    bus.add("a", 0x100, 8, new RecordingDevice(1));
    bus.add("b", 0x200, 8, new RecordingDevice(2));
    List<Bus.Change> leaked = new ArrayList<>();
    bus.change(change -> {
      leaked.add(change);
      change.move(0x100, 0x200);
      change.move(0x200, 0x100);
      change.add("c", 0x300, 1, new RecordingDevice(3));
    });
    assertEquals(
        "port bus\n  b [0x100..0x107]\n  a [0x200..0x207]\n  c [0x300..0x300]\n", bus.toString());
    assertEquals(
        "the change of the port bus is over",
        assertThrows(IllegalStateException.class, () -> leaked.getFirst().remove(0x100))
            .getMessage());
  }

  /** Blocks in an access until it is let go. */
  private static final class Slow implements BusDevice {
    final CountDownLatch entered = new CountDownLatch(1);
    final CountDownLatch release = new CountDownLatch(1);

    @Override
    public long read(long offset, int size) {
      entered.countDown();
      try {
        release.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return 7;
    }

    @Override
    public void write(long offset, int size, long value) {
      throw new IllegalStateException("a device that fails");
    }
  }

  @Test
  void accessesThatRunAreWaitedFor() throws Exception {
    Bus bus = Bus.mmio();
    assertTrue(bus.awaitAccesses(0, TimeUnit.SECONDS));
    Slow slow = new Slow();
    bus.add("slow", 0x1000, 8, slow);
    AtomicReference<Long> answer = new AtomicReference<>(0L);
    Thread vcpu = Thread.ofPlatform().start(() -> answer.set(bus.read(0x1000, 1)));
    slow.entered.await();
    bus.remove(0x1000);
    for (int i = 0; i < 3; i++) {
      assertEquals(false, bus.awaitAccesses(1, TimeUnit.MILLISECONDS), "it still runs");
      // Those that come and go meanwhile do not matter.
      assertEquals(0xff, bus.read(0x1000, 1));
    }
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> bus.awaitAccesses(1, TimeUnit.HOURS));
    slow.release.countDown();
    assertTrue(bus.awaitAccesses(1, TimeUnit.HOURS));
    vcpu.join();
    assertEquals(7, answer.get());
    // An access that ends with an exception has ended.
    bus.add("slow", 0x1000, 8, slow);
    assertThrows(IllegalStateException.class, () -> bus.write(0x1000, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> bus.read(0x1000, 9));
    assertTrue(bus.awaitAccesses(0, TimeUnit.SECONDS));
  }

  /** Devices are removed, waited for and then closed; none is ever used once it is closed. */
  @Test
  void noDeviceIsUsedAfterTheWait() throws Exception {
    Bus bus = Bus.mmio();
    AtomicBoolean done = new AtomicBoolean();
    AtomicReference<String> wrong = new AtomicReference<>();
    List<Thread> readers = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      readers.add(
          Thread.ofPlatform()
              .start(() -> {
                while (!done.get()) {
                  if (bus.read(0x1000, 1) == 0xee) {
                    wrong.set("used after it was closed");
                  }
                }
              }));
    }
    for (int i = 0; i < 2000; i++) {
      AtomicBoolean closed = new AtomicBoolean();
      bus.add(
          "d" + i,
          0x1000,
          8,
          new BusDevice() {
            @Override
            public long read(long offset, int size) {
              // For long, so that it may be closed meanwhile.
              for (int i = 0; i < 500; i++) {
                if (closed.get()) {
                  return 0xee;
                }
              }
              return 1;
            }

            @Override
            public void write(long offset, int size, long value) {
              // Nothing to note.
            }
          });
      bus.remove(0x1000);
      assertTrue(bus.awaitAccesses(1, TimeUnit.HOURS));
      closed.set(true);
    }
    done.set(true);
    for (Thread reader : readers) {
      reader.join();
    }
    assertEquals(null, wrong.get());
  }
}
