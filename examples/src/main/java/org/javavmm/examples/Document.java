// SPDX-License-Identifier: Apache-2.0
package org.javavmm.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Named values in order, printed as text for people or as JSON for programs. Text that comes from
 * files may be hostile: it is cut at {@link #TEXT_LIMIT} characters, and what a terminal would act
 * upon becomes a question mark.
 */
final class Document {
  static final int TEXT_LIMIT = 4096;

  private static final String INDENT = "  ";

  /**
   * A value: null, a String, a Long (unsigned), a Boolean, a Document, or a list of Strings or of
   * Documents; with what text shows for it, if that is not the value itself.
   */
  private record Field(String key, @Nullable Object value, @Nullable String shown) {
    String text() {
      if (shown != null) {
        return cleaned(shown);
      }
      return switch (value) {
        case null -> "-";
        case Long number -> Long.toUnsignedString(number);
        default -> cleaned(value.toString());
      };
    }
  }

  private final List<Field> fields = new ArrayList<>();

  Document put(String key, @Nullable String value) {
    fields.add(new Field(key, value, null));
    return this;
  }

  Document put(String key, boolean value) {
    fields.add(new Field(key, value, value ? "yes" : "no"));
    return this;
  }

  Document put(String key, Optional<Boolean> value) {
    return value.isPresent() ? put(key, value.get().booleanValue()) : put(key, (String) null);
  }

  Document put(String key, @Nullable Document value) {
    fields.add(new Field(key, value, null));
    return this;
  }

  /** A number as it is. */
  Document number(String key, long value) {
    fields.add(new Field(key, value, null));
    return this;
  }

  /** A number that people see otherwise. */
  Document number(String key, long value, String shown) {
    fields.add(new Field(key, value, shown));
    return this;
  }

  /** An address or a mask: hexadecimal in text. */
  Document hex(String key, long value) {
    return number(key, value, hex(value));
  }

  Document hex(String key, OptionalLong value) {
    return value.isPresent() ? hex(key, value.getAsLong()) : put(key, (String) null);
  }

  /** A size in bytes. */
  Document size(String key, long value) {
    return number(key, value, size(value));
  }

  Document size(String key, OptionalLong value) {
    return value.isPresent() ? size(key, value.getAsLong()) : put(key, (String) null);
  }

  Document texts(String key, List<String> values) {
    fields.add(
        new Field(key, List.copyOf(values), values.isEmpty() ? null : String.join(", ", values)));
    return this;
  }

  /** Rows of a table: all have the same keys. */
  Document rows(String key, List<Document> values) {
    fields.add(new Field(key, List.copyOf(values), null));
    return this;
  }

  static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  private static String size(long bytes) {
    String exact = Long.toUnsignedString(bytes);
    if (bytes >= 0 && bytes < 1024) {
      return exact + " bytes";
    }
    double scaled = bytes < 0 ? 0x1p64 + bytes : bytes;
    int unit = -1;
    while (scaled >= 1024) {
      scaled /= 1024;
      unit++;
    }
    return String.format("%s bytes (%.1f %siB)", exact, scaled, "KMGTPE".charAt(unit));
  }

  // Text

  /** {@return lines of key and value, what is empty left out} */
  String toText() {
    StringBuilder out = new StringBuilder();
    appendText(out, "");
    return out.toString();
  }

  private void appendText(StringBuilder out, String indent) {
    int width = 0;
    for (Field field : fields) {
      width = Math.max(width, label(field.key).length());
    }
    for (Field field : fields) {
      switch (field.value) {
        case null -> {}
        case Document document -> {
          out.append(indent).append(label(field.key)).append('\n');
          document.appendText(out, indent + INDENT);
        }
        case List<?> list when list.isEmpty() -> {}
        case List<?> list when list.getFirst() instanceof Document -> {
          out.append(indent).append(label(field.key)).append('\n');
          appendTable(out, indent + INDENT, list.stream().map(Document.class::cast).toList());
        }
        default -> {
          out.append(indent).append(padded(label(field.key), width));
          out.append(INDENT).append(field.text()).append('\n');
        }
      }
    }
  }

  private static String label(String key) {
    return key.replace('_', ' ');
  }

  private static void appendTable(StringBuilder out, String indent, List<Document> rows) {
    List<Field> header = rows.getFirst().fields;
    int[] widths = new int[header.size()];
    for (int i = 0; i < widths.length; i++) {
      widths[i] = label(header.get(i).key).length();
      for (Document row : rows) {
        widths[i] = Math.max(widths[i], row.fields.get(i).text().length());
      }
    }
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      line.append(padded(label(header.get(i).key), widths[i])).append(INDENT);
    }
    out.append(indent).append(line.toString().stripTrailing()).append('\n');
    for (Document row : rows) {
      line.setLength(0);
      for (int i = 0; i < widths.length; i++) {
        line.append(padded(row.fields.get(i).text(), widths[i])).append(INDENT);
      }
      out.append(indent).append(line.toString().stripTrailing()).append('\n');
    }
  }

  private static String padded(String text, int width) {
    return text + " ".repeat(Math.max(0, width - text.length()));
  }

  // JSON (RFC 8259)

  /** {@return one JSON object, with a line end} All keys are there, what is empty is null. */
  String toJson() {
    StringBuilder out = new StringBuilder();
    appendJson(out, "");
    return out.append('\n').toString();
  }

  private void appendJson(StringBuilder out, String indent) {
    String inner = indent + INDENT;
    String separator = "{\n";
    for (Field field : fields) {
      out.append(separator).append(inner);
      appendString(out, field.key);
      out.append(": ");
      appendValue(out, inner, field.value);
      separator = ",\n";
    }
    out.append(fields.isEmpty() ? "{" : "\n" + indent).append('}');
  }

  private static void appendValue(StringBuilder out, String indent, @Nullable Object value) {
    switch (value) {
      case null -> out.append("null");
      case String text -> appendString(out, cleaned(text));
      case Long number -> out.append(Long.toUnsignedString(number));
      case Boolean flag -> out.append(flag.booleanValue());
      case Document document -> document.appendJson(out, indent);
      case List<?> list -> {
        String separator = "[\n";
        for (Object element : list) {
          out.append(separator).append(indent).append(INDENT);
          appendValue(out, indent + INDENT, element);
          separator = ",\n";
        }
        out.append(list.isEmpty() ? "[" : "\n" + indent).append(']');
      }
      default -> throw new IllegalArgumentException("no JSON value: " + value.getClass());
    }
  }

  private static void appendString(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }

  /** {@return the text without what a terminal would act upon, and not too long} */
  static String cleaned(String text) {
    StringBuilder clean = new StringBuilder(Math.min(text.length(), TEXT_LIMIT));
    text.codePoints()
        .limit(TEXT_LIMIT)
        .forEach(c -> clean.appendCodePoint(isPrintable(c) ? c : '?'));
    if (text.codePointCount(0, text.length()) > TEXT_LIMIT) {
      clean.append("...");
    }
    return clean.toString();
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
