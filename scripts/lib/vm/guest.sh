# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# One run of a guest: its ram disk, QEMU, the channels of its command, and how it ended. All files of a
# run lie in a folder of its own below $STATE, so that runs do not disturb each other. The folder is
# removed at the end; only the console's log is kept. `init` and `guest`, beside this file, run
# inside the guest.

BOOT_TRIES=3
# A guest hangs if it has not booted after so many seconds of QEMU's own processor time, of which it
# needs a tenth, or if it waits for so long.
BOOT_LIMIT_CPU_SECONDS=120
BOOT_LIMIT_SECONDS=900

# Quotes its arguments for any shell.
quoted()
{
	local arg

	for arg; do
		printf "'%s' " "${arg//\'/\'\\\'\'}"
	done
}

# write_disk RUN TTY CMD...: writes RUN/disk, the initial ram disk, which holds the command.
write_disk()
{
	local run=$1 tty=$2 root=$1/root rows=24 columns=80

	shift 2
	[ -z "$tty" ] || read -r rows columns < <(stty size)
	mkdir -p "$root/bin"
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$LIB/vm/init" "$root/init"
	cp -R "$VM/kernel/boot" "$root/boot"
	printf '%s=%s\n' project "$(quoted "$PROJECT")" cache "$(quoted "$VM")" \
		cwd "$(quoted "$PWD")" tty "$tty" rows "$rows" columns "$columns" >"$root/settings"
	{
		printf 'cd %s || exit 125\n' "$(quoted "$PWD")"
		# shellcheck disable=SC2016 # the guest's PATH
		printf 'exec env -i PATH="$PATH" HOME=/tmp ZCRX_VM=1 %s\n' "$(quoted "$@")"
	} >"$root/command"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$run/disk"
	rm -rf "$root"
}

# start_qemu RUN ACCEL MEMORY TTY: starts QEMU, and sets qemu to its process id.
start_qemu()
{
	local run=$1 accel=$2 memory=$3 tty=$4 kernel=$VM/kernel/vmlinux machine args port n=0
	# A comma in a path is doubled for QEMU.
	local files=${run//,/,,} share=${STATE//,/,,}/share

	[ -e "$kernel" ] || kernel=$VM/kernel/vmlinuz
	case $accel in
	tcg) machine=(-accel tcg,thread=multi -cpu max -smp 2) ;;
	single) machine=(-accel tcg,thread=single -cpu max -smp 2) ;;
	count) machine=(-accel tcg,thread=single -cpu max -smp 1 -icount shift=0) ;;
	kvm) machine=(-accel kvm -cpu host -smp 2) ;;
	esac
	args=(-M q35 "${machine[@]}" -m "$memory"
		-no-user-config -nodefaults -display none -no-reboot
		-kernel "$kernel" -initrd "$run/disk"
		-append "console=ttyS0 panic=-1 oops=panic loglevel=6"
		-chardev "file,id=console,path=$files/console.log" -serial chardev:console
		-device virtio-serial-pci
		-fsdev "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"
		-device virtio-9p-pci,fsdev=host,mount_tag=host
		-fsdev "local,id=share,path=$share,security_model=none,multidevs=remap"
		-device virtio-9p-pci,fsdev=share,mount_tag=share)
	: >"$run/console.log"
	for port in out err status; do
		n=$((n + 1))
		: >"$run/$port"
		args+=(-chardev "file,id=$port,path=$files/$port"
			-device "virtserialport,nr=$n,chardev=$port")
	done
	[ -z "$tty" ] || args+=(-chardev stdio,id=tty,signal=off -device virtconsole,nr=4,chardev=tty)
	setpriv --pdeathsig KILL qemu-system-x86_64 "${args[@]}" <&5 2>"$run/qemu.log" &
	qemu=$!
}

# said WORD: has the guest written a line that begins with WORD to its status port?
said()
{
	grep -q "^$1" "$run/status"
}

# hangs START: the guest, started at $SECONDS = START, will not boot.
hangs()
{
	local user system

	[ $((SECONDS - $1)) -lt $BOOT_LIMIT_SECONDS ] || return 0
	read -r user system < <(sed 's/.*) //' "/proc/$qemu/stat" 2>/dev/null | cut -d ' ' -f 12,13) || return 1
	[ $(((user + system) / $(getconf CLK_TCK))) -ge $BOOT_LIMIT_CPU_SECONDS ]
}

# guest_once: tries once. Succeeds if the guest got as far as the command. Sets ended to how it ended:
# exit, timeout or died.
guest_once()
{
	local start=$SECONDS out err

	ended=died
	start_qemu "$run" "$accel" "$memory" "$tty"
	tail -s 0.05 --pid="$qemu" -c +1 -f "$run/out" 5<&- &
	out=$!
	tail -s 0.05 --pid="$qemu" -c +1 -f "$run/err" 5<&- >&2 &
	err=$!
	while kill -0 "$qemu" 2>/dev/null; do
		if said exit; then
			# All that the command wrote has arrived: a port's writer waits for that.
			ended=exit
			break
		elif [ -n "$limit" ] && [ $((SECONDS - began)) -ge "$limit" ]; then
			ended=timeout
			break
		elif ! said booted && hangs "$start"; then
			break
		fi
		sleep 0.05
	done
	# Together, or bash would tell that somebody was killed.
	{ kill -KILL "$qemu"; wait "$qemu"; } 2>/dev/null || true
	qemu=
	wait "$out" "$err" || true
	said booted
}

guest_done()
{
	[ -z "${qemu:-}" ] || kill -KILL "$qemu" 2>/dev/null || true
	[ -z "${terminal:-}" ] || stty "$terminal"
	[ ! -e "$run/console.log" ] || mv "$run/console.log" "$STATE/console.log"
	rm -rf "$run"
}

# Has QEMU emulate with one thread from now on. With several threads QEMU (7.2, at least) now and then
# lets one CPU run into a breakpoint that the kernel, on the other CPU, had set while it patched its own
# code and has removed since. One thread, which runs the CPUs in turn, does not.
slow_down()
{
	[ "$accel" != tcg ] || accel=single
}

# boot: a guest that does not get as far as the command is started again.
boot()
{
	local try

	for ((try = 1; try <= BOOT_TRIES; try++)); do
		! guest_once || break
		[ "$ended" = died ] && ! said failed || break
		[ ! -s "$run/qemu.log" ] || sed 's/^/    /' "$run/qemu.log" >&2
		say "the guest died while it booted (try $try of $BOOT_TRIES)"
		slow_down
	done
}

tripped()
{
	[ "$ended" = died ] && grep -q 'Oops: int3' "$run/console.log"
}

# guest ACCEL AGAIN LIMIT MEMORY TTY CMD...: runs CMD in a guest and exits with CMD's status.
guest()
{
	local accel=$1 again=$2 limit=$3 memory=$4 tty=$5 began=$SECONDS

	shift 5
	run=$(mktemp -d "$STATE/run.XXXXXX")
	trap guest_done EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	exec 5<&0
	write_disk "$run" "$tty" "$@"
	boot
	if [ -n "$again" ] && said booted && tripped; then
		say "QEMU let the kernel run into its own breakpoint; once more, slower"
		slow_down
		began=$SECONDS
		boot
	fi
	if said exit; then
		exit "$(sed -n 's/^exit //p' "$run/status")"
	fi
	sed 's/^/    /' "$run/console.log" | tail -n 80 >&2
	if [ "$ended" = timeout ]; then
		say "the guest was ended after $limit seconds"
		exit 124
	fi
	if said failed; then
		die "the guest could not be set up: $(sed -n 's/^failed //p' "$run/status")"
	fi
	! said booted || die "the guest died while the command ran; its console is above"
	die "the guest cannot be booted; its console is above"
}

guest_run()
{
	local accel=$1 again=$2 limit=$3 memory=$4

	shift 4
	guest "$accel" "$again" "$limit" "$memory" '' "$@" </dev/null
}

guest_shell()
{
	[ -t 0 ] || die "a shell needs a terminal; use scripts/vm run"
	terminal=$(stty -g)
	guest "$1" '' '' "$2" hvc0 TERM="${TERM:-vt100}" PS1='vm:\w\$ ' bash --norc
}
