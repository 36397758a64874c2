#!/bin/busybox sh
# The first process of a guest: sets up what a system would, runs the suites, ends the machine.
# Results go to the device that the kernel's parameter `results` names, in the form of cargo test's.

/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp CAMFENCE_BIN=/suites/camfence RUST_BACKTRACE=0
# An emulated machine; tests give it this many times as long.
export CAMFENCE_SLOWNESS=10

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /run/netns
stty -F "/dev/$results" raw

while read -r module parameters; do
    insmod "/modules/$module" $parameters || { echo "cannot load $module"; poweroff -f; }
done < /modules/order
ip link set lo up

# Written by xtask: `suite NAME SECONDS ARGUMENT…` lines.
suite() {
    name=$1 seconds=$2
    shift 2
    echo "     Running kernel $(uname -r) (suites/$name-guest)"
    timeout -s KILL "$seconds" "/suites/$name" --color never "$@" </dev/null
    status=$?
    # 0 and 101 are what a test program ends with; anything else left no result.
    [ $status = 0 ] || [ $status = 101 ] || echo "vm: $name ended with status $status"
    echo "vm: up since $(cut -d' ' -f1 /proc/uptime) s, $(awk '/MemAvailable/ {print $2}' /proc/meminfo) KiB left"
}
. /suites/run > "/dev/$results" 2>&1
# A kernel that panics ends qemu with the same status: this line is what tells.
echo "vm: the end" > "/dev/$results"
poweroff -f
