// SPDX-License-Identifier: Apache-2.0
package org.javavmm.arch;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Which features to switch on and off, as a user writes them: {@code +avx2,-x2apic}. {@link
 * #toString} gives the text back, with each feature's first name.
 *
 * @param switches each feature, and whether it is on; in the order of the text
 */
public record CpuFeatures(Map<CpuFeature, Boolean> switches) {
  /** Nothing to switch. */
  public static final CpuFeatures NONE = new CpuFeatures(Map.of());

  /** Copies the map. */
  public CpuFeatures {
    switches = Collections.unmodifiableMap(new LinkedHashMap<>(switches));
  }

  /**
   * Reads a list.
   *
   * @param text features separated by commas, each with {@code +} or {@code -} before its name;
   *     blanks around them are ignored, and an empty text has none
   * @return the list
   * @throws IllegalArgumentException if an item is empty or has no sign, if a name is not known
   *     (with the names that look like it), or if a feature occurs twice
   */
  public static CpuFeatures parse(String text) {
    Map<CpuFeature, Boolean> switches = new LinkedHashMap<>();
    if (text.isBlank()) {
      return NONE;
    }
    int number = 0;
    for (String part : text.split(",", -1)) {
      number++;
      String item = part.strip();
      if (item.length() < 2 || "+-".indexOf(item.charAt(0)) < 0) {
        throw new IllegalArgumentException(
            "CPU features \""
                + text
                + "\": item "
                + number
                + " \""
                + item
                + "\" is not + or - and a name");
      }
      CpuFeature feature = CpuFeature.of(item.substring(1));
      if (switches.put(feature, item.charAt(0) == '+') != null) {
        throw new IllegalArgumentException(
            "CPU features \"" + text + "\": " + feature.name() + " occurs twice");
      }
    }
    return new CpuFeatures(switches);
  }

  /** {@return the text that {@link #parse} reads} */
  @Override
  public String toString() {
    return switches.entrySet().stream()
        .map(e -> (e.getValue() ? "+" : "-") + e.getKey().name())
        .collect(Collectors.joining(","));
  }
}
