# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Gets kernel and toolchain of the test VM from one suite, as ordinary folders of the calling user:
#   $VM/kernel     release, vmlinux (or vmlinuz), modules/, boot/ (modules to load before the root
#                  file system is there, uncompressed, in the order of their names)
#   $VM/toolchain  a root directory with compiler, make and the headers of the same kernel
# No package is configured, so no maintainer script runs and nobody needs to be root. A folder
# exists only once it is whole: it is filled below $VM/new and then renamed. Until then the packages
# that were fetched stay in $VM/apt.

KERNEL_MIN=7.1
SUITES="forky sid trixie-backports"
# What the folder toolchain holds beside the headers.
TOOLCHAIN_PKGS="base-files bash binutils coreutils dash diffutils findutils gawk gcc grep gzip kmod
	libc6-dev make sed tar xz-utils"
# What the guest needs to reach the host's files and the channels of its command.
BOOT_MODULES="virtio_pci virtio_console 9pnet_virtio 9p"

new_enough()
{
	printf '%s\n%s\n' "$2" "$1" | sort -CV
}

# wanted_packages RELEASE: prints the packages that the two folders have to be made of, at least.
wanted_packages()
{
	# shellcheck disable=SC2086
	printf '%s\n' $TOOLCHAIN_PKGS "$BOOT_MODULES" "$1"
}

# Are both folders there, made of all packages that are wanted? Those that another version of this
# script made may lack some.
fetched()
{
	local have

	have=$(cat "$VM/kernel/release" 2>/dev/null) && [ -e "$VM/toolchain/.packages" ] &&
		! wanted_packages "$have" | grep -qvxF -f "$VM/toolchain/.packages"
}

# Prints what `uname -r` says on the preferred suite's current kernel.
kernel_release()
{
	apt-cache show --no-all-versions linux-image-amd64 2>/dev/null |
		sed -n 's/^Depends:.*linux-image-\([0-9][^ ,]*\).*/\1/p'
}

# Prints the packages of kernel RELEASE. Older suites have image, binary and modules in one package.
kernel_packages()
{
	{ apt-cache pkgnames "linux-binary-$1"; apt-cache pkgnames "linux-modules-$1"; } |
		grep -xF -e "linux-binary-$1" -e "linux-modules-$1" || echo "linux-image-$1"
	echo "linux-headers-$1"
}

# fetch_packages WORK MIRROR SUITE: downloads the packages to WORK/archives and sets release, or fails.
# apt keeps what an earlier try left there, if the suite still has it.
fetch_packages()
{
	local work=$1 mirror=$2 suite=$3 suites=("$3")

	# Backports build upon the suite they are for.
	[[ $suite != *-backports ]] || suites+=("${suite%-backports}")
	isolated_update "$work" "$mirror" "${suites[@]}" || return 1
	release=$(APT_CONFIG=$work/conf kernel_release)
	if [ -z "$release" ] || ! new_enough "$release" "$KERNEL_MIN"; then
		echo "$suite has kernel ${release:-(none)}, and $KERNEL_MIN is needed" >>"$work/log"
		return 1
	fi
	say "getting kernel $release and a toolchain from $mirror $suite"
	APT_CONFIG=$work/conf apt-get -q autoclean >>"$work/log" 2>&1 || return 1
	# shellcheck disable=SC2046,SC2086
	APT_CONFIG=$work/conf apt-get -q -y --no-install-recommends --download-only install \
		$TOOLCHAIN_PKGS $(APT_CONFIG=$work/conf kernel_packages "$release") >>"$work/log" 2>&1 ||
		return 1
	rm -f "$work/archives/lock"
}

# unpack ROOT DEB...: unpacks the packages without documentation and translations.
unpack()
{
	local root=$1 deb dir

	shift
	for dir in bin lib lib64 sbin; do
		mkdir -p "$root/usr/$dir"
		ln -sfn "usr/$dir" "$root/$dir"
	done
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$root" --no-same-owner --keep-directory-symlink --exclude='./dev/*' \
			--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
			--exclude=./usr/share/info || return 1
	done
}

# The payload of a bzImage is the kernel as an ELF file, packed. With that QEMU enters the kernel
# directly (PVH), which saves the guest from unpacking itself at an emulator's speed.
unpack_kernel()
{
	local image=$1 to=$2 sectors offset length

	field() { od -An -j "$1" -N "$2" -t "u$2" "$image" | tr -d ' '; }
	sectors=$(field 497 1) offset=$(field 584 4) length=$(field 588 4)
	offset=$(((${sectors:-0} + 1) * 512 + offset))
	# Four bytes at the end are no part of what was packed: they say how long it will be.
	tail -c "+$((offset + 1))" "$image" | head -c "$((length - 4))" >"$to.packed"
	for tool in "zstd -dcq" "xz -dcq" "gzip -dcq"; do
		if $tool <"$to.packed" >"$to" 2>/dev/null && [ "$(head -c 4 "$to")" = $'\177ELF' ]; then
			rm "$to.packed"
			return 0
		fi
	done
	rm -f "$to" "$to.packed"
	return 1
}

# Copies BOOT_MODULES, and the modules that they need, with names numbered in the order of loading.
make_boot_modules()
{
	local kernel=$1 n=100 path to

	mkdir "$kernel/boot"
	# shellcheck disable=SC2086
	for module in $BOOT_MODULES; do
		modprobe -d "$kernel/modules" -S "$release" --show-depends "$module" || return 1
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
		n=$((n + 1))
		to=${path##*/}
		to=$kernel/boot/$n-${to%%.*}.ko
		case $path in
		*.xz) xz -dc "$path" >"$to" ;;
		*.zst) zstd -dcq "$path" >"$to" ;;
		*) cp "$path" "$to" ;;
		esac || return 1
	done
}

# Fills NEW/kernel from NEW/tree, where the kernel's packages were unpacked.
make_kernel()
{
	local new=$1 kernel=$1/kernel image

	mkdir -p "$kernel/modules/lib"
	image=$new/tree/lib/modules/$release/vmlinuz
	[ -e "$image" ] || image=$new/tree/boot/vmlinuz-$release
	if ! unpack_kernel "$image" "$kernel/vmlinux"; then
		say "this kernel image cannot be unpacked; the guest will do it, and boot slower"
		cp "$image" "$kernel/vmlinuz" || return 1
	fi
	mv "$new/tree/lib/modules" "$kernel/modules/lib/" &&
		depmod -b "$kernel/modules" "$release" && make_boot_modules "$kernel" || return 1
	printf '%s\n' "$release" >"$kernel/release"
}

# publish WORK: turns the packages in WORK/archives into the two folders.
publish()
{
	local work=$1 new=$VM/new kernel=() others=() deb

	for deb in "$work"/archives/*.deb; do
		case ${deb##*/} in
		linux-image-*|linux-binary-*|linux-modules-*|linux-base-[0-9]*) kernel+=("$deb") ;;
		*) others+=("$deb") ;;
		esac
	done
	rm -rf "$new"
	mkdir -p "$new"
	unpack "$new/tree" "${kernel[@]}" && make_kernel "$new" &&
		unpack "$new/toolchain" "${others[@]}" || return 1
	# What maintainer scripts would have done.
	ln -sf gawk "$new/toolchain/usr/bin/awk"
	mkdir -p "$new/toolchain/proc" "$new/toolchain/dev" "$new/toolchain/tmp"
	wanted_packages "$release" >"$new/toolchain/.packages"
	rm -rf "$VM/kernel" "$VM/toolchain"
	mv "$new/toolchain" "$VM/toolchain" && mv "$new/kernel" "$VM/kernel" || return 1
	rm -rf "$new" "$VM/apt"
}

# Makes sure that $VM is complete.
fetch()
{
	local release suite mirror uris work

	! fetched || return 0
	command -v apt-get >/dev/null ||
		give_up "the test VM is made of Debian packages, and there is no apt here to get them"
	mkdir -p "$VM"
	exec 9>"$VM/lock"
	flock -n 9 || { say "another scripts/vm is fetching; waiting for it"; flock 9; }
	if ! fetched; then
		uris=${ZCRXD_MIRROR:-$(mirrors)}
		for suite in $SUITES; do
			for mirror in $uris; do
				work=$VM/apt/$suite
				if fetch_packages "$work" "$mirror" "$suite" && publish "$work" 2>>"$work/log"
				then
					break 2
				fi
				say "$suite from $mirror will not do:"
				tail -n 5 "$work/log" | sed 's/^/    /' >&2
			done
		done
		fetched || give_up "no kernel >= $KERNEL_MIN with headers in any of $SUITES on" \
			"${uris:-(no mirror found)}; set ZCRXD_MIRROR to a Debian mirror and try again"
	fi
	exec 9>&-
}
