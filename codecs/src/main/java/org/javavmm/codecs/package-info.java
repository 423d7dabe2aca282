// SPDX-License-Identifier: Apache-2.0

/**
 * Decompressors for xz, lzma, zstd, lz4 and bzip2, found by {@link org.javavmm.codec.Decompressors}
 * as a service: a program adds the artifact and names nothing of this package.
 *
 * <p>zstd, lz4 and bzip2 are decoded by code of this module that works on segments, checks every
 * access, and calls nothing native; xz and lzma by the library XZ for Java.
 */
package org.javavmm.codecs;
