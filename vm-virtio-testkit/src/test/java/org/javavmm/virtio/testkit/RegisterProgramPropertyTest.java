// SPDX-License-Identifier: Apache-2.0
package org.javavmm.virtio.testkit;

import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;

/** Hostile drivers of both transports: the registers and the model agree. */
class RegisterProgramPropertyTest {
  private static @Nullable RegisterProgram check;

  @BeforeContainer
  static void attach() throws Exception {
    check = new RegisterProgram();
  }

  @AfterContainer
  static void detach() throws Exception {
    RegisterProgram made = check;
    if (made != null) {
      made.close();
    }
  }

  @Property(tries = 300)
  void hostileWritesShowWhatTheModelShows(@ForAll long seed) {
    byte[] program = new byte[700];
    new SplittableRandom(seed).nextBytes(program);
    RegisterProgram made = check;
    if (made != null) {
      made.run(program);
    }
  }
}
