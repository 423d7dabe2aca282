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
 * <p>Files are mapped and copied once, to guest memory; until then they must not change. Immutable
 * and thread-safe.
 */
public final class Initrd {
  private static final int PART_ALIGNMENT = 4;

  private record Part(String name, MemorySegment bytes) {}

  private final List<Part> parts;

  private Initrd(List<Part> parts) {
    this.parts = parts;
  }

  /**
   * Maps a file. The mapping ends when the garbage collector finds that it is no longer in use.
   *
   * @param file the file, not empty
   * @return the initrd
   * @throws LoaderException if it is not a readable regular file, or empty
   */
  public static Initrd read(Path file) throws LoaderException {
    return read(file, Arena.ofAuto());
  }

  /**
   * Maps a file.
   *
   * @param file the file, not empty
   * @param arena how long the file stays mapped
   * @return the initrd, usable until the arena is closed
   * @throws LoaderException if it is not a readable regular file, or empty
   * @throws IllegalStateException if the arena is closed
   */
  public static Initrd read(Path file, Arena arena) throws LoaderException {
    return of(file.toString(), ImageFile.map(file, arena));
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
    if (bytes.byteSize() == 0) {
      throw LoaderException.of(
          LoaderException.Reason.INITRD, name, "size", "0 bytes", "must be at least 1");
    }
    return new Initrd(List.of(new Part(name, bytes.asReadOnly())));
  }

  /**
   * {@return this initrd followed by another, whose files replace this one's of the same name}
   *
   * @param next the other
   */
  public Initrd join(Initrd next) {
    List<Part> joined = new ArrayList<>(parts);
    joined.addAll(next.parts);
    return new Initrd(List.copyOf(joined));
  }

  /** {@return the names of the parts, in order} */
  public String name() {
    return String.join(" + ", parts.stream().map(Part::name).toList());
  }

  /** {@return the size in bytes, gaps between the parts included} */
  public long size() {
    long size = 0;
    for (Part part : parts) {
      size = MemoryRange.alignUp(size, PART_ALIGNMENT) + part.bytes.byteSize();
    }
    return size;
  }

  boolean isAlive() {
    return parts.stream().allMatch(part -> part.bytes.scope().isAlive());
  }

  void writeTo(GuestMemory memory, long gpa) {
    memory.prefault(gpa, size());
    long offset = 0;
    for (Part part : parts) {
      long start = MemoryRange.alignUp(offset, PART_ALIGNMENT);
      memory.fill(gpa + offset, start - offset, (byte) 0);
      memory.write(gpa + start, part.bytes);
      offset = start + part.bytes.byteSize();
    }
  }

  @Override
  public String toString() {
    return "initrd " + name() + ", " + size() + " bytes";
  }
}
