# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Runs commands inside the toolchain's root directory. The project's tree is there at its own path, and
# /proc and /dev are those of this machine. Mounts in a private namespace are the quick way. Where a
# user may make none (an ordinary user inside a chroot) proot imitates them.

# The command by which this user has mounts of its own, where that is allowed.
TOOLCHAIN_UNSHARE=(unshare --mount --propagation private)
[ "$(id -u)" -eq 0 ] || TOOLCHAIN_UNSHARE+=(--user --map-root-user)

# in_toolchain DIR CMD...: runs CMD in the folder DIR, which is the project's tree or lies in it.
in_toolchain()
{
	local root=$VM/toolchain env=(env -i "PATH=/usr/sbin:/usr/bin" LC_ALL=C.UTF-8 HOME=/tmp)
	local dir=$1

	shift
	if "${TOOLCHAIN_UNSHARE[@]}" true 2>/dev/null; then
		mkdir -p "$root$PROJECT"
		# shellcheck disable=SC2016 # the dollars are the inner shell's
		"${TOOLCHAIN_UNSHARE[@]}" bash -euc '
			root=$1 project=$2 dir=$3
			shift 3
			for path in /proc /dev "$project"; do
				mount --rbind "$path" "$root$path"
			done
			exec chroot "$root" env -C "$dir" "$@"' \
			toolchain "$root" "$PROJECT" "$dir" "${env[@]}" "$@"
	elif command -v proot >/dev/null; then
		proot -r "$root" -b /proc -b /dev -b "$PROJECT" -w "$dir" "${env[@]}" "$@"
	else
		give_up "the compiler of the test VM needs a root directory of its own, and this user may" \
			"make no namespaces here: install proot (scripts/deps does), or run this as root"
	fi
}
