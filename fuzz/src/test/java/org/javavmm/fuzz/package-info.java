// SPDX-License-Identifier: Apache-2.0

/** Coverage-guided targets and properties, each with an oracle. */
@org.jspecify.annotations.NullMarked
package org.javavmm.fuzz;
