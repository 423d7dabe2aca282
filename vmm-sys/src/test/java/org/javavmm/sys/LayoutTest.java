// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.javavmm.bindings.linux.cmsghdr;
import org.javavmm.bindings.linux.epoll_event;
import org.javavmm.bindings.linux.flock;
import org.javavmm.bindings.linux.io_cqring_offsets;
import org.javavmm.bindings.linux.io_sqring_offsets;
import org.javavmm.bindings.linux.io_uring_cqe;
import org.javavmm.bindings.linux.io_uring_files_update;
import org.javavmm.bindings.linux.io_uring_params;
import org.javavmm.bindings.linux.io_uring_probe;
import org.javavmm.bindings.linux.io_uring_probe_op;
import org.javavmm.bindings.linux.io_uring_sqe;
import org.javavmm.bindings.linux.iovec;
import org.javavmm.bindings.linux.linux_h;
import org.javavmm.bindings.linux.msghdr;
import org.javavmm.bindings.linux.open_how;
import org.javavmm.bindings.linux.statx;
import org.javavmm.bindings.linux.termios;
import org.javavmm.bindings.linux.winsize;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The hand-written layouts and constants against the generated ones. */
class LayoutTest {
  /** The headers' constants are of either sign; what counts is their 32 bits. */
  private static void same(long generated, long ours) {
    assertEquals(generated & 0xffff_ffffL, ours & 0xffff_ffffL);
  }

  @Test
  void epollEvent() {
    Assumptions.assumeTrue(
        System.getProperty("os.arch").equals("amd64"), "the bindings are x86-64's");
    assertEquals(epoll_event.layout().byteSize(), EpollEventLayout.SIZEOF);
    assertEquals(epoll_event.events$offset(), EpollEventLayout.EVENTS);
    assertEquals(epoll_event.data$offset(), EpollEventLayout.DATA);
  }

  @Test
  void epollConstants() {
    assertEquals(linux_h.EPOLLIN(), Epoll.EPOLLIN);
    assertEquals(linux_h.EPOLLOUT(), Epoll.EPOLLOUT);
    assertEquals(linux_h.EPOLLERR(), Epoll.EPOLLERR);
    assertEquals(linux_h.EPOLLHUP(), Epoll.EPOLLHUP);
    assertEquals(linux_h.EPOLLRDHUP(), Epoll.EPOLLRDHUP);
    assertEquals(linux_h.EPOLLONESHOT(), Epoll.EPOLLONESHOT);
    assertEquals(linux_h.EPOLLET(), Epoll.EPOLLET);
  }

  @Test
  void ioctlNumbers() {
    assertEquals(Integer.toUnsignedLong(linux_h.TIOCGWINSZ()), Terminal.TIOCGWINSZ);
    assertEquals(linux_h.TIOCGPTN() & 0xffff_ffffL, Pty.TIOCGPTN);
    assertEquals(linux_h.TIOCSPTLCK() & 0xffff_ffffL, Pty.TIOCSPTLCK);
  }

  @Test
  void termios() {
    assertEquals(termios.layout().byteSize(), TermiosLayout.SIZEOF_TERMIOS);
  }

  @Test
  void winsize() {
    assertEquals(winsize.layout().byteSize(), TermiosLayout.SIZEOF_WINSIZE);
    assertEquals(winsize.ws_row$offset(), TermiosLayout.WS_ROW);
    assertEquals(winsize.ws_col$offset(), TermiosLayout.WS_COL);
  }

  @Test
  void mappingConstants() {
    same(linux_h.PROT_NONE(), Mapping.PROT_NONE);
    same(linux_h.PROT_READ(), Mapping.PROT_READ);
    same(linux_h.PROT_WRITE(), Mapping.PROT_WRITE);
    same(linux_h.MAP_SHARED(), Mapping.MAP_SHARED);
    same(linux_h.MAP_PRIVATE(), Mapping.MAP_PRIVATE);
    same(linux_h.MAP_FIXED(), Mapping.MAP_FIXED);
    same(linux_h.MAP_ANONYMOUS(), Mapping.MAP_ANONYMOUS);
    same(linux_h.MAP_NORESERVE(), Mapping.MAP_NORESERVE);
    same(linux_h.MAP_HUGETLB(), Mapping.MAP_HUGETLB);
    same(linux_h.MAP_FIXED_NOREPLACE(), Mapping.MAP_FIXED_NOREPLACE);
    same(linux_h.MS_SYNC(), Mapping.MS_SYNC);
    same(linux_h.MADV_DONTNEED(), Advice.DONTNEED.number());
    same(linux_h.MADV_REMOVE(), Advice.REMOVE.number());
    same(linux_h.MADV_DONTFORK(), Advice.DONTFORK.number());
    same(linux_h.MADV_MERGEABLE(), Advice.MERGEABLE.number());
    same(linux_h.MADV_UNMERGEABLE(), Advice.UNMERGEABLE.number());
    same(linux_h.MADV_HUGEPAGE(), Advice.HUGEPAGE.number());
    same(linux_h.MADV_NOHUGEPAGE(), Advice.NOHUGEPAGE.number());
    same(linux_h.MADV_DONTDUMP(), Advice.DONTDUMP.number());
    same(linux_h.MADV_DODUMP(), Advice.DODUMP.number());
    same(linux_h.MADV_COLD(), Advice.COLD.number());
    same(linux_h.MADV_PAGEOUT(), Advice.PAGEOUT.number());
    same(linux_h.MADV_POPULATE_READ(), Advice.POPULATE_READ.number());
    same(linux_h.MADV_POPULATE_WRITE(), Advice.POPULATE_WRITE.number());
    same(linux_h.MPOL_DEFAULT(), NumaPolicy.DEFAULT.number());
    same(linux_h.MPOL_PREFERRED(), NumaPolicy.PREFERRED.number());
    same(linux_h.MPOL_BIND(), NumaPolicy.BIND.number());
    same(linux_h.MPOL_INTERLEAVE(), NumaPolicy.INTERLEAVE.number());
    same(linux_h.MPOL_MF_STRICT(), NumaPolicy.Flag.STRICT.bit());
    same(linux_h.MPOL_MF_MOVE(), NumaPolicy.Flag.MOVE.bit());
    same(linux_h.MPOL_MF_MOVE_ALL(), NumaPolicy.Flag.MOVE_ALL.bit());
  }

  @Test
  void memfdConstants() {
    same(linux_h.MFD_CLOEXEC(), MemFd.MFD_CLOEXEC);
    same(linux_h.MFD_ALLOW_SEALING(), MemFd.MFD_ALLOW_SEALING);
    same(linux_h.MFD_HUGETLB(), MemFd.MFD_HUGETLB);
    same(linux_h.F_ADD_SEALS(), MemFd.F_ADD_SEALS);
    same(linux_h.F_GET_SEALS(), MemFd.F_GET_SEALS);
    same(linux_h.F_SEAL_SEAL(), MemFd.Seal.SEAL.bit());
    same(linux_h.F_SEAL_SHRINK(), MemFd.Seal.SHRINK.bit());
    same(linux_h.F_SEAL_GROW(), MemFd.Seal.GROW.bit());
    same(linux_h.F_SEAL_WRITE(), MemFd.Seal.WRITE.bit());
    same(linux_h.F_SEAL_FUTURE_WRITE(), MemFd.Seal.FUTURE_WRITE.bit());
    same(linux_h.MFD_HUGE_2MB(), HugePageSize.SIZE_2M.flagBits());
    same(linux_h.MFD_HUGE_1GB(), HugePageSize.SIZE_1G.flagBits());
  }

  @Test
  void fileConstants() {
    same(linux_h.O_WRONLY(), OpenFlag.WRITE_ONLY.bits());
    same(linux_h.O_RDWR(), OpenFlag.READ_WRITE.bits());
    same(linux_h.O_CREAT(), OpenFlag.CREATE.bits());
    same(linux_h.O_EXCL(), OpenFlag.EXCLUSIVE.bits());
    same(linux_h.O_NOCTTY(), OpenFlag.NO_CONTROLLING_TERMINAL.bits());
    same(linux_h.O_TRUNC(), OpenFlag.TRUNCATE.bits());
    same(linux_h.O_APPEND(), OpenFlag.APPEND.bits());
    same(linux_h.O_NONBLOCK(), OpenFlag.NON_BLOCKING.bits());
    same(linux_h.O_DSYNC(), OpenFlag.DATA_SYNC.bits());
    same(linux_h.O_DIRECT(), OpenFlag.DIRECT.bits());
    same(linux_h.O_DIRECTORY(), OpenFlag.DIRECTORY.bits());
    same(linux_h.O_NOFOLLOW(), OpenFlag.NO_FOLLOW.bits());
    same(linux_h.O_SYNC(), OpenFlag.SYNC.bits());
    same(linux_h.O_PATH(), OpenFlag.PATH.bits());
    same(linux_h.O_TMPFILE(), OpenFlag.TEMPORARY.bits());
    same(linux_h.O_CLOEXEC(), OpenFlag.O_CLOEXEC);
    same(linux_h.RWF_HIPRI(), OwnedFd.RWF_HIPRI);
    same(linux_h.RWF_DSYNC(), OwnedFd.RWF_DSYNC);
    same(linux_h.RWF_SYNC(), OwnedFd.RWF_SYNC);
    same(linux_h.RWF_NOWAIT(), OwnedFd.RWF_NOWAIT);
    same(linux_h.RWF_APPEND(), OwnedFd.RWF_APPEND);
    same(linux_h.FALLOC_FL_KEEP_SIZE(), Fallocate.FALLOC_FL_KEEP_SIZE);
    same(linux_h.FALLOC_FL_PUNCH_HOLE(), Fallocate.FALLOC_FL_PUNCH_HOLE);
    same(linux_h.FALLOC_FL_COLLAPSE_RANGE(), Fallocate.FALLOC_FL_COLLAPSE_RANGE);
    same(linux_h.FALLOC_FL_ZERO_RANGE(), Fallocate.FALLOC_FL_ZERO_RANGE);
    same(linux_h.FALLOC_FL_INSERT_RANGE(), Fallocate.FALLOC_FL_INSERT_RANGE);
    same(linux_h.SEEK_DATA(), Fallocate.SEEK_DATA);
    same(linux_h.SEEK_HOLE(), Fallocate.SEEK_HOLE);
    same(linux_h.F_OFD_GETLK(), OfdLock.F_OFD_GETLK);
    same(linux_h.F_OFD_SETLK(), OfdLock.F_OFD_SETLK);
    same(linux_h.F_OFD_SETLKW(), OfdLock.F_OFD_SETLKW);
    same(linux_h.F_UNLCK(), OfdLock.F_UNLCK);
    same(linux_h.RESOLVE_NO_XDEV(), Folder.Resolve.NO_XDEV.bit());
    same(linux_h.RESOLVE_NO_MAGICLINKS(), Folder.Resolve.NO_MAGICLINKS.bit());
    same(linux_h.RESOLVE_NO_SYMLINKS(), Folder.Resolve.NO_SYMLINKS.bit());
    same(linux_h.RESOLVE_BENEATH(), Folder.Resolve.BENEATH.bit());
    same(linux_h.RESOLVE_IN_ROOT(), Folder.Resolve.IN_ROOT.bit());
    same(linux_h.AT_EMPTY_PATH(), StatxLayout.AT_EMPTY_PATH);
    same(linux_h.STATX_BASIC_STATS(), StatxLayout.STATX_BASIC_STATS);
    same(linux_h.STATX_DIOALIGN(), StatxLayout.STATX_DIOALIGN);
  }

  @Test
  void socketConstants() {
    same(linux_h.AF_UNIX(), UnixSocket.AF_UNIX);
    same(linux_h.SOCK_CLOEXEC(), UnixSocket.SOCK_CLOEXEC);
    same(linux_h.SOL_SOCKET(), UnixSocket.SOL_SOCKET);
    same(linux_h.SO_PEERCRED(), UnixSocket.SO_PEERCRED);
    same(linux_h.SCM_RIGHTS(), UnixSocket.SCM_RIGHTS);
    same(linux_h.MSG_CTRUNC(), UnixSocket.MSG_CTRUNC);
    same(linux_h.MSG_NOSIGNAL(), UnixSocket.MSG_NOSIGNAL);
    same(linux_h.MSG_CMSG_CLOEXEC(), UnixSocket.MSG_CMSG_CLOEXEC);
  }

  @Test
  void limitConstants() {
    same(linux_h.RLIMIT_CPU(), ResourceLimit.Resource.CPU.number());
    same(linux_h.RLIMIT_FSIZE(), ResourceLimit.Resource.FSIZE.number());
    same(linux_h.RLIMIT_DATA(), ResourceLimit.Resource.DATA.number());
    same(linux_h.RLIMIT_STACK(), ResourceLimit.Resource.STACK.number());
    same(linux_h.RLIMIT_CORE(), ResourceLimit.Resource.CORE.number());
    same(linux_h.RLIMIT_NPROC(), ResourceLimit.Resource.NPROC.number());
    same(linux_h.RLIMIT_NOFILE(), ResourceLimit.Resource.NOFILE.number());
    same(linux_h.RLIMIT_MEMLOCK(), ResourceLimit.Resource.MEMLOCK.number());
    same(linux_h.RLIMIT_AS(), ResourceLimit.Resource.AS.number());
    same(linux_h.RLIMIT_SIGPENDING(), ResourceLimit.Resource.SIGPENDING.number());
    same(linux_h.RLIMIT_NICE(), ResourceLimit.Resource.NICE.number());
    same(linux_h.RLIMIT_RTPRIO(), ResourceLimit.Resource.RTPRIO.number());
    same(linux_h.RLIMIT_RTTIME(), ResourceLimit.Resource.RTTIME.number());
  }

  @Test
  void ioUringConstants() {
    same(linux_h.IORING_OFF_SQ_RING(), IoUringLayout.IORING_OFF_SQ_RING);
    same(linux_h.IORING_OFF_SQES(), IoUringLayout.IORING_OFF_SQES);
    same(linux_h.IORING_SETUP_IOPOLL(), IoUringLayout.IORING_SETUP_IOPOLL);
    same(linux_h.IORING_SETUP_SQPOLL(), IoUringLayout.IORING_SETUP_SQPOLL);
    same(linux_h.IORING_SETUP_CQSIZE(), IoUringLayout.IORING_SETUP_CQSIZE);
    same(linux_h.IORING_SETUP_SUBMIT_ALL(), IoUringLayout.IORING_SETUP_SUBMIT_ALL);
    same(linux_h.IORING_SETUP_SINGLE_ISSUER(), IoUringLayout.IORING_SETUP_SINGLE_ISSUER);
    same(linux_h.IORING_FEAT_SINGLE_MMAP(), IoUringLayout.IORING_FEAT_SINGLE_MMAP);
    same(linux_h.IORING_FEAT_NODROP(), IoUringLayout.IORING_FEAT_NODROP);
    same(linux_h.IORING_FEAT_SUBMIT_STABLE(), IoUringLayout.IORING_FEAT_SUBMIT_STABLE);
    same(linux_h.IORING_FEAT_EXT_ARG(), IoUringLayout.IORING_FEAT_EXT_ARG);
    same(linux_h.IORING_ENTER_GETEVENTS(), IoUringLayout.IORING_ENTER_GETEVENTS);
    same(linux_h.IORING_ENTER_SQ_WAKEUP(), IoUringLayout.IORING_ENTER_SQ_WAKEUP);
    same(linux_h.IORING_ENTER_EXT_ARG(), IoUringLayout.IORING_ENTER_EXT_ARG);
    same(linux_h.IORING_SQ_NEED_WAKEUP(), IoUringLayout.IORING_SQ_NEED_WAKEUP);
    same(linux_h.IORING_SQ_CQ_OVERFLOW(), IoUringLayout.IORING_SQ_CQ_OVERFLOW);
    same(linux_h.IORING_CQE_F_MORE(), IoUringLayout.IORING_CQE_F_MORE);
    same(linux_h.IORING_REGISTER_BUFFERS(), IoUringLayout.IORING_REGISTER_BUFFERS);
    same(linux_h.IORING_UNREGISTER_BUFFERS(), IoUringLayout.IORING_UNREGISTER_BUFFERS);
    same(linux_h.IORING_REGISTER_FILES(), IoUringLayout.IORING_REGISTER_FILES);
    same(linux_h.IORING_UNREGISTER_FILES(), IoUringLayout.IORING_UNREGISTER_FILES);
    same(linux_h.IORING_REGISTER_EVENTFD(), IoUringLayout.IORING_REGISTER_EVENTFD);
    same(linux_h.IORING_UNREGISTER_EVENTFD(), IoUringLayout.IORING_UNREGISTER_EVENTFD);
    same(linux_h.IORING_REGISTER_FILES_UPDATE(), IoUringLayout.IORING_REGISTER_FILES_UPDATE);
    same(linux_h.IORING_REGISTER_PROBE(), IoUringLayout.IORING_REGISTER_PROBE);
    same(linux_h.IORING_REGISTER_SYNC_CANCEL(), IoUringLayout.IORING_REGISTER_SYNC_CANCEL);
    same(linux_h.IORING_ASYNC_CANCEL_ALL(), IoUringLayout.IORING_ASYNC_CANCEL_ALL);
    same(linux_h.IORING_ASYNC_CANCEL_ANY(), IoUringLayout.IORING_ASYNC_CANCEL_ANY);
    same(linux_h.IORING_FSYNC_DATASYNC(), IoUringLayout.IORING_FSYNC_DATASYNC);
    same(linux_h.IORING_POLL_ADD_MULTI(), IoUringLayout.IORING_POLL_ADD_MULTI);
    same(linux_h.IORING_OP_NOP(), IoUringLayout.IORING_OP_NOP);
    same(linux_h.IORING_OP_READV(), IoUringLayout.IORING_OP_READV);
    same(linux_h.IORING_OP_WRITEV(), IoUringLayout.IORING_OP_WRITEV);
    same(linux_h.IORING_OP_FSYNC(), IoUringLayout.IORING_OP_FSYNC);
    same(linux_h.IORING_OP_READ_FIXED(), IoUringLayout.IORING_OP_READ_FIXED);
    same(linux_h.IORING_OP_WRITE_FIXED(), IoUringLayout.IORING_OP_WRITE_FIXED);
    same(linux_h.IORING_OP_POLL_ADD(), IoUringLayout.IORING_OP_POLL_ADD);
    same(linux_h.IORING_OP_POLL_REMOVE(), IoUringLayout.IORING_OP_POLL_REMOVE);
    same(linux_h.IORING_OP_TIMEOUT(), IoUringLayout.IORING_OP_TIMEOUT);
    same(linux_h.IORING_OP_ASYNC_CANCEL(), IoUringLayout.IORING_OP_ASYNC_CANCEL);
    same(linux_h.IORING_OP_FALLOCATE(), IoUringLayout.IORING_OP_FALLOCATE);
    same(linux_h.IORING_OP_CLOSE(), IoUringLayout.IORING_OP_CLOSE);
    same(linux_h.IORING_OP_READ(), IoUringLayout.IORING_OP_READ);
    same(linux_h.IORING_OP_WRITE(), IoUringLayout.IORING_OP_WRITE);
  }

  @Test
  void structIoUringParams() {
    assertEquals(io_uring_params.layout().byteSize(), IoUringLayout.PARAMS_SIZEOF);
    assertEquals(io_uring_params.sq_entries$offset(), IoUringLayout.SQ_ENTRIES);
    assertEquals(io_uring_params.cq_entries$offset(), IoUringLayout.CQ_ENTRIES);
    assertEquals(io_uring_params.flags$offset(), IoUringLayout.FLAGS);
    assertEquals(io_uring_params.sq_thread_idle$offset(), IoUringLayout.SQ_THREAD_IDLE);
    assertEquals(io_uring_params.features$offset(), IoUringLayout.FEATURES);
    assertEquals(io_uring_params.sq_off$offset(), IoUringLayout.SQ_OFF);
    assertEquals(io_uring_params.cq_off$offset(), IoUringLayout.CQ_OFF);
  }

  @Test
  void structIoSqringOffsets() {
    assertEquals(io_sqring_offsets.head$offset(), IoUringLayout.SQ_OFF_HEAD);
    assertEquals(io_sqring_offsets.tail$offset(), IoUringLayout.SQ_OFF_TAIL);
    assertEquals(io_sqring_offsets.ring_mask$offset(), IoUringLayout.SQ_OFF_RING_MASK);
    assertEquals(io_sqring_offsets.flags$offset(), IoUringLayout.SQ_OFF_FLAGS);
    assertEquals(io_sqring_offsets.array$offset(), IoUringLayout.SQ_OFF_ARRAY);
  }

  @Test
  void structIoCqringOffsets() {
    assertEquals(io_cqring_offsets.head$offset(), IoUringLayout.CQ_OFF_HEAD);
    assertEquals(io_cqring_offsets.tail$offset(), IoUringLayout.CQ_OFF_TAIL);
    assertEquals(io_cqring_offsets.ring_mask$offset(), IoUringLayout.CQ_OFF_RING_MASK);
    assertEquals(io_cqring_offsets.cqes$offset(), IoUringLayout.CQ_OFF_CQES);
  }

  @Test
  void structIoUringSqe() {
    assertEquals(io_uring_sqe.layout().byteSize(), IoUringLayout.SQE_SIZEOF);
    assertEquals(io_uring_sqe.opcode$offset(), IoUringLayout.SQE_OPCODE);
    assertEquals(io_uring_sqe.flags$offset(), IoUringLayout.SQE_FLAGS);
    assertEquals(io_uring_sqe.fd$offset(), IoUringLayout.SQE_FD);
    assertEquals(io_uring_sqe.off$offset(), IoUringLayout.SQE_OFF);
    assertEquals(io_uring_sqe.addr$offset(), IoUringLayout.SQE_ADDR);
    assertEquals(io_uring_sqe.len$offset(), IoUringLayout.SQE_LEN);
    assertEquals(io_uring_sqe.rw_flags$offset(), IoUringLayout.SQE_OP_FLAGS);
    assertEquals(io_uring_sqe.user_data$offset(), IoUringLayout.SQE_USER_DATA);
    assertEquals(io_uring_sqe.buf_index$offset(), IoUringLayout.SQE_BUF_INDEX);
    assertEquals(io_uring_sqe.file_index$offset(), IoUringLayout.SQE_FILE_INDEX);
  }

  @Test
  void structIoUringCqe() {
    assertEquals(io_uring_cqe.layout().byteSize(), IoUringLayout.CQE_SIZEOF);
    assertEquals(io_uring_cqe.user_data$offset(), IoUringLayout.CQE_USER_DATA);
    assertEquals(io_uring_cqe.res$offset(), IoUringLayout.CQE_RES);
    assertEquals(io_uring_cqe.flags$offset(), IoUringLayout.CQE_FLAGS);
  }

  @Test
  void structIoUringProbe() {
    assertEquals(io_uring_probe.layout().byteSize(), IoUringLayout.PROBE_SIZEOF);
  }

  @Test
  void structIoUringProbeOp() {
    assertEquals(io_uring_probe_op.layout().byteSize(), IoUringLayout.PROBE_OP_SIZEOF);
    assertEquals(io_uring_probe_op.flags$offset(), IoUringLayout.PROBE_OP_FLAGS);
  }

  @Test
  void structIoUringFilesUpdate() {
    assertEquals(io_uring_files_update.layout().byteSize(), IoUringLayout.FILES_UPDATE_SIZEOF);
    assertEquals(io_uring_files_update.fds$offset(), IoUringLayout.FILES_UPDATE_FDS);
  }

  @Test
  void structFlock() {
    assertEquals(flock.layout().byteSize(), FlockLayout.SIZEOF);
    assertEquals(flock.l_type$offset(), FlockLayout.L_TYPE);
    assertEquals(flock.l_start$offset(), FlockLayout.L_START);
    assertEquals(flock.l_len$offset(), FlockLayout.L_LEN);
  }

  @Test
  void structOpenHow() {
    assertEquals(open_how.layout().byteSize(), Folder.OPEN_HOW_SIZEOF);
    assertEquals(open_how.mode$offset(), Folder.OPEN_HOW_MODE);
    assertEquals(open_how.resolve$offset(), Folder.OPEN_HOW_RESOLVE);
  }

  @Test
  void structStatx() {
    assertEquals(statx.layout().byteSize(), StatxLayout.SIZEOF);
    assertEquals(statx.stx_blksize$offset(), StatxLayout.STX_BLKSIZE);
    assertEquals(statx.stx_nlink$offset(), StatxLayout.STX_NLINK);
    assertEquals(statx.stx_mode$offset(), StatxLayout.STX_MODE);
    assertEquals(statx.stx_ino$offset(), StatxLayout.STX_INO);
    assertEquals(statx.stx_size$offset(), StatxLayout.STX_SIZE);
    assertEquals(statx.stx_blocks$offset(), StatxLayout.STX_BLOCKS);
    assertEquals(statx.stx_rdev_major$offset(), StatxLayout.STX_RDEV_MAJOR);
    assertEquals(statx.stx_rdev_minor$offset(), StatxLayout.STX_RDEV_MINOR);
    assertEquals(statx.stx_dev_major$offset(), StatxLayout.STX_DEV_MAJOR);
    assertEquals(statx.stx_dev_minor$offset(), StatxLayout.STX_DEV_MINOR);
    assertEquals(statx.stx_dio_mem_align$offset(), StatxLayout.STX_DIO_MEM_ALIGN);
    assertEquals(statx.stx_dio_offset_align$offset(), StatxLayout.STX_DIO_OFFSET_ALIGN);
  }

  @Test
  void structIovec() {
    assertEquals(iovec.layout().byteSize(), IoVector.SIZEOF);
    assertEquals(iovec.iov_base$offset(), IoVector.IOV_BASE);
    assertEquals(iovec.iov_len$offset(), IoVector.IOV_LEN);
  }

  @Test
  void structMsghdr() {
    assertEquals(msghdr.layout().byteSize(), UnixSocket.MSGHDR_SIZEOF);
    assertEquals(msghdr.msg_iov$offset(), UnixSocket.MSG_IOV);
    assertEquals(msghdr.msg_iovlen$offset(), UnixSocket.MSG_IOVLEN);
    assertEquals(msghdr.msg_control$offset(), UnixSocket.MSG_CONTROL);
    assertEquals(msghdr.msg_controllen$offset(), UnixSocket.MSG_CONTROLLEN);
    assertEquals(msghdr.msg_flags$offset(), UnixSocket.MSG_FLAGS);
  }

  @Test
  void structCmsghdr() {
    assertEquals(cmsghdr.layout().byteSize(), UnixSocket.CMSGHDR_SIZEOF);
    assertEquals(cmsghdr.cmsg_level$offset(), UnixSocket.CMSG_LEVEL);
    assertEquals(cmsghdr.cmsg_type$offset(), UnixSocket.CMSG_TYPE);
  }
}
