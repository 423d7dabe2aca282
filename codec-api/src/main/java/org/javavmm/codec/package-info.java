// SPDX-License-Identifier: Apache-2.0

/**
 * Decompression of untrusted data into memory of a size that the caller chooses.
 *
 * <p>{@link org.javavmm.codec.CompressionFormat#detect} tells the format by the first bytes, {@link
 * org.javavmm.codec.Decompressors#decompress} does the rest:
 *
 * {@snippet :
 * CompressionFormat format = CompressionFormat.detect(input).orElseThrow();
 * long length = Decompressors.decompress(format, input, output);
 * }
 *
 * <p>gzip and zlib come from the JDK. The other formats come from whatever {@link
 * org.javavmm.codec.Decompressor} service is on the module path or class path, such as the artifact
 * {@code org.javavmm:codecs}; without one, the {@link org.javavmm.codec.DecompressionException}
 * says what to add.
 */
package org.javavmm.codec;
