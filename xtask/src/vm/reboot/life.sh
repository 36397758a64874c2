#!/bin/sh
# What the machine does in each of its lives: lets frames flow for a while, says how it is, and
# reboots. In the second the package is upgraded first; for the third it is purged.

daemon() {
    systemctl show --property MainPID --value camfence
}

count=$(($(cat /var/lib/lives 2>/dev/null || echo 0) + 1))
echo "$count" > /var/lib/lives
sleep 5
{
    if [ "$count" = 2 ]; then
        before=$(daemon)
        dpkg -i /camfence.deb
        sleep 2
        [ "$before" != "$(daemon)" ] && systemctl is-active camfence && echo "vm: upgraded"
    fi
    journalctl --no-pager -o short-monotonic -u camfence -u systemd-networkd
    camfence --json status
    ip -br link
    systemd-analyze critical-chain camfence.service
} > /dev/ttyS1 2>&1
sync
echo "vm: life $count" > /dev/ttyS1
case $count in
    1) systemctl reboot --no-block ;;
    2)
        dpkg --purge camfence > /dev/ttyS1 2>&1
        [ -e /etc/camfence ] || [ -e /sys/fs/bpf/camfence ] || echo "vm: purged" > /dev/ttyS1
        systemctl reboot --no-block
        ;;
    *) systemctl poweroff --no-block ;;
esac
