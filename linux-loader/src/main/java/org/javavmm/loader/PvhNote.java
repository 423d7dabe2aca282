// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.javavmm.loader.MemoryRange.hex;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;
import org.javavmm.loader.LoaderException.Reason;

/**
 * What the notes of an ELF file say of its PVH entry. A broken note matters only to who wants that
 * entry, so it is kept, not thrown.
 *
 * @param address the entry's physical address
 * @param error why there is none, though there are notes
 */
record PvhNote(OptionalLong address, Optional<LoaderException> error) {
  /** XEN_ELFNOTE_PHYS32_ENTRY. */
  static final int TYPE = 18;

  /** "Xen" and its zero, little-endian. */
  private static final int NAME = 0x006e_6558;

  private static final int NAME_SIZE = 4;

  /** More notes than any kernel has. */
  private static final long NOTES_MAX = 1 << 20;

  /** Goes through the segments of notes, in order. */
  static final class Search {
    private final KernelImage kernel;
    private final ImageBytes image;
    private OptionalLong found = OptionalLong.empty();
    private Optional<LoaderException> broken = Optional.empty();
    private boolean contradictory;
    private long budget;

    Search(KernelImage kernel, ImageBytes image) {
      this.kernel = kernel;
      this.image = image;
      this.budget = Math.min(NOTES_MAX, image.size());
    }

    /**
     * Reads a segment. All together are bounded, for overlapping ones would cost time.
     *
     * @throws LoaderException {@code FILE} if the file was cut short
     */
    void segment(int index, long offset, long size, long alignment) throws LoaderException {
      String field = "p_offset[" + index + "]";
      if (Long.compareUnsigned(offset, image.size()) > 0
          || Long.compareUnsigned(size, image.size() - offset) > 0) {
        broken(
            Reason.TRUNCATED,
            field,
            offset,
            "must be at most "
                + hex(Math.max(0, image.size() - size))
                + ": notes of "
                + hex(size)
                + " bytes must end within the file's "
                + image.size());
        return;
      }
      if (size > budget) {
        broken(
            Reason.HEADER,
            field,
            offset,
            "must leave the notes at " + hex(budget) + " bytes, they have " + hex(size));
        return;
      }
      budget -= size;
      // The gABI has 8 in 64-bit files, GNU and Linux have 4 unless p_align says 8.
      notes(image.copy(offset, size), offset, alignment == 8 ? 8 : 4);
    }

    private void notes(ByteBuffer notes, long offset, int alignment) {
      long size = notes.capacity();
      long at = 0;
      while (size - at >= ElfLayout.NHDR_SIZE) {
        int header = (int) at;
        long nameSize = notes.getInt(header + ElfLayout.N_NAMESZ) & 0xffff_ffffL;
        long descSize = notes.getInt(header + ElfLayout.N_DESCSZ) & 0xffff_ffffL;
        long name = at + ElfLayout.NHDR_SIZE;
        long desc = MemoryRange.alignUp(name + nameSize, alignment);
        if (desc + descSize > size) {
          broken(
              Reason.TRUNCATED,
              "note at " + hex(offset + at),
              desc + descSize - at,
              "must have at most " + hex(size - at) + " bytes, the rest of its segment");
          return;
        }
        if (notes.getInt(header + ElfLayout.N_TYPE) == TYPE
            && nameSize == NAME_SIZE
            && notes.getInt((int) name) == NAME) {
          pvh(notes, offset + at, (int) desc, descSize);
        }
        at = MemoryRange.alignUp(desc + descSize, alignment);
      }
    }

    private void pvh(ByteBuffer notes, long note, int desc, long size) {
      if (size != 4 && size != 8) {
        broken(Reason.HEADER, "n_descsz of the note at " + hex(note), size, "must be 0x4 or 0x8");
        return;
      }
      long address = size == 8 ? notes.getLong(desc) : notes.getInt(desc) & 0xffff_ffffL;
      if (Long.compareUnsigned(address, X86Layout.HOLE_END) >= 0) {
        broken(Reason.HEADER, "PVH entry", address, "must be below " + hex(X86Layout.HOLE_END));
        return;
      }
      if (found.isPresent() && found.getAsLong() != address) {
        contradictory = true;
        broken(
            Reason.HEADER,
            "PVH entry",
            address,
            "must be " + hex(found.getAsLong()) + ", as in the note before");
        return;
      }
      found = OptionalLong.of(address);
    }

    private void broken(Reason reason, String field, long value, String limit) {
      if (broken.isEmpty()) {
        broken = Optional.of(kernel.error(reason, field, value, limit));
      }
    }

    PvhNote result() {
      return contradictory
          ? new PvhNote(OptionalLong.empty(), broken)
          : new PvhNote(found, found.isPresent() ? Optional.empty() : broken);
    }
  }
}
