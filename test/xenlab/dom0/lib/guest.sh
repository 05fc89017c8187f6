# Guests: made by xl, told what to do by their consoles.

# guest_create [OPTION...] NAME VIF...: creates a PV guest with these vifs (xl's syntax), and waits until it has reported.
#   -a IFACE=ADDRESS/LENGTH  an address inside the guest (may be repeated, as -g and -p)
#   -g GATEWAY               a default route inside the guest
#   -p ADDRESS               ping this from the guest
#   -e LINE                  one more line of its configuration file
#   -n                       do not wait
# 0: every ping was answered. 1: one was not. 2: the guest did not report. 3: xl create failed: what xl said, which
# is in /run/xenlab/NAME.xl, is printed.
guest_create() {
	local addresses=() gateways=() pings=() lines=() wait=1 option OPTIND=1 OPTARG
	while getopts a:g:p:e:n option; do
		case $option in
		a) addresses+=("$OPTARG") ;;
		g) gateways+=("$OPTARG") ;;
		p) pings+=("$OPTARG") ;;
		e) lines+=("$OPTARG") ;;
		n) wait= ;;
		*) return 64 ;;
		esac
	done
	shift $((OPTIND - 1))
	local name=$1 vifs='' vif line
	shift
	for vif; do vifs+="'$vif', "; done
	local IFS=';' # between what the guest is told
	{
		echo "name = '$name'"
		echo "type = 'pv'"
		echo "kernel = '/xenlab/guest/vmlinux'"
		echo "ramdisk = '/xenlab/guest/initrd.gz'"
		echo "memory = 160"
		echo "vcpus = 1"
		echo "extra = 'console=hvc0 quiet loglevel=3 mitigations=off nokaslr panic=0 name=$name" \
			"addresses=${addresses[*]} gateways=${gateways[*]} pings=${pings[*]}'"
		echo "vif = [ $vifs]"
		for line in "${lines[@]}"; do echo "$line"; done
	} >"/run/xenlab/$name.cfg"
	forget_console "$name"
	xl create "/run/xenlab/$name.cfg" >"/run/xenlab/$name.xl" 2>&1 || {
		cat "/run/xenlab/$name.xl"
		return 3
	}
	[ -z "$wait" ] || guest_wait "$name"
}

# guest_wait NAME: until it has reported; status as guest_create's.
guest_wait() {
	local tries=0 report=
	until [ -n "$report" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 2
		sleep 0.2
		report=$(guest_console "$1" | grep -a '^XENLAB-GUEST ready ') || true
	done
	[[ $report != *pings=failed* ]]
}

# guest_console NAME: what it has printed since it was created, or rebooted by guest_reboot.
guest_console() { tr -d '\r' <"/var/log/xen/console/guest-$1.log" 2>/dev/null; }

# forget_console NAME: xenconsoled keeps appending to the file that it has open.
forget_console() { [ ! -e "/var/log/xen/console/guest-$1.log" ] || : >"/var/log/xen/console/guest-$1.log"; }

# guest NAME COMMAND: runs it in the guest (busybox's sh), prints what it printed, returns its status; 124 after a minute.
guest() {
	local tag=$RANDOM$RANDOM tries=0 tty output=
	tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty") || return 125
	printf 'RUN %s %s\n' "$tag" "${2//$'\n'/ }" >"$tty" # it reads one line
	until [[ $output == *"XENLAB-END $tag "* ]]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 124
		sleep 0.1
		output=$(guest_console "$1")
	done
	awk -v tag="$tag" '
		$1 == "XENLAB-BEGIN" && $2 == tag { inside = 1; next }
		$1 == "XENLAB-END" && $2 == tag { exit $3 }
		inside' <<<"$output"
}

# guest_reboot NAME: it reboots itself, and comes back as another domain.
guest_reboot() {
	local before tries=0 after
	before=$(xl domid "$1")
	guest_tell "$1" 'reboot -f'
	until after=$(xl domid "$1" 2>/dev/null) && [ "$after" != "$before" ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || return 2
		sleep 0.2
	done
	guest_wait "$1"
}

# guest_tell NAME COMMAND: as guest, of a command that the guest does not survive. Its console begins anew.
guest_tell() {
	local tty
	tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty")
	forget_console "$1"
	printf 'RUN 0 %s\n' "$2" >"$tty"
}

# guest_destroy NAME...: and waits until dom0's side of its vifs is gone.
guest_destroy() {
	local name domid tries
	for name; do
		domid=$(xl domid "$name") || continue
		xl destroy "$name"
		tries=0
		while compgen -G "/sys/bus/xen-backend/devices/vif-$domid-*" >/dev/null && [ $tries -lt 100 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
	done
}

# vif NAME [NUMBER]: the name of its vif in dom0, unless it is renamed.
vif() { echo "vif$(xl domid "$1").${2:-0}"; }

# backend NAME [NUMBER]: the vif's folder in xenstore, dom0's side.
backend() { echo "/local/domain/0/backend/vif/$(xl domid "$1")/${2:-0}"; }
