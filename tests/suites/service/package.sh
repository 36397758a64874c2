# Installs, upgrades, removes and purges a package on a copy of this system that only this process
# sees: its files are an overlay in memory, its network and its BPF file system its own.
#
# Arguments: an empty directory, the package.
set -eu
directory=$1 package=$2

mount -t tmpfs tmpfs "$directory"
cd "$directory"
mkdir upper work system
mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" system
cd system
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t bpf bpf sys/fs/bpf
cp "$package" tmp/camfence.deb

system() { chroot . /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
said() { echo "$1: $(cat)"; }

ip link set lo up
ip link add br-cam type bridge
ip link set br-cam up
ip link add port type veth peer name camera
ip link set port master br-cam up
ip link set camera up

system dpkg -i /tmp/camfence.deb
system stat -c '%A %U %G' /etc/camfence | said directory
system getent passwd camfence | cut -d: -f1,6,7 | said user
system systemctl is-enabled camfence.service | said enabled
system zcat /usr/share/man/man8/camfence-add.8.gz | grep -c 'Add a camera' | said manual
system bash -n /usr/share/bash-completion/completions/camfence && echo 'completions: fine'
system systemd-analyze verify --man=no camfence.service 2>&1 | grep -i camfence | said verify || true

system cp /usr/share/doc/camfence/examples/camfence.toml /etc/camfence/camfence.toml
system stat -c '%A %U %G' /etc/camfence/camfence.toml | said configuration
system camfence check | said check
system camfence up | said up
find sys/fs/bpf/camfence -path '*links*' -type f -printf '%i ' | said 'links before'

system dpkg -i /tmp/camfence.deb
find sys/fs/bpf/camfence -path '*links*' -type f -printf '%i ' | said 'links after'
system camfence status | grep -c yes | said 'ports after'

system systemd-tmpfiles --create camfence.conf 2>/dev/null || true
system stat -c '%A %U %G' /var/lib/camfence | said history

system dpkg -r camfence
ls sys/fs/bpf/camfence 2>/dev/null | wc -l | said 'pins left'
system sh -c 'command -v camfence || echo none' | said program
system ls /etc/camfence | said kept
system dpkg -P camfence
system sh -c 'ls -d /etc/camfence /var/lib/camfence 2>/dev/null | grep . || echo none' | said purged
system find /usr /etc /lib -name '*camfence*' -not -path '*/fonts/*' | tr '\n' ' ' | said left
