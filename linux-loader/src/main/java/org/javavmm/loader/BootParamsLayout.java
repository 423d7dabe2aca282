// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

/**
 * Offsets and numbers of {@code struct boot_params} and the {@code struct setup_header} in it,
 * under the names of {@code asm/bootparam.h}. A bzImage has its setup header at the same offsets.
 */
final class BootParamsLayout {
  static final int SIZE = 4096;

  /** struct screen_info, of which what concerns a linear framebuffer. */
  static final int ORIG_VIDEO_ISVGA = 0x00f; // u8

  static final int LFB_WIDTH = 0x012; // u16
  static final int LFB_HEIGHT = 0x014; // u16
  static final int LFB_DEPTH = 0x016; // u16
  static final int LFB_BASE = 0x018; // u32
  static final int LFB_SIZE = 0x01c; // u32
  static final int LFB_LINELENGTH = 0x024; // u16
  static final int RED_SIZE = 0x026; // u8, and its position, then green, blue and reserved
  static final int PAGES = 0x032; // u16
  static final int CAPABILITIES = 0x036; // u32
  static final int EXT_LFB_BASE = 0x03a; // u32

  static final int ACPI_RSDP_ADDR = 0x070; // u64
  static final int EXT_RAMDISK_IMAGE = 0x0c0; // u32
  static final int EXT_RAMDISK_SIZE = 0x0c4; // u32
  static final int EXT_CMD_LINE_PTR = 0x0c8; // u32
  static final int E820_ENTRIES = 0x1e8; // u8
  static final int SENTINEL = 0x1ef; // u8
  static final int HDR = 0x1f1;
  static final int EDD_MBR_SIG_BUFFER = 0x290; // what follows the setup header
  static final int E820_TABLE = 0x2d0;

  /** struct boot_e820_entry: u64 addr, u64 size, u32 type, packed. */
  static final int E820_ENTRY_SIZE = 20;

  static final int E820_MAX_ENTRIES_ZEROPAGE = 128;

  static final int SETUP_SECTS = 0x1f1; // u8
  static final int SYSSIZE = 0x1f4; // u32
  static final int BOOT_FLAG = 0x1fe; // u16
  static final int JUMP = 0x200; // u16
  static final int HEADER = 0x202; // u32
  static final int VERSION = 0x206; // u16
  static final int KERNEL_VERSION = 0x20e; // u16
  static final int TYPE_OF_LOADER = 0x210; // u8
  static final int LOADFLAGS = 0x211; // u8
  static final int CODE32_START = 0x214; // u32
  static final int RAMDISK_IMAGE = 0x218; // u32
  static final int RAMDISK_SIZE = 0x21c; // u32
  static final int EXT_LOADER_VER = 0x226; // u8
  static final int EXT_LOADER_TYPE = 0x227; // u8
  static final int CMD_LINE_PTR = 0x228; // u32
  static final int INITRD_ADDR_MAX = 0x22c; // u32
  static final int KERNEL_ALIGNMENT = 0x230; // u32
  static final int RELOCATABLE_KERNEL = 0x234; // u8
  static final int XLOADFLAGS = 0x236; // u16
  static final int CMDLINE_SIZE = 0x238; // u32
  static final int PAYLOAD_OFFSET = 0x248; // u32
  static final int PAYLOAD_LENGTH = 0x24c; // u32
  static final int SETUP_DATA = 0x250; // u64
  static final int PREF_ADDRESS = 0x258; // u64
  static final int INIT_SIZE = 0x260; // u32

  static final int BOOT_FLAG_MAGIC = 0xaa55;
  static final int HEADER_MAGIC = 0x5372_6448; // "HdrS"

  /** loadflags. */
  static final int LOADED_HIGH = 1;

  /** xloadflags. */
  static final int XLF_KERNEL_64 = 1;

  static final int XLF_CAN_BE_LOADED_ABOVE_4G = 2;

  /** orig_video_isVGA: a linear framebuffer whose size is given in bytes. */
  static final int VIDEO_TYPE_EFI = 0x70;

  /** capabilities: ext_lfb_base counts. */
  static final int VIDEO_CAPABILITY_64BIT_BASE = 2;

  /** struct setup_data: u64 next, u32 type, u32 len, data. */
  static final int SETUP_DATA_SIZE = 16;

  static final int SETUP_E820_EXT = 1;
  static final int SETUP_DTB = 2;
  static final int SETUP_ENUM_MAX = 9;
  static final int SETUP_RNG_SEED = 9;

  /** type_of_loader of a boot loader without a number of its own. */
  static final int LOADER_UNDEFINED = 0xff;

  private BootParamsLayout() {}

  /** {@return the end of the setup header of a protocol version: the end of its last field} */
  static int headerEnd(int version) {
    if (version >= 0x20f) {
      return 0x26c; // kernel_info_offset
    }
    return switch (version) {
      case 0x206 -> 0x23c; // cmdline_size
      case 0x207 -> 0x248; // hardware_subarch_data
      case 0x208 -> 0x250; // payload_length
      case 0x209 -> 0x258; // setup_data
      case 0x20a -> 0x264; // init_size
      default -> 0x268; // handover_offset
    };
  }
}
