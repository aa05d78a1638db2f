# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# For the tests beside this file: the VM built or the test skipped, a scratch folder, one guest.
cd "$ZCRX_SOURCE_DIR" || exit 1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

scripts/vm build 2>"$scratch/build"
case $? in
0) ;;
69) echo "skip: $(tail -n 1 "$scratch/build")"; exit 77 ;;
*) cat "$scratch/build"; exit 1 ;;
esac

# run ARGUMENTS...: scripts/vm run, leaving out, err and status.
run()
{
	scripts/vm run "$@" >"$scratch/out" 2>"$scratch/err"
	status=$?
}

# check SENTENCE COMMAND...: the sentence is true if the command succeeds.
check()
{
	local sentence=$1

	shift
	if "$@"; then
		echo "ok: $sentence"
	else
		echo "FAILED: $sentence (status $status)"
		tail -n 20 "$scratch/err" | sed 's/^/    /'
		failures=$((failures + 1))
	fi
}

finish()
{
	exit $((failures > 0))
}
