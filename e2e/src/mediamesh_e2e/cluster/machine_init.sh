#!/bin/bash
# PID 1 of a machine: makes its view of the files, says "ready", and reaps orphans for good.
# Arguments: the machine's name, its folder, its kind (`control` or `node`), and the descriptor to say "ready" on.
# Standard input has "TYPE OPTIONS FOLDER" for each cgroup hierarchy of a node.
set -eu
name=$1 home=$2 kind=$3 ready=$4

# Shared inside this mount namespace only: what a pod mounts with propagation stays in the node.
mount --make-rshared /
mount -t proc proc /proc
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
echo 1 >/proc/sys/net/ipv4/ip_forward

own() { # a folder of this machine in the place of the computer's
  mkdir -p "$home$1"
  mount --bind "$home$1" "$1"
  # A bind joins the peer group of what it was bound from: every mount below would appear there too.
  mount --make-private "$1"
  mount --make-shared "$1"
}

pretend() { # kubelet wants these, and would set them for the whole computer: it finds them as it wants them
  mkdir -p "$home/sysctl"
  echo "$2" >"$home/sysctl/${1//\//.}"
  mount --bind "$home/sysctl/${1//\//.}" "/proc/sys/$1"
}

if [ "$kind" = node ]; then
  hostname "$name"
  while read -r type options folder; do
    if [ -n "$folder" ] && ! mountpoint -q /sys/fs/cgroup; then mount -t tmpfs cgroup /sys/fs/cgroup; fi
    mkdir -p "/sys/fs/cgroup/$folder"
    mount -t "$type" ${options:+-o "$options"} cgroup "/sys/fs/cgroup/$folder"
  done
  pretend vm/overcommit_memory 1
  pretend vm/panic_on_oom 0
  pretend kernel/panic 10
  pretend kernel/panic_on_oops 1
  pretend kernel/keys/root_maxkeys 1000000
  pretend kernel/keys/root_maxbytes 25000000
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /run/lock "$home/var/lib" "$home/var/log" "$home/var/tmp"
  ln -sfn /run "$home/var/run"
  own /var
fi

exec 0</dev/null
sleep infinity & # before it is ready: nothing is started while the cgroups are put in order
echo ready >&"$ready"
exec {ready}>&-
while wait; do sleep infinity & done
