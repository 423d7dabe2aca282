// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import java.util.EnumSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.javavmm.acpi.ComPort;
import org.javavmm.acpi.PlacedTables;
import org.javavmm.arch.MpTable;
import org.javavmm.arch.Smbios;
import org.javavmm.device.AddressRange;
import org.javavmm.loader.X86Layout;
import org.javavmm.vmm.LinuxBoot;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Building the tables that describe a machine, once for each boot, into bytes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class TablesBenchmark {
  /** The number of vCPUs; an MP table has room for 254. */
  @Param({"1", "8", "254"})
  public int cpus;

  /**
   * ACPI tables with four serial ports, built and placed.
   *
   * @return the tables
   */
  @Benchmark
  public PlacedTables acpi() {
    return acpi(cpus);
  }

  /**
   * An MP table.
   *
   * @return its bytes
   */
  @Benchmark
  public byte[] mpTable() {
    return mpTable(cpus);
  }

  /**
   * SMBIOS tables with one package of processors.
   *
   * @return their bytes
   */
  @Benchmark
  public byte[] smbios() {
    return smbios(cpus);
  }

  static PlacedTables acpi(int cpus) {
    return LinuxBoot.acpiTables(cpus, EnumSet.allOf(ComPort.class))
        .place(X86Layout.ACPI_START, Smbios.AREA - X86Layout.ACPI_START);
  }

  static byte[] mpTable(int cpus) {
    // Too long for the last KiB below 640 KiB with many processors.
    return MpTable.pc(cpus, MpTable.TIMER_PIN_0).build().toBytes(MpTable.BIOS_AREA);
  }

  static byte[] smbios(int cpus) {
    return Smbios.builder()
        .bios("java-vmm", "1", "01/01/2026")
        .system(
            new Smbios.SystemInformation(
                "java-vmm", "virtual machine", "1", "", "", "", new UUID(0, 0)))
        .chassis(new Smbios.Chassis(1, "java-vmm", "", "", "", ""))
        .processor(new Smbios.Processor("CPU 0", "java-vmm", "1", 0, 0, cpus, cpus, 0))
        .memory(List.of(new AddressRange("ram", 0, (512L << 20) - 1)))
        .bootInformation()
        .build()
        .toBytes(Smbios.AREA);
  }
}
