# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Builds build/vm/zcnic.ko from a copy of kernel/, so that the sources stay clean. The file is there only
# if it was built from the sources as they are now: a failed build leaves no older file behind.

# Prints a checksum of everything that a build depends on.
module_inputs()
{
	(cat "$VM/kernel/release" && cd "$PROJECT/kernel" && find . -type f ! -name '.*' ! -name '*.md' \
		-print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum
}

module_build()
{
	local module=$STATE/zcnic.ko copy=$STATE/kernel log=$STATE/module.log release source

	if [ ! -e "$PROJECT/kernel/Makefile" ]; then
		say "kernel/ has no Makefile: there will be no zcnic in the guest"
		rm -f "$module"
		return 0
	fi
	exec 9>"$STATE/lock"
	flock 9
	if [ ! -e "$module" ] || [ "$(cat "$STATE/module.inputs" 2>/dev/null)" != "$(module_inputs)" ]; then
		release=$(cat "$VM/kernel/release")
		say "building zcnic for $release"
		rm -rf "$module" "$copy"
		cp -R "$PROJECT/kernel" "$copy"
		# The source is named because make does not find it below an older proot.
		source=/usr/src/$(cd "$VM/toolchain/usr/src" && echo linux-headers-*-common)
		if ! in_toolchain "$copy" make -C "/usr/src/linux-headers-$release" \
			"M=$copy" "abs_srctree=$source" -j "$(nproc)" modules >"$log" 2>&1 </dev/null; then
			grep -v '^make' "$log" | tail -n 40 >&2
			die "zcnic does not build (all of it in $log)"
		fi
		module_inputs >"$STATE/module.inputs"
		mv "$copy/zcnic.ko" "$module"
	fi
	exec 9>&-
}
