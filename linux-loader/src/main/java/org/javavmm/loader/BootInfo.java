// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * What a kernel is told, as the bytes of one block. Its size does not depend on the addresses, so a
 * block is made once to be placed and once to be written.
 *
 * @param base the address of the block
 * @param commandLine the address of the command line
 * @param rsdp the address of the ACPI RSDP, or 0
 * @param modules the modules with their places, the initrd first
 * @param e820 the memory map
 * @param framebuffer the framebuffer, if there is one
 */
record BootInfo(
    long base,
    long commandLine,
    long rsdp,
    List<Placed> modules,
    E820Map e820,
    Optional<Framebuffer> framebuffer) {
  private static final byte[] LOADER_NAME = "java-vmm\0".getBytes(StandardCharsets.US_ASCII);

  /** A module and its place. */
  record Placed(BootModule module, MemoryRange range) {
    int stringSize() {
      return module.string().length() + 1;
    }
  }

  private static int align8(int value) {
    return (value + 7) & -8;
  }

  /** The strings of the modules lie one behind the other. */
  private int stringSizes() {
    return modules.stream().mapToInt(Placed::stringSize).sum();
  }

  /** {@return struct hvm_start_info, then the module list, the memory map and the strings} */
  byte[] pvh() {
    int list = align8(PvhLayout.SIZE);
    int map = list + modules.size() * PvhLayout.MODLIST_ENTRY_SIZE;
    int strings = map + e820.entries().size() * PvhLayout.MEMMAP_ENTRY_SIZE;
    byte[] bytes = new byte[strings + stringSizes()];
    ByteBuffer block = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    block.putInt(PvhLayout.MAGIC, PvhLayout.MAGIC_VALUE);
    block.putInt(PvhLayout.VERSION, PvhLayout.VERSION_1);
    block.putInt(PvhLayout.NR_MODULES, modules.size());
    block.putLong(PvhLayout.MODLIST_PADDR, modules.isEmpty() ? 0 : base + list);
    block.putLong(PvhLayout.CMDLINE_PADDR, commandLine);
    block.putLong(PvhLayout.RSDP_PADDR, rsdp);
    block.putLong(PvhLayout.MEMMAP_PADDR, base + map);
    block.putInt(PvhLayout.MEMMAP_ENTRIES, e820.entries().size());
    block.position(list);
    long string = base + strings;
    for (Placed placed : modules) {
      block.putLong(placed.range().gpa()).putLong(placed.range().size()).putLong(string).putLong(0);
      string += placed.stringSize();
    }
    for (E820Map.Entry entry : e820.entries()) {
      block.putLong(entry.range().gpa()).putLong(entry.range().size());
      block.putInt(entry.type().number()).putInt(0);
    }
    putStrings(block);
    return bytes;
  }

  /** {@return the Multiboot information, then modules, memory map, loader's name and strings} */
  byte[] multiboot() {
    int list = align8(MultibootLayout.SIZE);
    int map = list + modules.size() * MultibootLayout.MODULE_SIZE;
    int name = map + e820.entries().size() * MultibootLayout.MMAP_ENTRY_SIZE;
    int strings = name + LOADER_NAME.length;
    byte[] bytes = new byte[strings + stringSizes()];
    ByteBuffer block = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int flags =
        MultibootLayout.HAS_MEMORY
            | MultibootLayout.HAS_CMDLINE
            | MultibootLayout.HAS_MODS
            | MultibootLayout.HAS_MMAP
            | MultibootLayout.HAS_BOOT_LOADER_NAME;
    block.putInt(MultibootLayout.FLAGS, flags);
    block.putInt(MultibootLayout.MEM_LOWER, (int) (X86Layout.EBDA_START >> 10));
    block.putInt(MultibootLayout.MEM_UPPER, memUpper());
    block.putInt(MultibootLayout.CMDLINE, (int) commandLine);
    block.putInt(MultibootLayout.MODS_COUNT, modules.size());
    block.putInt(MultibootLayout.MODS_ADDR, modules.isEmpty() ? 0 : (int) (base + list));
    block.putInt(MultibootLayout.MMAP_LENGTH, name - map);
    block.putInt(MultibootLayout.MMAP_ADDR, (int) (base + map));
    block.putInt(MultibootLayout.BOOT_LOADER_NAME, (int) (base + name));
    framebuffer.ifPresent(screen -> {
      block.putInt(MultibootLayout.FLAGS, flags | MultibootLayout.HAS_FRAMEBUFFER);
      screen.writeMultiboot(block, MultibootLayout.FRAMEBUFFER_ADDR);
    });
    block.position(list);
    long string = base + strings;
    for (Placed placed : modules) {
      block.putInt((int) placed.range().gpa()).putInt((int) placed.range().end());
      block.putInt((int) string).putInt(0);
      string += placed.stringSize();
    }
    for (E820Map.Entry entry : e820.entries()) {
      block.putInt(MultibootLayout.MMAP_ENTRY_SIZE - Integer.BYTES);
      block.putLong(entry.range().gpa()).putLong(entry.range().size());
      block.putInt(multibootType(entry.type()));
    }
    block.put(LOADER_NAME);
    putStrings(block);
    return bytes;
  }

  /** Types beyond 5 are none that the specification knows. */
  private static int multibootType(E820Map.Type type) {
    return type.number() <= E820Map.Type.UNUSABLE.number()
        ? type.number()
        : E820Map.Type.RESERVED.number();
  }

  /** The memory from 1 MiB up to the first hole, in KiB. */
  private int memUpper() {
    for (E820Map.Entry entry : e820.entries()) {
      if (entry.type() == E820Map.Type.RAM && entry.range().gpa() == X86Layout.HIGH_MEMORY_START) {
        return (int) Math.min(entry.range().size() >> 10, Integer.toUnsignedLong(-1));
      }
    }
    return 0;
  }

  private void putStrings(ByteBuffer block) {
    for (Placed placed : modules) {
      block.put(placed.module().string().bytes()).put((byte) 0);
    }
  }
}
