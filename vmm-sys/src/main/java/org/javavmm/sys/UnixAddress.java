// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import java.nio.charset.StandardCharsets;

/** The address of a Unix socket. */
public sealed interface UnixAddress {
  /**
   * A name in the file system.
   *
   * @param path the path, 1 to 107 bytes
   */
  record Named(String path) implements UnixAddress {
    /** Checks the path. */
    public Named {
      check(path, 107);
      if (path.indexOf('\0') >= 0) {
        throw new IllegalArgumentException("the path of a socket has a zero in it");
      }
    }

    @Override
    public String toString() {
      return path;
    }
  }

  /**
   * A name of Linux's own, in no file system: it vanishes with the socket, and everybody in the
   * same network namespace may connect.
   *
   * @param name the name, 1 to 107 bytes
   */
  record Abstract(String name) implements UnixAddress {
    /** Checks the name. */
    public Abstract {
      check(name, 107);
    }

    @Override
    public String toString() {
      return "@" + name;
    }
  }

  /**
   * {@return a name in the file system}
   *
   * @param path the path
   * @throws IllegalArgumentException if it is empty, longer than 107 bytes or has a zero in it
   */
  static UnixAddress path(String path) {
    return new Named(path);
  }

  /**
   * {@return a name in no file system}
   *
   * @param name the name
   * @throws IllegalArgumentException if it is empty or longer than 107 bytes
   */
  static UnixAddress abstractName(String name) {
    return new Abstract(name);
  }

  private static void check(String text, int most) {
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    if (length < 1 || length > most) {
      throw new IllegalArgumentException(
          "the address of a socket has " + length + " bytes, not 1.." + most);
    }
  }
}
