// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The loadable modules of an unpacked kernel package.
 *
 * <p>Debian's packages carry no {@code modules.dep} (depmod writes it when a package is installed),
 * so dependencies are read from the modules themselves, from the {@code depends} entries of their
 * {@code .modinfo} section. Modules compressed with xz are unpacked by the host's {@code xz}.
 *
 * <p>A module's name is written with underscores, as {@code lsmod} shows it; names given with
 * hyphens are accepted. Not safe for use by several threads.
 */
public final class KernelModules {
  /**
   * The end of a signed module file; the 12 bytes before it are {@code struct module_signature}.
   */
  private static final byte[] SIGNATURE_MAGIC =
      "~Module signature appended~\n".getBytes(StandardCharsets.US_ASCII);

  private static final int MODULE_SIGNATURE_SIZE = 12;
  private static final int MAX_MODULE_SIZE = 64 << 20;

  private final KernelPackage kernel;
  private final Tools tools;
  private final Map<String, Path> files = new HashMap<>();
  private final Set<String> builtIn = new HashSet<>();
  private final Map<String, byte[]> loaded = new HashMap<>();

  private KernelModules(KernelPackage kernel, Tools tools) {
    this.kernel = kernel;
    this.tools = tools;
  }

  /**
   * Lists the modules of a kernel package.
   *
   * @param kernel the unpacked package
   * @return its modules
   * @throws LabException if the folder of modules cannot be read
   */
  public static KernelModules of(KernelPackage kernel) throws LabException {
    return of(kernel, Tools.ofEnvironment());
  }

  static KernelModules of(KernelPackage kernel, Tools tools) throws LabException {
    KernelModules modules = new KernelModules(kernel, tools);
    try (Stream<Path> tree = Files.walk(kernel.modules())) {
      for (Path file : (Iterable<Path>) tree::iterator) {
        String name = file.getFileName().toString();
        int end = name.indexOf(".ko");
        if (end > 0 && Files.isRegularFile(file)) {
          modules.files.put(canonical(name.substring(0, end)), file);
        }
      }
      Path list = kernel.modules().resolve("modules.builtin");
      if (Files.exists(list)) {
        for (String line : Files.readAllLines(list)) {
          String name = line.substring(line.lastIndexOf('/') + 1);
          if (name.endsWith(".ko")) {
            modules.builtIn.add(canonical(name.substring(0, name.length() - 3)));
          }
        }
      }
    } catch (IOException e) {
      throw new LabException("cannot list the modules in " + kernel.modules() + ": " + e, e);
    }
    return modules;
  }

  private static String canonical(String name) {
    return name.replace('-', '_');
  }

  /** {@return the names of all loadable modules} */
  public Set<String> names() {
    return Set.copyOf(files.keySet());
  }

  /**
   * {@return whether the kernel itself contains the module, so that nothing need be loaded}
   *
   * @param name a module's name
   */
  public boolean isBuiltIn(String name) {
    return builtIn.contains(canonical(name));
  }

  /**
   * Puts modules and all that they depend on into an order in which they can be inserted.
   *
   * @param names modules that are wanted; those built into the kernel are left out of the result
   * @return the names, each once, dependencies first
   * @throws LabException if a module neither exists nor is built in, or cannot be read
   */
  public List<String> closure(Collection<String> names) throws LabException {
    Set<String> order = new LinkedHashSet<>();
    for (String name : names) {
      visit(canonical(name), order, new LinkedHashSet<>());
    }
    return List.copyOf(order);
  }

  private void visit(String name, Set<String> order, Set<String> path) throws LabException {
    if (order.contains(name) || (isBuiltIn(name) && !files.containsKey(name))) {
      return;
    }
    if (!path.add(name)) {
      throw new LabException("modules of " + kernel.name() + " depend in a circle: " + path);
    }
    for (String entry : info(name).getOrDefault("depends", List.of())) {
      for (String dependency : entry.split(",", -1)) {
        if (!dependency.isEmpty()) {
          visit(canonical(dependency), order, path);
        }
      }
    }
    path.remove(name);
    order.add(name);
  }

  /**
   * Reads the {@code .modinfo} section of a module: {@code depends}, {@code alias} and so on.
   *
   * @param name a module's name
   * @return the values under each key, in the order of the file
   * @throws LabException if there is no such module or it is no 64-bit ELF file with that section
   */
  public Map<String, List<String>> info(String name) throws LabException {
    byte[] file = load(name);
    ByteBuffer info = section(name, ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN));
    Map<String, List<String>> result = new HashMap<>();
    byte[] bytes = new byte[info.remaining()];
    info.get(bytes);
    for (String entry : new String(bytes, StandardCharsets.UTF_8).split("\0", -1)) {
      int equals = entry.indexOf('=');
      if (equals > 0) {
        result
            .computeIfAbsent(entry.substring(0, equals), k -> new ArrayList<>())
            .add(entry.substring(equals + 1));
      }
    }
    return result;
  }

  /**
   * Returns a module as {@code insmod} takes it: unpacked, and without its signature. Debian's
   * kernels load unsigned modules unless locked down, and checking a signature is slow on an
   * emulated CPU.
   *
   * @param name a module's name
   * @return the bytes of the ELF file
   * @throws LabException if there is no such module, or it cannot be read or unpacked
   */
  public byte[] load(String name) throws LabException {
    String key = canonical(name);
    byte[] known = loaded.get(key);
    if (known != null) {
      return known.clone();
    }
    Path file = files.get(key);
    if (file == null) {
      throw new LabException("no module " + key + " in " + kernel.name());
    }
    byte[] bytes = withoutSignature(read(file));
    loaded.put(key, bytes);
    return bytes.clone();
  }

  private byte[] read(Path file) throws LabException {
    String name = file.getFileName().toString();
    try {
      if (name.endsWith(".ko")) {
        return Files.readAllBytes(file);
      }
      if (!name.endsWith(".ko.xz")) {
        throw new LabException(file + ": compressed in a way that is not known (.ko, .ko.xz)");
      }
      String xz = tools.get("xz").toString();
      Process process =
          tools
              .builder(List.of(xz, "-dc", file.toString()))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      process.getOutputStream().close();
      byte[] bytes;
      try (InputStream in = process.getInputStream()) {
        bytes = in.readNBytes(MAX_MODULE_SIZE);
      }
      int status = process.waitFor();
      if (status != 0 || bytes.length == MAX_MODULE_SIZE) {
        throw new LabException(
            file + ": xz ended with status " + status + " after " + bytes.length + " bytes");
      }
      return bytes;
    } catch (LabException e) {
      throw e;
    } catch (IOException e) {
      throw new LabException("cannot read " + file + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LabException("interrupted while reading " + file, e);
    }
  }

  static byte[] withoutSignature(byte[] file) {
    int magic = file.length - SIGNATURE_MAGIC.length;
    int info = magic - MODULE_SIGNATURE_SIZE;
    if (info < 0
        || !java.util.Arrays.equals(
            file, magic, file.length, SIGNATURE_MAGIC, 0, SIGNATURE_MAGIC.length)) {
      return file;
    }
    // The last field, sig_len, is big-endian.
    int length = ByteBuffer.wrap(file).getInt(magic - 4);
    if (length < 0 || length > info) {
      return file;
    }
    return java.util.Arrays.copyOf(file, info - length);
  }

  /** Finds {@code .modinfo} through the section headers of an ELF64 little-endian file. */
  private ByteBuffer section(String name, ByteBuffer elf) throws LabException {
    try {
      if (elf.getInt(0) != 0x464c457f || elf.get(4) != 2 || elf.get(5) != 1) {
        throw new LabException("module " + name + " of " + kernel.name() + " is no ELF64 file");
      }
      int headers = Math.toIntExact(elf.getLong(40));
      int size = Short.toUnsignedInt(elf.getShort(58));
      int count = Short.toUnsignedInt(elf.getShort(60));
      int names = Short.toUnsignedInt(elf.getShort(62));
      int strings = Math.toIntExact(elf.getLong(headers + names * size + 24));
      for (int i = 0; i < count; i++) {
        int header = headers + i * size;
        if (text(elf, strings + elf.getInt(header)).equals(".modinfo")) {
          return elf.slice(
              Math.toIntExact(elf.getLong(header + 24)), Math.toIntExact(elf.getLong(header + 32)));
        }
      }
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      throw new LabException("module " + name + " of " + kernel.name() + " is truncated", e);
    }
    throw new LabException("module " + name + " of " + kernel.name() + " has no .modinfo");
  }

  private static String text(ByteBuffer elf, int start) {
    int end = start;
    while (elf.get(end) != 0) {
      end++;
    }
    byte[] bytes = new byte[end - start];
    elf.get(start, bytes);
    return new String(bytes, StandardCharsets.US_ASCII);
  }
}
