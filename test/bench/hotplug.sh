#!/bin/bash
# hotplug.sh DOM0 XENSTORED VIFD RULES LAPS: how long Xen's own vif-bridge takes to bring a vif online, and how long vifd does in its
# place, each a whole process as libxl runs it. DOM0 is the root of the lab's dom0, whose scripts and tools are used on this kernel;
# it is laid over with a folder in memory. Runs in namespaces of its own (unshare -nm). Prints NAME MICROSECONDS, once a lap.
set -euo pipefail
dom0=$1 xenstored=$2 vifd=$3 rules=$4 laps=$5

top=$(mktemp -d)
mount -t tmpfs top "$top"
mkdir "$top"/{upper,work,root,store}
mount -t overlay root -o "lowerdir=$dom0,upperdir=$top/upper,workdir=$top/work" "$top/root"
root=$top/root
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs sys "$root/sys"
mount -t tmpfs run "$root/run"
mkdir -p "$root"/run/{xenstored,xen-hotplug} "$root"/var/log/xen "$root"/etc/vifd/rules.d
cp "$vifd" "$root/usr/bin/vifd"
cp "$rules" "$root/etc/vifd/rules.d/"
ln -s /usr/bin/vifd "$root/etc/xen/scripts/vif-vifd"

"$xenstored" "$top/store" c &
daemon=$!
listener=
trap 'kill $daemon $listener' EXIT
until [ -S "$top/store/socket" ]; do sleep 0.05; done
mount --bind "$top/store" "$root/run/xenstored"

backend=/local/domain/0/backend/vif/3/0
chroot "$root" xenstore-write \
	$backend/frontend /local/domain/3/device/vif/0 $backend/frontend-id 3 $backend/handle 0 $backend/mac 00:16:3e:00:00:07 \
	$backend/ip 192.0.2.7 $backend/bridge xenbr0 $backend/hotplug-status '' /local/domain/3/device/vif/0/handle 0
ip link add xenbr0 type bridge
ip link set xenbr0 up

# lap NAME SCRIPT: an interface comes, one online, timed, and the interface goes, as it does before libxl calls with offline.
cat >"$root/lap" <<'LAP'
export XENBUS_PATH=backend/vif/3/0 XENBUS_TYPE=vif XENBUS_BASE_PATH=backend vif=vif3.0 netdev= script=/etc/xen/scripts/$2
ip link add vif3.0 type veth peer name guest
sleep 0.1 # libxl calls when the backend has said that it waits, which takes longer still
begin=${EPOCHREALTIME/./}
/etc/xen/scripts/$2 online type_if=vif || exit
end=${EPOCHREALTIME/./}
[ "$(xenstore-read backend/vif/3/0/hotplug-status)" = connected ] || exit
ip link del vif3.0
/etc/xen/scripts/$2 offline type_if=vif || [ "$2" = vif-bridge ] # which wants the interface there
echo "$1 $((end - begin))"
LAP
lap() { chroot "$root" bash /lap "$@"; }

# Turn by turn, so that what else the machine does strikes all alike. The listener is there for its own turns alone.
for ((i = 0; i < laps; i++)); do
	for ((j = 0; j < 5; j++)); do
		lap script vif-bridge
		lap alone vif-vifd
	done
	chroot "$root" /usr/bin/vifd listen 2>"$top/log" &
	listener=$!
	until grep -q msg=ready "$top/log"; do sleep 0.02; done
	for ((j = 0; j < 5; j++)); do lap listener vif-vifd; done
	kill $listener
	wait $listener
	listener=
done
