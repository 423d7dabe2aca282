// SPDX-License-Identifier: Apache-2.0

/** Decompressors for xz, lzma, zstd, lz4 and bzip2. */
@org.jspecify.annotations.NullMarked
module org.javavmm.codecs {
  requires transitive org.javavmm.codec;
  requires org.tukaani.xz;
  requires static org.jspecify;

  exports org.javavmm.codecs;

  provides org.javavmm.codec.Decompressor with
      org.javavmm.codecs.Codecs;
}
