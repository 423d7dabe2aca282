// SPDX-License-Identifier: Apache-2.0
package org.javavmm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class SmallGuestTest {
  private static final Pattern GUEST =
      Pattern.compile("static const uint8_t (\\w+)\\[\\] = \\{([^}]*)\\}");

  @Test
  void bothSidesRunTheSameGuests() throws Exception {
    Map<String, String> theirs = new HashMap<>();
    Matcher guest = GUEST.matcher(Files.readString(Path.of("src/main/c/kvm.c")));
    while (guest.find()) {
      theirs.put(guest.group(1), guest.group(2).replaceAll("0x|[,\\s]", ""));
    }
    Map<String, byte[]> guests =
        Map.of(
            "PORT_WRITE", SmallGuest.PORT_WRITE,
            "PORT_READ", SmallGuest.PORT_READ,
            "MMIO_WRITE", SmallGuest.MMIO_WRITE,
            "MMIO_READ", SmallGuest.MMIO_READ,
            "IOEVENTFD", SmallGuest.IOEVENTFD,
            "IRQFD", SmallGuest.IRQFD,
            "KICK", SmallGuest.KICK);
    Map<String, String> ours = new HashMap<>();
    guests.forEach((name, code) -> ours.put(name, HexFormat.of().formatHex(code)));
    assertEquals(ours, theirs);
  }

  @Test
  void theHandlerOfTheInterruptIsWhereTheVectorPoints() {
    byte[] code = SmallGuest.IRQFD;
    int handler = (code[7] & 0xff) + ((code[8] & 0xff) << 8) - (int) SmallGuest.CODE;
    // out 0x10, al; iret
    assertEquals("e610cf", HexFormat.of().formatHex(code, handler, code.length));
  }
}
