# Part of xenlab: the scenarios, each on a machine of its own.
#
# scenarios/NAME/ holds run.sh, and perhaps rules.yaml, which becomes /etc/vifd/rules.d/50-scenario.yaml, and overlay/, which is
# laid over dom0's root. A line `# lab: OPTION...` in run.sh gives options for `xenlab run`; `# alone` has none run beside it.

at_once=2
logs=  # where each one's output goes
layer= # what is laid over dom0 for a scenario

xenlab_test() {
	local names=("$@") name begin=$SECONDS
	vifd=${VIFD:-$HERE/../../bin/vifd}
	[ -x "$vifd" ] || die "there is no $vifd: make build, or name one in VIFD"
	[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd "$HERE/scenarios" && ls)
	for name in "${names[@]}"; do
		[ -r "$HERE/scenarios/$name/run.sh" ] || die "no such scenario: $name; there are" "$(cd "$HERE/scenarios" && echo *)"
	done
	if [ ${#names[@]} = 1 ]; then
		scenario "${names[0]}"
		return
	fi

	local running=0
	logs=$(mktemp -d)
	set -m # each of them a process group, to be ended with all it has started
	trap end_scenarios EXIT
	trap 'exit 130' INT TERM HUP
	for name in "${names[@]}"; do
		if alone "$name"; then
			wait
			timed_scenario "$name" "$logs/$name" &
			wait
			running=0
			continue
		fi
		if [ $running = $at_once ]; then
			wait -n
			running=$((running - 1))
		fi
		timed_scenario "$name" "$logs/$name" &
		running=$((running + 1))
	done
	wait
	table "${names[@]}"
	echo "${#names[@]} scenarios in $((SECONDS - begin)) s"
	[ "$(cat "$logs"/*.status | sort -u)" = 0 ]
}

# alone NAME: it measures, and nothing else is to run meanwhile.
alone() { grep -q '^# alone$' "$HERE/scenarios/$1/run.sh"; }

end_scenarios() {
	local group
	for group in $(jobs -p); do kill -TERM -- "-$group" 2>/dev/null || true; done
	rm -rf "$logs"
}

# timed_scenario NAME LOG: leaves what it printed in LOG, its status and its seconds beside it, and shows all of a failed one.
timed_scenario() {
	local begin=$SECONDS status=0
	# A shell of its own: -e holds in no function whose status is asked for.
	"$HERE/xenlab" test "$1" >"$2" 2>&1 </dev/null || status=$?
	echo $status >"$2.status"
	echo $((SECONDS - begin)) >"$2.seconds"
	if [ $status = 0 ]; then
		echo "ok     $1, $((SECONDS - begin)) s"
	else
		# In one piece: another may be printing.
		echo "FAILED $1, status $status"$'\n'"$(sed 's/^/    /' "$2")"
	fi
}

# table NAME...: one line for each; then whatever tables they printed themselves (lines that begin with `| `).
table() {
	local name word
	printf '\n%-30s %-8s %8s  %s\n' scenario result seconds checks
	for name; do
		case $(<"$logs/$name.status") in
		0) word=ok ;;
		124) word='too long' ;;
		125) word='no lab' ;;
		*) word=FAILED ;;
		esac
		printf '%-30s %-8s %8s  %s\n' "$name" "$word" "$(<"$logs/$name.seconds")" "$(grep -E '^[0-9]+ checks, [0-9]+ failed$' "$logs/$name" || true)"
	done
	for name; do grep -h '^| ' "$logs/$name" || true; done
}

# scenario NAME: runs it; its output, its status.
scenario() {
	local folder=$HERE/scenarios/$1 options=() given=()
	layer=$(mktemp -d)
	trap 'rm -rf "$layer"' EXIT
	vifd_layer "$folder"
	[ ! -d "$folder/overlay" ] || options+=(--overlay "$folder/overlay")
	read -r -a given < <(sed -n 's/^# lab: //p' "$folder/run.sh") || true # most have none
	(xenlab_run --overlay "$layer" "${options[@]}" "${given[@]}" "$folder/run.sh")
}

# vifd_layer FOLDER: vifd as a host has it, and the scenario's rules, in $layer.
vifd_layer() {
	local repo=$HERE/../..
	mkdir -p "$layer"/usr/bin "$layer"/usr/lib/vifd/rules.d "$layer"/etc/{vifd/rules.d,udev/rules.d,xen/scripts}
	cp "$vifd" "$layer/usr/bin/vifd"
	ln -s /usr/bin/vifd "$layer/etc/xen/scripts/vif-vifd"
	cp "$repo"/dist/*.rules "$layer/etc/udev/rules.d/"
	cp "$repo/rules.d/90-default.yaml" "$layer/usr/lib/vifd/rules.d/"
	if [ -e "$1/rules.yaml" ]; then
		cp "$1/rules.yaml" "$layer/etc/vifd/rules.d/50-scenario.yaml"
	fi
}
