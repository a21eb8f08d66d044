# Read (`.`) by the shell of a task before its body; ledger.ts writes the line that does. What it appends to the ledger
# is the truth that Hydra is held against:
#
#   start <key> <task> <attempt> <worker> <pid> <ns> held|taken
#   end <key> <task> <attempt> <ns> <exit status>
#
# The lock of the task is on descriptor 9, which everything that the body starts inherits: as long as any of it lives,
# the kernel refuses it to another attempt. The end line comes from a trap on EXIT, which a body must therefore leave
# alone, and not pass by with exec; a shell that a signal ends writes none. Costs three short processes at the start and
# two at the end.

chaos_path=$PATH

# One write() of the whole line, with O_APPEND, and an fsync().
chaos_append() {
  dd of="$chaos_folder/ledger" obs=4096 oflag=append conv=notrunc,fsync,nocreat status=none
}

chaos_end() {
  # What stops the command must not stop half of this; SIGKILL does, and nothing then says that the command has ended.
  trap '' HUP INT QUIT TERM USR1 USR2
  trap - EXIT
  PATH=$chaos_path
  chaos_append <<END || exit 98
end $chaos_key $HYDRA_TASK_ID $HYDRA_ATTEMPT $(date +%s%N) $1
END
  exit "$1"
}

# Taken before the lock and the line, so that it is rather too early than too late.
chaos_at=$(date +%s%N)
exec 9>>"$chaos_folder/locks/$chaos_key" || exit 97
flock -n 9
case $? in
  0) chaos_lock=held ;;
  1) chaos_lock=taken ;;
  *) exit 97 ;;
esac
chaos_append <<END || exit 97
start $chaos_key $HYDRA_TASK_ID $HYDRA_ATTEMPT $HYDRA_WORKER_ID $$ $chaos_at $chaos_lock
END
trap 'chaos_end $?' EXIT
