# Xen's own daemons.

XEN=/usr/lib/xen-4.17/bin

# start_xenstored ocaml|c: and wait until it answers.
start_xenstored() {
	local program=oxenstored tries=0
	[ "$1" != c ] || program=xenstored
	XENSTORED_ROOTDIR=/run/xenstored "$XEN/$program" --pid-file /run/xenstored.pid || return 1
	until xenstore-read -s / >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

# start_udev: udevd, with the rules that are there by now.
start_udev() {
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm settle -t 30
}
