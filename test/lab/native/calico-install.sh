#!/bin/sh
# Calico's installer writes https://[10.96.0.1]:443 into the CNI kubeconfig. Programs built with Go 1.25.2 or later,
# as the lab's are, take brackets around IPv6 addresses only: without them it reads as released images do.
/usr/libexec/calico-install "$@" || exit
sed -i 's#://\[\([0-9.]*\)\]:#://\1:#' /host/etc/cni/net.d/calico-kubeconfig
