// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.javavmm.memory.GuestMemory;

/**
 * An initial RAM disk: one archive, or several that the kernel unpacks one after the other, a later
 * one over an earlier one. Each part begins at a multiple of 4 bytes, as the kernel's unpacker
 * needs (Documentation/driver-api/early-userspace/buffer-format.rst); the gaps are zeros.
 *
 * <p>Files are read when a plan is written, from the page cache straight to guest memory; until
 * then they stay open and must not change: whether one was cut short is noticed, whether other
 * bytes were written to it is not. Immutable and thread-safe.
 */
public final class Initrd {
  private static final int PART_ALIGNMENT = 4;

  private final List<ImageBytes> parts;

  private Initrd(List<ImageBytes> parts) {
    this.parts = parts;
  }

  /**
   * Opens a file. The initrd owns the descriptor, which is closed when the garbage collector finds
   * that the initrd is no longer in use, nor a plan with it. Who reads many gives an arena, that
   * descriptors do not pile up until then.
   *
   * @param file the file, not empty
   * @return the initrd
   * @throws LoaderException if it is not a readable regular file, or empty
   */
  public static Initrd read(Path file) throws LoaderException {
    return read(file, Arena.ofAuto());
  }

  /**
   * Opens a file.
   *
   * @param file the file, not empty
   * @param arena how long the file stays open; closing it closes the descriptor
   * @return the initrd, usable by any thread until the arena is closed
   * @throws LoaderException if it is not a readable regular file, or empty
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if the arena is confined to another thread
   */
  public static Initrd read(Path file, Arena arena) throws LoaderException {
    return of(ImageFile.open(file, arena));
  }

  /**
   * Takes an initrd that lies in memory.
   *
   * @param name what to call it in messages
   * @param bytes its bytes, not empty
   * @return the initrd, usable as long as the segment is
   * @throws LoaderException if it is empty
   */
  public static Initrd of(String name, MemorySegment bytes) throws LoaderException {
    return of(ImageBytes.of(name, bytes));
  }

  static Initrd of(ImageBytes bytes) throws LoaderException {
    if (bytes.size() == 0) {
      throw LoaderException.of(
          LoaderException.Reason.INITRD, bytes.name(), "size", "0 bytes", "must be at least 1");
    }
    return new Initrd(List.of(bytes));
  }

  /**
   * {@return this initrd followed by another, whose files replace this one's of the same name}
   *
   * @param next the other
   */
  public Initrd join(Initrd next) {
    List<ImageBytes> joined = new ArrayList<>(parts);
    joined.addAll(next.parts);
    return new Initrd(List.copyOf(joined));
  }

  /** {@return the names of the parts, in order} */
  public String name() {
    return String.join(" + ", parts.stream().map(ImageBytes::name).toList());
  }

  /** {@return the size in bytes, gaps between the parts included} */
  public long size() {
    long size = 0;
    for (ImageBytes part : parts) {
      size = MemoryRange.alignUp(size, PART_ALIGNMENT) + part.size();
    }
    return size;
  }

  boolean isAlive() {
    return parts.stream().allMatch(ImageBytes::isAlive);
  }

  /**
   * Looks whether the files still have all of their bytes.
   *
   * @throws LoaderException {@code FILE} if one was cut short
   */
  void checkComplete() throws LoaderException {
    for (ImageBytes part : parts) {
      part.checkComplete();
    }
  }

  /**
   * Writes all parts.
   *
   * @throws LoaderException {@code FILE} if a file was cut short; a part may be written
   */
  void writeTo(GuestMemory memory, long gpa) throws LoaderException {
    memory.prefault(gpa, size());
    long offset = 0;
    for (ImageBytes part : parts) {
      long start = MemoryRange.alignUp(offset, PART_ALIGNMENT);
      memory.fill(gpa + offset, start - offset, (byte) 0);
      part.writeTo(memory, gpa + start);
      offset = start + part.size();
    }
  }

  @Override
  public String toString() {
    return "initrd " + name() + ", " + size() + " bytes";
  }
}
