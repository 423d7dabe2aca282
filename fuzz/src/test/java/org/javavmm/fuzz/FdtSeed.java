// SPDX-License-Identifier: Apache-2.0
package org.javavmm.fuzz;

import java.util.Locale;
import org.javavmm.loader.Fdt;
import org.javavmm.loader.FdtNode;
import org.javavmm.loader.FdtProperty;

/** Device trees to begin with. */
enum FdtSeed {
  EMPTY,
  PROPERTIES,
  NODES,
  RESERVATIONS;

  byte[] bytes() {
    FdtNode.Builder root = FdtNode.root();
    if (this == PROPERTIES) {
      root.flag("f").u32("#size-cells", 1).strings("compatible", "a", "b").phandle(1);
    } else if (this == NODES) {
      FdtNode inner = FdtNode.node("b@0").reg(1, 1, new FdtProperty.Reg(0, 1)).build();
      root.child(FdtNode.node("a").u32("c", 1).child(inner).build());
    }
    Fdt.Builder tree = Fdt.builder(root.build());
    if (this == RESERVATIONS) {
      tree.reserve(0x1000, 0x1000).reserve(-0x1000, 0x1000).bootCpu(1);
    }
    return tree.build().toBytes();
  }

  String fileName() {
    return name().toLowerCase(Locale.ROOT) + ".bin";
  }
}
