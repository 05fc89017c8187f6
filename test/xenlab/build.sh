# Part of xenlab: what it boots, made of Debian's packages. Nothing is installed, and no step needs root.
#
# In the cache: debs/ the packages; dom0/ dom0's root, unpacked; img/ what QEMU is given; stamp what all that was made from.

# Modules that dom0 has, as the beginnings of paths below kernel/: netback, and whatever an interface or a rule may need.
DOM0_MODULES='
drivers/xen/ drivers/net/xen-netback/
drivers/net/dummy.ko drivers/net/veth.ko drivers/net/tun.ko drivers/net/ifb.ko
drivers/net/macvlan.ko drivers/net/vrf.ko drivers/net/bonding/
net/bridge/ net/802/ net/8021q/ net/llc/ net/netfilter/ net/ipv4/netfilter/ net/ipv6/netfilter/ net/sched/
crypto/crc32c_generic.ko arch/x86/crypto/crc32c-intel.ko
'
GUEST_MODULES='drivers/net/xen-netfront.ko net/8021q/ net/802/'

xenlab_build() {
	local stamp begin=$SECONDS
	stamp=$(build_inputs)
	[ "${1:-}" = --force ] || ! built "$stamp" || return 0
	need apt-get cpio depmod dpkg-deb flock gzip tar xz
	mkdir -p "$CACHE/debs"
	exec 9>"$CACHE/lock"
	flock 9 # two that build at once: the second finds it done
	if [ "${1:-}" = --force ]; then
		rm -f "$CACHE"/debs/*.deb
	elif built "$stamp"; then
		return 0
	fi
	fetch_packages

	local new=$CACHE/new
	rm -rf "$new" "$CACHE/stamp"
	mkdir -p "$new/img"
	unpack_kernel "$new/kernel" "$new/img/vmlinux"
	make_dom0 "$new/dom0" "$new/kernel"
	gzip -dc "$new"/dom0/boot/xen-*-amd64.gz >"$new/img/xen"
	rm -rf "$new/dom0/boot"
	make_guest "$new/guest" "$new/dom0" "$new/kernel"
	mkdir -p "$new/dom0/xenlab/guest"
	pack "$new/guest" | gzip -1 >"$new/dom0/xenlab/guest/initrd.gz"
	cp "$new/img/vmlinux" "$new/dom0/xenlab/guest/vmlinux"
	pack "$new/dom0" >"$new/img/dom0.cpio"

	rm -rf "$CACHE/dom0" "$CACHE/img"
	mv "$new/dom0" "$new/img" "$CACHE/"
	rm -rf "$new"
	echo "$stamp" >"$CACHE/stamp"
	echo "xenlab: built in $((SECONDS - begin)) s" >&2
}

# build_inputs: a digest of all that the images are made from, but for the packages: these are taken as they were fetched.
build_inputs() {
	(cd "$HERE" && find build.sh packages.txt domu -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
}

built() { # STAMP
	[ -e "$CACHE/stamp" ] && [ "$(<"$CACHE/stamp")" = "$1" ]
}

# ---------------------------------------------------------------- packages

apt_options=()

# fetch_packages: all in debs/. This machine's apt is asked as it is; where its lists are empty or too old, with lists of our own,
# which an ordinary user may fetch.
fetch_packages() {
	download_missing && return
	mkdir -p "$CACHE"/apt/lists/partial "$CACHE"/apt/archives/partial
	apt_options=(-o "Dir::State::Lists=$CACHE/apt/lists" -o "Dir::Cache=$CACHE/apt")
	apt-get -qq "${apt_options[@]}" update || die "apt-get update failed"
	download_missing || die "could not download the packages"
}

download_missing() {
	local package missing=()
	while read -r package; do
		deb_of "$package" >/dev/null || missing+=("$package")
	done < <(package_names)
	if ! deb_of 'linux-image-[0-9]*' >/dev/null; then
		# The package that linux-image-amd64 stands for today.
		package=$(apt-cache "${apt_options[@]}" depends linux-image-amd64 2>/dev/null | awk '$2 ~ /^linux-image-[0-9]/ { print $2; exit }')
		[ -n "$package" ] || return 1
		missing+=("$package")
	fi
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "xenlab: downloading ${#missing[@]} packages" >&2
	rm -rf "$CACHE/download"
	mkdir "$CACHE/download"
	# Whole packages alone come to debs/: an interrupted download would be taken for one.
	(cd "$CACHE/download" && apt-get -qq "${apt_options[@]}" -o APT::Sandbox::User=root download "${missing[@]}" >&2) || return 1
	mv "$CACHE"/download/*.deb "$CACHE/debs/"
	rmdir "$CACHE/download"
}

package_names() { sed 's/#.*//; /^[[:space:]]*$/d' "$HERE/packages.txt"; }

# deb_of PACKAGE: its file, of several versions the last; PACKAGE may be a glob.
deb_of() {
	local files
	files=$(compgen -G "$CACHE/debs/${1}_*.deb" | sort -V) && echo "${files##*$'\n'}"
}

# ---------------------------------------------------------------- images

# unpack_kernel ROOT VMLINUX: the kernel's package, and the ELF image inside its bzImage, which neither Xen nor xl then has to
# decompress: slow without hardware virtualisation.
unpack_kernel() {
	local image setup offset length
	dpkg-deb -x "$(deb_of 'linux-image-[0-9]*')" "$1"
	image=$(compgen -G "$1/boot/vmlinuz-*")
	depmod -b "$1" "$(release_of "$1")"
	# Documentation/x86/boot.rst: setup_sects, payload_offset and payload_length.
	setup=$(od -An -tu1 -j $((0x1f1)) -N1 "$image")
	offset=$(od -An -tu4 -j $((0x248)) -N4 "$image")
	length=$(od -An -tu4 -j $((0x24c)) -N4 "$image")
	tail -c +$(((setup + 1) * 512 + offset + 1)) "$image" >"$1/payload"
	head -c $((length - 4)) "$1/payload" | xz -dc >"$2" # the last 4 bytes are the length when unpacked
	[ "$(head -c 4 "$2")" = $'\x7fELF' ] || die "the kernel in $image is not packed by xz"
}

release_of() { # KERNELROOT
	basename "$1"/lib/modules/*
}

# copy_modules KERNELROOT ROOT BEGINNING...: the modules whose paths begin so, and what they depend on.
copy_modules() {
	local from=$1 to=$2 release folder module
	shift 2
	release=$(release_of "$from")
	folder=lib/modules/$release
	mkdir -p "$to/$folder"
	awk -F: -v beginnings="$*" '
		BEGIN { n = split(beginnings, begins, " ") }
		{ for (i = 1; i <= n; i++) if (index($1, "kernel/" begins[i]) == 1) { print $1; split($2, needs, " "); for (j in needs) print needs[j] } }
	' "$from/$folder/modules.dep" | sort -u | while read -r module; do
		mkdir -p "$to/$folder/${module%/*}"
		cp "$from/$folder/$module" "$to/$folder/$module"
	done
	cp "$from/$folder"/modules.builtin* "$from/$folder/modules.order" "$to/$folder/"
	depmod -b "$to" "$release"
}

# skeleton ROOT: the folders of a root whose /bin, /sbin, /lib are links into /usr, as Debian has it.
skeleton() {
	local dir
	mkdir -p "$1"/usr/{bin,sbin,lib,lib64} "$1"/{proc,sys,dev,run,tmp,root,etc,var/lib/xen,var/log/xen/console}
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$1/$dir"; done
	ln -s /run "$1/var/run"
}

make_dom0() { # ROOT KERNELROOT
	local root=$1 package applet
	skeleton "$root"
	while read -r package; do
		dpkg-deb --fsys-tarfile "$(deb_of "$package")" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
			--exclude='./usr/share/*' --exclude='*/python3/*' --exclude='*/gconv/*' --exclude='*/udev/hwdb.d' \
			--exclude='*/systemd/boot' --exclude='*.efi'
	done < <(package_names)
	# shellcheck disable=SC2086 # a list
	copy_modules "$2" "$root" $DOM0_MODULES
	# busybox is whatever no package brought; but these would be poor stand-ins for what scripts ask for by name.
	for applet in $("$root/usr/bin/busybox" --list); do
		case $applet in
		ip | tc | brctl | bash | init | modprobe | insmod | lsmod | rmmod | depmod | modinfo) continue ;;
		esac
		[ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] || ln -sf busybox "$root/usr/bin/$applet"
	done
	ln -sf bash "$root/usr/bin/sh"
	# What maintainer scripts would have made: iptables by nft, Debian's default.
	for applet in ip{,6}tables{,-save,-restore} arptables ebtables; do
		ln -sf xtables-nft-multi "$root/usr/sbin/$applet"
	done
}

make_guest() { # ROOT DOM0ROOT KERNELROOT
	local root=$1 applet
	skeleton "$root"
	cp "$2/usr/bin/busybox" "$root/usr/bin/"
	for applet in $("$root/usr/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$root/usr/bin/$applet"
	done
	# shellcheck disable=SC2086 # a list
	copy_modules "$3" "$root" $GUEST_MODULES
	cp "$HERE/domu/init" "$root/init"
	cp "$HERE"/domu/bin/* "$root/usr/bin/"
	chmod 755 "$root/init" "$root"/usr/bin/*
}
