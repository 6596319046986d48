#!/bin/sh
# Verifies a bag of gameday with sha256sum, sha512sum, jq, openssl 3 and the usual tools of a shell; nothing of gameday.
#   sh verify.sh [BAG [SEALER.pub.pem [APPROVER.pub.pem]]]
# Keys that you have from elsewhere come after the folder; without them those of the bag are used. Exit code: 0 nothing
# is wrong, 1 each fault is named, 2 a tool is missing. Use a copy of this script that did not come with the bag.
set -u
export LC_ALL=C
for tool in sha256sum sha512sum jq openssl base64 split cut sort comm find sed grep wc mktemp; do
  command -v "$tool" >/dev/null 2>&1 || { echo "missing: $tool" >&2; exit 2; }
done
sealer=${2:-}; approver=${3:-}
case $sealer in ""|/*) ;; *) sealer=$PWD/$sealer ;; esac
case $approver in ""|/*) ;; *) approver=$PWD/$approver ;; esac
cd "${1:-$(dirname "$0")}" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
: > "$work/faults"
fault() { printf 'FAULT %s %s\n' "$1" "$2" >> "$work/faults"; }
sha() { sha256sum < "$1" | cut -d' ' -f1; }
redacted=no; [ -f redactions.dsse.json ] && redacted=yes

# 1 every file is as its manifest lists it, and there is no other
for kind in sha256 sha512; do
  for list in "manifest-$kind.txt" "tagmanifest-$kind.txt"; do
    "${kind}sum" -c --quiet --strict "$list" > "$work/said" 2>&1 || {
      grep -q ': FAILED$' "$work/said" && sed -n 's/: FAILED$//p' "$work/said" | while IFS= read -r name; do fault FILE_CHANGED "$name"; done
      sed -n 's/: FAILED open or read$//p' "$work/said" | while IFS= read -r name; do fault FILE_MISSING "$name"; done
      grep -q ': FAILED' "$work/said" || fault MANIFEST_MALFORMED "$list"
    }
  done
done
for name in bagit.txt bag-info.txt commitments.txt VERIFY.md verify.sh keys/sealer.pub.pem run.dsse.json \
            data/salts.txt data/journal.jsonl data/verdict.json; do
  [ -f "$name" ] || fault FILE_MISSING "$name"
done
{ cut -c67- manifest-sha256.txt tagmanifest-sha256.txt 2>/dev/null
  printf '%s\n' manifest-sha256.txt manifest-sha512.txt tagmanifest-sha256.txt tagmanifest-sha512.txt run.dsse.json
  [ -f approval.dsse.json ] && printf '%s\n' approval.dsse.json keys/approver.pub.pem
  [ $redacted = yes ] && printf '%s\n' redactions.dsse.json keys/redactor.pub.pem
} | sort -u > "$work/known"
find . -type f | sed 's|^\./||' | sort > "$work/there"
comm -13 "$work/known" "$work/there" | while IFS= read -r name; do fault FILE_ADDED "$name"; done
find . ! -type f ! -type d | sed 's|^\./||' | while IFS= read -r name; do fault NOT_A_FILE "$name"; done

# 2 signatures: DSSE v1, Ed25519, over "DSSEv1 <length> <type> <length> <body>"
signed() { # FILE KEY CODE -> $work/FILE.body
  body=$work/$(basename "$1").body
  if ! jq -er .payload "$1" 2>/dev/null | base64 -d > "$body" 2>/dev/null || [ ! -s "$body" ]; then fault "$3" "$1"; return 1; fi
  jq -er '.signatures[0].sig' "$1" 2>/dev/null | base64 -d > "$work/sig" 2>/dev/null
  type=$(jq -r .payloadType "$1")
  { printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c < "$body" | tr -d ' ')"; cat "$body"; } > "$work/pae"
  openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$work/pae" -sigfile "$work/sig" >/dev/null 2>&1 || { fault "$3" "$1"; return 1; }
}
keyid() { openssl pkey -pubin -in "$1" -outform DER 2>/dev/null | sha256sum | cut -d' ' -f1; }
inside=$(keyid keys/sealer.pub.pem)
[ -z "$sealer" ] || [ "$(keyid "$sealer")" = "$inside" ] || fault KEY_OTHER keys/sealer.pub.pem
if signed run.dsse.json keys/sealer.pub.pem SIGNATURE_WRONG; then
  run=$work/run.dsse.json.body
  # 3 what was signed is what is here; of a bag from which something was withheld, manifests are the redactor's
  jq -r '.subject[] | .digest.sha256 + "  " + .name' "$run" | while IFS= read -r line; do
    name=${line#*  }
    case "$redacted $name" in yes\ *manifest*|yes\ bag-info.txt) continue ;; esac
    [ -f "$name" ] && [ "$(sha "$name")" != "${line%%  *}" ] && fault MANIFEST_CHANGED "$name"
  done
  # 4 salted hashes of the payload
  : > "$work/gone"
  if [ $redacted = yes ] && signed redactions.dsse.json keys/redactor.pub.pem REDACTION_SIGNATURE; then
    items=$work/redactions.dsse.json.body
    jq -r '.predicate.items[] | select(.path) | .path' "$items" > "$work/gone"
    [ "$(jq -r '[.predicate.items[] | select(.event)] | length' "$items")" = 0 ] || echo data/journal.jsonl >> "$work/gone"
    [ "$(jq -r .predicate.sealed "$items")" = "$(sha run.dsse.json)" ] || fault REDACTION_OTHER redactions.dsse.json
    jq -r '.subject[] | .digest.sha256 + "  " + .name' "$items" | while IFS= read -r line; do
      [ "$(sha "${line#*  }")" = "${line%%  *}" ] || fault MANIFEST_CHANGED "${line#*  }"
    done
    jq -r '.predicate.items[] | "REMARK withheld: " + (.path // ("event " + (.event | tostring))) + ", because " + .because
           + (if .bears_on_verdict then " (the verdict cannot be computed without it)" else "" end)' "$items"
  fi
  while IFS= read -r line; do
    name=${line#*  }
    grep -Fxq -- "$name" "$work/gone" && continue
    salt=$(grep -F -- "  $name" data/salts.txt | sed -n "s|^\([0-9a-f]*\)  $(printf '%s' "$name" | sed 's/[.[\*^$|]/\\&/g')\$|\1|p")
    if [ ! -f "$name" ]; then fault FILE_MISSING "$name"
    elif [ "$({ printf '%s\n' "$salt"; cat "$name"; } | sha256sum | cut -d' ' -f1)" != "${line%%  *}" ]; then fault FILE_CHANGED "$name"; fi
  done < commitments.txt
  # 5 the journal: each line names the hash of the line before; number and head are those that were signed
  mkdir "$work/lines"
  split -a 7 -l 1 data/journal.jsonl "$work/lines/l"
  find "$work/lines" -type f | sort | xargs sha256sum | cut -d' ' -f1 > "$work/raw"
  jq -r 'if .withheld then .sha256 else "-" end' data/journal.jsonl > "$work/stubs" 2>/dev/null || fault JOURNAL_BROKEN data/journal.jsonl
  jq -r 'if .withheld then "-" else .prev end' data/journal.jsonl > "$work/prevs" 2>/dev/null
  paste "$work/raw" "$work/stubs" | while read -r raw stub; do [ "$stub" = - ] && echo "$raw" || echo "$stub"; done > "$work/hashes"
  { printf '' | sha256sum | cut -d' ' -f1; cat "$work/hashes"; } | sed '$d' | paste - "$work/prevs" |
    while read -r before named; do n=$((${n:-0} + 1)); [ "$named" = - ] || [ "$named" = "$before" ] || echo "$n"; done > "$work/broken"
  [ -s "$work/broken" ] && fault JOURNAL_BROKEN "data/journal.jsonl line $(sed -n 1p "$work/broken")"
  [ "$(wc -l < data/journal.jsonl | tr -d ' ')" = "$(jq .predicate.journal.count "$run")" ] &&
    [ "$(sed -n '$p' "$work/hashes")" = "$(jq -r .predicate.journal.head "$run")" ] || fault JOURNAL_CUT data/journal.jsonl
  grep -n -v -x -- - "$work/stubs" | while IFS=: read -r seq hash; do
    jq -e --argjson seq "$seq" --arg hash "$hash" 'any(.predicate.items[]; .event == $seq and .sha256 == $hash)' \
      "$work/redactions.dsse.json.body" >/dev/null 2>&1 || fault REDACTION_UNDECLARED "event $seq"
  done
  # 6 the plan is the one that the journal registered
  if [ -f data/plan.json ]; then
    [ "$(jq -r 'select(.type == "plan.registered") | .what.sha256' data/journal.jsonl)" = "$(sha data/plan.json)" ] || fault PLAN_SWAPPED data/plan.json
    jq -r '.inputs | to_entries[] | (.value | sub("sha256:"; "")) + "  data/inputs/" + .key' data/plan.json | while IFS= read -r line; do
      name=${line#*  }; [ ! -f "$name" ] || [ "$(sha "$name")" = "${line%%  *}" ] || fault INPUT_CHANGED "$name"
    done
  fi
  # 7 the pre-registration was signed about this plan, and journalled before the first fault was asked for
  pre=data/preregistration.dsse.json
  if [ -f $pre ]; then
    for key in keys/sealer.pub.pem ${sealer:+"$sealer"}; do [ "$(keyid "$key")" = "$(jq -r '.signatures[0].keyid' $pre)" ] && by=$key; done
    if signed $pre "${by:-keys/sealer.pub.pem}" PREREGISTRATION_SIGNATURE; then
      at=$(jq -r --arg sha "$(sha $pre)" 'select(.type == "evidence.preregistered" and .what.sha256 == $sha) | .seq' data/journal.jsonl | sed -n 1p)
      first=$(jq -r 'select(.type == "fault.requested") | .seq' data/journal.jsonl | sed -n 1p)
      [ -n "$at" ] || fault PREREGISTRATION_OTHER $pre
      [ -z "$at" ] || [ -z "$first" ] || [ "$at" -lt "$first" ] || fault PREREGISTRATION_LATE $pre
      body=$work/preregistration.dsse.json.body
      [ ! -f data/plan.json ] || [ "$(jq -r '.subject[0].digest.sha256' "$body")" = "$(sha data/plan.json)" ] || {
        fault PLAN_SWAPPED data/plan.json
        jq -r '.predicate.tolerances[] | [.id, (.limit | tostring), .comparator] | @tsv' "$body" | sort > "$work/before"
        jq -r '(.tolerances + .objectives)[] | [.id, (.limit | tostring), .comparator] | @tsv' data/plan.json | sort > "$work/now"
        comm -3 "$work/before" "$work/now" | sed 's/^\t//' | cut -f1 | sort -u | while IFS= read -r id; do fault TOLERANCE_CHANGED "$id"; done
      }
      lines=$(jq -r .predicate.chain.lines "$body")
      [ "$(sed -n "${lines}p" data/chain.jsonl 2>/dev/null | sha256sum | cut -d' ' -f1)" = "$(jq -r .predicate.chain.head "$body")" ] || fault CHAIN_DIFFERS data/chain.jsonl
    fi
  else
    echo "REMARK not pre-registered"
  fi
  # 8 the chain of runs
  if [ -f data/chain.jsonl ]; then
    prev=$(printf '' | sha256sum | cut -d' ' -f1); n=0
    while IFS= read -r line; do
      n=$((n + 1))
      [ "$(printf '%s' "$line" | jq -r '[.prev, .line] | @tsv')" = "$prev$(printf '\t')$n" ] || { fault CHAIN_BROKEN "data/chain.jsonl line $n"; break; }
      prev=$(printf '%s\n' "$line" | sha256sum | cut -d' ' -f1)
    done < data/chain.jsonl
    [ "$prev" = "$(jq -r .predicate.chain.head "$run")" ] || fault CHAIN_DIFFERS data/chain.jsonl
  elif [ "$(jq -r .predicate.chain "$run")" != null ]; then fault CHAIN_DIFFERS data/chain.jsonl
  fi
  # 9 verdict.json says what was signed (it is not computed again here: gameday evidence verify does that)
  [ "$(jq -r .outcome data/verdict.json)" = "$(jq -r .predicate.outcome "$run")" ] || fault VERDICT_DIFFERS data/verdict.json
  # 10 the approval: another key, over the manifests that were sealed
  if [ -f approval.dsse.json ]; then
    other=$(keyid keys/approver.pub.pem)
    [ -z "$approver" ] || [ "$(keyid "$approver")" = "$other" ] || fault KEY_OTHER keys/approver.pub.pem
    [ "$other" != "$inside" ] || fault APPROVAL_OWN approval.dsse.json
    if signed approval.dsse.json keys/approver.pub.pem APPROVAL_SIGNATURE; then
      jq -Sc '[.subject[] | select(.name | test("manifest")) | {name, digest}] | sort_by(.name)' "$run" > "$work/sealed"
      jq -Sc '[.subject[] | {name, digest}] | sort_by(.name)' "$work/approval.dsse.json.body" | cmp -s - "$work/sealed" || fault APPROVAL_OTHER_DIGEST approval.dsse.json
      jq -r '"REMARK approved by " + .predicate.role' "$work/approval.dsse.json.body"
    fi
  else
    echo "REMARK draft: nobody has approved it"
  fi
  jq -r '.predicate | "REMARK run \(.run) in \(.environment): \(.outcome)", (.draft[] | "REMARK draft: " + .), (.not_proved[] | "NOT PROVED " + .)' "$run"
fi
echo "REMARK sealed with key $inside; ask the sealer, by another way, whether it is theirs"
sort -u "$work/faults"
[ ! -s "$work/faults" ] && echo "NOTHING IS WRONG with what can be checked here"
