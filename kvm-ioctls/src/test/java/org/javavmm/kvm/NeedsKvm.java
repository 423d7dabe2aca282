// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test of the tier {@code kvm}: skipped, with the reason, where {@code /dev/kvm} cannot be used;
 * failed there if {@code VMM_REQUIRE} names the tier.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("kvm")
@ExtendWith(NeedsKvm.Condition.class)
@interface NeedsKvm {
  /** Looks for the device, and writes down what the class has shown. */
  final class Condition implements ExecutionCondition, AfterAllCallback {
    @Override
    public void afterAll(ExtensionContext context) throws IOException {
      KvmCoverage.writeIfAskedFor();
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return evaluate(Path.of("/dev/kvm"), System.getenv().getOrDefault("VMM_REQUIRE", ""));
    }

    static ConditionEvaluationResult evaluate(Path device, String required) {
      if (Files.isReadable(device) && Files.isWritable(device)) {
        return ConditionEvaluationResult.enabled(device + " is there");
      }
      String reason = "capability kvm: " + device + " is not there or may not be used";
      if (Arrays.asList(required.split(",", -1)).contains("kvm")) {
        throw new AssertionError(reason + ", but VMM_REQUIRE=" + required);
      }
      return ConditionEvaluationResult.disabled(reason);
    }
  }
}
