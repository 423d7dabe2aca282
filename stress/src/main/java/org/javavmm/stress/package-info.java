// SPDX-License-Identifier: Apache-2.0
/** jcstress tests of the modules that many threads use at once. */
@NullMarked
package org.javavmm.stress;

import org.jspecify.annotations.NullMarked;
