// SPDX-License-Identifier: Apache-2.0
// The plain copy beside org.javavmm.bench.LoadRun: the bytes of two files, from the page cache to the addresses where
// the monitor puts them.
//
//   load KERNEL OFFSET ADDRESS INITRD ADDRESS MEMORY
//
// The kernel is copied from the offset on. For each line of standard input, "mmap|read fresh|prefaulted", it copies once
// and prints the nanoseconds. Mapping the memory, and faulting it in, is not part of them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void check(ssize_t result, const char *what) {
  if (result < 0) fail(what);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static char *map_memory(size_t size) {
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap of the memory");
  return memory;
}

static void copy_mapped(const char *path, size_t offset, char *to) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  check(fd, path);
  struct stat status;
  check(fstat(fd, &status), "fstat");
  size_t size = (size_t)status.st_size;
  char *file = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  if (file == MAP_FAILED) fail("mmap of a file");
  close(fd);
  memcpy(to, file + offset, size - offset);
  check(munmap(file, size), "munmap");
}

static void copy_read(const char *path, size_t offset, char *to) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  check(fd, path);
  for (;;) {
    ssize_t n = pread(fd, to, 1u << 30, (off_t)offset);
    check(n, "pread");
    if (n == 0) break;
    to += n;
    offset += (size_t)n;
  }
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: %s KERNEL OFFSET ADDRESS INITRD ADDRESS MEMORY\n", argv[0]);
    return 2;
  }
  size_t offset = strtoull(argv[2], NULL, 10), kernel = strtoull(argv[3], NULL, 10);
  size_t initrd = strtoull(argv[5], NULL, 10), size = strtoull(argv[6], NULL, 10);
  char *prefaulted = map_memory(size);
  memset(prefaulted, 1, size);
  char how[16], where[16];
  while (scanf("%15s %15s", how, where) == 2) {
    int fresh = strcmp(where, "fresh") == 0;
    char *memory = fresh ? map_memory(size) : prefaulted;
    void (*copy)(const char *, size_t, char *) = strcmp(how, "mmap") == 0 ? copy_mapped : copy_read;
    uint64_t at = now();
    copy(argv[1], offset, memory + kernel);
    copy(argv[4], 0, memory + initrd);
    at = now() - at;
    __asm__ volatile("" : : "r"(memory) : "memory");
    printf("%" PRIu64 "\n", at);
    fflush(stdout);
    if (fresh) check(munmap(memory, size), "munmap");
  }
  return 0;
}
