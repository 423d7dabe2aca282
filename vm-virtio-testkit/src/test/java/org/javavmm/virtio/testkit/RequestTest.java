// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.javavmm.memory.Access;
import org.javavmm.memory.GuestIoVector;
import org.javavmm.memory.GuestMemory;
import org.javavmm.memory.IommuView;
import org.javavmm.sys.MemFd;
import org.javavmm.virtio.QueueConfig;
import org.javavmm.virtio.Request;
import org.javavmm.virtio.RequestReader;
import org.javavmm.virtio.RequestWriter;
import org.javavmm.virtio.Taken;
import org.javavmm.virtio.Virtqueue;
import org.junit.jupiter.api.Test;

/** Readers and writers, over buffers cut anywhere. */
class RequestTest {
  private static final long FIRST = 0x1_0000;

  /** Two adjacent regions: buffers lie across their border too. */
  private static GuestMemory memory() throws Exception {
    return GuestMemory.builder()
        .anonymous("low", 0, FIRST)
        .anonymous("high", FIRST, 0x1_0000)
        .build();
  }

  private static List<Buffer> cut(List<Integer> lengths, long start, boolean writable) {
    List<Buffer> buffers = new ArrayList<>();
    long at = start;
    for (int length : lengths) {
      buffers.add(new Buffer(at, length, writable));
      at += length;
    }
    return buffers;
  }

  @Property(tries = 300)
  @Clause({"SPLIT-01", "SPLIT-17"})
  void readingAndWritingFollowAModel(
      @ForAll @Size(max = 6) List<@IntRange(min = 0, max = 30) Integer> readable,
      @ForAll @Size(max = 6) List<@IntRange(min = 0, max = 30) Integer> writable,
      @ForAll long seed)
      throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    int asked = readable.stream().mapToInt(i -> i).sum();
    int room = writable.stream().mapToInt(i -> i).sum();
    try (GuestMemory memory = memory()) {
      QueueConfig config = DriverQueue.layout(0, 16, Fixture.VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      byte[] model = new byte[asked];
      random.nextBytes(model);
      long from = FIRST - asked / 2;
      memory.write(from, model);
      long to = FIRST - 0x1000;
      List<Buffer> buffers = new ArrayList<>(cut(readable, from, false));
      buffers.addAll(cut(writable, to, true));
      if (buffers.isEmpty()) {
        return;
      }
      driver.offer(buffers);
      driver.expose();
      assertEquals(Taken.REQUEST, queue.take());
      Request r = queue.request();
      assertEquals(asked, r.readable());
      assertEquals(room, r.writable());

      ByteBuffer expected = ByteBuffer.wrap(model).order(ByteOrder.LITTLE_ENDIAN);
      RequestReader reader = r.reader();
      for (int i = 0; i < 40; i++) {
        assertEquals(expected.remaining(), reader.remaining());
        assertEquals(expected.position(), reader.position());
        int n = random.nextInt(12);
        switch (random.nextInt(9)) {
          case 0 -> {
            if (expected.remaining() >= 1) {
              assertEquals(expected.get(), reader.getByte());
            }
          }
          case 1 -> {
            if (expected.remaining() >= 2) {
              assertEquals(expected.getShort(), reader.getShort());
            }
          }
          case 2 -> {
            if (expected.remaining() >= 4) {
              assertEquals(expected.getInt(), reader.getInt());
            }
          }
          case 3 -> {
            if (expected.remaining() >= 8) {
              assertEquals(expected.getLong(), reader.getLong());
            } else {
              assertThrows(IllegalArgumentException.class, reader::getLong);
            }
          }
          case 4 -> {
            byte[] got = new byte[Math.min(n, expected.remaining())];
            reader.read(MemorySegment.ofArray(got));
            byte[] want = new byte[got.length];
            expected.get(want);
            assertArrayEquals(want, got);
          }
          case 5 -> {
            byte[] got = new byte[Math.min(n, expected.remaining())];
            reader.read(got, 0, got.length);
            byte[] want = new byte[got.length];
            expected.get(want);
            assertArrayEquals(want, got);
          }
          case 6 -> {
            int skip = Math.min(n, expected.remaining());
            reader.skip(skip);
            expected.position(expected.position() + skip);
          }
          case 7 -> {
            int keep = Math.min(n, expected.remaining());
            RequestReader rest = new RequestReader();
            reader.splitAt(keep, rest);
            byte[] got = new byte[keep];
            reader.read(got, 0, keep);
            assertEquals(0, reader.remaining());
            byte[] want = new byte[keep];
            expected.get(want);
            assertArrayEquals(want, got);
            reader = rest;
          }
          default -> {
            if (reader == r.reader()) {
              reader.rewind();
              expected.rewind();
            }
          }
        }
      }

      byte[] written = new byte[room];
      ByteBuffer out = ByteBuffer.wrap(written).order(ByteOrder.LITTLE_ENDIAN);
      RequestWriter writer = r.writer();
      boolean skipped = false;
      long prefix = 0;
      for (int i = 0; i < 12; i++) {
        assertEquals(out.remaining(), writer.remaining());
        int n = Math.min(random.nextInt(12), out.remaining());
        long value = random.nextLong();
        byte[] bytes = new byte[n];
        random.nextBytes(bytes);
        int before = out.position();
        switch (random.nextInt(9)) {
          case 0 -> {
            if (out.remaining() >= 1) {
              out.put((byte) value);
              writer.putByte((byte) value);
            }
          }
          case 1 -> {
            if (out.remaining() >= 2) {
              out.putShort((short) value);
              writer.putShort((short) value);
            }
          }
          case 2 -> {
            if (out.remaining() >= 4) {
              out.putInt((int) value);
              writer.putInt((int) value);
            }
          }
          case 3 -> {
            if (out.remaining() >= 8) {
              out.putLong(value);
              writer.putLong(value);
            }
          }
          case 4 -> {
            out.put(bytes);
            writer.write(MemorySegment.ofArray(bytes));
          }
          case 5 -> {
            out.put(bytes);
            writer.write(bytes, 0, n);
          }
          case 6 -> {
            Arrays.fill(bytes, (byte) value);
            out.put(bytes);
            writer.fill(n, (byte) value);
          }
          case 7 -> {
            out.put(bytes);
            RequestWriter rest = new RequestWriter();
            writer.splitAt(n, rest);
            writer.write(bytes, 0, n);
            writer = rest;
          }
          default -> {
            writer.skip(n);
            out.position(out.position() + n);
            skipped |= n > 0;
            before = out.position();
          }
        }
        if (!skipped) {
          prefix += out.position() - before;
        }
      }
      assertEquals(prefix, r.written());
      byte[] got = new byte[room];
      memory.read(to, got);
      assertArrayEquals(written, got);
      assertTrue(queue.complete(r));
      assertEquals(List.of(new Used(0, prefix)), driver.collect());
    }
  }

  /** A block device's way: header, data to and from a file without a copy, status at the end. */
  @Test
  void dataGoesToAndFromAFileWithoutACopy() throws Exception {
    try (GuestMemory memory = memory();
        MemFd file = MemFd.create("file", 4096);
        GuestIoVector vector = new GuestIoVector(8)) {
      QueueConfig config = DriverQueue.layout(0, 16, Fixture.VERSION_1);
      DriverQueue driver = DriverQueue.create(memory, config);
      Virtqueue queue = Virtqueue.activate(memory, config);
      memory.fill(FIRST - 100, 200, (byte) 7);
      driver.offer(
          List.of(
              Buffer.readable(0x4000, 10),
              Buffer.readable(0x5000, 6),
              Buffer.readable(FIRST - 100, 200)));
      driver.offer(List.of(Buffer.writable(0x6000, 120), Buffer.writable(0x7000, 81)));
      driver.expose();
      assertEquals(Taken.REQUEST, queue.take());
      Request out = queue.request();
      out.reader().skip(16);
      out.reader().collect(vector, 200);
      assertEquals(0, out.reader().remaining());
      vector.writeFully(file.fd(), 0);
      vector.clear();
      assertTrue(queue.complete(out));

      assertEquals(Taken.REQUEST, queue.take());
      Request in = queue.request();
      RequestWriter status = new RequestWriter();
      in.writer().splitAt(in.writable() - 1, status);
      assertThrows(IllegalArgumentException.class, () -> in.writer().collect(vector, 201));
      in.writer().collect(vector, 200);
      vector.readFully(file.fd(), 0);
      vector.clear();
      assertEquals(0, in.written());
      in.writer().wrote(0, 200);
      assertThrows(IllegalArgumentException.class, () -> in.writer().wrote(0, 201));
      assertEquals(200, in.written());
      status.putByte((byte) 1);
      assertEquals(201, in.written());
      assertTrue(queue.complete(in));
      assertEquals(7, memory.getByte(0x7000 + 79));
      assertEquals(1, memory.getByte(0x7000 + 80));
    }
  }

  @Test
  @Clause("RESV-03")
  void behindAnIommuAddressesAreItsOwn() throws Exception {
    try (GuestMemory memory = memory()) {
      // Two pages, swapped, in the I/O address space from 1 MiB on; the second is read-only.
      IommuView view =
          new IommuView(
              memory,
              (iova, access, found) -> {
                long page = (iova - 0x10_0000) >> 12;
                if (page < 0 || page > 3) {
                  return false;
                }
                found.set(
                    iova & -4096,
                    4096,
                    page < 2 ? (1 - page) << 12 : page << 12,
                    page == 1 ? Access.READ : Access.READ_WRITE);
                return true;
              },
              2);
      QueueConfig config = DriverQueue.layout(0x10_2000, 4, Fixture.VERSION_1);
      DriverQueue driver = DriverQueue.create(view, config);
      Virtqueue queue = Virtqueue.activate(view, config);
      memory.putShort(0x1ffe, (short) 0x2211);
      memory.putShort(0x0000, (short) 0x4433);
      driver.offer(List.of(Buffer.readable(0x10_0ffe, 4), Buffer.writable(0x10_0000, 4)));
      driver.offer(List.of(Buffer.writable(0x10_1000, 4)));
      driver.offer(List.of(Buffer.readable(0x10_4000, 4)));
      driver.expose();
      assertEquals(Taken.REQUEST, queue.take());
      assertEquals(0x4433_2211, queue.request().reader().getInt());
      queue.request().writer().putInt(5);
      assertEquals(5, memory.getInt(0x1000));
      assertTrue(queue.complete(queue.request()));
      assertEquals(1, driver.collect().size());
      assertEquals(Taken.FAULT, queue.take());
      assertEquals(
          "chain 2, descriptor 2: buffer at 0x101000: writing 4 bytes: PERMISSION",
          queue.fault().orElseThrow().message());
      assertTrue(queue.discard());
      assertEquals(Taken.FAULT, queue.take());
      assertEquals(
          "chain 3, descriptor 3: buffer at 0x104000: reading 4 bytes: UNTRANSLATED",
          queue.fault().orElseThrow().message());
    }
  }
}
