// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class IoUringModelTest {
  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /** Random operations, many at a time on places of their own, against an array of bytes. */
  @Property(tries = 20)
  void aFileBehavesAsAnArrayDoes(@ForAll long seed) throws Exception {
    Random random = new Random(seed);
    int size = 64 * 1024;
    int cell = 1024;
    byte[] model = new byte[size];
    try (MemFd file = MemFd.sealed("model", size);
        Mapping memory = Mapping.anonymous(size);
        IoUring ring = IoUring.create(16)) {
      MemorySegment m = memory.segment();
      IoVector all = new IoVector(1);
      all.add(m);
      ring.registerBuffers(all);
      ring.registerFiles(file.fd());
      for (int round = 0; round < 30; round++) {
        Map<Long, int[]> expected = new HashMap<>();
        Map<Integer, Boolean> used = new HashMap<>();
        int count = 1 + random.nextInt(16);
        for (int op = 0; op < count; op++) {
          int c = random.nextInt(size / cell);
          if (used.put(c, true) != null) {
            continue;
          }
          int from = random.nextInt(cell);
          int length = 1 + random.nextInt(cell - from);
          int at = c * cell + from;
          boolean write = random.nextBoolean();
          for (int i = 0; i < length; i++) {
            byte b = (byte) random.nextInt();
            m.set(U8, at + i, b);
            if (write) {
              model[at + i] = b;
            }
          }
          long a = memory.address() + at;
          OwnedFd fd = file.fd();
          boolean prepared =
              switch (random.nextInt(4)) {
                case 0 ->
                    write
                        ? ring.prepareWrite(fd, a, length, at, op)
                        : ring.prepareRead(fd, a, length, at, op);
                case 1 ->
                    write
                        ? ring.prepareWrite(0, a, length, at, op)
                        : ring.prepareRead(0, a, length, at, op);
                case 2 ->
                    write
                        ? ring.prepareWriteFixed(fd, a, length, at, 0, op)
                        : ring.prepareReadFixed(fd, a, length, at, 0, op);
                default ->
                    write
                        ? ring.prepareWriteFixed(0, a, length, at, 0, op)
                        : ring.prepareReadFixed(0, a, length, at, 0, op);
              };
          assertTrue(prepared);
          if (random.nextInt(4) == 0) {
            ring.addFlags(IoUring.IOSQE_ASYNC);
          }
          if (random.nextInt(4) == 0) {
            assertTrue(ring.submit() > 0);
          }
          expected.put((long) op, new int[] {at, length});
        }
        ring.submit();
        while (!expected.isEmpty()) {
          ring.submitAndWait(1);
          while (ring.next()) {
            int[] range = Objects.requireNonNull(expected.remove(ring.userData()));
            assertEquals(range[1], ring.result());
            for (int i = 0; i < range[1]; i++) {
              assertEquals(model[range[0] + i], m.get(U8, range[0] + i));
            }
          }
        }
        assertEquals(0, ring.inFlight());
      }
    }
  }
}
