#!/bin/busybox sh
# Mounts the disk and hands over to the system on it.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
while read -r module parameters; do
    insmod "/modules/$module" $parameters
done < /modules/order
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /root || poweroff -f
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init
