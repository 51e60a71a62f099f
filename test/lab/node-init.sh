#!/bin/bash
# First process of a lab node. Started in new mount, UTS, IPC and PID namespaces inside the node's network namespace;
# ends with the node. Environment:
#   NODE     host name            NODE_DIR  the node's folder on the host (a file system that overlay accepts)
#   BIN      Kubernetes programs  CGROUP    path of the node's cgroup below every controller's root
#   HOSTS    "ADDRESS NAME" lines of all nodes     NAMESERVER  an address that refuses every query at once
# Writes into NODE_DIR: pid (who this process is, in the host's numbers), ready (containerd answers), *.log.
set -u

# ---- as the host sees it: say who we are, enter the node's cgroup ----

# The lab's share of a busy machine's CPUs is that of twenty processes, not of one: what else runs must not look like a
# network that loses packets. Shares of v1, weight of v2.

# v1: one tree for each controller; a new cpuset is empty and takes nobody until it is given CPUs and memory.
join_cgroup_v1() {
  local mount_point level part
  while read -r mount_point; do
    level=$mount_point
    for part in ${CGROUP//\// }; do
      mkdir -p "$level/$part"
      if [ -f "$level/cpuset.cpus" ]; then
        cat "$level/cpuset.cpus" > "$level/$part/cpuset.cpus"
        cat "$level/cpuset.mems" > "$level/$part/cpuset.mems"
      fi
      if [ -f "$level/$part/cpu.shares" ]; then echo 20480 > "$level/$part/cpu.shares"; fi
      level=$level/$part
    done
    echo $$ > "$level/cgroup.procs"
  done < <(awk '$3 == "cgroup" {print $2}' /proc/mounts)
}

# v2: one tree; controllers are handed down level by level.
join_cgroup_v2() {
  local level=/sys/fs/cgroup part controller
  for part in ${CGROUP//\// }; do
    for controller in $(cat "$level/cgroup.controllers"); do echo "+$controller" > "$level/cgroup.subtree_control"; done
    level=$level/$part
    mkdir -p "$level"
    if [ -f "$level/cpu.weight" ]; then echo 2000 > "$level/cpu.weight"; fi
  done
  echo $$ > "$level/cgroup.procs"
}

if [ "${1:-}" != inside ]; then
  read -r -a stat < /proc/self/stat
  echo "${stat[0]} ${stat[21]} $(cat /proc/sys/kernel/random/boot_id)" > "$NODE_DIR/pid.new"
  mv "$NODE_DIR/pid.new" "$NODE_DIR/pid"
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then join_cgroup_v2; else join_cgroup_v1; fi
  exec unshare --cgroup bash "$0" inside
fi

# ---- as the node sees it: own /proc, /sys, /run; own changes below /etc, /opt, /usr, /var ----

mount --make-rprivate /
mount -t proc proc /proc
hostname "$NODE"

mount_cgroups() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/init
    echo $$ > /sys/fs/cgroup/init/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control; done
    return
  fi
  local trees mount_point options
  trees=$(awk '$3 == "cgroup" {print $2, $4}' /proc/mounts)
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while read -r mount_point options; do
    # Only the controllers' own names may be repeated in a second mount of their tree.
    options=$(tr ',' '\n' <<< "$options" | grep -vE '^(rw|ro|nosuid|nodev|noexec|relatime|xattr|clone_children|release_agent=.*)$' | paste -sd, -)
    [[ $options == name=* ]] && options=none,$options
    mkdir -p "$mount_point"
    mount -t cgroup -o "$options" cgroup "$mount_point"
  done <<< "$trees"
}

# Folders that must not lie on an overlay (containerd's layers are overlays themselves), and those that stand in for
# the overlay of a top folder which holds the lab's cache: an overlay cannot lie inside its own lower folder.
always_own="/var/lib/containerd /var/lib/kubelet /var/lib/etcd"
own_below() {
  case $1 in
    etc) echo "/etc/kubernetes /etc/cni/net.d" ;;
    opt) echo "/opt/cni/bin" ;;
    usr) echo "/usr/libexec/kubernetes" ;;
    var) echo "/var/lib/cni /var/lib/calico /var/lib/cilium /var/log/pods /var/log/containers /var/log/calico" ;;
  esac
}

bind_own() {
  local path
  for path in "$@"; do
    mkdir -p "$NODE_DIR/own$path" "$path"
    mount --bind "$NODE_DIR/own$path" "$path"
  done
}

mount_cgroups
mount -t bpf bpf /sys/fs/bpf
for top in etc opt usr var; do
  if [[ $NODE_DIR/ == /$top/* ]]; then
    bind_own $(own_below $top)
  else
    mkdir -p "$NODE_DIR/overlay/$top/upper" "$NODE_DIR/overlay/$top/work"
    mount -t overlay -o "lowerdir=/$top,upperdir=$NODE_DIR/overlay/$top/upper,workdir=$NODE_DIR/overlay/$top/work" overlay "/$top"
  fi
done
bind_own $always_own
mount -t tmpfs tmpfs /run
mkdir -p /run/lock

if [ ! -f "$NODE_DIR/installed" ]; then
  # Whatever this host has of a cluster of its own is not the node's.
  rm -rf /etc/cni/net.d/* /etc/kubernetes/* /opt/cni/bin/* /var/lib/cni/* /var/lib/calico/*
  mkdir -p /etc/cni/net.d /opt/cni/bin /etc/kubernetes/manifests
  cp /usr/lib/cni/* /opt/cni/bin/
  if [[ $NODE_DIR/ != /etc/* ]]; then
    # Node names come from the hosts file; there is no way out of the lab, and no name server. A loopback address
    # would not do: in CoreDNS's own pod it is CoreDNS.
    rm -f /etc/resolv.conf
    echo "nameserver $NAMESERVER" > /etc/resolv.conf
    printf '127.0.0.1 localhost\n::1 localhost\n%s\n' "$HOSTS" > /etc/hosts
  fi
  touch "$NODE_DIR/installed"
fi
mount --make-rshared /

sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
  net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 2> /dev/null

cat > "$NODE_DIR/containerd.toml" << 'END'
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
END

# ---- services: each is started again when it ends, as a service manager would ----

run_containerd() {
  while :; do
    containerd -c "$NODE_DIR/containerd.toml" >> "$NODE_DIR/containerd.log" 2>&1
    echo "containerd ended with $?" >> "$NODE_DIR/containerd.log"
    sleep 0.5
  done
}

# kubeadm writes the kubelet's configuration; until then there is nothing to start.
run_kubelet() {
  local flags=/var/lib/kubelet/kubeadm-flags.env
  until [ -f /var/lib/kubelet/config.yaml ] && [ -f $flags ]; do sleep 0.1; done
  while :; do
    . $flags
    "$BIN/kubelet" --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
      --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml \
      $KUBELET_KUBEADM_ARGS >> "$NODE_DIR/kubelet.log" 2>&1
    echo "kubelet ended with $?" >> "$NODE_DIR/kubelet.log"
    sleep 0.5
  done
}

run_containerd &
until ctr -n k8s.io version > /dev/null 2>&1; do sleep 0.1; done
touch "$NODE_DIR/ready"
run_kubelet &

trap 'exit 0' TERM
while :; do wait -n 2> /dev/null || sleep 1; done
