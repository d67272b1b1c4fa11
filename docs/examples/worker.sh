#!/bin/bash
# Works on jobs of types with runner = external: counts the lines of their files. See docs/JOB-TYPES.md.
# Environment: DROPMILL_SERVER, DROPMILL_TOKEN (scope work), LEASE in seconds, ONCE: end when nothing waits.
set -eu

# ask PATH [JSON]. The token is read from a descriptor: command lines are for everybody to see.
ask() {
	curl -sS -m 60 -H @<(echo "Authorization: Bearer ${DROPMILL_TOKEN:-}") -H 'Accept: application/json' \
		${2:+-H 'Content-Type: application/json' -d "$2"} "$DROPMILL_SERVER$1"
}

work() { # yours: what it prints is the result, another exit status than 0 the failure
	local url lines=0
	for url in $(jq -r '.inputs[].download_url' <<<"$1"); do
		lines=$((lines + $(ask "$url" | wc -l)))
	done
	echo "$lines lines in $(jq -r .name <<<"$1")"
}

while :; do
	claim=$(ask /api/work/claim "{\"want\": 20, \"lease_seconds\": ${LEASE:-60}, \"worker\": \"shell\"}")
	[ "$(jq '.jobs | type' <<<"$claim")" = '"array"' ] || { echo "$claim" >&2; exit 1; }
	mapfile -t jobs < <(jq -c '.jobs[]' <<<"$claim")
	for job in "${jobs[@]}"; do
		if result=$(work "$job"); then end=complete key=result; else end=fail key=error result='cannot read it'; fi
		# 409, the lease is over, is no matter: the job is somebody else's by now.
		ask "/api/work/$(jq .id <<<"$job")/$end" \
			"$(jq -c --arg key $key --arg text "$result" '{lease_token, ($key): $text}' <<<"$job")" >/dev/null
	done
	[ ${#jobs[@]} -gt 0 ] || { [ -z "${ONCE:-}" ] || exit 0; sleep 1; }
done
