# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Gets packages of other suites than the machine's own, through an apt configuration that shares only the
# way to the mirrors with the machine's. Nothing here needs root. scripts/deps and scripts/vm use this
# file; they define say().

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

cache_dir()
{
	local home=${HOME:-}

	[ -n "$home" ] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
	printf '%s/zcrxd' "${XDG_CACHE_HOME:-$home/.cache}"
}

# Prints the mirrors that the machine itself uses for the component main, without security archives. apt
# reads its own sources, so that every form of them is understood.
mirrors()
{
	# shellcheck disable=SC2016 # the dollars are apt's
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' |
		awk '$3 == "main" && $2 !~ /-security/ && $1 !~ /^cdrom:/ && !seen[$1]++ { print $1 }'
}

# isolated_apt WORK KEYRING MIRROR SUITE...: writes the configuration; use it as
# APT_CONFIG=WORK/conf. The first suite is preferred. Only the way to reach a mirror (proxies and the
# like) is taken over from the machine. Check-Valid-Until is off because a frozen or lagging mirror is
# fine here: signatures are still verified, and the callers look at the versions that came. Root
# fetches as root, since the user _apt may not be able to enter WORK.
isolated_apt()
{
	local work=$1 keyring=$2 mirror=$3 suite

	shift 3
	mkdir -p "$work/lists/partial" "$work/archives/partial"
	: >>"$work/status"
	apt-config dump --format '%F "%v";%n' Acquire >"$work/conf"
	cat >>"$work/conf" <<-END
	APT::Default-Release "$1";
	APT::Sandbox::User "root";
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "/dev/null";
	Dir::Etc::sourcelist "$work/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::State "$work";
	Dir::State::status "$work/status";
	Dir::State::lists "$work/lists";
	Dir::Cache "$work";
	Acquire::Languages "none";
	END
	for suite; do
		printf 'deb [arch=%s check-valid-until=no%s] %s %s main\n' "$(dpkg --print-architecture)" \
			"${keyring:+ signed-by=$keyring}" "$mirror" "$suite"
	done >"$work/sources.list"
}

# Gets the archive's current keys from the machine's own (older, trusted) suites and prints their path.
fresh_keyring()
{
	local work=$1

	rm -rf "$work/keyring"
	mkdir -p "$work/keyring"
	(cd "$work/keyring" && apt-get -q download debian-archive-keyring >&2 &&
		dpkg -x debian-archive-keyring_*.deb .) || return 1
	printf '%s' "$work/keyring$KEYRING"
}

# isolated_update WORK MIRROR SUITE...: writes the configuration and gets the suites' indexes, or fails.
# What apt says goes to WORK/log.
isolated_update()
{
	local work=$1 keyring=''

	shift
	[ ! -r "$KEYRING" ] || keyring=$KEYRING
	mkdir -p "$work"
	isolated_apt "$work" "$keyring" "$@"
	if ! APT_CONFIG=$work/conf apt-get -q update >"$work/log" 2>&1 ||
	   grep -q NO_PUBKEY "$work/log"; then
		grep -q NO_PUBKEY "$work/log" || return 1
		keyring=$(fresh_keyring "$work") || return 1
		isolated_apt "$work" "$keyring" "$@"
		APT_CONFIG=$work/conf apt-get -q update >"$work/log" 2>&1 || return 1
	fi
}
