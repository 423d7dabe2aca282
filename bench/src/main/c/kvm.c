// SPDX-License-Identifier: Apache-2.0
// What a C program pays for the operations of the comparison that are about KVM: the same guests, memory and
// steps as the Java side, without its checks. Usage: kvm MILLISECONDS GROUP...; prints "operation nanoseconds"
// lines, or "operation n/a reason". With the group start it is a program of its own: from main to the first exit.
#include "harness.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMORY = 64 << 10, CODE = 0x1000, COUNTER = 0x800, GSI = 4, PORT = 0x3f8, READY_PORT = 0x10, RANGES = 8 };

// The guests, in real mode. A test compares them with those of the Java side, byte for byte.
static const uint8_t PORT_WRITE[] = {0xba, 0xf8, 0x03, 0xee, 0xeb, 0xfd};
static const uint8_t PORT_READ[] = {0xba, 0xf8, 0x03, 0xec, 0xeb, 0xfd};
static const uint8_t MMIO_WRITE[] = {0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xa2, 0x00, 0x00, 0xeb, 0xfb};
static const uint8_t MMIO_READ[] = {0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xa0, 0x00, 0x00, 0xeb, 0xfb};
static const uint8_t IOEVENTFD[] = {0xba, 0xf8, 0x03, 0xee, 0xe6, 0x10, 0xeb, 0xfb};
static const uint8_t IRQFD[] = {
    0xbc, 0x00, 0xf0, 0xc7, 0x06, 0x90, 0x00, 0x29, 0x10, 0xc7, 0x06, 0x92, 0x00, 0x00, 0x00,
    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x03, 0xe6, 0x21,
    0xb0, 0xef, 0xe6, 0x21, 0xe6, 0x10, 0xfb, 0xf4, 0xeb, 0xfd, 0xe6, 0x10, 0xcf};
static const uint8_t KICK[] = {0xff, 0x06, 0x00, 0x08, 0xeb, 0xfa};

// ---- a monitor's dispatch ------------------------------------------------------------------------

struct handler {
  void (*write)(struct handler *, uint64_t address, unsigned size, uint64_t value);
  uint64_t (*read)(struct handler *, uint64_t address, unsigned size);
};

// Four kinds that do nothing, so that neither side knows at compile time whom it calls.
#define HANDLER(n)                                                                                    \
  static __attribute__((noinline)) void write##n(struct handler *h, uint64_t a, unsigned s, uint64_t v) { \
    (void)h, (void)a, (void)s, (void)v;                                                               \
    __asm__ volatile("");                                                                             \
  }                                                                                                   \
  static __attribute__((noinline)) uint64_t read##n(struct handler *h, uint64_t a, unsigned s) {      \
    (void)h, (void)a, (void)s;                                                                        \
    __asm__ volatile("");                                                                             \
    return n;                                                                                         \
  }
HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)
static struct handler handlers[] = {{write0, read0}, {write1, read1}, {write2, read2}, {write3, read3}};

static uint64_t low(uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((1ull << (8 * size)) - 1);
}

static struct handler *by_turns(uint64_t address, uint64_t n) {
  (void)address;
  return &handlers[n & 3];
}

// A bus of neighbouring ranges, found by binary search.
static uint64_t starts[RANGES], lasts[RANGES];
static struct handler *on_bus(uint64_t address, uint64_t n) {
  (void)n;
  int a = 0, b = RANGES - 1;
  while (a <= b) {
    int middle = (a + b) >> 1;
    if (address < starts[middle]) {
      b = middle - 1;
    } else if (address > lasts[middle]) {
      a = middle + 1;
    } else {
      return &handlers[middle & 3];
    }
  }
  fail("no device");
  return NULL;
}

static inline void port_access(struct kvm_run *run, struct handler *h) {
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  unsigned size = run->io.size;
  for (uint32_t i = 0; i < run->io.count; i++, data += size) {
    if (run->io.direction == KVM_EXIT_IO_OUT) {
      uint32_t value = 0;
      memcpy(&value, data, size);
      h->write(h, run->io.port, size, value);
    } else {
      uint64_t value = h->read(h, run->io.port, size);
      memcpy(data, &value, size);
    }
  }
}

static inline void mmio_access(struct kvm_run *run, struct handler *h) {
  uint64_t value;
  if (run->mmio.is_write) {
    memcpy(&value, run->mmio.data, 8);
    h->write(h, run->mmio.phys_addr, run->mmio.len, low(value, run->mmio.len));
  } else {
    value = h->read(h, run->mmio.phys_addr, run->mmio.len);
    memcpy(run->mmio.data, &value, 8);
  }
}

static inline void dispatch(struct kvm_run *run, struct handler *(*find)(uint64_t, uint64_t), uint64_t n) {
  switch (run->exit_reason) {
    case KVM_EXIT_IO:
      port_access(run, find(run->io.port, n));
      break;
    case KVM_EXIT_MMIO:
      mmio_access(run, find(run->mmio.phys_addr, n));
      break;
    default:
      fprintf(stderr, "compare: exit reason %u\n", run->exit_reason);
      exit(1);
  }
}

// ---- without KVM: an ioctl that answers ENOTTY, then a prepared exit ------------------------------

static struct kvm_run *prepared(int reason) {
  static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));
  struct kvm_run *run = (struct kvm_run *)pages;
  memset(pages, 0, sizeof pages);
  run->exit_reason = (uint32_t)reason;
  if (reason == KVM_EXIT_IO) {
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.size = 1;
    run->io.port = PORT;
    run->io.count = 1;
    run->io.data_offset = 4096;
    pages[4096] = 'x';
  } else {
    run->mmio.phys_addr = 0x20000;
    run->mmio.len = 4;
    run->mmio.is_write = 1;
    run->mmio.data[0] = 'x';
  }
  return run;
}

static inline __attribute__((always_inline)) void loop(const char *id, int reason,
                                                       struct handler *(*find)(uint64_t, uint64_t)) {
  struct kvm_run *run = prepared(reason);
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  check(fd, "open(/dev/null)");
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    if (ioctl(fd, KVM_RUN, 0) >= 0 || errno != ENOTTY) fail("ioctl(/dev/null)");
    dispatch(run, find, n);
    n++;
  } while (!stop);
  print(id, (double)(now() - begin) / (double)n);
  close(fd);
}

static void ioctl_alone(void) {
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  check(fd, "open(/dev/null)");
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    if (ioctl(fd, KVM_RUN, 0) >= 0 || errno != ENOTTY) fail("ioctl(/dev/null)");
    n++;
  } while (!stop);
  print("loop.ioctl", (double)(now() - begin) / (double)n);
  close(fd);
}

// ---- small guests --------------------------------------------------------------------------------

struct guest {
  int kvm;
  int vm;
  int vcpu;
  uint8_t *memory;
  struct kvm_run *run;
  size_t run_size;
};

static void create(struct guest *g, int irqchip) {
  check(g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  if (irqchip) check(ioctl(g->vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
}

static void give_memory(struct guest *g) {
  g->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (g->memory == MAP_FAILED) fail("mmap");
  struct kvm_userspace_memory_region region = {0, 0, 0, MEMORY, (uintptr_t)g->memory};
  check(ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

static void create_vcpu(struct guest *g) {
  check(g->vcpu = ioctl(g->vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  int size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  check(size, "KVM_GET_VCPU_MMAP_SIZE");
  g->run_size = (size_t)size;
  g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
  if (g->run == MAP_FAILED) fail("mmap(vcpu)");
}

static void set_registers(struct guest *g) {
  struct kvm_sregs sregs;
  check(ioctl(g->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  check(ioctl(g->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = CODE, .rflags = 2};
  check(ioctl(g->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static int without_kvm(const char *group) {
  printf("%s.* n/a open(/dev/kvm): %s\n", group, strerror(errno));
  return 0;
}

static void open_kvm(struct guest *g) {
  check(g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), "open(/dev/kvm)");
  if (ioctl(g->kvm, KVM_GET_API_VERSION, 0) != 12) fail("KVM_GET_API_VERSION");
}

static void start_guest(struct guest *g, int irqchip, const uint8_t *code, size_t size) {
  open_kvm(g);
  create(g, irqchip);
  give_memory(g);
  create_vcpu(g);
  memcpy(g->memory + CODE, code, size);
  set_registers(g);
}

static void end_guest(struct guest *g) {
  munmap(g->run, g->run_size);
  close(g->vcpu);
  close(g->vm);
  munmap(g->memory, MEMORY);
  close(g->kvm);
}

// One exit. The signal of the timer ends KVM_RUN too.
static inline void run_once(struct guest *g) {
  while (ioctl(g->vcpu, KVM_RUN, 0) < 0) {
    if (errno != EINTR && errno != EAGAIN) fail("KVM_RUN");
  }
}

static void exits(const char *id, const uint8_t *code, size_t size) {
  struct guest g;
  start_guest(&g, 0, code, size);
  // What the first exits find for the first time is not theirs to pay.
  uint64_t n = 0;
  for (; n < 100; n++) {
    run_once(&g);
    dispatch(g.run, by_turns, n);
  }
  n = 0;
  start_timer();
  uint64_t begin = now();
  do {
    run_once(&g);
    dispatch(g.run, by_turns, n);
    n++;
  } while (!stop);
  print(id, (double)(now() - begin) / (double)n);
  end_guest(&g);
}

// ---- between threads -----------------------------------------------------------------------------

static int new_event(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  check(fd, "eventfd");
  return fd;
}

static void signal_event(int fd) {
  uint64_t one = 1;
  if (write(fd, &one, 8) != 8) fail("write(eventfd)");
}

static void expect_port(struct guest *g, unsigned port) {
  if (g->run->exit_reason != KVM_EXIT_IO || g->run->io.port != port) {
    fprintf(stderr, "compare: exit reason %u\n", g->run->exit_reason);
    exit(1);
  }
}

struct shared {
  struct guest g;
  int event;
  atomic_ulong seen;
  atomic_int request;
  atomic_int ready;
  atomic_int ending;
  pid_t thread;
};

static void await(atomic_ulong *seen, uint64_t n) {
  while (atomic_load(seen) != n) sched_yield();
}

static void await_ready(struct shared *s) {
  while (!atomic_load(&s->ready)) sched_yield();
}

// Waits as an event loop does.
static void *waiter(void *argument) {
  struct shared *s = argument;
  struct epoll_event events[256];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  check(epoll, "epoll_create1");
  struct epoll_event e = {.events = EPOLLIN, .data.fd = s->event};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, s->event, &e), "epoll_ctl");
  while (!atomic_load(&s->ending)) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      uint64_t count;
      if (read(events[i].data.fd, &count, 8) == 8) atomic_fetch_add(&s->seen, 1);
    }
  }
  close(epoll);
  return NULL;
}

static void ioeventfd(void) {
  struct shared s = {0};
  start_guest(&s.g, 0, IOEVENTFD, sizeof IOEVENTFD);
  s.event = new_event();
  struct kvm_ioeventfd io = {.addr = PORT, .len = 1, .fd = s.event, .flags = KVM_IOEVENTFD_FLAG_PIO};
  check(ioctl(s.g.vm, KVM_IOEVENTFD, &io), "KVM_IOEVENTFD");
  pthread_t thread;
  if (pthread_create(&thread, NULL, waiter, &s) != 0) fail("pthread_create");
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    run_once(&s.g);
    expect_port(&s.g, READY_PORT);
    await(&s.seen, ++n);
  } while (!stop);
  print("notify.ioeventfd", (double)(now() - begin) / (double)n);
  atomic_store(&s.ending, 1);
  signal_event(s.event);
  pthread_join(thread, NULL);
  close(s.event);
  end_guest(&s.g);
}

enum { KICK_SIGNAL = 34 + 6 };

static void do_nothing(int signal) { (void)signal; }

static void kick(struct shared *s) {
  atomic_store(&s->request, 1);
  *(volatile uint8_t *)&s->g.run->immediate_exit = 1;
  atomic_thread_fence(memory_order_seq_cst);
  check((int)syscall(SYS_tgkill, getpid(), s->thread, KICK_SIGNAL), "tgkill");
}

// Runs the guest until it is kicked: 1 for a kick, 0 for an exit.
static int run_or_kicked(struct shared *s) {
  while (ioctl(s->g.vcpu, KVM_RUN, 0) < 0) {
    if (errno != EINTR && errno != EAGAIN) fail("KVM_RUN");
    *(volatile uint8_t *)&s->g.run->immediate_exit = 0;
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_exchange(&s->request, 0)) return 1;
  }
  return 0;
}

static void *irq_runner(void *argument) {
  struct shared *s = argument;
  s->thread = (pid_t)syscall(SYS_gettid);
  if (run_or_kicked(s) == 0) {
    expect_port(&s->g, READY_PORT);
    atomic_store(&s->ready, 1);
    while (run_or_kicked(s) == 0) {
      expect_port(&s->g, READY_PORT);
      atomic_fetch_add(&s->seen, 1);
    }
  }
  return NULL;
}

static void irqfd(void) {
  struct shared s = {0};
  start_guest(&s.g, 1, IRQFD, sizeof IRQFD);
  s.event = new_event();
  struct kvm_irqfd irq = {.fd = (uint32_t)s.event, .gsi = GSI};
  check(ioctl(s.g.vm, KVM_IRQFD, &irq), "KVM_IRQFD");
  pthread_t thread;
  if (pthread_create(&thread, NULL, irq_runner, &s) != 0) fail("pthread_create");
  await_ready(&s);
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    signal_event(s.event);
    await(&s.seen, ++n);
  } while (!stop);
  print("notify.irqfd", (double)(now() - begin) / (double)n);
  kick(&s);
  pthread_join(thread, NULL);
  close(s.event);
  end_guest(&s.g);
}

static void *kick_runner(void *argument) {
  struct shared *s = argument;
  s->thread = (pid_t)syscall(SYS_gettid);
  atomic_store(&s->ready, 1);
  while (!atomic_load(&s->ending)) {
    if (run_or_kicked(s)) atomic_fetch_add(&s->seen, 1);
  }
  return NULL;
}

static void kicks(void) {
  struct shared s = {0};
  start_guest(&s.g, 0, KICK, sizeof KICK);
  pthread_t thread;
  if (pthread_create(&thread, NULL, kick_runner, &s) != 0) fail("pthread_create");
  await_ready(&s);
  _Atomic uint16_t *counter = (_Atomic uint16_t *)(s.g.memory + COUNTER);
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    uint16_t before = atomic_load_explicit(counter, memory_order_acquire);
    while (atomic_load_explicit(counter, memory_order_acquire) == before) sched_yield();
    kick(&s);
    await(&s.seen, ++n);
  } while (!stop);
  print("notify.kick", (double)(now() - begin) / (double)n);
  atomic_store(&s.ending, 1);
  kick(&s);
  pthread_join(thread, NULL);
  end_guest(&s.g);
}

static void create_vms(void) {
  struct guest g;
  open_kvm(&g);
  start_timer();
  uint64_t n = 0;
  uint64_t begin = now();
  do {
    // A signal may interrupt the creation before it has done anything.
    while ((g.vm = ioctl(g.kvm, KVM_CREATE_VM, 0)) < 0) {
      if (errno != EINTR) fail("KVM_CREATE_VM");
    }
    check(ioctl(g.vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    create_vcpu(&g);
    munmap(g.run, g.run_size);
    close(g.vcpu);
    close(g.vm);
    n++;
  } while (!stop);
  print("notify.create", (double)(now() - begin) / (double)n);
  close(g.kvm);
}

// ---- from main to the first exit -----------------------------------------------------------------

static void start(uint64_t begin) {
  static const char *const NAMES[] = {"start.open",   "start.createVm",     "start.mapMemory",
                                      "start.createVcpu", "start.setRegisters", "start.firstRun"};
  struct guest g;
  uint64_t at[7] = {begin};
  if ((g.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC)) < 0) {
    without_kvm("start");
    return;
  }
  if (ioctl(g.kvm, KVM_GET_API_VERSION, 0) != 12) fail("KVM_GET_API_VERSION");
  at[1] = now();
  create(&g, 0);
  at[2] = now();
  give_memory(&g);
  memcpy(g.memory + CODE, PORT_WRITE, sizeof PORT_WRITE);
  at[3] = now();
  create_vcpu(&g);
  at[4] = now();
  set_registers(&g);
  at[5] = now();
  run_once(&g);
  at[6] = now();
  expect_port(&g, PORT);
  for (int i = 0; i < 6; i++) print(NAMES[i], (double)(at[i + 1] - at[i]));
  print("start.total", (double)(at[6] - at[0]));
  end_guest(&g);
}

static int has_kvm(const char *group) {
  int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0) return without_kvm(group);
  close(fd);
  return 1;
}

int main(int argc, char **argv) {
  uint64_t begin = now();
  begin_harness(argc, argv);
  if (wanted("start")) {
    start(begin);
    return 0;
  }
  struct sigaction action = {.sa_handler = do_nothing};
  check(sigaction(KICK_SIGNAL, &action, NULL), "sigaction");
  for (uint64_t i = 0; i < RANGES; i++) {
    starts[i] = PORT + (i - RANGES / 2) * 8;
    lasts[i] = starts[i] + 7;
  }
  if (wanted("loop")) {
    ioctl_alone();
    loop("loop.port", KVM_EXIT_IO, by_turns);
    loop("loop.mmio", KVM_EXIT_MMIO, by_turns);
    loop("loop.bus", KVM_EXIT_IO, on_bus);
  }
  if (wanted("exit") && has_kvm("exit")) {
    exits("exit.run/portWrite", PORT_WRITE, sizeof PORT_WRITE);
    exits("exit.run/portRead", PORT_READ, sizeof PORT_READ);
    exits("exit.run/mmioWrite", MMIO_WRITE, sizeof MMIO_WRITE);
    exits("exit.run/mmioRead", MMIO_READ, sizeof MMIO_READ);
  }
  if (wanted("notify") && has_kvm("notify")) {
    ioeventfd();
    irqfd();
    kicks();
    create_vms();
  }
  return 0;
}
