#!/usr/bin/env bash
# Runs a machine's install.sh --prepare twice in namespaces of its own. What would
# change a machine outside its files (packages, services, the kernel) is replaced by
# programs that note how they were called. $1 holds the rendered files, $2 is the
# host, $3 a folder to work in. The second run must write nothing.
set -euo pipefail
files=$1 host=$2 work=$3
mount --make-rprivate /
mkdir -p "$work/etc" "$work/bin"
cp -a /etc/. "$work/etc/"
mount --bind "$work/etc" /etc
mount -t tmpfs none /var/lib
mount -t tmpfs none /usr/local
printf '/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n' >/etc/fstab
for name in apt-get apt-mark systemctl swapoff modprobe sysctl containerd; do
	cat >"$work/bin/$name" <<SHIM
#!/bin/sh
echo "$name \$*" >>"$work/calls"
[ "$name" != containerd ] || echo "containerd github.com/containerd/containerd/v2 v2.1.4 0"
SHIM
done
printf '#!/bin/sh\necho key\n' >"$work/bin/curl"
# gpg --dearmor --yes -o FILE
# shellcheck disable=SC2016 # the program's own argument
printf '#!/bin/sh\ncat >"$4"\n' >"$work/bin/gpg"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\necho 6.1.0\n' >"$work/bin/uname"
chmod +x "$work"/bin/*
export PATH=$work/bin:$PATH
mkdir -p /var/lib/bulkhead
cp -a "$files" /var/lib/bulkhead/files
echo "first run:"
bash "/var/lib/bulkhead/files/host/$host/install.sh" --prepare
cp -a /etc "$work/etc-after-first"
echo "second run:"
bash "/var/lib/bulkhead/files/host/$host/install.sh" --prepare
diff -r --no-dereference "$work/etc-after-first" /etc
echo "same after both"
grep swap /etc/fstab
cat /etc/apt/sources.list.d/kubernetes.list /etc/containerd/config.toml
cat "$work/calls"
