// SPDX-License-Identifier: Apache-2.0
package org.javavmm.loader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class InitramfsWriterTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final InitramfsWriter writer = new InitramfsWriter(out);

  @TempDir Path folder;

  private static void refuses(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private void writeSample() throws IOException {
    Path big = Files.write(folder.resolve("big"), TestKernels.noise(200_001));
    writer
        .folder(".", 0755)
        .folder("bin", 0755)
        .file("bin/busybox", 04755, big)
        .symlink("bin/sh", "busybox")
        .file("init", 0755, "#!/bin/sh\n".getBytes(StandardCharsets.US_ASCII))
        .file("empty", 0, new byte[0])
        .folder("dev", 0755)
        .characterDevice("dev/console", 0600, 5, 1)
        .blockDevice("dev/vda", 0660, 254, 1048575)
        .folder("t\u00e4st", 01777)
        .symlink("lib", "usr/lib")
        .file("lib/x", 0644, new byte[] {1, 2, 3, 4});
    writer.finish();
  }

  @Test
  void writesWhatCanBeReadBack() throws Exception {
    writeSample();
    List<CpioReader.Entry> entries = CpioReader.read(out.toByteArray());
    assertEquals(
        List.of(
            ". 40755 2 0",
            "bin 40755 2 0",
            "bin/busybox 104755 1 200001",
            "bin/sh 120777 1 7",
            "init 100755 1 10",
            "empty 100000 1 0",
            "dev 40755 2 0",
            "dev/console 20600 1 0",
            "dev/vda 60660 1 0",
            "t\u00e4st 41777 2 0",
            "lib 120777 1 7",
            "lib/x 100644 1 4"),
        entries.stream().map(CpioReader.Entry::describe).toList());
    assertArrayEquals(TestKernels.noise(200_001), entries.get(2).content().bytes());
    assertArrayEquals(
        "busybox".getBytes(StandardCharsets.US_ASCII), entries.get(3).content().bytes());
    for (int i = 0; i < entries.size(); i++) {
      assertEquals(i + 1, entries.get(i).ino());
    }
    assertEquals(5, entries.get(7).major());
    assertEquals(1, entries.get(7).minor());
    assertEquals(254, entries.get(8).major());
    assertEquals(1048575, entries.get(8).minor());
  }

  @Test
  void writesTheSameBytesEachTime() throws Exception {
    writeSample();
    ByteArrayOutputStream again = new ByteArrayOutputStream();
    InitramfsWriterTest second = new InitramfsWriterTest();
    second.folder = folder;
    second.writeSample();
    again.writeBytes(second.out.toByteArray());
    assertArrayEquals(out.toByteArray(), again.toByteArray());
  }

  @Test
  void cpioListsIt() throws Exception {
    TestTools.require("cpio");
    writeSample();
    Path archive = Files.write(folder.resolve("archive"), out.toByteArray());
    Path list = folder.resolve("list");
    Path errors = folder.resolve("errors");
    Process process =
        new ProcessBuilder("cpio", "-it", "--quiet")
            .redirectInput(archive.toFile())
            .redirectOutput(list.toFile())
            .redirectError(errors.toFile())
            .start();
    int status = process.waitFor();
    assertEquals("", Files.readString(errors));
    assertEquals(0, status);
    List<String> names = Files.readAllLines(list);
    assertEquals(12, names.size());
    assertEquals("bin/busybox", names.get(2));
    assertEquals("lib/x", names.get(11));
  }

  @Test
  void refusesOddNames() throws Exception {
    for (String name : List.of("/init", "", "a//b", "a/", "./a", "a/../b", "..", "a/.")) {
      refuses(
          "name '" + name + "': must be relative, without empty parts, '.' and '..'",
          () -> writer.folder(name, 0755));
    }
    refuses(
        "name '.': must be relative, without empty parts, '.' and '..'",
        () -> writer.file(".", 0644, new byte[0]));
    String words = ": must have at most 4095, no zero, and not be TRAILER!!!";
    refuses("name of 10 bytes" + words, () -> writer.folder("TRAILER!!!", 0755));
    refuses("name of 3 bytes" + words, () -> writer.folder("a\0b", 0755));
    refuses("name of 4096 bytes" + words, () -> writer.folder("a".repeat(4096), 0755));
    assertEquals(0, out.size());
    writer.folder("a".repeat(4095), 0755);
  }

  @Test
  void refusesWhatTheKernelWouldDrop() throws Exception {
    refuses(
        "bin/sh: bin must be written before, as a folder",
        () -> writer.file("bin/sh", 0755, new byte[0]));
    writer.file("bin", 0755, new byte[0]);
    refuses(
        "bin/sh: bin must be written before, as a folder",
        () -> writer.file("bin/sh", 0755, new byte[0]));
    refuses("bin: is in the archive already", () -> writer.folder("bin", 0755));
  }

  @Test
  void refusesNumbersOutOfRange() {
    refuses("a: mode 0100644 has more than permission bits", () -> writer.folder("a", 0100644));
    refuses("a: mode 037777777777 has more than permission bits", () -> writer.folder("a", -1));
    refuses(
        "device a: number 4096:0 is above 4095:1048575",
        () -> writer.characterDevice("a", 0600, 4096, 0));
    refuses(
        "device a: number 0:-1 is above 4095:1048575", () -> writer.blockDevice("a", 0600, 0, -1));
    refuses(
        "target of link a: must have 1 to 4095 bytes and no zero, has 0 bytes",
        () -> writer.symlink("a", ""));
    refuses(
        "target of link a: must have 1 to 4095 bytes and no zero, has 4096 bytes",
        () -> writer.symlink("a", "b".repeat(4096)));
    refuses(
        "target of link a: must have 1 to 4095 bytes and no zero, has 3 bytes",
        () -> writer.symlink("a", "b\0c"));
    assertEquals(0, out.size());
  }

  @Test
  void refusesSourcesThatAreNoFiles() throws Exception {
    LoaderException e =
        assertThrows(LoaderException.class, () -> writer.file("a", 0644, folder.resolve("no")));
    assertEquals(
        folder.resolve("no") + ": file is missing, must be a regular file", e.getMessage());
    Path huge = Files.createFile(folder.resolve("huge"));
    try (RandomAccessFile file = new RandomAccessFile(huge.toFile(), "rw")) {
      file.setLength(1L << 32); // sparse
    }
    e = assertThrows(LoaderException.class, () -> writer.file("a", 0644, huge));
    assertEquals(
        huge + ": size is 4294967296 bytes, must be at most 4294967295 in a cpio archive",
        e.getMessage());
    assertEquals(0, out.size());
    writer.file("a", 0644, new byte[0]); // the name is still free
  }

  @Test
  void refusesEntriesAfterTheEnd() throws Exception {
    writer.finish();
    assertThrows(IllegalStateException.class, () -> writer.folder("a", 0755));
    assertThrows(IllegalStateException.class, writer::finish);
    assertEquals(List.of(), CpioReader.read(out.toByteArray()));
  }

  private static String describe(CpioReader.Entry entry) {
    return entry.describe() + " " + entry.uid() + ":" + entry.gid();
  }

  @Test
  void copiesFolders() throws Exception {
    Path tree = Files.createDirectories(folder.resolve("tree"));
    Path bin = Files.createDirectories(tree.resolve("bin"));
    Path tool = Files.write(bin.resolve("tool"), new byte[] {1, 2, 3});
    Files.setPosixFilePermissions(tool, PosixFilePermissions.fromString("rwxr-x--x"));
    Files.setPosixFilePermissions(bin, PosixFilePermissions.fromString("rwx------"));
    Files.createSymbolicLink(tree.resolve("away"), Path.of("/nowhere/x"));
    Files.createSymbolicLink(tree.resolve("loop"), Path.of("."));
    Files.write(tree.resolve("a\nb"), new byte[0]);
    Files.setPosixFilePermissions(
        tree.resolve("a\nb"), PosixFilePermissions.fromString("r--------"));
    writer.owner(5, 4294967295L).tree(".", tree).folder("again", 0755).tree("again", tree).finish();
    List<String> names =
        CpioReader.read(out.toByteArray()).stream().map(InitramfsWriterTest::describe).toList();
    assertEquals(
        List.of(
            "a\nb 100400 1 0 5:-1",
            "away 120777 1 10 5:-1",
            "bin 40700 2 0 5:-1",
            "bin/tool 100751 1 3 5:-1",
            "loop 120777 1 1 5:-1",
            "again 40755 2 0 5:-1"),
        names.subList(0, 6));
    assertEquals("again/bin/tool 100751 1 3 5:-1", names.get(9));
    assertEquals(11, names.size());
  }

  @Test
  void copiesDeviceNodes() throws Exception {
    TestTools.require("mknod");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Path tree = Files.createDirectories(folder.resolve("dev"));
    assumeTrue(
        new ProcessBuilder("mknod", tree.resolve("null").toString(), "c", "259", "70000")
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output").toFile())
                .start()
                .waitFor()
            == 0,
        "capability mknod: not permitted to this user");
    new InitramfsWriter(bytes).tree(".", tree).finish();
    CpioReader.Entry entry = CpioReader.read(bytes.toByteArray()).getFirst();
    assertEquals(0020000, entry.mode() & 0170000);
    assertEquals(259, entry.major());
    assertEquals(70000, entry.minor());
  }

  @Test
  void refusesFoldersThatAreNone() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    LoaderException e = assertThrows(LoaderException.class, () -> writer.tree(".", file));
    assertEquals(
        file + ": source is not a folder, must be a folder, not a link to one", e.getMessage());
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
    assertThrows(LoaderException.BadFile.class, () -> writer.tree(".", link));
    Path tree = Files.createDirectories(folder.resolve("tree"));
    refuses(
        "etc/x: etc must be written before, as a folder",
        () -> {
          Files.createFile(tree.resolve("x"));
          writer.tree("etc", tree);
        });
    assertEquals(0, out.size());
  }

  @Test
  void followsLists() throws Exception {
    Files.write(folder.resolve("busybox"), new byte[] {1, 2});
    writer
        .list(
            "list",
            """
            # a comment

            dir / 0755 0 0
            dir /dev 755 0 0
            nod /dev/console 644 0 5 c 5 1
            nod /dev/vda 660 0 6 b 254 1048575
            \tfile /init busybox 4755 1000 1001
            slink linuxrc /init 777 0 0
            pipe /p 600 0 0
            sock /s 0777 0 0
            """
                .lines()
                .toList(),
            folder)
        .finish();
    List<CpioReader.Entry> entries = CpioReader.read(out.toByteArray());
    assertEquals(
        List.of(
            ". 40755 2 0 0:0",
            "dev 40755 2 0 0:0",
            "dev/console 20644 1 0 0:5",
            "dev/vda 60660 1 0 0:6",
            "init 104755 1 2 1000:1001",
            "linuxrc 120777 1 5 0:0",
            "p 10600 1 0 0:0",
            "s 140777 1 0 0:0"),
        entries.stream().map(InitramfsWriterTest::describe).toList());
    assertEquals(1048575, entries.get(3).minor());
  }

  @Test
  void refusesLinesThatMakeNoSense() throws Exception {
    for (String[] bad :
        new String[][] {
          {"link a b 0 0 0", "must begin with file, dir, nod, slink, pipe or sock"},
          {"dir a 0755 0", "must have 5 fields, has 4"},
          {"file a b 0755 0 0 c", "must have 6 fields, has 7"},
          {"dir a 0788 0 0", "mode must be from 0 to 7777, in base 8"},
          {"dir a -1 0 0", "mode must be from 0 to 7777, in base 8"},
          {"dir a 10000 0 0", "mode must be from 0 to 7777, in base 8"},
          {"dir a 0 4294967296 0", "user must be from 0 to 4294967295, in base 10"},
          {"dir a 0 0 x", "group must be from 0 to 4294967295, in base 10"},
          {"nod a 0 0 0 u 1 1", "must have b or c before the device's number"},
          {"nod a 0 0 0 c 4096 1", "major number must be from 0 to 4095, in base 10"},
          {
            "nod a 0 0 0 c 1 99999999999999999999",
            "minor number must be from 0 to 1048575, in base 10"
          },
          {"pipe ../p 0 0 0", "name '../p': must be relative, without empty parts, '.' and '..'"},
          {"sock x/s 0 0 0", "x/s: x must be written before, as a folder"},
          {"slink / t 0 0 0", "name '': must be relative, without empty parts, '.' and '..'"}
        }) {
      LoaderException e =
          assertThrows(
              LoaderException.BadInitrd.class,
              () -> writer.list("list", List.of("", bad[0]), folder));
      assertEquals("list: line 2 is '" + bad[0] + "', " + bad[1], e.getMessage());
    }
    assertThrows(
        LoaderException.BadFile.class,
        () -> writer.list("list", List.of("file a no-such-file 0 0 0"), folder));
    assertEquals(0, out.size());
    refuses("owner -1:0: must be from 0 to 4294967295", () -> writer.owner(-1, 0));
    refuses("owner 0:4294967296: must be from 0 to 4294967295", () -> writer.owner(0, 1L << 32));
  }
}
