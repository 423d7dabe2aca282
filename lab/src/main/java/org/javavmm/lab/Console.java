// SPDX-License-Identifier: Apache-2.0
package org.javavmm.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** The last lines of what a process prints, in bounded memory. */
final class Console {
  private static final int LINES = 60;
  private static final int LINE_LENGTH = 400;

  private final ArrayDeque<String> lines = new ArrayDeque<>();
  private final StringBuilder current = new StringBuilder();
  private long received;

  /** Reads a stream to its end, calling back after each piece. */
  void drain(InputStream in, Runnable progress) {
    byte[] buffer = new byte[4096];
    try (in) {
      int n;
      while ((n = in.read(buffer)) > 0) {
        append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
        progress.run();
      }
    } catch (IOException e) {
      // The process is gone: what it printed before is what there is.
    }
  }

  synchronized void append(String text) {
    received += text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\n') {
        endLine();
      } else if (c >= ' ' && c < 127 && current.length() < LINE_LENGTH) {
        current.append(c);
      }
    }
  }

  private void endLine() {
    if (!current.isEmpty()) {
      lines.addLast(current.toString());
      current.setLength(0);
      if (lines.size() > LINES) {
        lines.removeFirst();
      }
    }
  }

  /** How much has been received, to see that something was. */
  synchronized long received() {
    return received;
  }

  synchronized List<String> last(int count) {
    List<String> all = new ArrayList<>(lines);
    if (!current.isEmpty()) {
      all.add(current.toString());
    }
    return List.copyOf(all.subList(Math.max(0, all.size() - count), all.size()));
  }

  synchronized String lastLine(String otherwise) {
    List<String> last = last(1);
    return last.isEmpty() ? otherwise : last.getFirst();
  }
}
