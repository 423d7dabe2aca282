// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.javavmm.bindings.linux.linux_h;
import org.junit.jupiter.api.Test;

class ErrnoTest {
  /** Terminal flags and second names of a number: what else of the headers looks like an errno. */
  private static final Set<String> NOT_ERRNO =
      Set.of(
          "ECHO",
          "ECHOE",
          "ECHOK",
          "ECHONL",
          "ECHOCTL",
          "ECHOPRT",
          "ECHOKE",
          "EXTPROC",
          "EXTA",
          "EXTB",
          "EWOULDBLOCK",
          "EDEADLOCK",
          "ENOTSUP");

  private static Map<String, Integer> headers() throws ReflectiveOperationException {
    Map<String, Integer> numbers = new TreeMap<>();
    for (Method m : linux_h.class.getMethods()) {
      String name = m.getName();
      if (name.matches("E[A-Z0-9]+")
          && !name.startsWith("EPOLL")
          && m.getReturnType() == int.class
          && m.getParameterCount() == 0
          && !NOT_ERRNO.contains(name)) {
        // Public through linux_h, declared in its package-private superclass.
        m.setAccessible(true);
        numbers.put(name, (Integer) m.invoke(null));
      }
    }
    return numbers;
  }

  @Test
  void everyErrorOfTheHeadersHasItsName() throws ReflectiveOperationException {
    Map<String, Integer> headers = headers();
    assertTrue(headers.size() > 80, "only " + headers.size() + " found: " + headers);
    headers.forEach((name, number) -> assertEquals(name, Errno.name(number)));
  }

  @Test
  void constantsHaveTheNumbersOfTheHeadersAndAMeaning() throws ReflectiveOperationException {
    Map<String, Integer> headers = headers();
    int constants = 0;
    for (Field field : Errno.class.getFields()) {
      assertTrue(Modifier.isStatic(field.getModifiers()));
      int number = field.getInt(null);
      assertEquals(headers.get(field.getName()), number, field.getName());
      assertEquals(field.getName(), Errno.name(number));
      assertFalse(Errno.meaning(number).isEmpty(), field.getName());
      constants++;
    }
    assertEquals(25, constants);
  }

  @Test
  void anUnknownNumberIsPrintedAsSuch() {
    assertEquals("errno 4711", Errno.name(4711));
    assertEquals("", Errno.meaning(4711));
    assertEquals("errno 0", Errno.name(0));
  }

  @Test
  void messageNamesCallErrorAndMeaning() {
    SystemCallException e = new SystemCallException("open(/dev/kvm, O_RDWR)", Errno.EACCES);
    assertEquals("open(/dev/kvm, O_RDWR): EACCES (permission denied)", e.getMessage());
    assertEquals("open(/dev/kvm, O_RDWR)", e.call());
    assertEquals(13, e.errno());
    assertEquals(
        "f(size=0x800): EINVAL (size is not page aligned)",
        new SystemCallException("f(size=0x800)", Errno.EINVAL, "size is not page aligned")
            .getMessage());
    assertEquals("f(): errno 4711", new SystemCallException("f()", 4711).getMessage());
  }
}
