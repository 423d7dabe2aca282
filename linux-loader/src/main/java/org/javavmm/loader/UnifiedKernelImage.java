// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.javavmm.loader.LoaderException.Reason;

/**
 * A unified kernel image (UKI): an EFI program whose sections are a kernel, its initrd and its
 * command line (the UAPI group's specification "Unified Kernel Image"). Its parts can be booted
 * without EFI:
 *
 * <pre>{@code
 * UnifiedKernelImage uki = UnifiedKernelImage.of(PeImage.read(file)).orElseThrow();
 * KernelImage kernel = uki.kernelImage();
 * Optional<Initrd> initrd = uki.initrdImage();
 * }</pre>
 *
 * <p>Where the image has several profiles, this is what they have in common: the sections before
 * the first {@code .profile}. Nothing here checks a signature. Immutable and thread-safe.
 */
public final class UnifiedKernelImage {
  /** The largest section that is read as text, in bytes. */
  public static final int TEXT_LIMIT = 1 << 20;

  private static final String KERNEL = ".linux";

  private final PeImage pe;
  private final List<PeImage.Section> base;
  private final int profiles;

  private UnifiedKernelImage(PeImage pe) throws LoaderException {
    this.pe = pe;
    List<PeImage.Section> common = new ArrayList<>();
    int found = 0;
    for (PeImage.Section section : pe.sections()) {
      if (section.name().equals(".profile")) {
        found++;
      } else if (found == 0) {
        common.add(section);
      }
    }
    this.base = List.copyOf(common);
    this.profiles = found;
    for (String name : List.of(KERNEL, ".initrd", ".cmdline", ".osrel", ".uname")) {
      long count = base.stream().filter(section -> section.name().equals(name)).count();
      if (count > 1 || (count == 0 && name.equals(KERNEL))) {
        throw pe.error(
            Reason.HEADER,
            "number of sections " + name,
            Long.toString(count),
            name.equals(KERNEL) ? "must be 1" : "must be at most 1");
      }
    }
  }

  /**
   * {@return the unified kernel image that a PE file is, if it is one: it has a section {@code
   * .linux}}
   *
   * @param pe the file
   * @throws LoaderException {@code HEADER} if {@code .linux}, {@code .initrd}, {@code .cmdline},
   *     {@code .osrel} or {@code .uname} stands there more than once, or {@code .linux} in a
   *     profile only
   */
  public static Optional<UnifiedKernelImage> of(PeImage pe) throws LoaderException {
    return pe.section(KERNEL).isPresent()
        ? Optional.of(new UnifiedKernelImage(pe))
        : Optional.empty();
  }

  /** {@return the file} */
  public PeImage pe() {
    return pe;
  }

  /** {@return the number of profiles, 0 for an image that has but one way to boot} */
  public int profiles() {
    return profiles;
  }

  /**
   * {@return the kernel, read and checked; what is loaded of it goes from the file straight to
   * guest memory}
   *
   * @throws LoaderException as {@link KernelImage#parse}
   */
  public KernelImage kernelImage() throws LoaderException {
    return KernelImage.parse(KERNEL, kernelBytes());
  }

  /**
   * {@return the initrd, if there is one, which goes from the file straight to guest memory}
   *
   * @throws LoaderException if it is empty
   */
  public Optional<Initrd> initrdImage() throws LoaderException {
    Optional<ImageBytes> bytes = initrdBytes();
    return bytes.isPresent() ? Optional.of(Initrd.of(bytes.get())) : Optional.empty();
  }

  /**
   * {@return the bytes of the kernel, as {@link PeImage#contents}}
   *
   * @throws LoaderException {@code FILE} if the file was cut short
   */
  public MemorySegment kernel() throws LoaderException {
    return kernelBytes().toMemory(Arena.ofAuto());
  }

  /**
   * {@return the bytes of the initrd, as {@link PeImage#contents}}
   *
   * @throws LoaderException {@code FILE} if the file was cut short
   */
  public Optional<MemorySegment> initrd() throws LoaderException {
    Optional<ImageBytes> bytes = initrdBytes();
    return bytes.isPresent() ? Optional.of(bytes.get().toMemory(Arena.ofAuto())) : Optional.empty();
  }

  ImageBytes kernelBytes() {
    return contents(KERNEL).orElseThrow();
  }

  Optional<ImageBytes> initrdBytes() {
    return contents(".initrd");
  }

  /**
   * {@return the command line, if there is one: line ends and other control characters as blanks,
   * none at its ends}
   *
   * @throws LoaderException if the section is larger than {@link #TEXT_LIMIT} or not UTF-8, or as
   *     {@link CommandLine#of}
   */
  public Optional<CommandLine> commandLine() throws LoaderException {
    Optional<String> text = text(".cmdline");
    return text.isPresent() ? Optional.of(CommandLine.of(text.get())) : Optional.empty();
  }

  /**
   * {@return the kernel's release as {@code uname -r} prints it, if the image says}
   *
   * @throws LoaderException if the section is larger than {@link #TEXT_LIMIT} or not UTF-8
   */
  public Optional<String> uname() throws LoaderException {
    return text(".uname");
  }

  /**
   * {@return the operating system's name, PRETTY_NAME or else ID of its os-release, if the image
   * says}
   *
   * @throws LoaderException if the section is larger than {@link #TEXT_LIMIT} or not UTF-8
   */
  public Optional<String> osName() throws LoaderException {
    Optional<String> release = rawText(".osrel");
    if (release.isEmpty()) {
      return Optional.empty();
    }
    for (String key : List.of("PRETTY_NAME=", "ID=")) {
      for (String line : release.get().lines().toList()) {
        if (line.startsWith(key)) {
          return Optional.of(clean(unquote(line.substring(key.length()).strip())));
        }
      }
    }
    return Optional.empty();
  }

  private static String unquote(String value) {
    boolean quoted =
        value.length() >= 2
            && (value.charAt(0) == '"' || value.charAt(0) == '\'')
            && value.charAt(value.length() - 1) == value.charAt(0);
    return quoted ? value.substring(1, value.length() - 1) : value;
  }

  private Optional<ImageBytes> contents(String name) {
    return base.stream().filter(section -> section.name().equals(name)).findFirst().map(pe::bytes);
  }

  private Optional<String> text(String name) throws LoaderException {
    return rawText(name).map(UnifiedKernelImage::clean);
  }

  private Optional<String> rawText(String name) throws LoaderException {
    Optional<ImageBytes> bytes = contents(name);
    if (bytes.isEmpty()) {
      return Optional.empty();
    }
    long size = bytes.get().size();
    if (size > TEXT_LIMIT) {
      throw pe.error(
          Reason.HEADER, "section " + name, size + " bytes", "must be at most " + TEXT_LIMIT);
    }
    ByteBuffer text = bytes.get().copy(0, size);
    try {
      return Optional.of(StandardCharsets.UTF_8.newDecoder().decode(text).toString());
    } catch (CharacterCodingException e) {
      LoaderException exception =
          pe.error(Reason.HEADER, "section " + name, "not UTF-8", "must be text");
      exception.initCause(e);
      throw exception;
    }
  }

  private static String clean(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.chars().forEach(c -> line.append(Character.isISOControl(c) ? ' ' : (char) c));
    return line.toString().strip();
  }

  @Override
  public String toString() {
    return pe.name() + ": unified kernel image for " + pe.machineName();
  }
}
