// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.module.ModuleReader;
import java.lang.module.ResolvedModule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.arch.CpuidTemplate;
import org.javavmm.arch.Gdt;
import org.javavmm.arch.MpTable;
import org.javavmm.arch.PageTables;
import org.javavmm.arch.Smbios;
import org.javavmm.arch.Topology;
import org.javavmm.device.AddressRange;
import org.javavmm.device.Bus;
import org.javavmm.device.InterruptLine;
import org.javavmm.event.EventLoop;
import org.javavmm.kvm.Cpuid;
import org.javavmm.lab.DebianPackages;
import org.javavmm.loader.BootPlan;
import org.javavmm.loader.InitramfsWriter;
import org.javavmm.loader.X86Layout;
import org.javavmm.memory.GuestMemory;
import org.javavmm.pci.IntxPin;
import org.javavmm.superio.AcpiPower;
import org.javavmm.superio.CmosRtc;
import org.javavmm.superio.DebugPort;
import org.javavmm.superio.I8042;
import org.javavmm.superio.SerialSink;
import org.javavmm.superio.Uart16550;
import org.javavmm.sys.OwnedFd;
import org.javavmm.sys.ProcessSignals;
import org.javavmm.sys.Terminal;
import org.javavmm.virtio.TransportSetup;
import org.javavmm.virtio.VirtioMmio;
import org.javavmm.virtio.VirtioPci;
import org.javavmm.virtio.devices.Entropy;
import org.javavmm.virtio.devices.EntropySource;
import org.javavmm.vmm.BootTimeline;
import org.javavmm.vmm.LinuxBoot;

/**
 * The training run of the start-up archive: does what the monitors do before a guest runs, so that
 * the archive has the classes, and what the JVM made of them. It needs no KVM, no network and no
 * file; where there is a KVM, it runs small guests as well.
 */
final class WarmUp {
  interface Work {
    void run() throws Exception;
  }

  /**
   * A part of the run.
   *
   * @param name what the archive lacks without it
   * @param work what is done
   */
  record Step(String name, Work work) {}

  /** What the monitors print. */
  private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream());

  private static final String MODULES = "org.javavmm.";
  private static final long MEMORY = 64L << 20;

  private WarmUp() {}

  /** Runs all steps; one that fails is named, and leaves the archive smaller. */
  static int run(boolean verbose, PrintStream err) throws IOException {
    Path folder = Files.createTempDirectory("vmm-warm-up");
    try {
      run(steps(folder), verbose, err);
    } finally {
      delete(folder);
    }
    return 0;
  }

  static void run(List<Step> steps, boolean verbose, PrintStream err) {
    for (Step step : steps) {
      try {
        step.work.run();
      } catch (Exception | LinkageError e) {
        err.println("vmm: the start-up archive lacks " + step.name + ": " + e);
        if (verbose) {
          e.printStackTrace(err);
        }
      }
    }
  }

  /**
   * {@return the steps}
   *
   * @param folder an empty folder for their files
   */
  static List<Step> steps(Path folder) throws IOException {
    String lz4 = file(folder, "lz4", SmallKernel.bzImage(SmallKernel.lz4(SmallKernel.vmlinux())));
    String gzip =
        file(folder, "gzip", SmallKernel.bzImage(SmallKernel.gzip(SmallKernel.vmlinux())));
    String vmlinux = file(folder, "vmlinux", SmallKernel.vmlinux());
    String initrd = file(folder, "initrd", GuestInitramfs.command("true"));
    List<Step> steps = new ArrayList<>();
    steps.add(new Step("hello", WarmUp::hello));
    steps.add(new Step("the choice of the KVM", () -> choice(folder)));
    steps.add(
        new Step(
            "linux",
            () ->
                linux(
                    ("--kernel " + lz4 + " --initrd " + initrd + " --cpus 2 --memory 64M --rng")
                        + " --numa 2 --cpu-model x86-64-v2 --cpu-features -x2apic --timing json")));
    steps.add(
        new Step(
            "linux --transport pci",
            () ->
                linux(
                    ("--kernel " + gzip + " --entry linux32 --memory=64M --rng --transport pci")
                        + " --kvm auto --numa 64M:0 --no-reboot --cmdline debug --timing text")));
    steps.add(
        new Step(
            "linux --no-acpi",
            () -> linux("--no-acpi --kernel " + lz4 + " --entry pvh --memory 64M --cpus 2")));
    steps.add(
        new Step(
            "linux --command",
            () -> linux("--command true --kernel " + gzip + " --decompress --memory 64M")));
    steps.add(
        new Step("linux of an ELF file", () -> linux("--kernel " + vmlinux + " --memory 64M")));
    for (String file : List.of(lz4, gzip, vmlinux)) {
      String name = "inspect of " + Path.of(file).getFileName();
      steps.add(new Step(name, () -> inspect("inspect", file)));
      steps.add(new Step(name + " as JSON", () -> inspect("inspect", "--json", file)));
    }
    steps.add(new Step("the initramfs", () -> initramfs(folder)));
    steps.add(new Step("signals and terminal", WarmUp::signals));
    // Last: what needs a KVM is loaded at least.
    steps.add(new Step("all classes", () -> load(ModuleLayer.boot())));
    return steps;
  }

  private static String file(Path folder, String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes).toString();
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static void hello() throws IOException {
    // Never in the lab.
    if (!HelloCommand.useLab(Options.parse("hello"), NOWHERE)) {
      HelloVmm.run(NOWHERE);
    }
  }

  private static void choice(Path folder) {
    var _ = DebianPackages.ofUser(new Progress("vmm")).directory();
    var _ = KvmSelection.useLab(KvmChoice.AUTO, folder, NOWHERE);
    var _ = KvmSelection.useLab(KvmChoice.AUTO, folder, NOWHERE); // has an answer now
  }

  private static void inspect(String... args) throws IOException {
    int status = InspectCommand.run(Options.parse(args), NOWHERE);
    if (status != 0) {
      throw new IllegalStateException("status " + status);
    }
  }

  private static void initramfs(Path folder) throws IOException {
    try (OutputStream out = Files.newOutputStream(folder.resolve("initramfs"))) {
      new InitramfsWriter(out)
          .file("vmm-mark", 0755, MarkProgram.elf())
          .symlink("bin", "sbin")
          .characterDevice("console", 0600, 5, 1)
          .finish();
    }
    var _ = GuestInitramfs.key("kernel", "busybox", GuestInitramfs.init(), true);
  }

  private static void signals() throws IOException {
    var _ = Terminal.isTerminal(OwnedFd.standardStream(0));
    try (ProcessSignals signals = LinuxVmm.signals()) {
      var _ = signals.take();
    }
  }

  /** As {@code vmm linux}, with what it does to a machine done to parts of one. */
  private static void linux(String line) throws Exception {
    BootTimeline timeline = BootTimeline.ofProcess();
    Options options = Options.parse(("linux " + line).split(" "));
    LinuxCommand.Given given = LinuxCommand.Given.of(options);
    var _ = GuestDevices.of(options);
    Hardware hardware = given.hardware();
    var _ = hardware.builder();
    if (given.kernel() == null) {
      throw new IllegalArgumentException("no kernel: " + line);
    }
    BootPlan plan = given.plan(given.kernel(), given.initrd());
    timeline.mark(BootTimeline.Mark.INPUTS);
    try (GuestMemory memory = GuestMemory.builder().anonymous("ram", 0, MEMORY).build();
        EventLoop events = EventLoop.create("events")) {
      Thread loop = events.start();
      devices(hardware, memory, events);
      virtio(memory, events, options.get("--transport").isPresent());
      tables(hardware, memory, plan);
      processors(hardware.cpus());
      events.call(() -> true);
      events.stop();
      loop.join();
    }
    timeline.mark(BootTimeline.Mark.LOADED);
    given.timing().print(timeline, NOWHERE);
  }

  private static void devices(Hardware hardware, GuestMemory memory, EventLoop events)
      throws IOException {
    Bus pio = Bus.pio();
    SerialSink sink = SerialSink.to(_ -> {});
    for (ComPort port : ComPort.values()) {
      Uart16550 uart =
          Uart16550.builder(InterruptLine.NONE, sink).pacer(events).flowControl(true).build();
      pio.add(port.name(), port.base(), Uart16550.PORTS, uart);
      pio.write(port.base(), 1, 'x');
    }
    pio.add("init's mark", MarkProgram.PORT, 1, new DebugPort(sink));
    if (hardware.acpi()) {
      pio.add("ACPI power", AcpiPower.PORT, AcpiPower.SIZE, new AcpiPower(() -> {}, () -> {}));
    }
    new I8042(InterruptLine.NONE, () -> {}).addTo(pio);
    try (CmosRtc clock =
        CmosRtc.builder()
            .interrupt(events, InterruptLine.NONE)
            .memory(memory.regions().getFirst().size(), 0)
            .processors(hardware.cpus())
            .build()) {
      clock.addTo(pio);
    }
  }

  private static void virtio(GuestMemory memory, EventLoop events, boolean pci) throws Exception {
    TransportSetup setup = TransportSetup.of(new Entropy(EntropySource.kernel()), memory, events);
    if (pci) {
      try (VirtioPci device = VirtioPci.builder(setup).intx(IntxPin.A).build()) {
        var _ = device.function();
      }
    } else {
      try (VirtioMmio device =
          VirtioMmio.builder(setup, X86Layout.HOLE_START).edge(InterruptLine.NONE).build()) {
        var _ = device.read(0, 4);
      }
    }
  }

  private static void tables(Hardware hardware, GuestMemory memory, BootPlan plan)
      throws IOException {
    plan.writeTo(memory, 0);
    Gdt.write(memory, X86Layout.GDT);
    Gdt.write32(memory, X86Layout.GDT);
    PageTables.writeIdentity(memory, X86Layout.PML4);
    if (!hardware.acpi()) {
      byte[] table =
          MpTable.pc(Topology.ofCores(hardware.cpus()), MpTable.TIMER_PIN_0)
              .build()
              .toBytes(MpTable.BASE_MEMORY);
      memory.write(MpTable.BASE_MEMORY, table);
      return;
    }
    PlacedTables placed =
        LinuxBoot.acpiTables(hardware.cpus(), EnumSet.allOf(ComPort.class))
            .place(X86Layout.ACPI_START, Smbios.AREA - X86Layout.ACPI_START);
    memory.write(placed.gpa(), placed.bytes());
    Smbios.builder()
        .bios("java-vmm", "1", "01/01/2026")
        .memory(List.of(new AddressRange("ram", 0, MEMORY - 1)))
        .bootInformation()
        .build()
        .writeTo(memory, Smbios.AREA);
  }

  private static void processors(int cpus) {
    Cpuid host =
        new Cpuid(
            List.of(
                new Cpuid.Entry(0, 0, 0, 7, 0x756e_6547, 0x6c65_746e, 0x4965_6e69),
                new Cpuid.Entry(1, 0, 0, 0x6_0000, 0, 1, 0x0789_8bff),
                new Cpuid.Entry(0x8000_0000, 0, 0, 0x8000_0008, 0, 0, 0),
                new Cpuid.Entry(0x8000_0001, 0, 0, 0, 0, 1, 0x2010_0800),
                new Cpuid.Entry(0x8000_0008, 0, 0, 0x3028, 0, 0, 0)));
    CpuidTemplate template = CpuidTemplate.of(host, true);
    for (int cpu = 0; cpu < cpus; cpu++) {
      var _ = template.forVcpu(cpu, Topology.ofCores(cpus)).toBytes();
    }
  }

  /** Loads, but does not initialize, the classes of our modules and says how many there are. */
  static int load(ModuleLayer layer) throws IOException {
    int count = 0;
    for (ResolvedModule module : layer.configuration().modules()) {
      Optional<Module> ours =
          module.name().startsWith(MODULES) ? layer.findModule(module.name()) : Optional.empty();
      if (ours.isEmpty()) {
        continue;
      }
      try (ModuleReader reader = module.reference().open();
          Stream<String> files = reader.list()) {
        for (String file : files.filter(name -> name.endsWith(".class")).toList()) {
          String name = file.substring(0, file.length() - ".class".length()).replace('/', '.');
          if (!name.equals("module-info") && Class.forName(ours.get(), name) != null) {
            count++;
          }
        }
      }
    }
    return count;
  }
}
