// SPDX-License-Identifier: Apache-2.0
// What a C program pays for the operations of the comparison: no check, no region table but where a
// row is about them. Usage: compare MILLISECONDS GROUP...; prints "operation nanoseconds" lines.
//
// Every loop is the same on all sides: the address follows from a counter, a stop flag is read after
// each operation, what memory holds is forgotten, and each result is consumed.
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WINDOW = 16 << 10, REGION = 4 << 20, REGIONS = 256, ORDER = 4096 };
static const uint64_t MIB = 1 << 20;

struct object {
  uint64_t words[12];
};

struct state {
  uint8_t *host;
  uint8_t *buffer;
  uint64_t length;
  uint64_t window;
  uint64_t *bitmap;
  uint16_t *order;
  uint64_t starts[REGIONS];
  uint64_t lasts[REGIONS];
  uint8_t *hosts[REGIONS];
  int fd;
};

static void *map(size_t length) {
  void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) fail("mmap");
  memset(p, 1, length);
  return p;
}

// One function per operation; ns per operation. NEXT walks through the window.
#define NEXT(stride) ((n * (stride)) & mask)
#define OPERATION(name, body)                            \
  static __attribute__((noinline)) double name(struct state *s) { \
    uint64_t n = 0;                                      \
    uint64_t mask = s->window - 1;                       \
    (void)mask;                                          \
    uint64_t begin = now();                              \
    do {                                                 \
      body;                                              \
      n++;                                               \
    } while (!stop);                                     \
    return (double)(now() - begin) / (double)n;          \
  }

OPERATION(loop, CONSUME(NEXT(8)))
OPERATION(read8, CONSUME(*(volatile uint64_t *)(s->host + NEXT(8))))
OPERATION(write8, uint64_t o = NEXT(8); *(volatile uint64_t *)(s->host + o) = o; CONSUME(o))
OPERATION(load_acquire2, CONSUME(__atomic_load_n((uint16_t *)(s->host + NEXT(8)), __ATOMIC_ACQUIRE)))
OPERATION(store_release2, uint64_t o = NEXT(8);
          __atomic_store_n((uint16_t *)(s->host + o), (uint16_t)o, __ATOMIC_RELEASE); CONSUME(o))
OPERATION(read_object, memcpy(s->buffer, s->host + NEXT(64), sizeof(struct object)); CONSUME(s->buffer))
OPERATION(write_object, memcpy(s->host + NEXT(64), s->buffer, sizeof(struct object)); CONSUME(s->host))
OPERATION(read_slice, memcpy(s->buffer, s->host + NEXT(s->length), s->length); CONSUME(s->buffer))
OPERATION(write_slice, memcpy(s->host + NEXT(s->length), s->buffer, s->length); CONSUME(s->host))

// Two regions that are neighbours for the guest lie apart in the host.
static void across(struct state *s, int write) {
  uint64_t done = 0;
  uint64_t offset = REGION - s->length / 2;
  while (done < s->length) {
    uint64_t at = offset + done;
    uint64_t region = at / REGION;
    uint64_t left = (region + 1) * REGION - at;
    uint64_t n = s->length - done < left ? s->length - done : left;
    uint8_t *host = s->hosts[region] + at % REGION;
    if (write) {
      memcpy(host, s->buffer + done, n);
    } else {
      memcpy(s->buffer + done, host, n);
    }
    done += n;
  }
}
OPERATION(across_read, across(s, 0); CONSUME(s->buffer))
OPERATION(across_write, across(s, 1); CONSUME(s->hosts))

static inline void mark(struct state *s, uint64_t offset, uint64_t length) {
  for (uint64_t page = offset >> 12; page <= (offset + length - 1) >> 12; page++) {
    __atomic_fetch_or(&s->bitmap[page >> 6], 1ull << (page & 63), __ATOMIC_RELAXED);
  }
}
OPERATION(dirty_write8, uint64_t o = NEXT(8); *(volatile uint64_t *)(s->host + o) = o; mark(s, o, 8); CONSUME(o))
OPERATION(dirty_store_release2, uint64_t o = NEXT(8);
          __atomic_store_n((uint16_t *)(s->host + o), (uint16_t)o, __ATOMIC_RELEASE); mark(s, o, 2); CONSUME(o))
OPERATION(dirty_write_slice, uint64_t o = NEXT(s->length); memcpy(s->host + o, s->buffer, s->length);
          mark(s, o, s->length); CONSUME(s->host))

static inline int find(struct state *s, uint64_t gpa) {
  int low = 0, high = REGIONS - 1;
  while (low <= high) {
    int middle = (low + high) >> 1;
    if (gpa < s->starts[middle]) {
      high = middle - 1;
    } else if (gpa > s->lasts[middle]) {
      low = middle + 1;
    } else {
      return middle;
    }
  }
  return -1;
}
// An address in the next region of the order, on a cache line of the region's own.
static inline uint64_t region_address(uint64_t region) {
  return region * MIB + region % 64 * 64;
}
static inline uint64_t read_at(struct state *s, uint64_t gpa) {
  int i = find(s, gpa);
  return i < 0 ? 0 : *(volatile uint64_t *)(s->hosts[i] + (gpa - s->starts[i]));
}
OPERATION(loop_regions, CONSUME(region_address(s->order[NEXT(1)])))
OPERATION(find_region, CONSUME(find(s, region_address(s->order[NEXT(1)]))))
OPERATION(read_region, CONSUME(read_at(s, region_address(s->order[NEXT(1)]))))

OPERATION(read_zero, check((int)read(s->fd, s->host + NEXT(512), 512), "read"))
OPERATION(write_null, check((int)write(s->fd, s->host + NEXT(512), 512), "write"))

static void measure(const char *id, double (*operation)(struct state *), struct state *s, uint64_t length,
                    uint64_t window) {
  s->length = length;
  s->window = window;
  stop = 1;
  operation(s);  // one call before the clock starts
  start_timer();
  print(id, operation(s));
}

struct worker {
  struct state state;
  double (*operation)(struct state *);
  double ns;
};
static void *work(void *argument) {
  struct worker *w = argument;
  w->ns = w->operation(&w->state);
  return NULL;
}
static void two_threads(const char *id, double (*operation)(struct state *), uint8_t *host) {
  static struct worker workers[2];
  pthread_t threads[2];
  start_timer();
  for (int i = 0; i < 2; i++) {
    workers[i].operation = operation;
    workers[i].state.host = host + i * WINDOW;
    workers[i].state.window = WINDOW;
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) fail("pthread_create");
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  print(id, (workers[0].ns + workers[1].ns) / 2);
}

// ---- events --------------------------------------------------------------------------------------

struct subscriber {
  void (*handle)(struct subscriber *, uint32_t);
  volatile uint64_t *count;
  int in;
  int out;
};
static void count(struct subscriber *s, uint32_t events) {
  (void)events;
  ++*s->count;
}
static int watch(int epoll, struct subscriber *s) {
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, s->in, &e);
}
static int new_event(unsigned initial) {
  int fd = eventfd(initial, EFD_NONBLOCK | EFD_CLOEXEC);
  check(fd, "eventfd");
  return fd;
}

static void ready(const char *id, int ready_count) {
  enum { SUBSCRIBERS = 200 };
  static struct subscriber subscribers[SUBSCRIBERS];
  static volatile uint64_t handled;
  struct epoll_event events[256];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  check(epoll, "epoll_create1");
  for (int i = 0; i < SUBSCRIBERS; i++) {
    // The ready ones are spread over the registrations.
    int is_ready = i * ready_count / SUBSCRIBERS != (i + 1) * ready_count / SUBSCRIBERS;
    subscribers[i] = (struct subscriber){count, &handled, new_event((unsigned)is_ready), -1};
    check(watch(epoll, &subscribers[i]), "epoll_ctl");
  }
  handled = 0;
  start_timer();
  uint64_t begin = now();
  do {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct subscriber *s = events[i].data.ptr;
      s->handle(s, events[i].events);
    }
  } while (!stop);
  print(id, (double)(now() - begin) / (double)handled * ready_count);
  for (int i = 0; i < SUBSCRIBERS; i++) close(subscribers[i].in);
  close(epoll);
}

static void bounce(struct subscriber *s, uint32_t events) {
  (void)events;
  uint64_t value = 0;
  if (read(s->in, &value, 8) != 8) fail("read(eventfd)");
  value = 1;
  if (write(s->out, &value, 8) != 8) fail("write(eventfd)");
  ++*s->count;
}
static void *bouncer(void *argument) {
  struct subscriber *s = argument;
  struct epoll_event events[256];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  check(epoll, "epoll_create1");
  check(watch(epoll, s), "epoll_ctl");
  while (!stop) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct subscriber *ready = events[i].data.ptr;
      ready->handle(ready, events[i].events);
    }
  }
  close(epoll);
  return NULL;
}
static void ping_pong(const char *id) {
  static volatile uint64_t counts[2];
  int a = new_event(0), b = new_event(0);
  struct subscriber ping = {bounce, &counts[0], a, b}, pong = {bounce, &counts[1], b, a};
  counts[0] = counts[1] = 0;
  pthread_t thread;
  start_timer();
  if (pthread_create(&thread, NULL, bouncer, &pong) != 0) fail("pthread_create");
  uint64_t one = 1;
  uint64_t begin = now();
  if (write(a, &one, 8) != 8) fail("write(eventfd)");
  bouncer(&ping);
  print(id, (double)(now() - begin) / (double)counts[0]);
  if (write(b, &one, 8) != 8) fail("write(eventfd)");
  pthread_join(thread, NULL);
  close(a);
  close(b);
}

int main(int argc, char **argv) {
  begin_harness(argc, argv);

  static struct state s;
  s.host = map(REGION);
  s.buffer = map(MIB);
  s.bitmap = map(4096);
  if (wanted("scalar")) {
    measure("scalar.loop", loop, &s, 8, WINDOW);
    measure("scalar.read8", read8, &s, 8, WINDOW);
    measure("scalar.write8", write8, &s, 8, WINDOW);
    measure("scalar.loadAcquire2", load_acquire2, &s, 8, WINDOW);
    measure("scalar.storeRelease2", store_release2, &s, 8, WINDOW);
  }
  if (wanted("view")) {
    // Without checks a resolved view is the host's address.
    measure("view.read8", read8, &s, 8, WINDOW);
    measure("view.write8", write8, &s, 8, WINDOW);
    measure("view.loadAcquire2", load_acquire2, &s, 8, WINDOW);
    measure("view.storeRelease2", store_release2, &s, 8, WINDOW);
  }
  if (wanted("copy")) {
    static const uint64_t lengths[] = {64, 512, 4096, 65536, 1048576};
    char id[32];
    measure("copy.read/96", read_object, &s, 96, WINDOW);
    measure("copy.write/96", write_object, &s, 96, WINDOW);
    for (int i = 0; i < 5; i++) {
      uint64_t n = lengths[i];
      snprintf(id, sizeof id, "copy.read/%d", (int)n);
      measure(id, read_slice, &s, n, n > WINDOW ? n : WINDOW);
      snprintf(id, sizeof id, "copy.write/%d", (int)n);
      measure(id, write_slice, &s, n, n > WINDOW ? n : WINDOW);
    }
  }
  if (wanted("across")) {
    s.hosts[0] = s.host;
    s.hosts[1] = map(REGION);
    measure("across.read/8", across_read, &s, 8, WINDOW);
    measure("across.write/8", across_write, &s, 8, WINDOW);
    measure("across.read/512", across_read, &s, 512, WINDOW);
    measure("across.write/512", across_write, &s, 512, WINDOW);
  }
  if (wanted("dirty")) {
    measure("dirty.write8", dirty_write8, &s, 8, WINDOW);
    measure("dirty.storeRelease2", dirty_store_release2, &s, 8, WINDOW);
    measure("dirty.write/4096", dirty_write_slice, &s, 4096, WINDOW);
  }
  if (wanted("regions")) {
    // Apart in the host, as separate mappings are.
    for (uint64_t i = 0; i < REGIONS; i++) {
      s.starts[i] = i * MIB;
      s.lasts[i] = (i + 1) * MIB - 1;
      s.hosts[i] = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (s.hosts[i] == MAP_FAILED) fail("mmap");
      *s.hosts[i] = 1;
    }
    s.order = map(ORDER * sizeof *s.order);
    for (int i = 0; i < ORDER; i++) s.order[i] = i % REGIONS;
    measure("regions.loop", loop_regions, &s, 8, ORDER);
    measure("regions.find/sequence", find_region, &s, 8, ORDER);
    measure("regions.read/sequence", read_region, &s, 8, ORDER);
    uint64_t x = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < ORDER; i++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      s.order[i] = (x >> 32) % REGIONS;
    }
    measure("regions.find/random", find_region, &s, 8, ORDER);
    measure("regions.read/random", read_region, &s, 8, ORDER);
  }
  if (wanted("threads")) {
    two_threads("threads.read8", read8, s.host);
    two_threads("threads.write8", write8, s.host);
  }
  if (wanted("file")) {
    check(s.fd = open("/dev/zero", O_RDWR | O_CLOEXEC), "open(/dev/zero)");
    measure("file.readZero", read_zero, &s, 512, WINDOW);
    close(s.fd);
    check(s.fd = open("/dev/null", O_RDWR | O_CLOEXEC), "open(/dev/null)");
    measure("file.writeNull", write_null, &s, 512, WINDOW);
    close(s.fd);
  }
  if (wanted("events")) {
    ready("events.ready/200", 200);
    ready("events.ready/9", 9);
    ping_pong("events.pingPong");
  }
  return 0;
}
