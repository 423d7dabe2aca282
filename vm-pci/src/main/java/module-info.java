// SPDX-License-Identifier: Apache-2.0

/** PCI: configuration space, BARs, capabilities, MSI-X, INTx, host bridge, ECAM. */
@org.jspecify.annotations.NullMarked
module org.javavmm.pci {
  requires transitive org.javavmm.device;
  requires static org.jspecify;

  exports org.javavmm.pci;
}
