// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import org.javavmm.lab.DebianPackages;
import org.javavmm.lab.KernelPackage;
import org.javavmm.loader.BootEntry;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.BzImage;
import org.javavmm.loader.CommandLine;
import org.javavmm.loader.Initrd;
import org.javavmm.loader.KernelImage;
import org.javavmm.loader.LoaderException;
import org.javavmm.loader.X86Layout;
import org.javavmm.vmm.BootTimeline;
import org.jspecify.annotations.Nullable;

/**
 * {@code vmm linux}: checks all that the user gave, makes the plan of the boot, chooses the KVM and
 * starts {@link LinuxVmm}.
 */
final class LinuxCommand {
  /** COMMAND_LINE_SIZE of x86, without the final zero. */
  private static final long DEBIAN_COMMAND_LINE = 2047;

  /** What stands before the name of a kernel that is Debian's, and not a file. */
  private static final String DEBIAN = "debian:";

  private static final String DEFAULT_KERNEL = "6.1-cloud";

  private LinuxCommand() {}

  static Syntax syntax() {
    Syntax syntax =
        Options.command(
                "linux",
                "Boots a Linux kernel with a shell on the serial console. Without --kernel it is"
                    + " Debian's cloud kernel, without --initrd a busybox; both are fetched once."
                    + " Ctrl-A x ends the VM, Ctrl-A h tells more.")
            .add(
                Options.value(
                    "--kernel",
                    "FILE|debian:NAME",
                    "a bzImage, an x86 ELF kernel (a vmlinux, PVH) or a Multiboot kernel; or a kernel of"
                        + " Debian's: "
                        + String.join(", ", DebianPackages.kernels())))
            .add(Options.value("--initrd", "FILE", "an initramfs, used as it is"))
            .add(
                Options.value(
                    "--cmdline", "TEXT", "parameters for the kernel, after those of the monitor"))
            .add(
                Options.value(
                    "--entry",
                    "ENTRY",
                    "how the kernel is entered: linux64, linux32, pvh or multiboot; by default the"
                        + " first of these that it has"))
            .add(
                Options.flag(
                    "--decompress",
                    "decompress a bzImage on the host and enter the ELF kernel in it, as --entry"
                        + " pvh does in any case"))
            .add(
                Options.value(
                    "--command",
                    "CMD",
                    "run CMD in the guest's shell instead: its output, errors and status become ours;"
                        + " its standard input is empty. With --initrd our init and busybox are added to"
                        + " that initramfs"))
            .add(
                Options.flag(
                    "--no-reboot",
                    "end when the guest resets or panics, with status 0, and do not boot it again;"
                        + " --command and --no-acpi imply it"))
            .add(
                Options.value(
                    "--timing",
                    "text|json",
                    "print at the end, on the standard error output, when the boot came how far"))
            .add(Options.kvmOption());
    Hardware.addTo(syntax);
    GuestDevices.addTo(syntax);
    return syntax;
  }

  static int run(Options options, PrintStream err) throws IOException, InterruptedException {
    return run(options, GuestDevices.of(options), err);
  }

  static int run(Options options, GuestDevices devices, PrintStream err)
      throws IOException, InterruptedException {
    BootTimeline timeline = BootTimeline.ofProcess();
    timeline.mark(BootTimeline.Mark.JVM);
    // All that the user gave, before anything is fetched, built or started.
    Given given = Given.of(options);
    Hardware hardware = given.hardware;
    KernelImage kernel = given.kernel;
    Initrd initrd = given.initrd;
    Optional<String> command = given.command;

    DebianPackages packages = DebianPackages.ofUser(new Progress("vmm"));
    boolean lab = KvmSelection.useLab(given.kvm, packages.directory(), err);
    if (lab) {
      LabRun.checkHost(hardware.memory());
    } else {
      checkHost(hardware);
    }
    if (kernel == null || initrd == null || command.isPresent()) {
      KernelPackage debian = packages.kernel(given.debianName);
      if (kernel == null) {
        kernel = given.entry.prepare(KernelImage.read(debian.vmlinuz()));
      }
      if (initrd == null || command.isPresent()) {
        Initrd own = Initrd.read(GuestInitramfs.build(packages, debian, initrd == null));
        initrd = initrd == null ? own : initrd.join(own);
      }
      if (command.isPresent()) {
        byte[] archive = GuestInitramfs.command(command.get());
        initrd = initrd.join(Initrd.of("--command", MemorySegment.ofArray(archive)));
      }
    }
    BootPlan plan = given.plan(kernel, initrd);

    if (lab) {
      return LabRun.ofThisProcess(options.verbose())
          .forGuest(hardware.memory(), hardware.cpus())
          .run();
    }
    timeline.mark(BootTimeline.Mark.INPUTS);
    LinuxVmm.Machine machine =
        new LinuxVmm.Machine(hardware, plan, devices, given.reboot, given.timing);
    LinuxVmm vmm = new LinuxVmm(machine, timeline, options.verbose(), err);
    return command.isPresent() ? vmm.runCommand() : vmm.runConsole();
  }

  /** The kernel of Debian's that is booted, or whose drivers a kernel of the user's may have. */
  private static String debianName(Optional<String> given) throws UsageException {
    if (given.isEmpty() || !given.get().startsWith(DEBIAN)) {
      return DEFAULT_KERNEL;
    }
    String name = given.get().substring(DEBIAN.length());
    if (!DebianPackages.kernels().contains(name)) {
      throw new UsageException(
          "--kernel "
              + given.get()
              + ": Debian's kernels are "
              + String.join(", ", DebianPackages.kernels()));
    }
    return name;
  }

  /** A feature that the host lacks, or that lacks another, is the user's to change. */
  private static void checkHost(Hardware hardware) throws IOException {
    try {
      hardware.builder().checkHost();
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()), e);
    }
  }

  private static CommandLine cmdline(
      Options options, Hardware hardware, boolean reboot, Timing timing) throws LoaderException {
    CommandLine.Builder line = CommandLine.builder().add("console", "ttyS0");
    // Reset by the ACPI register: on a hardware-reduced machine Linux takes EFI's reset, and
    // without EFI the BIOS's, which is not there. A panic resets at once where nobody waits to read
    // it; where the guest would boot into the next one, after a while.
    if (!hardware.acpi()) {
      line.add("acpi", "off"); // it would look for tables, and call their absence an error
    }
    line.add("reboot", hardware.acpi() ? "a" : "k").add("panic", reboot ? "10" : "-1");
    if (timing != Timing.NONE) {
      line.add("vmm.timing"); // our init's: the kernel leaves names of unknown modules alone
    }
    if (!options.verbose()) {
      line.add("quiet");
    }
    return line.append(options.get("--cmdline").orElse("")).build();
  }

  private static Path path(String text) throws UsageException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new UsageException("not a path: " + e.getMessage(), e);
    }
  }

  /**
   * What the user gave, read and checked as far as can be without the rest.
   *
   * @param hardware what the guest runs on
   * @param entry how the kernel is entered
   * @param kvm whose KVM
   * @param command the command to run, if not a console
   * @param timing whether times are printed
   * @param reboot whether a reset boots the guest again
   * @param cmdline the kernel's command line
   * @param debianName the kernel of Debian's, to boot or to take drivers from
   * @param kernel the user's kernel; null for Debian's
   * @param initrd the user's initramfs; null for ours
   */
  record Given(
      Hardware hardware,
      Entry entry,
      KvmChoice kvm,
      Optional<String> command,
      Timing timing,
      boolean reboot,
      CommandLine cmdline,
      String debianName,
      @Nullable KernelImage kernel,
      @Nullable Initrd initrd) {
    static Given of(Options options) throws IOException {
      final Hardware hardware = Hardware.of(options);
      final Entry entry = Entry.of(options);
      final KvmChoice kvm = options.kvm();
      final Optional<String> command = options.get("--command");
      if (command.isPresent() && command.get().isBlank()) {
        throw new UsageException("--command: is empty");
      }
      final Timing timing = Timing.parse(options.get("--timing"));
      // Without ACPI a reset is how a guest ends.
      final boolean reboot = command.isEmpty() && hardware.acpi() && !options.has("--no-reboot");
      CommandLine cmdline = LinuxCommand.cmdline(options, hardware, reboot, timing);
      Optional<String> kernelGiven = options.get("--kernel");
      final String debianName = LinuxCommand.debianName(kernelGiven);
      Optional<String> kernelFile = kernelGiven.filter(name -> !name.startsWith(DEBIAN));
      Optional<String> initrdFile = options.get("--initrd");
      KernelImage kernel =
          kernelFile.isPresent() ? entry.prepare(KernelImage.read(path(kernelFile.get()))) : null;
      Initrd initrd = initrdFile.isPresent() ? Initrd.read(path(initrdFile.get())) : null;
      Given given =
          new Given(
              hardware, entry, kvm, command, timing, reboot, cmdline, debianName, kernel, initrd);
      if (kernel != null) {
        // Most of what can be wrong shows without our own initramfs.
        var _ = given.plan(kernel, initrd);
      } else {
        cmdline.checkLength(DEBIAN_COMMAND_LINE);
      }
      return given;
    }

    /** Plans the boot of a kernel with, if it is not null, an initramfs. */
    BootPlan plan(KernelImage image, @Nullable Initrd archive) throws LoaderException {
      BootPlan.Builder plan =
          BootPlan.builder(image).ram(X86Layout.splitRam(hardware.memory())).commandLine(cmdline);
      entry.protocol().ifPresent(plan::entry);
      if (archive != null) {
        plan.initrd(archive);
      }
      return plan.build();
    }
  }

  /**
   * How the kernel is entered.
   *
   * @param protocol the boot protocol; the kernel's first if empty
   * @param decompress whether a bzImage is decompressed on the host
   */
  record Entry(Optional<BootEntry> protocol, boolean decompress) {
    static Entry of(Options options) throws UsageException {
      Optional<String> given = options.get("--entry");
      boolean decompress = options.has("--decompress");
      if (given.isEmpty()) {
        return new Entry(Optional.empty(), decompress);
      }
      return switch (given.get()) {
        case "linux64" -> new Entry(Optional.of(BootEntry.LINUX_64), decompress);
        case "linux32" -> new Entry(Optional.of(BootEntry.LINUX_32), decompress);
        case "pvh" -> new Entry(Optional.of(BootEntry.PVH), true);
        case "multiboot" -> new Entry(Optional.of(BootEntry.MULTIBOOT), decompress);
        default ->
            throw new UsageException(
                "--entry " + given.get() + ": must be linux64, linux32, pvh or multiboot");
      };
    }

    KernelImage prepare(KernelImage kernel) throws LoaderException {
      return decompress && kernel instanceof BzImage image
          ? image.decompressPayload(Arena.ofAuto())
          : kernel;
    }
  }
}
