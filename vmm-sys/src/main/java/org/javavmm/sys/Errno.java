// SPDX-License-Identifier: Apache-2.0
package org.javavmm.sys;

/** Error numbers of Linux on x86-64 and arm64, by name and meaning. */
public final class Errno {
  /** Operation not permitted. */
  public static final int EPERM = 1;

  /** No such file or directory. */
  public static final int ENOENT = 2;

  /** No such process or thread. */
  public static final int ESRCH = 3;

  /** Interrupted by a signal. */
  public static final int EINTR = 4;

  /** Input/output error. */
  public static final int EIO = 5;

  /** No such device or address. */
  public static final int ENXIO = 6;

  /** Too big for the buffer given. */
  public static final int E2BIG = 7;

  /** Bad file descriptor. */
  public static final int EBADF = 9;

  /** Try again. */
  public static final int EAGAIN = 11;

  /** Out of memory. */
  public static final int ENOMEM = 12;

  /** Permission denied. */
  public static final int EACCES = 13;

  /** Bad address. */
  public static final int EFAULT = 14;

  /** Busy. */
  public static final int EBUSY = 16;

  /** Exists already. */
  public static final int EEXIST = 17;

  /** No such device. */
  public static final int ENODEV = 19;

  /** Not a folder. */
  public static final int ENOTDIR = 20;

  /** Is a folder. */
  public static final int EISDIR = 21;

  /** Invalid argument. */
  public static final int EINVAL = 22;

  /** Too many open files in this process. */
  public static final int EMFILE = 24;

  /** The descriptor does not know this ioctl. */
  public static final int ENOTTY = 25;

  /** No space left. */
  public static final int ENOSPC = 28;

  /** Not seekable. */
  public static final int ESPIPE = 29;

  /** The reader is gone. */
  public static final int EPIPE = 32;

  /** Not implemented by this kernel. */
  public static final int ENOSYS = 38;

  /** Not supported. */
  public static final int EOPNOTSUPP = 95;

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
      default -> rareName(errno);
    };
  }

  /** Those that code does not ask for by name: checked against the headers by a test. */
  private static String rareName(int errno) {
    return switch (errno) {
      case 8 -> "ENOEXEC";
      case 10 -> "ECHILD";
      case 15 -> "ENOTBLK";
      case 18 -> "EXDEV";
      case 23 -> "ENFILE";
      case 26 -> "ETXTBSY";
      case 27 -> "EFBIG";
      case 30 -> "EROFS";
      case 31 -> "EMLINK";
      case 33 -> "EDOM";
      case 34 -> "ERANGE";
      case 35 -> "EDEADLK";
      case 36 -> "ENAMETOOLONG";
      case 37 -> "ENOLCK";
      case 39 -> "ENOTEMPTY";
      case 40 -> "ELOOP";
      case 42 -> "ENOMSG";
      case 43 -> "EIDRM";
      case 61 -> "ENODATA";
      case 62 -> "ETIME";
      case 71 -> "EPROTO";
      case 74 -> "EBADMSG";
      case 75 -> "EOVERFLOW";
      case 77 -> "EBADFD";
      case 84 -> "EILSEQ";
      case 85 -> "ERESTART";
      case 88 -> "ENOTSOCK";
      case 89 -> "EDESTADDRREQ";
      case 90 -> "EMSGSIZE";
      case 91 -> "EPROTOTYPE";
      case 92 -> "ENOPROTOOPT";
      case 93 -> "EPROTONOSUPPORT";
      case 94 -> "ESOCKTNOSUPPORT";
      case 96 -> "EPFNOSUPPORT";
      case 97 -> "EAFNOSUPPORT";
      case 98 -> "EADDRINUSE";
      case 99 -> "EADDRNOTAVAIL";
      case 100 -> "ENETDOWN";
      case 101 -> "ENETUNREACH";
      case 102 -> "ENETRESET";
      case 103 -> "ECONNABORTED";
      case 104 -> "ECONNRESET";
      case 105 -> "ENOBUFS";
      case 106 -> "EISCONN";
      case 107 -> "ENOTCONN";
      case 108 -> "ESHUTDOWN";
      case 110 -> "ETIMEDOUT";
      case 111 -> "ECONNREFUSED";
      case 112 -> "EHOSTDOWN";
      case 113 -> "EHOSTUNREACH";
      case 114 -> "EALREADY";
      case 115 -> "EINPROGRESS";
      case 116 -> "ESTALE";
      case 119 -> "ENAVAIL";
      case 122 -> "EDQUOT";
      case 123 -> "ENOMEDIUM";
      case 125 -> "ECANCELED";
      case 130 -> "EOWNERDEAD";
      case 131 -> "ENOTRECOVERABLE";
      case 132 -> "ERFKILL";
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
      case 18 -> "on another file system";
      case 23 -> "too many open files on this host";
      case 26 -> "text file busy";
      case 27 -> "file too large";
      case 30 -> "read-only file system";
      case 34 -> "out of range";
      case 35 -> "would deadlock";
      case 36 -> "file name too long";
      case 39 -> "folder not empty";
      case 40 -> "too many symbolic links";
      case 61 -> "no data";
      case 62 -> "timer expired";
      case 75 -> "value too large for its field";
      case 85 -> "to be restarted";
      case 88 -> "not a socket";
      case 90 -> "message too long";
      case 97 -> "address family not supported";
      case 98 -> "address in use";
      case 99 -> "address not available";
      case 104 -> "connection reset by peer";
      case 105 -> "no buffer space";
      case 106 -> "connected already";
      case 107 -> "not connected";
      case 110 -> "timed out";
      case 111 -> "connection refused";
      case 115 -> "in progress";
      case 122 -> "disk quota exceeded";
      case 125 -> "cancelled";
      case 133 -> "memory page has a hardware error";
      default -> "";
    };
  }
}
