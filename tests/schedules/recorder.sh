# Stands in for gameday: says that it was begun, and for which time (its stdout lies in that time's folder).
case "$1" in
recover) exit 0 ;;
esac
out=$(readlink /proc/$$/fd/1)
echo "${out%/out.json}" >> "$RECORD"
echo '{"outcome": "within", "run": "recorded"}'
