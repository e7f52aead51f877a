#!/usr/bin/env bash
# examples/shop: the two versions differ in hardening measures and in nothing
# else. Every hunk between them has one mark `# hardening: NAME` in its first
# added line, and README.md lists exactly these names.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root/examples/shop"

differences=$(diff -r -U0 naive hardened) || true
grep -q '^Only in' <<<"$differences" && die "naive and hardened do not have the same files"
# A hunk may begin in the lines that it has in common with its neighbour (---),
# so the mark is looked for anywhere in it.
awk '
	/^@@/ { if (hunk && marks != 1) exit bad = 1; hunk = $0; marks = 0; next }
	/^\+ *# hardening: / { marks++ }
	END { if (bad || marks != 1) { print "hunk " hunk " has " marks " marks"; exit 1 } }
' <<<"$differences" >&2 || die "each difference must be one measure, marked # hardening: NAME"

marked=$(sed -nE 's/^\+ *# hardening: ([a-z-]+)$/\1/p' <<<"$differences" | sort)
listed=$(sed -nE 's/^\| `([a-z-]+)` \|.*/\1/p' README.md | sort)
diff <(echo "$marked") <(echo "$listed") >&2 || die "README.md does not list the measures that are marked (< marked, > listed)"
grep -rq 'hardening:' naive && die "naive has marks"
say "$(wc -l <<<"$marked") measures"
