# vifd on this host.

listener=

# listener_start [ARGUMENT...]: `vifd listen`, and wait until it is ready.
listener_start() {
	vifd listen "$@" >>/run/xenlab/listen.log 2>&1 &
	listener=$!
	until_true 20 grep -q 'msg=ready' /run/xenlab/listen.log || {
		cat /run/xenlab/listen.log
		return 1
	}
}

listener_stop() {
	kill "$listener"
	wait "$listener" || true
	listener=
	mv /run/xenlab/listen.log "/run/xenlab/listen.$RANDOM.log"
}

# records: how many vifs vifd has a record of.
records() { find /run/vifd/vifs -type f | wc -l; }

# hotplug_status, hotplug_error NAME [NUMBER]: what a guest's vif came to, for libxl and netback.
hotplug_status() { xenstore-read "$(backend "$@")/hotplug-status"; }
hotplug_error() { xenstore-read "$(backend "$@")/hotplug-error"; }

# explain_failure: what a person would look at.
explain_failure() {
	local file
	echo "-- vifd status"
	vifd status 2>&1 || true
	for file in /run/xenlab/listen*.log /run/xenlab/*.xl /var/log/xen/xen-hotplug.log; do
		[ ! -s "$file" ] || { echo "-- $file" && tail -n 30 "$file"; }
	done
	echo "-- links" && ip -br link
	echo "-- guests' consoles"
	grep -ah '^XENLAB-GUEST' /var/log/xen/console/guest-*.log || true
}
