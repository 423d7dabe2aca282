// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.io.IOException;
import java.util.Optional;
import org.javavmm.event.SubscriberStartException;
import org.javavmm.virtio.VirtioDevice;
import org.javavmm.virtio.devices.Entropy;
import org.javavmm.virtio.devices.EntropySource;
import org.javavmm.vmm.Vmm;

/** The virtio devices of {@code vmm linux}: which there are, and how they are attached. */
@FunctionalInterface
interface GuestDevices {
  /** How virtio devices are attached. */
  enum Transport {
    MMIO,
    PCI;

    static Transport parse(String text) throws UsageException {
      return switch (text) {
        case "mmio" -> MMIO;
        case "pci" -> PCI;
        default -> throw new UsageException("--transport " + text + ": must be mmio or pci");
      };
    }

    void attach(Vmm vmm, VirtioDevice device) throws IOException, SubscriberStartException {
      switch (this) {
        case MMIO -> {
          var _ = vmm.attachMmio(device);
        }
        case PCI -> {
          var _ = vmm.attachPci(device);
        }
      }
    }
  }

  /** Attaches them to a machine, before its tables are written. */
  void attach(Vmm vmm) throws IOException, SubscriberStartException;

  static void addTo(Syntax syntax) {
    syntax
        .add(
            Options.value(
                "--transport", "mmio|pci", "how virtio devices are attached, by default mmio"))
        .add(Options.flag("--rng", "add a virtio entropy device: /dev/hwrng"));
  }

  /** The devices that the user asks for. */
  static GuestDevices of(Options options) throws UsageException {
    Optional<String> given = options.get("--transport");
    Transport transport = Transport.parse(given.orElse("mmio"));
    boolean rng = options.has("--rng");
    if (given.isPresent() && !rng) {
      throw new UsageException("--transport: there is no virtio device; add one, such as --rng");
    }
    return vmm -> {
      if (rng) {
        transport.attach(vmm, new Entropy(EntropySource.kernel()));
      }
    };
  }
}
