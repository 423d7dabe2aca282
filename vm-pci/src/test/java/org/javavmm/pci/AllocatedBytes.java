// SPDX-License-Identifier: Apache-2.0
package org.javavmm.pci;

import java.lang.reflect.Method;

/** The JVM's counter of a thread, reflectively: the module does not read jdk.management. */
final class AllocatedBytes {
  private final Object bean;
  private final Method getter;

  AllocatedBytes() throws ReflectiveOperationException {
    bean =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    getter =
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes");
  }

  long get() throws ReflectiveOperationException {
    return (long) getter.invoke(bean);
  }
}
