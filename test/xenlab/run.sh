# Part of xenlab: one machine, one script in its dom0.
#
# The script travels behind the initramfs, as a further cpio archive, and so do overlays. What it prints comes by a serial port of
# its own, to which dom0's init adds two marks, with a number that the script does not know: that it begins, and its exit status.

machine= # QEMU's pid; what it prints is file 3
work=    # the run's temporary folder
result=  # how the script ended

xenlab_run() {
	local overlays=() timeout=600 xenstored=ocaml accel=${XENLAB_ACCEL:-auto} memory=768 console=
	while [ $# -gt 0 ]; do
		case $1 in
		--overlay) overlays+=("$2") ;;
		--timeout) timeout=$2 ;;
		--xenstored) xenstored=$2 ;;
		--accel) accel=$2 ;;
		--memory) memory=$2 ;;
		--console) console=$2 ;;
		-*) die "unknown option $1" ;;
		*) break ;;
		esac
		shift 2
	done
	[ $# = 1 ] || die "one script is needed"
	[ -r "$1" ] || die "no such script: $1"
	[ -e "$CACHE/img/dom0.cpio" ] || die "nothing is built yet: xenlab build"
	need qemu-system-x86_64 cpio

	work=$(mktemp -d)
	trap end_run EXIT
	trap 'exit 130' INT TERM HUP
	pack_initrd "$1" "${overlays[@]}"
	local mark
	mark=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
	local fallback=
	if [ "$accel" = auto ]; then
		accel=tcg
		# Only a KVM backed by the CPU's own virtualisation runs Xen, and that not under every hypervisor.
		if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm fallback=tcg; fi
	fi

	boot "$accel" "$mark"
	if [ -n "$fallback" ] && ! read -r -t 60 -u 3; then
		echo "xenlab: Xen does not start under this machine's KVM; going on without" >&2
		stop_machine
		boot "$fallback" "$mark"
	fi
	follow "$mark" $((SECONDS + timeout))
	stop_machine
	[ -z "$console" ] || cp "$work/console" "$console"
	case $result in
	timeout)
		echo "xenlab: not done after $timeout s; the console's last lines:" >&2
		tail -n 25 "$work/console" >&2
		exit 124
		;;
	'')
		echo "xenlab: the machine stopped before the script had ended. QEMU said:" >&2
		tail -n 5 "$work/qemu.log" >&2
		echo "and the console:" >&2
		tail -n 40 "$work/console" >&2
		exit 125
		;;
	*) exit "$result" ;;
	esac
}

# follow MARK DEADLINE: passes on what the script prints, until it has ended. Sets result: its exit status, `timeout`, or nothing
# where QEMU ended first.
follow() {
	local line status
	result=timeout
	while [ $SECONDS -lt "$2" ]; do
		status=0
		IFS= read -r -t $(($2 - SECONDS)) -u 3 line || status=$?
		[ $status -le 128 ] || return 0 # the time is over
		case $line in
		"XENLAB-BEGIN $1") continue ;;
		"XENLAB-EXIT $1 "*) result=${line##* } && return ;;
		esac
		[ $status = 0 ] || { result= && return; }
		printf '%s\n' "$line"
	done
}

# pack_initrd SCRIPT OVERLAY...: dom0's root in $work/initrd.
pack_initrd() {
	local layer dir
	mkdir -p "$work/lab/xenlab"
	# dom0's own files are taken as they are now: a change to them needs no build.
	cp -r "$HERE/dom0/init" "$HERE/dom0/etc" "$work/lab/"
	cp "$HERE"/dom0/lib/*.sh "$work/lab/xenlab/"
	cp "$1" "$work/lab/xenlab/script"
	chmod 755 "$work/lab/init"
	{
		cat "$CACHE/img/dom0.cpio"
		pack "$work/lab"
		for layer in "${@:2}"; do
			[ -d "$layer" ] || die "no such folder: $layer"
			for dir in bin sbin lib lib64; do
				# The archive's folder would take the place of dom0's link into /usr.
				[ ! -d "$layer/$dir" ] || die "$layer: put usr/$dir in place of $dir"
			done
			pack "$layer"
		done
	} >"$work/initrd"
}

boot() { # ACCEL MARK
	local cpu
	case $1 in
	kvm) cpu=host ;;
	# Without SMAP: QEMU before 9.1 wrongly faults a PV kernel's IRET with it.
	tcg) cpu=max,-smap,-la57 ;;
	*) die "unknown accelerator $1" ;;
	esac
	# eager-fpu: where Xen saves vector registers only when somebody else uses them, emulated CPUs let one process have another's,
	# and with several guests whatever runs in dom0 crashes sooner or later. The other words only save time.
	exec 3< <(exec qemu-system-x86_64 -accel "$1" -cpu "$cpu" \
		-machine pc -smp 2 -m $((memory + 1280)) \
		-display none -nodefaults -no-user-config -nic none -no-reboot -monitor none \
		-chardev "file,id=console,path=$work/console" -serial chardev:console \
		-chardev file,id=script,path=/dev/stdout -serial chardev:script \
		-kernel "$CACHE/img/xen" \
		-append "console=com1 com1=115200,8n1 dom0_mem=${memory}M,max:${memory}M dom0_max_vcpus=1 noreboot=0 loglvl=warning guest_loglvl=warning smap=0 spec-ctrl=no,eager-fpu xpti=0 bootscrub=0" \
		-initrd "$CACHE/img/vmlinux console=hvc0 quiet loglevel=4 mitigations=off nokaslr panic=5 xenlab=$2 xenlab_store=$xenstored rdinit=/init,$work/initrd" \
		</dev/null 2>"$work/qemu.log")
	machine=$!
}

stop_machine() {
	[ -n "$machine" ] || return 0
	kill -KILL "$machine" 2>/dev/null || true # nothing in it is to be kept
	wait "$machine" 2>/dev/null || true
	exec 3<&-
	machine=
}

end_run() {
	stop_machine
	rm -rf "$work"
}
