#!/bin/sh
# What the machine does in each of its lives: lets frames flow for a while, says how it is, and
# reboots. In the third the service is off.

count=$(($(cat /var/lib/lives 2>/dev/null || echo 0) + 1))
echo "$count" > /var/lib/lives
sleep 5
{
    journalctl --no-pager -o short-monotonic -u camfence -u systemd-networkd
    camfence --json status
    ip -br link
    systemd-analyze critical-chain camfence.service
} > /dev/ttyS1 2>&1
sync
echo "vm: life $count" > /dev/ttyS1
case $count in
    1) systemctl reboot --no-block ;;
    2) systemctl disable camfence; systemctl reboot --no-block ;;
    *) systemctl poweroff --no-block ;;
esac
