// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.javavmm.bindings.linux.epoll_event;
import org.javavmm.bindings.linux.linux_h;
import org.javavmm.bindings.linux.termios;
import org.javavmm.bindings.linux.winsize;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The hand-written layouts and constants against the generated ones. */
class LayoutTest {
  @Test
  void epollEvent() {
    Assumptions.assumeTrue(
        System.getProperty("os.arch").equals("amd64"), "the bindings are x86-64's");
    assertEquals(epoll_event.layout().byteSize(), EpollEventLayout.SIZEOF);
    assertEquals(epoll_event.events$offset(), EpollEventLayout.EVENTS);
    assertEquals(epoll_event.data$offset(), EpollEventLayout.DATA);
  }

  @Test
  void epollConstants() {
    assertEquals(linux_h.EPOLLIN(), Epoll.EPOLLIN);
    assertEquals(linux_h.EPOLLOUT(), Epoll.EPOLLOUT);
    assertEquals(linux_h.EPOLLERR(), Epoll.EPOLLERR);
    assertEquals(linux_h.EPOLLHUP(), Epoll.EPOLLHUP);
    assertEquals(linux_h.EPOLLRDHUP(), Epoll.EPOLLRDHUP);
    assertEquals(linux_h.EPOLLONESHOT(), Epoll.EPOLLONESHOT);
    assertEquals(linux_h.EPOLLET(), Epoll.EPOLLET);
  }

  @Test
  void ioctlNumbers() {
    assertEquals(Integer.toUnsignedLong(linux_h.TIOCGWINSZ()), Terminal.TIOCGWINSZ);
    assertEquals(linux_h.TIOCGPTN() & 0xffff_ffffL, Pty.TIOCGPTN);
    assertEquals(linux_h.TIOCSPTLCK() & 0xffff_ffffL, Pty.TIOCSPTLCK);
  }

  @Test
  void termios() {
    assertEquals(termios.layout().byteSize(), TermiosLayout.SIZEOF_TERMIOS);
  }

  @Test
  void winsize() {
    assertEquals(winsize.layout().byteSize(), TermiosLayout.SIZEOF_WINSIZE);
    assertEquals(winsize.ws_row$offset(), TermiosLayout.WS_ROW);
    assertEquals(winsize.ws_col$offset(), TermiosLayout.WS_COL);
  }
}
