// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.Arrays;
import org.javavmm.virtio.VirtioDevice;

/**
 * {@code vmm linux} with two devices of a class that the class path has: the first by virtio-mmio,
 * the second by virtio-pci. For the console that the README of vm-virtio has as its example.
 */
final class EchoGuest {
  private EchoGuest() {}

  /**
   * Arguments: the device's class, then the command line from {@code linux} on.
   *
   * @param args see there
   */
  public static void main(String[] args) throws Exception {
    Class<?> device = Class.forName(args[0]);
    String[] rest = Arrays.copyOfRange(args, 1, args.length);
    int status =
        LinuxCommand.run(
            Options.parse(rest),
            vmm -> {
              GuestDevices.Transport.MMIO.attach(vmm, make(device));
              GuestDevices.Transport.PCI.attach(vmm, make(device));
            },
            System.err);
    System.exit(status);
  }

  private static VirtioDevice make(Class<?> device) {
    try {
      return (VirtioDevice) device.getConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(device + " cannot be made", e);
    }
  }
}
