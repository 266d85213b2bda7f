# shellcheck shell=bash disable=SC2154 # systems is the caller's: the folder of the systems
# Sourced by tests that need a Debian of their own.

# bare SUITE: debootstrap's smallest system, with the host's mirror, proxy and certificates.
bare() {
  local root=$systems/$1 mirror
  if [ -x "$root/usr/bin/apt-get" ]; then return; fi
  mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null)
  debootstrap --variant=minbase --include=ca-certificates "$1" "$root.part" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
    { tail -n 3 "$root.log" && return 1; }
  cp /etc/apt/apt.conf.d/99* "$root.part/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp -r /etc/ssl/certs/. "$root.part/etc/ssl/certs/"
  mv "$root.part" "$root"
}

# inside SYSTEM COMMANDS: bash -eux in that system, with the environment of a new login and the host's proxies.
inside() {
  local root=$systems/$1 each
  local -a network
  mapfile -t network < <(env | grep -E '^((http|https|no|HTTP|HTTPS|NO)_?(proxy|PROXY)|PIP_[A-Z_]*)=' || true)
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/"; fi
  for each in proc sys dev/pts dev/shm; do # the other devices are the system's own: the host may restrict /dev/null to root
    mkdir -p "$root/$each"
    if ! mountpoint -q "$root/$each"; then mount --bind "/$each" "$root/$each"; fi
  done
  env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    "${network[@]}" chroot "$root" bash -euxc "$2"
}
