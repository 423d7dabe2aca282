// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Stand-ins for apt, dpkg and virtiofsd, and for the files of a kernel package. */
final class Fakes {
  static final String KERNEL = "linux-image-6.1.0-99-cloud-amd64";

  private Fakes() {}

  /** A PATH with the fakes first. */
  static Tools tools(Path bin) {
    return new Tools(bin + ":/usr/bin:/bin:/usr/sbin:/sbin");
  }

  /**
   * Installs an apt that knows one kernel and busybox, and writes a line per call into {@code
   * calls}.
   */
  static void apt(Path bin, Path tree, Path calls) throws IOException {
    FakeQemu.script(
        bin.resolve("apt-cache"),
        "echo \"$0 $*\" >>'"
            + calls
            + "'\nfor last; do :; done\ncase $last in\nlinux-image-cloud-amd64) echo $last; echo '"
            + "  Depends: other'; echo '  Depends: "
            + KERNEL
            + "' ;;\n*) echo 'E: No packages found' ; exit 100 ;;\nesac");
    FakeQemu.script(
        bin.resolve("apt-get"),
        "echo \"$0 $*\" >>'"
            + calls
            + "'\nfor last; do :; done\ncase $last in\nlinux-image-6.1*|busybox-static)\n"
            + "echo archive >\"${last}_1%3a2_amd64.deb\" ;;\nupdate) ;;\n"
            + "*) echo \"E: Unable to locate package $last\" >&2; exit 100 ;;\nesac");
    FakeQemu.script(
        bin.resolve("dpkg-deb"),
        "echo \"$0 $*\" >>'"
            + calls
            + "'\nname=${2##*/}\ncp -r '"
            + tree
            + "'/\"${name%%_*}\"/. \"$3\"/");
  }

  /** Installs a virtiofsd that makes its socket and waits. */
  static void virtiofsd(Path bin) throws IOException {
    FakeQemu.script(
        bin.resolve("virtiofsd"),
        "for o; do case $o in --socket-path=*) : >\"${o#*=}\" ;; esac; done\nexec sleep 600");
    // Without root it is started through namespaces, which a build container may lack.
    FakeQemu.script(
        bin.resolve("unshare"), "while [ \"$1\" != sh ]; do shift; done\nshift\nexec \"$@\"");
  }

  /** The files of the two packages that a lab needs. */
  static void packages(Path tree) throws IOException {
    Path busybox = tree.resolve("busybox-static/bin/busybox");
    Files.createDirectories(busybox.getParent());
    Files.writeString(busybox, "busybox");
    Path kernel = tree.resolve(KERNEL);
    Path modules = kernel.resolve("lib/modules/6.1.0-99-cloud-amd64/kernel");
    Files.createDirectories(modules);
    Files.createDirectories(kernel.resolve("boot"));
    Files.writeString(kernel.resolve("boot/vmlinuz-6.1.0-99-cloud-amd64"), "kernel");
    Files.writeString(
        modules.resolveSibling("modules.builtin"), "kernel/drivers/virtio/virtio-ring.ko\n");
    for (List<String> module :
        List.of(
            List.of("virtio_pci", "virtio_ring"),
            List.of("virtio_console", "virtio_ring"),
            List.of("fuse", ""),
            List.of("virtiofs", "fuse,virtio-ring"),
            List.of("virtio_net", ""),
            List.of("irqbypass", ""),
            List.of("kvm", "irqbypass"),
            List.of("kvm-amd", "kvm"))) {
      Files.write(
          modules.resolve(module.getFirst() + ".ko"),
          module("depends=" + module.getLast() + "\0license=GPL\0"));
    }
  }

  /** An ELF64 file with a .modinfo section. */
  static byte[] module(String info) {
    byte[] names = "\0.shstrtab\0.modinfo\0".getBytes(StandardCharsets.US_ASCII);
    byte[] text = info.getBytes(StandardCharsets.US_ASCII);
    int namesAt = 64;
    int infoAt = namesAt + names.length;
    int headersAt = infoAt + text.length;
    ByteBuffer elf = ByteBuffer.allocate(headersAt + 3 * 64).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    elf.putLong(40, headersAt).putShort(58, (short) 64).putShort(60, (short) 3);
    elf.putShort(62, (short) 1);
    elf.put(namesAt, names).put(infoAt, text);
    section(elf, headersAt + 64, 1, namesAt, names.length);
    section(elf, headersAt + 128, 11, infoAt, text.length);
    return elf.array();
  }

  private static void section(ByteBuffer elf, int header, int name, int offset, int size) {
    elf.putInt(header, name).putLong(header + 24, offset).putLong(header + 32, size);
  }

  /** Appends a signature as the kernel's build does. */
  static byte[] signed(byte[] module, int signature) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(module);
    out.writeBytes(new byte[signature]);
    out.writeBytes(ByteBuffer.allocate(12).putInt(8, signature).array());
    out.writeBytes("~Module signature appended~\n".getBytes(StandardCharsets.US_ASCII));
    return out.toByteArray();
  }
}
