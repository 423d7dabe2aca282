// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/** The flattened device tree (Devicetree Specification v0.4, chapter 5); all is big-endian. */
final class FdtLayout {
  /** {@code struct fdt_header}: u32 each. */
  static final int MAGIC_OFFSET = 0;

  static final int TOTALSIZE_OFFSET = 4;
  static final int OFF_DT_STRUCT_OFFSET = 8;
  static final int OFF_DT_STRINGS_OFFSET = 12;
  static final int OFF_MEM_RSVMAP_OFFSET = 16;
  static final int VERSION_OFFSET = 20;
  static final int LAST_COMP_VERSION_OFFSET = 24;
  static final int BOOT_CPUID_PHYS_OFFSET = 28;
  static final int SIZE_DT_STRINGS_OFFSET = 32;
  static final int SIZE_DT_STRUCT_OFFSET = 36;
  static final int HEADER_SIZE = 40;

  static final int MAGIC = 0xd00dfeed;
  static final int VERSION = 17;
  static final int LAST_COMP_VERSION = 16;

  /** {@code struct fdt_reserve_entry}: address and size, u64 each. */
  static final int RESERVE_ENTRY_SIZE = 16;

  static final int BEGIN_NODE = 1;
  static final int END_NODE = 2;
  static final int PROP = 3;
  static final int NOP = 4;
  static final int END = 9;

  /** How deep nodes may be nested, the root being the first level; real trees have about ten. */
  static final int MAX_DEPTH = 64;

  /** The longest name that is read: the specification's is 31, and real trees have longer ones. */
  static final int MAX_NAME = 255;

  /** The largest tree that is read; real ones have some hundred kibibytes. */
  static final int MAX_SIZE = 16 << 20;

  private FdtLayout() {}

  static boolean isNodeCharacter(int c) {
    return isLetterOrDigit(c) || c == ',' || c == '.' || c == '_' || c == '+' || c == '-';
  }

  static boolean isPropertyCharacter(int c) {
    return isNodeCharacter(c) || c == '?' || c == '#';
  }

  private static boolean isLetterOrDigit(int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  /** Whether all characters of a node's name are permitted, at most one {@code @} among them. */
  static boolean isNodeName(String name) {
    int at = name.indexOf('@');
    String head = at < 0 ? name : name.substring(0, at);
    String unit = at < 0 ? "0" : name.substring(at + 1);
    return !head.isEmpty()
        && !unit.isEmpty()
        && head.chars().allMatch(FdtLayout::isNodeCharacter)
        && unit.chars().allMatch(FdtLayout::isNodeCharacter);
  }

  static boolean isPropertyName(String name) {
    return !name.isEmpty() && name.chars().allMatch(FdtLayout::isPropertyCharacter);
  }
}
