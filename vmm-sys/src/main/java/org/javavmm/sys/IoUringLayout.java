// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** Structures and numbers of {@code <linux/io_uring.h>}, under the header's names. */
final class IoUringLayout {
  // struct io_uring_params, with its io_sqring_offsets and io_cqring_offsets.
  static final int PARAMS_SIZEOF = 120;
  static final int SQ_ENTRIES = 0;
  static final int CQ_ENTRIES = 4;
  static final int FLAGS = 8;
  static final int SQ_THREAD_IDLE = 16;
  static final int FEATURES = 20;
  static final int SQ_OFF = 40;
  static final int CQ_OFF = 80;
  static final int SQ_OFF_HEAD = 0;
  static final int SQ_OFF_TAIL = 4;
  static final int SQ_OFF_RING_MASK = 8;
  static final int SQ_OFF_FLAGS = 16;
  static final int SQ_OFF_ARRAY = 24;
  static final int CQ_OFF_HEAD = 0;
  static final int CQ_OFF_TAIL = 4;
  static final int CQ_OFF_RING_MASK = 8;
  static final int CQ_OFF_CQES = 20;

  // struct io_uring_sqe
  static final int SQE_SIZEOF = 64;
  static final int SQE_OPCODE = 0;
  static final int SQE_FLAGS = 1;
  static final int SQE_FD = 4;
  static final int SQE_OFF = 8;
  static final int SQE_ADDR = 16;
  static final int SQE_LEN = 24;
  static final int SQE_OP_FLAGS = 28;
  static final int SQE_USER_DATA = 32;
  static final int SQE_BUF_INDEX = 40;
  static final int SQE_FILE_INDEX = 44;

  // struct io_uring_cqe
  static final int CQE_SIZEOF = 16;
  static final int CQE_USER_DATA = 0;
  static final int CQE_RES = 8;
  static final int CQE_FLAGS = 12;

  // struct io_uring_getevents_arg
  static final int GETEVENTS_ARG_SIZEOF = 24;
  static final int GETEVENTS_ARG_TS = 16;

  // struct io_uring_sync_cancel_reg
  static final int SYNC_CANCEL_SIZEOF = 64;
  static final int SYNC_CANCEL_FD = 8;
  static final int SYNC_CANCEL_FLAGS = 12;

  // struct io_uring_probe and io_uring_probe_op
  static final int PROBE_SIZEOF = 16;
  static final int PROBE_OP_SIZEOF = 8;
  static final int PROBE_OP_FLAGS = 2;
  static final int IO_URING_OP_SUPPORTED = 1;

  // struct io_uring_files_update
  static final int FILES_UPDATE_SIZEOF = 16;
  static final int FILES_UPDATE_FDS = 8;

  static final long IORING_OFF_SQ_RING = 0;
  static final long IORING_OFF_SQES = 0x1000_0000L;

  static final int IORING_SETUP_IOPOLL = 1;
  static final int IORING_SETUP_SQPOLL = 2;
  static final int IORING_SETUP_CQSIZE = 8;
  static final int IORING_SETUP_SUBMIT_ALL = 0x80;
  static final int IORING_SETUP_SINGLE_ISSUER = 0x1000;

  static final int IORING_FEAT_SINGLE_MMAP = 1;
  static final int IORING_FEAT_NODROP = 2;
  static final int IORING_FEAT_SUBMIT_STABLE = 4;
  static final int IORING_FEAT_EXT_ARG = 0x100;

  static final int IORING_ENTER_GETEVENTS = 1;
  static final int IORING_ENTER_SQ_WAKEUP = 2;
  static final int IORING_ENTER_EXT_ARG = 8;

  static final int IORING_SQ_NEED_WAKEUP = 1;
  static final int IORING_SQ_CQ_OVERFLOW = 2;
  static final int IORING_CQE_F_MORE = 2;

  static final int IORING_REGISTER_BUFFERS = 0;
  static final int IORING_UNREGISTER_BUFFERS = 1;
  static final int IORING_REGISTER_FILES = 2;
  static final int IORING_UNREGISTER_FILES = 3;
  static final int IORING_REGISTER_EVENTFD = 4;
  static final int IORING_UNREGISTER_EVENTFD = 5;
  static final int IORING_REGISTER_FILES_UPDATE = 6;
  static final int IORING_REGISTER_PROBE = 8;
  static final int IORING_REGISTER_SYNC_CANCEL = 24;

  static final int IORING_ASYNC_CANCEL_ALL = 1;
  static final int IORING_ASYNC_CANCEL_ANY = 4;
  static final int IORING_FSYNC_DATASYNC = 1;
  static final int IORING_POLL_ADD_MULTI = 1;

  static final int IORING_OP_NOP = 0;
  static final int IORING_OP_READV = 1;
  static final int IORING_OP_WRITEV = 2;
  static final int IORING_OP_FSYNC = 3;
  static final int IORING_OP_READ_FIXED = 4;
  static final int IORING_OP_WRITE_FIXED = 5;
  static final int IORING_OP_POLL_ADD = 6;
  static final int IORING_OP_POLL_REMOVE = 7;
  static final int IORING_OP_TIMEOUT = 11;
  static final int IORING_OP_ASYNC_CANCEL = 14;
  static final int IORING_OP_FALLOCATE = 17;
  static final int IORING_OP_CLOSE = 19;
  static final int IORING_OP_READ = 22;
  static final int IORING_OP_WRITE = 23;

  private IoUringLayout() {}
}
