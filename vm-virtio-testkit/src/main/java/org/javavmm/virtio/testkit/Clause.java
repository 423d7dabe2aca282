// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Says which clauses of the specification a test checks. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface Clause {
  /** {@return the clauses' identifiers in the project's list, such as {@code SPLIT-07}} */
  String[] value();
}
