// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers and layouts that the bindings lack, against what the C compiler makes of the headers. */
class HeaderTest {
  @TempDir Path folder;

  @BeforeAll
  static void needsACompiler() throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/cc")), "no C compiler (cc)");
  }

  private Map<String, Long> ask(List<String> includes, Iterable<String> expressions)
      throws Exception {
    StringBuilder program = new StringBuilder("#define _GNU_SOURCE\n#include <stddef.h>\n");
    includes.forEach(i -> program.append("#include <").append(i).append(">\n"));
    program.append("int printf(const char *, ...);\nint main(void) {\n");
    List<String> asked = new ArrayList<>();
    for (String e : expressions) {
      program.append("  printf(\"%lld\\n\", (long long) (").append(e).append("));\n");
      asked.add(e);
    }
    program.append("  return 0;\n}\n");
    Path source = Files.writeString(folder.resolve("probe.c"), program);
    String binary = folder.resolve("probe").toString();
    run("/usr/bin/cc", "-w", "-o", binary, source.toString());
    List<String> answers = run(binary).lines().toList();
    Map<String, Long> found = new LinkedHashMap<>();
    for (int i = 0; i < asked.size(); i++) {
      found.put(asked.get(i), Long.parseLong(answers.get(i)));
    }
    return found;
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output;
  }

  @Test
  void systemCallNumbersOfBothArchitectures() throws Exception {
    for (String name :
        List.of("Mapping", "IoUring", "Folder", "PidFd", "Scheduling", "FeatureProbe")) {
      Class.forName("org.javavmm.sys." + name);
    }
    Map<String, Long> x86 = new TreeMap<>();
    Map<String, Long> arm = new TreeMap<>();
    FaultInjection.NUMBERS.forEach((name, numbers) -> {
      x86.put("__NR_" + name, numbers.x86());
      arm.put("__NR_" + name, numbers.arm());
    });
    assertTrue(x86.size() >= 14, x86.toString());
    if (Libc.X86_64) {
      assertEquals(x86, new TreeMap<>(ask(List.of("asm/unistd_64.h"), x86.keySet())));
    }
    // arm64 has the generic numbers.
    assertEquals(arm, new TreeMap<>(ask(List.of("asm-generic/unistd.h"), arm.keySet())));
  }

  @Test
  void layoutsAndConstants() throws Exception {
    Map<String, Long> ours = new LinkedHashMap<>();
    ours.put("sizeof(struct io_uring_getevents_arg)", (long) IoUringLayout.GETEVENTS_ARG_SIZEOF);
    ours.put("offsetof(struct io_uring_getevents_arg, ts)", (long) IoUringLayout.GETEVENTS_ARG_TS);
    ours.put("sizeof(struct io_uring_sync_cancel_reg)", (long) IoUringLayout.SYNC_CANCEL_SIZEOF);
    ours.put("offsetof(struct io_uring_sync_cancel_reg, fd)", (long) IoUringLayout.SYNC_CANCEL_FD);
    ours.put(
        "offsetof(struct io_uring_sync_cancel_reg, flags)", (long) IoUringLayout.SYNC_CANCEL_FLAGS);
    ours.put("IO_URING_OP_SUPPORTED", (long) IoUringLayout.IO_URING_OP_SUPPORTED);
    ours.put("IOSQE_IO_DRAIN", (long) IoUring.IOSQE_IO_DRAIN);
    ours.put("IOSQE_IO_LINK", (long) IoUring.IOSQE_IO_LINK);
    ours.put("IOSQE_IO_HARDLINK", (long) IoUring.IOSQE_IO_HARDLINK);
    ours.put("IOSQE_ASYNC", (long) IoUring.IOSQE_ASYNC);
    assertEquals(ours, ask(List.of("linux/io_uring.h"), ours.keySet()));

    ours.clear();
    ours.put("offsetof(struct sched_attr, sched_policy)", (long) Scheduling.POLICY);
    ours.put("offsetof(struct sched_attr, sched_nice)", (long) Scheduling.NICE);
    ours.put("offsetof(struct sched_attr, sched_priority)", (long) Scheduling.PRIORITY);
    ours.put("offsetof(struct sched_attr, sched_runtime)", (long) Scheduling.RUNTIME);
    ours.put("offsetof(struct sched_attr, sched_deadline)", (long) Scheduling.DEADLINE);
    ours.put("offsetof(struct sched_attr, sched_period)", (long) Scheduling.PERIOD);
    ours.put("UFFD_USER_MODE_ONLY", (long) FeatureProbe.UFFD_USER_MODE_ONLY);
    ours.put(
        "LANDLOCK_CREATE_RULESET_VERSION", (long) FeatureProbe.LANDLOCK_CREATE_RULESET_VERSION);
    assertEquals(
        ours,
        ask(
            List.of(
                "linux/types.h", "linux/sched/types.h", "linux/userfaultfd.h", "linux/landlock.h"),
            ours.keySet()));
    assertEquals(48, Scheduling.SIZEOF);

    ours.clear();
    ours.put("sizeof(struct sigaction)", KickSignal.SIGACTION_SIZE);
    ours.put("offsetof(struct sigaction, sa_handler)", KickSignal.SA_HANDLER);
    ours.put("offsetof(struct sigaction, sa_mask)", KickSignal.SA_MASK);
    ours.put("sizeof(siginfo_t)", (long) PidFd.SIGINFO_SIZEOF);
    ours.put("offsetof(siginfo_t, si_code)", (long) PidFd.SI_CODE);
    ours.put("offsetof(siginfo_t, si_pid)", (long) PidFd.SI_PID);
    ours.put("offsetof(siginfo_t, si_status)", (long) PidFd.SI_STATUS);
    ours.put("CLD_EXITED", (long) PidFd.CLD_EXITED);
    ours.put("P_PIDFD", (long) PidFd.P_PIDFD);
    ours.put("WNOHANG", (long) PidFd.WNOHANG);
    ours.put("WEXITED", (long) PidFd.WEXITED);
    ours.put("WNOWAIT", (long) PidFd.WNOWAIT);
    ours.put("POLLIN", (long) OwnedFd.POLLIN);
    ours.put("POLLOUT", (long) OwnedFd.POLLOUT);
    ours.put("POLLERR", (long) OwnedFd.POLLERR);
    ours.put("POLLHUP", (long) OwnedFd.POLLHUP);
    ours.put("offsetof(struct pollfd, events)", 4L);
    ours.put("offsetof(struct pollfd, revents)", 6L);
    ours.put("_SC_PAGESIZE", (long) PageSize.SC_PAGESIZE);
    ours.put("MSG_TRUNC", (long) UnixSocket.MSG_TRUNC);
    ours.put("MSG_CTRUNC", (long) UnixSocket.MSG_CTRUNC);
    ours.put("F_GETFL", (long) OwnedFd.F_GETFL);
    ours.put("F_SETFL", (long) OwnedFd.F_SETFL);
    ours.put("F_GETFD", (long) OwnedFd.F_GETFD);
    ours.put("F_DUPFD_CLOEXEC", (long) OwnedFd.F_DUPFD_CLOEXEC);
    ours.put("O_NONBLOCK", (long) OwnedFd.O_NONBLOCK);
    ours.put("MADV_COLLAPSE", (long) Advice.COLLAPSE.number());
    if (!Files.readString(Path.of("/usr/include/asm-generic/mman-common.h"))
        .contains("MADV_COLLAPSE")) {
      ours.keySet().removeAll(Set.of("MADV_COLLAPSE"));
    }
    assertEquals(
        ours,
        ask(
            List.of(
                "signal.h",
                "sys/wait.h",
                "poll.h",
                "unistd.h",
                "fcntl.h",
                "sys/socket.h",
                "linux/mman.h"),
            ours.keySet()));
  }
}
