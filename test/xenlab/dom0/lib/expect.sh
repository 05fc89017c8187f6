# Checks. A scenario goes on after one that failed, so that one run tells all; a command that fails outside a check ends it.

checks=0
failed=0

say() { echo "== $*"; }

# ok WHAT, wrong WHAT [DETAIL]: what checks come to.
ok() {
	checks=$((checks + 1))
	echo "ok     $1"
}

wrong() {
	checks=$((checks + 1)) failed=$((failed + 1))
	echo "WRONG  $1"
	[ $# = 1 ] || echo "       ${2//$'\n'/$'\n'       }"
}

# expect yes|no WHAT COMMAND...: whether COMMAND succeeds. What it printed is shown where it should not have come to that.
expect() {
	local want=$1 what=$2 got=yes output
	shift 2
	output=$("$@" 2>&1) || got=no
	if [ "$got" = "$want" ]; then ok "$what"; else wrong "$what" "$output"; fi
}

# same WHAT WANT GOT: of texts; the difference has - before what is missing, + before what is too much.
same() {
	if [ "$2" = "$3" ]; then ok "$1"; else wrong "$1" "$(diff <(echo "$2") <(echo "$3") | grep -v '^[-+@ ][-+@ ]')"; fi
}

# holds WHAT PATTERN TEXT: an extended regular expression in a text.
holds() {
	if grep -qE -- "$2" <<<"$3"; then ok "$1"; else wrong "$1" "no $2 in: $3"; fi
}

# until_true SECONDS COMMAND...: tries it until it succeeds.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt "$end" ] || return 1
		sleep 0.1
	done
}

# eventually SECONDS WHAT COMMAND...: it succeeds in that time.
eventually() {
	local seconds=$1 what=$2
	shift 2
	if until_true "$seconds" "$@"; then ok "$what"; else wrong "$what" "not after $seconds s: $*"$'\n'"$("$@" 2>&1)"; fi
}

# settles SECONDS WHAT WANT COMMAND...: what COMMAND prints comes to be WANT.
settles() {
	local seconds=$1 what=$2 want=$3
	shift 3
	until_true "$seconds" prints "$want" "$@" || true
	same "$what" "$want" "$("$@")"
}

prints() { # WANT COMMAND...
	local want=$1
	shift
	[ "$("$@")" = "$want" ]
}

trap 'broken="line $LINENO: $BASH_COMMAND"' ERR
trap summary EXIT
broken=

# summary: the scenario's last line and its exit status.
summary() {
	local status=$?
	trap - EXIT ERR
	[ $status = 0 ] || wrong "the scenario ran to its end" "stopped with status $status at ${broken:-exit}"
	[ $checks -gt 0 ] || wrong "something was checked"
	[ $failed = 0 ] || explain_failure
	echo "$checks checks, $failed failed"
	[ $failed = 0 ] || exit 1
	exit 0
}
