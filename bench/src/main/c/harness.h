// SPDX-License-Identifier: Apache-2.0
// What the C programs of the comparison share: PROGRAM MILLISECONDS GROUP... prints "operation nanoseconds" lines.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static int millis;
static char **groups;
static volatile sig_atomic_t stop;

#define CONSUME(value) __asm__ volatile("" : : "r"(value) : "memory")

static void fail(const char *what) {
  fprintf(stderr, "compare: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void check(int result, const char *what) {
  if (result < 0) fail(what);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_alarm(int signal) {
  (void)signal;
  stop = 1;
}

static void start_timer(void) {
  stop = 0;
  struct itimerval t = {{0, 0}, {millis / 1000, millis % 1000 * 1000}};
  check(setitimer(ITIMER_REAL, &t, NULL), "setitimer");
}

static void print(const char *id, double ns) {
  printf("%s %.4f\n", id, ns);
  fflush(stdout);
}

static int wanted(const char *group) {
  for (char **g = groups; *g; g++) {
    if (strcmp(*g, group) == 0) return 1;
  }
  return 0;
}

static void begin_harness(int argc, char **argv) {
  if (argc < 3 || (millis = atoi(argv[1])) <= 0) {
    fprintf(stderr, "usage: %s MILLISECONDS GROUP...\n", argv[0]);
    exit(2);
  }
  groups = argv + 2;
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  check(sigaction(SIGALRM, &action, NULL), "sigaction");
}
