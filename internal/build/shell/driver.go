package shell

// Prompt is what a shell does that becomes a person's, because one without a terminal takes no prompt from its environment.
const Prompt = "PS1='build$ '; export PS1\n"

// Driver is what a session's shells run: sh -c Driver NAME ARGS... with the arguments of a Start. It reads one line ("<number> <kind>") from descriptor 7, sources the command's
// file in itself, so that all state stays, and answers the status on descriptor 8. Kind "q" is the session's own work
// and is silent.
//
// What it must survive:
//   - exit, exec, a syntax error, set -e: the shell ends; the session sees the process go and starts another one, which
//     reads back what the exit trap noted: directory, umask, exported variables, options (in bash also functions).
//     A build that sets its own exit trap, or whose shell is killed, gets what its last finished command left.
//   - break and continue reach this loop from a sourced file: the outer loop brings them back, and the status that is
//     still owed is sent first.
//   - set -x, -u, -e, -f, a changed IFS, functions or aliases named like commands: everything is quoted, called through
//     "command", and silent. The loop is parsed before any alias exists, and set -e does not act in a condition.
//   - children must not hold the control descriptors: they are closed while a command runs. Shells put the originals on
//     descriptors that programs do not inherit.
//
// It uses no function of its own: in bash a declare inside one would be local to it.
//
// $1 is the directory for its notes, $2 where it begins and $3 where it does when that is gone, $4 is "restore" in a shell
// that replaces one that ended. A note is complete when its last line is noteEnd, so a shell killed while writing one
// does no harm.
const Driver = `
command cd -- "$2" 2>/dev/null || command cd -- "$3"
unset OLDPWD
__conveyor_dir=$1 __conveyor_n=0 __conveyor_kind= __conveyor_owed= __conveyor_status=0
__conveyor_note='{
	command pwd -P
	command printf "umask "
	command umask
	command export -p
	case ${BASH_VERSION-} in ?*) declare -f ;; esac
	command set +o
	command printf "%s\n" "` + noteEnd + `"
} >"$__conveyor_dir/note.$__conveyor_n"'
umask 022
case ${4-} in restore) { . "$__conveyor_dir/restore"; } 2>/dev/null ;; esac
trap '{ eval "$__conveyor_note"; } 2>/dev/null' EXIT
set --
while :; do
	while {
		case $__conveyor_owed in
		x)
			eval "$__conveyor_note"
			command printf '%s\n' "$__conveyor_status" >&8
			;;
		esac
		__conveyor_owed=
		IFS=' ' command read -r __conveyor_n __conveyor_kind <&7 || exit 0
		__conveyor_owed=x __conveyor_status=0
		case $__conveyor_kind in
		q)
			. "$__conveyor_dir/quiet.sh" 7<&- 8>&-
			__conveyor_status=$?
			false
			;;
		esac
	} 2>/dev/null; do
		. "$__conveyor_dir/script.sh" 7<&- 8>&-
		{ __conveyor_status=$?; } 2>/dev/null
	done
done
`

const noteEnd = "# conveyor: end of note"
