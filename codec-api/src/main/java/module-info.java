// SPDX-License-Identifier: Apache-2.0

/** Decompression as a service, with bounded output; gzip and zlib from the JDK. */
@org.jspecify.annotations.NullMarked
module org.javavmm.codec {
  requires static org.jspecify;

  exports org.javavmm.codec;

  uses org.javavmm.codec.Decompressor;
}
