// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** Error numbers of Linux on x86-64 and arm64, by name and meaning. */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int ENOTDIR = 20;
  public static final int EISDIR = 21;
  public static final int EINVAL = 22;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int ENOSPC = 28;
  public static final int ESPIPE = 29;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int EOPNOTSUPP = 95;
  public static final int ESRCH = 3;

  private Errno() {}

  /**
   * {@return the symbolic name of an error number, such as {@code EINVAL}}
   *
   * @param errno the positive error number; an unknown one becomes {@code errno 4711}
   */
  public static String name(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM";
      case ENOENT -> "ENOENT";
      case ESRCH -> "ESRCH";
      case EINTR -> "EINTR";
      case EIO -> "EIO";
      case ENXIO -> "ENXIO";
      case E2BIG -> "E2BIG";
      case EBADF -> "EBADF";
      case EAGAIN -> "EAGAIN";
      case ENOMEM -> "ENOMEM";
      case EACCES -> "EACCES";
      case EFAULT -> "EFAULT";
      case EBUSY -> "EBUSY";
      case EEXIST -> "EEXIST";
      case ENODEV -> "ENODEV";
      case ENOTDIR -> "ENOTDIR";
      case EISDIR -> "EISDIR";
      case EINVAL -> "EINVAL";
      case EMFILE -> "EMFILE";
      case ENOTTY -> "ENOTTY";
      case ENOSPC -> "ENOSPC";
      case ESPIPE -> "ESPIPE";
      case EPIPE -> "EPIPE";
      case ENOSYS -> "ENOSYS";
      case EOPNOTSUPP -> "EOPNOTSUPP";
      case 10 -> "ECHILD";
      case 18 -> "EXDEV";
      case 23 -> "ENFILE";
      case 26 -> "ETXTBSY";
      case 27 -> "EFBIG";
      case 30 -> "EROFS";
      case 34 -> "ERANGE";
      case 36 -> "ENAMETOOLONG";
      case 39 -> "ENOTEMPTY";
      case 40 -> "ELOOP";
      case 61 -> "ENODATA";
      case 75 -> "EOVERFLOW";
      case 88 -> "ENOTSOCK";
      case 98 -> "EADDRINUSE";
      case 104 -> "ECONNRESET";
      case 110 -> "ETIMEDOUT";
      case 111 -> "ECONNREFUSED";
      case 133 -> "EHWPOISON";
      default -> "errno " + errno;
    };
  }

  /**
   * {@return a short meaning, such as {@code "no such file or directory"}}
   *
   * @param errno the positive error number; an unknown one has the empty meaning
   */
  public static String meaning(int errno) {
    return switch (errno) {
      case EPERM -> "operation not permitted";
      case ENOENT -> "no such file or directory";
      case ESRCH -> "no such process or thread";
      case EINTR -> "interrupted by a signal";
      case EIO -> "input/output error";
      case ENXIO -> "no such device or address";
      case E2BIG -> "too big for the buffer given";
      case EBADF -> "bad file descriptor";
      case EAGAIN -> "try again";
      case ENOMEM -> "out of memory";
      case EACCES -> "permission denied";
      case EFAULT -> "bad address";
      case EBUSY -> "busy";
      case EEXIST -> "exists already";
      case ENODEV -> "no such device";
      case ENOTDIR -> "not a folder";
      case EISDIR -> "is a folder";
      case EINVAL -> "invalid argument";
      case EMFILE -> "too many open files in this process";
      case ENOTTY -> "the descriptor does not know this ioctl";
      case ENOSPC -> "no space left";
      case ESPIPE -> "not seekable";
      case EPIPE -> "the reader is gone";
      case ENOSYS -> "not implemented by this kernel";
      case EOPNOTSUPP -> "not supported";
      default -> "";
    };
  }
}
