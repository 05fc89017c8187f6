# alone
# How long Xen's script takes and how long vifd does, side by side: called by hand on one guest's vif, and through xl create. Each
# figure is the least of several rounds, in each of which everybody has a turn: what else the machine does befalls all alike. The
# table's lines begin with `| `; the budget is a tenth of the script.
make_bridge xenbr0 10.9.0.1/24
guest_create -a eth0=10.9.0.2/24 -p 10.9.0.1 g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2,bridge=xenbr0,script=vif-bridge'
interface=$(vif g1)
path=backend/vif/$(xl domid g1)/0
printf '#!/bin/bash\nexit 0\n' >/etc/xen/scripts/vif-nothing
chmod 755 /etc/xen/scripts/vif-nothing

declare -A least # of what, in ms

# clock WHAT COMMAND...: runs it, and remembers how long it took, if that is the least.
clock() {
	local begin took
	begin=${EPOCHREALTIME/./}
	"${@:2}" >/run/xenlab/said 2>&1 || {
		cat /run/xenlab/said
		return 1
	}
	took=$(((${EPOCHREALTIME/./} - begin) / 1000))
	[ "${least[$1]:-$took}" -lt "$took" ] || least[$1]=$took
}

call() { # SCRIPT COMMAND: with the environment that libxl gives
	XENBUS_TYPE=vif XENBUS_BASE_PATH=backend XENBUS_PATH=$path netdev='' vif=$interface script=/etc/xen/scripts/$1 \
		"/etc/xen/scripts/$1" "$2" type_if=vif
}

# turn WHO SCRIPT: online, after an offline, so that there is something to do.
turn() {
	call "$2" offline >/dev/null 2>&1
	clock "$1 online" call "$2" online
}

create() { # WHO SCRIPT
	clock "$1 create" guest_create -n t "mac=00:16:3e:00:00:07,ip=10.9.0.7,bridge=xenbr0,script=$2"
	guest_destroy t
}

for what in turn turn create turn create turn create; do
	$what stock vif-bridge
	$what nothing vif-nothing
	$what alone vif-vifd
	listener_start
	$what led vif-vifd
	listener_stop
	clock "start online" vifd version
done

row() { # WHAT WHO
	printf '| %-34s |' "$1"
	local column
	for column in online create; do
		printf ' %9s | %5s |' "${least[$2 $column]:-}" "$(ratio "${least[stock $column]}" "${least[$2 $column]:-}")"
	done
	echo
}
ratio() { [ -z "$2" ] || awk -v of="$1" -v to="$2" 'BEGIN { printf "%.1f", of / to }'; }

echo '|                                    | online ms | times | create ms | times |'
echo '|------------------------------------|----------:|------:|----------:|------:|'
row "Xen's vif-bridge" stock
row "vifd hotplug, no listener" alone
row "vifd hotplug, with the listener" led
row "bash that does nothing" nothing
row "vifd version: to start the program" start
# A budget is for a benchmark to say; no test fails for it.
verdict() { # WHAT MS
	local word=met
	[ $(($2 * 10)) -le "${least[stock online]}" ] || word=MISSED
	echo "| budget 3, a tenth of the script's time, $1: $word"
}
verdict "without a listener" "${least[alone online]}"
verdict "with the listener" "${least[led online]}"
same "the vif is connected after all that" connected "$(xenstore-read "$path/hotplug-status")"
