# SPDX-License-Identifier: Apache-2.0
# Sourced by ./vmm and ./test, which set $root. POSIX shell; what runs on every start forks nothing.

say() {
  printf '%s\n' "$*" >&2
}

# The feature version of the JDK in $1, from its release file: no process is started.
jdk_version() {
  version=
  runtime=
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  while IFS== read -r key value; do
    if [ "$key" = JAVA_VERSION ]; then
      version=${value#\"}
      version=${version%%[.\"+-]*}
    elif [ "$key" = JAVA_RUNTIME_VERSION ]; then
      # Changes with each update, where the folder's name does not.
      runtime=$value
    fi
  done <"$1/release"
  [ -n "$version" ]
}

# Sets and exports JAVA_HOME to a JDK 25, or ends with status 2.
find_jdk() {
  looked=
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/jdk* /opt/java/* "${HOME:-/root}"/.sdkman/candidates/java/* \
    "${HOME:-/root}"/.jdks/*; do
    [ -n "$home" ] && [ -d "$home" ] || continue
    if jdk_version "$home"; then
      if [ "$version" = 25 ]; then
        JAVA_HOME=$home
        export JAVA_HOME
        return 0
      fi
      looked="$looked
  $home (JDK $version)"
    fi
  done
  # Last, whatever javac is on the PATH: finding out costs processes.
  javac=$(command -v javac 2>/dev/null) && javac=$(readlink -f "$javac") && home=${javac%/bin/javac} &&
    jdk_version "$home" && [ "$version" = 25 ] && JAVA_HOME=$home && export JAVA_HOME && return 0
  say "java-vmm: no JDK 25 found. Looked at JAVA_HOME, /usr/lib/jvm, /opt, ~/.sdkman, ~/.jdks and the PATH:${looked:-
  (no JDK at all)}
Install one (https://adoptium.net/temurin/releases/?version=25) and set JAVA_HOME to its folder."
  exit 2
}

# need_packages COMMAND PACKAGE [COMMAND PACKAGE ...]: installs what is missing, or says how.
need_packages() {
  missing=
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || case "$1" in
      /*) [ -e "$1" ] ;;
      *) false ;;
    esac || case " $missing " in
      *" $2 "*) ;;
      *) missing="$missing $2" ;;
    esac
    shift 2
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    say "java-vmm: missing Debian packages. Type:
  sudo apt-get install --no-install-recommends$missing"
    exit 2
  fi
  say "java-vmm: installing$missing ..."
  # A list that was never fetched is the usual reason for a failure; fetch it only then.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -qq >&2 &&
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
  } || {
    say "java-vmm: apt-get could not install$missing"
    exit 2
  }
}

# What the lab needs on the host.
need_lab_packages() {
  need_packages qemu-system-x86_64 qemu-system-x86 /usr/lib/qemu/virtiofsd qemu-system-common \
    /usr/share/seabios/bios-256k.bin seabios mke2fs e2fsprogs xz xz-utils setpriv util-linux dpkg-deb dpkg
}

maven() {
  need_packages mvn maven
  # Maven's own libraries still use memory access methods that JDK 25 warns of.
  MAVEN_OPTS="${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow" mvn -B -ntp -f "$root/pom.xml" "$@"
}
