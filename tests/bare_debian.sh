#!/usr/bin/env bash
# Tries Costate where nothing is installed: makes a bare Debian 12 root, puts a clone of HEAD into it
# and types the README's two commands there. Not part of CI: it needs root, debootstrap, the network
# and about half an hour.
#
# usage: tests/bare_debian.sh [--worktree] [--from TARBALL] [--save TARBALL] [--root FOLDER]
#
#   --worktree      test the files of the working tree instead of the last commit
#   --from TARBALL  start from a root saved earlier instead of making one
#   --save TARBALL  save the bare root, before anything is installed into it
#   --root FOLDER   make the root in this folder, which must not exist, and keep it
#
# The mirror, and how apt reaches it, are those of the host's own apt configuration.
set -euo pipefail

readonly suite=bookworm
repository=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
worktree=no from="" save="" root="" keep=no times=()

fail() {
  echo "bare_debian: $1" >&2
  exit "${2:-1}"
}

# In a mount namespace of our own, whatever is mounted below is gone when the script ends, however
# it ends.
((EUID == 0)) || fail "must be run as root"
if [[ ${BARE_DEBIAN_UNSHARED:-} != yes ]]; then
  BARE_DEBIAN_UNSHARED=yes exec unshare --mount "${BASH_SOURCE[0]}" "$@"
fi

while (($#)); do
  option=$1
  shift
  case $option in
    --worktree) worktree=yes && continue ;;
    --from | --save | --root) (($#)) || fail "$option needs a value" 2 ;;
    *) fail "unknown option \"$option\"" 2 ;;
  esac
  case $option in
    --from) from=$(readlink -f -- "$1") ;;
    --save) save=$(readlink -m -- "$1") ;;
    --root) root=$(readlink -m -- "$1") keep=yes ;;
  esac
  shift
done

cleanup() {
  local code=$?
  if ((${#times[@]})); then printf '%s\n' "${times[@]}"; fi
  if mountpoint --quiet "$root/proc"; then umount "$root/proc"; fi
  if mountpoint --quiet "$root/dev/shm"; then umount "$root/dev/shm"; fi
  if mountpoint --quiet "$root/dev/pts"; then umount "$root/dev/pts"; fi
  [[ $keep == yes ]] || rm -rf --one-file-system "$root"
  exit "$code"
}
if [[ -z $root ]]; then
  root=$(mktemp -d)
else
  [[ ! -e $root ]] || fail "$root exists already"
  mkdir -p "$root"
fi
trap cleanup EXIT
trap 'exit 130' INT TERM
chmod 755 "$root"

# timed WHAT COMMAND …: runs the command and notes the seconds that it took.
timed() {
  local what=$1 start=$SECONDS code=0
  shift
  echo "bare_debian: $what"
  "$@" || code=$?
  times+=("$(printf '%5d s  %s' $((SECONDS - start)) "$what")")
  ((code == 0)) || fail "failed with exit code $code: $what"
}

# The host's archives of this suite, as lines of a sources.list.
archives() {
  # shellcheck disable=SC2016  # apt's variables, not the shell's
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sort -u | awk -v suite="$suite" '$2 == suite || index($2, suite "-") == 1 { print "deb " $0 }'
}

make_root() {
  local mirror
  mirror=$(archives | awk -v suite="$suite" '$3 == suite && /main/ { print $2; exit }')
  [[ -n $mirror ]] || fail "apt on this host knows no mirror of $suite (run apt-get update?)"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" ||
    { tail -n 20 "$root.log" && return 1; }
  rm "$root.log"
  rm -f "$root"/var/cache/apt/archives/*.deb
}

unpack_root() { tar --numeric-owner -C "$root" -xf "$from"; }
save_root() { tar --numeric-owner --one-file-system -C "$root" -cf "$save" .; }

# How to reach the archives: apt's settings (proxies, retries, dates), the resolver and the
# certificates of the host. Its hooks and its sources from elsewhere stay outside.
connect_root() {
  archives >"$root/etc/apt/sources.list"
  apt-config dump | grep '^Acquire' | grep -vE '^Acquire::(IndexTargets|cdrom|Changelogs)' \
    >"$root/etc/apt/apt.conf.d/90host"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  if [[ -f /etc/ssl/certs/ca-certificates.crt && ! -e $root/etc/ssl/certs/ca-certificates.crt ]]; then
    mkdir -p "$root/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  fi
}

copy_sources() {
  if [[ $worktree == yes ]]; then
    mkdir "$root/root/costate"
    git -C "$repository" ls-files --cached --others --exclude-standard -z |
      tar -C "$repository" --null --ignore-failed-read -T - -cf - |
      tar -C "$root/root/costate" --no-same-owner -xf -
  else
    git clone --quiet "file://$repository" "$root/root/costate"
  fi
}

# inside COMMAND: a shell command in the clone, in the bare root, with a clean environment.
inside() {
  local name
  local -a environment=(HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin)
  for name in http_proxy https_proxy no_proxy; do
    [[ -z ${!name:-} ]] || environment+=("$name=${!name}")
  done
  chroot "$root" env -i "${environment[@]}" sh -c "cd /root/costate && $1" </dev/null
}

if [[ -n $from ]]; then
  timed "unpack the bare root" unpack_root
else
  timed "debootstrap $suite" make_root
fi
if [[ -n $save ]]; then timed "save the bare root" save_root; fi
connect_root
copy_sources
# Not the host's /dev: debootstrap has made the few devices that are needed.
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
ln -sf pts/ptmx "$root/dev/ptmx"

# The README's two commands, and nothing else.
for command in "./costate train --env CartPole-v1 --seed 1" "./costate test"; do
  timed "$command" inside "$command"
done
