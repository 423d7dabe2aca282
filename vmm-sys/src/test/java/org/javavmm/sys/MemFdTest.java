// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MemFdTest {
  @Test
  void aSealedFileKeepsItsLength() throws Exception {
    try (MemFd file = MemFd.sealed("guest", 8192)) {
      assertEquals(Set.of(MemFd.Seal.SHRINK, MemFd.Seal.GROW, MemFd.Seal.SEAL), file.seals());
      assertEquals(
          "ftruncate(memfd guest, length=4096): EPERM (operation not permitted)",
          assertThrows(SystemCallException.class, () -> file.fd().truncate(4096)).getMessage());
      assertThrows(SystemCallException.class, () -> file.fd().truncate(16384));
      assertTrue(
          String.valueOf(
                  assertThrows(SystemCallException.class, () -> file.seal(MemFd.Seal.WRITE))
                      .getMessage())
              .startsWith("fcntl(memfd guest, F_ADD_SEALS, [WRITE]): EPERM"));
      assertEquals(8192, FileStatus.of(file.fd()).size());
      assertTrue(file.fd().isCloseOnExec());
      assertTrue(file.toString().contains("memfd guest"));
      try (Mapping one = file.mapping(0, 8192).build();
          Mapping other = file.mapping(4096, 4096).build()) {
        one.segment().set(ValueLayout.JAVA_BYTE, 4096, (byte) 4);
        assertEquals(4, other.segment().get(ValueLayout.JAVA_BYTE, 0));
      }
      assertEquals(HugePageSize.NONE, file.pages());
    }
  }

  @Test
  void sealsAreAddedOneByOne() throws Exception {
    try (MemFd file = MemFd.create("grows", 0)) {
      assertEquals(Set.of(), file.seals());
      file.fd().truncate(4096);
      file.seal(MemFd.Seal.SHRINK, MemFd.Seal.FUTURE_WRITE);
      assertEquals(Set.of(MemFd.Seal.SHRINK, MemFd.Seal.FUTURE_WRITE), file.seals());
      file.fd().truncate(8192);
      assertThrows(SystemCallException.class, () -> file.mapping(0, 4096).build());
      file.mapping(0, 4096).readOnly().build().close();
    }
  }

  @Test
  void hugePagesAreTakenOrTheErrorNamesThem() throws Exception {
    for (HugePageSize pages : new HugePageSize[] {HugePageSize.SIZE_2M, HugePageSize.SIZE_1G}) {
      try (MemFd file = MemFd.sealed("huge", pages.bytes(), pages)) {
        assertEquals(pages, file.pages());
        file.mapping(0, pages.bytes()).guardPages(4096).build().close();
      } catch (SystemCallException e) {
        assertTrue(e.call().contains("huge"), e.getMessage());
      }
      assertEquals(
          "size=1 is not a multiple of the huge page size " + pages.bytes(),
          assertThrows(IllegalArgumentException.class, () -> MemFd.create("huge", 1, pages))
              .getMessage());
    }
  }

  @Test
  void argumentsAreChecked() {
    assertEquals(
        "size=-1 is negative",
        assertThrows(IllegalArgumentException.class, () -> MemFd.create("x", -1)).getMessage());
    assertEquals(
        "text for a system call has a zero at index 1",
        assertThrows(IllegalArgumentException.class, () -> MemFd.create("x\0y", 1)).getMessage());
    assertThrows(SystemCallException.class, () -> MemFd.create("x".repeat(300), 1));
  }
}
