// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The hand-written numbers against the kernel's own headers, through a C compiler. */
class LayoutProbeTest {
  @TempDir Path folder;

  private static void offsets(Map<String, String> c, String type, String prefix, String... fields) {
    for (String field : fields) {
      c.put(
          field.toUpperCase(Locale.ROOT), "offsetof(struct " + type + ", " + prefix + field + ")");
    }
  }

  @Test
  void bootParamsAgreeWithTheHeader() throws Exception {
    Map<String, String> c = new LinkedHashMap<>();
    c.put("SIZE", "sizeof(struct boot_params)");
    c.put("E820_ENTRY_SIZE", "sizeof(struct boot_e820_entry)");
    for (String field :
        List.of(
            "orig_video_isVGA", "lfb_width", "lfb_height", "lfb_depth", "lfb_base", "lfb_size")) {
      offsets(c, "boot_params", "screen_info.", field);
    }
    offsets(c, "boot_params", "screen_info.", "lfb_linelength", "red_size", "pages");
    offsets(c, "boot_params", "screen_info.", "capabilities", "ext_lfb_base");
    offsets(c, "boot_params", "", "acpi_rsdp_addr", "ext_ramdisk_image", "ext_ramdisk_size");
    offsets(c, "boot_params", "", "ext_cmd_line_ptr", "e820_entries", "sentinel", "hdr");
    offsets(c, "boot_params", "", "edd_mbr_sig_buffer", "e820_table");
    offsets(c, "boot_params", "hdr.", "setup_sects", "syssize", "boot_flag", "jump", "header");
    offsets(c, "boot_params", "hdr.", "version", "kernel_version", "type_of_loader");
    offsets(c, "boot_params", "hdr.", "loadflags", "code32_start", "ramdisk_image");
    offsets(c, "boot_params", "hdr.", "ramdisk_size", "ext_loader_ver", "ext_loader_type");
    offsets(c, "boot_params", "hdr.", "cmd_line_ptr", "initrd_addr_max", "kernel_alignment");
    offsets(c, "boot_params", "hdr.", "relocatable_kernel", "xloadflags", "cmdline_size");
    offsets(c, "boot_params", "hdr.", "payload_offset", "payload_length", "setup_data");
    offsets(c, "boot_params", "hdr.", "pref_address", "init_size");
    for (String name :
        List.of(
            "E820_MAX_ENTRIES_ZEROPAGE",
            "LOADED_HIGH",
            "XLF_KERNEL_64",
            "XLF_CAN_BE_LOADED_ABOVE_4G",
            "VIDEO_TYPE_EFI",
            "VIDEO_CAPABILITY_64BIT_BASE",
            "SETUP_E820_EXT",
            "SETUP_DTB",
            "SETUP_ENUM_MAX",
            "SETUP_RNG_SEED")) {
      c.put(name, name);
    }
    c.put("SETUP_DATA_SIZE", "sizeof(struct setup_data)");
    // In no header: the protocol's text alone.
    c.put("BOOT_FLAG_MAGIC", "0xaa55");
    c.put("HEADER_MAGIC", "'H' | 'd' << 8 | 'r' << 16 | 'S' << 24");
    c.put("LOADER_UNDEFINED", "0xff");
    check("asm/bootparam.h", BootParamsLayout.class, c);
  }

  @Test
  void elfAgreesWithTheHeader() throws Exception {
    Map<String, String> c = new LinkedHashMap<>();
    c.put("EHDR_SIZE", "sizeof(struct elf64_hdr)");
    c.put("PHDR_SIZE", "sizeof(struct elf64_phdr)");
    offsets(c, "elf64_hdr", "", "e_type", "e_machine", "e_entry", "e_phoff", "e_phentsize");
    offsets(c, "elf64_hdr", "", "e_phnum");
    offsets(c, "elf64_phdr", "", "p_type", "p_flags", "p_offset", "p_paddr", "p_filesz");
    offsets(c, "elf64_phdr", "", "p_memsz", "p_align");
    c.put("EHDR32_SIZE", "sizeof(struct elf32_hdr)");
    c.put("PHDR32_SIZE", "sizeof(struct elf32_phdr)");
    c.put("NHDR_SIZE", "sizeof(struct elf64_note)");
    offsets(c, "elf64_note", "", "n_namesz", "n_descsz", "n_type");
    for (String field : List.of("e_phoff", "e_phentsize", "e_phnum")) {
      c.put(field.toUpperCase(Locale.ROOT) + "_32", "offsetof(struct elf32_hdr, " + field + ")");
    }
    for (String field :
        List.of("p_offset", "p_paddr", "p_filesz", "p_memsz", "p_flags", "p_align")) {
      c.put(field.toUpperCase(Locale.ROOT) + "_32", "offsetof(struct elf32_phdr, " + field + ")");
    }
    for (String name :
        List.of(
            "EI_CLASS",
            "EI_DATA",
            "EI_VERSION",
            "ELFCLASS32",
            "ELFCLASS64",
            "ELFDATA2LSB",
            "EV_CURRENT",
            "ET_EXEC",
            "EM_386",
            "EM_X86_64",
            "PN_XNUM",
            "PT_LOAD",
            "PT_INTERP",
            "PT_NOTE",
            "PF_X")) {
      c.put(name, name);
    }
    check("linux/elf.h", ElfLayout.class, c);
  }

  private void check(String header, Class<?> layout, Map<String, String> expressions)
      throws Exception {
    TestTools.require("cc");
    StringBuilder source = new StringBuilder("#include <stdio.h>\n#include <stddef.h>\n");
    source.append("#include <").append(header).append(">\nint main(void) {\n");
    expressions.forEach((name, c) ->
        source.append(String.format("  printf(\"%s=%%ld\\n\", (long) (%s));%n", name, c)));
    source.append("  return 0;\n}\n");
    Path file = Files.writeString(folder.resolve("probe.c"), source);
    Path program = folder.resolve("probe");
    if (run("cc", "-E", "-o", "/dev/null", file.toString()) != 0) {
      TestTools.lacking(header, "no such kernel header (linux-libc-dev)");
    }
    assertEquals(0, run("cc", "-o", program.toString(), file.toString()), this::output);
    assertEquals(0, run(program.toString()));
    Map<String, Long> expected = new TreeMap<>();
    for (String line : output().lines().toList()) {
      int equals = line.indexOf('=');
      expected.put(line.substring(0, equals), Long.parseLong(line.substring(equals + 1)));
    }
    Map<String, Long> actual = new TreeMap<>();
    for (Field field : layout.getDeclaredFields()) {
      if (!field.isSynthetic()) {
        actual.put(field.getName(), (long) field.getInt(null));
      }
    }
    assertEquals(expected, actual);
  }

  private int run(String... command) throws Exception {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("output").toFile())
        .start()
        .waitFor();
  }

  private String output() {
    try {
      return Files.readString(folder.resolve("output"));
    } catch (IOException e) {
      return e.toString();
    }
  }
}
