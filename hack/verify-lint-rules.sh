#!/usr/bin/env bash
# Proves that the import rules of docs/architecture.md bite: makes a small
# module with every room in it, in which every room imports every other one and
# does what it must not, and compares what the linter says, line by line, with
# what the rules forbid.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# The levels, written down a second time on purpose: this is what .golangci.yml
# is held against.
levels=("model quorum" "plan simulate audit verdict" "spec render report" "snapshot kubesched components local apply" "drill operator" "cli")
pure=3 # levels that take values only
module=bulkhead.dev/bulkhead

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp "$root/.golangci.yml" "$tmp/"
cd "$tmp"

# put FILE writes stdin to FILE. A line that the linter must flag ends in
# "// want"; every other line must pass.
put() { mkdir -p "$(dirname "$1")"; cat >"$1"; }

# stub PATH DIR makes a module PATH with a package that does nothing.
stub() {
	printf 'module %s\n\ngo 1.26.0\n' "$1" | put "$2/go.mod"
	printf '// Package stub does nothing.\npackage stub\n' | put "$2/stub/stub.go"
}
others=(k8s.io/kubernetes k8s.io/klog/v2 k8s.io/client-go k8s.io/apimachinery k8s.io/api)
{
	printf 'module %s\n\ngo 1.26.0\n\n' "$module"
	for m in "${others[@]}"; do
		v=v0.0.0; [[ $m == */v2 ]] && v=v2.0.0
		printf 'require %s %s\n\nreplace %s => ./stubs/%s\n\n' "$m" "$v" "$m" "$m"
	done
} | put go.mod
for m in "${others[@]}"; do stub "$m" "stubs/$m"; done

rooms=()
declare -A level
for i in "${!levels[@]}"; do
	for room in ${levels[$i]}; do rooms+=("$room"); level[$room]=$((i + 1)); done
done
for room in "${rooms[@]}" testkit; do
	printf '// Package stub does nothing.\npackage stub\n' | put "internal/$room/stub/stub.go"
done
printf '// Package v1alpha1 does nothing.\npackage v1alpha1\n' | put api/v1alpha1/doc.go

# want CONDITION...: prints the mark when the condition holds.
want() { if [ "$@" ]; then printf ' // want'; fi; }

for room in "${rooms[@]}"; do
	is_pure=0; [ "${level[$room]}" -le "$pure" ] && is_pure=1
	{
		printf '// Package probe imports what it may and what it may not.\npackage probe\n\nimport (\n'
		for other in "${rooms[@]}"; do
			bad=0
			[ "${level[$other]}" -ge "${level[$room]}" ] && [ "$other" != "$room" ] && bad=1
			[ "$room $other" = "quorum model" ] && bad=0
			printf '\t_ "%s/internal/%s/stub"%s\n' "$module" "$other" "$(want $bad = 1)"
		done
		printf '\t_ "%s/internal/testkit/stub" // want\n' "$module"
		printf '\t_ "%s/api/v1alpha1"\n' "$module"
		printf '\t_ "k8s.io/kubernetes/stub"%s\n' "$(want "$room" != kubesched)"
		for m in k8s.io/klog/v2 k8s.io/client-go; do printf '\t_ "%s/stub"%s\n' "$m" "$(want $is_pure = 1)"; done
		for p in log log/slog net net/http os/exec os/signal syscall; do printf '\t_ "%s"%s\n' "$p" "$(want $is_pure = 1)"; done
		printf '\t_ "net/url"\n)\n'
	} | put "internal/$room/probe/imports.go"
	{
		printf 'package probe\n\nimport (\n\t"fmt"\n\t"math/rand/v2"\n\tsystem "os"%s\n\tclock "time"\n)\n\n' "$(want $is_pure = 1)"
		printf '// Do does what it must not.\nfunc Do(now clock.Time) string {\n'
		for s in '_ = clock.Now()' 'clock.Sleep(1)' '_ = clock.Since(now)' '<-clock.After(1)' 'clock.NewTimer(1)' '_ = rand.IntN(3)' 'fmt.Println()'; do
			printf '\t%s%s\n' "$s" "$(want $is_pure = 1)"
		done
		printf '\t_ = rand.New(rand.NewPCG(1, 2)).IntN(3)\n\tsystem.Exit(1) // want\n\tpanic("") // want\n}\n'
	} | put "internal/$room/probe/calls.go"
	# A test may import what it likes, save k8s.io/kubernetes.
	{
		printf 'package probe\n\nimport (\n\t_ "os"\n\t"testing"\n\t"time"\n\n'
		for other in "${rooms[@]}" testkit; do printf '\t_ "%s/internal/%s/stub"\n' "$module" "$other"; done
		printf '\t_ "k8s.io/kubernetes/stub"%s\n)\n\nfunc TestDo(*testing.T) { _ = time.Now() }\n' "$(want "$room" != kubesched)"
	} | put "internal/$room/probe/probe_test.go"
done
put api/v1alpha1/imports.go <<EOF
package v1alpha1

import (
	_ "fmt"

	_ "k8s.io/api/stub" // want
	_ "k8s.io/apimachinery/stub"
	_ "$module/internal/model/stub" // want
)
EOF
put cmd/bulkhead/main.go <<EOF
// Command bulkhead is a probe.
package main

import (
	"os"

	_ "$module/internal/cli/stub"
	_ "k8s.io/kubernetes/stub" // want
)

func main() { os.Exit(0) }
EOF

grep -rnE --include='*.go' '// want$' api cmd internal | cut -d: -f1,2 | sort -u >want
status=0
GOFLAGS=-mod=mod GOWORK=off "$(linter)" run --enable-only depguard,forbidigo --output.text.path stdout \
	--output.text.print-issued-lines=false --show-stats=false ./api/... ./cmd/... ./internal/... >out 2>err || status=$?
sed -nE 's/^([^: ]+\.go):([0-9]+):.*\((depguard|forbidigo)\)$/\1:\2/p' out | sort -u >got
if [ "$status" -ne 1 ] || ! diff -u want got >differences; then
	cat err out >&2
	[ -s differences ] && cat differences >&2
	die "the linter (exit $status) does not flag exactly what docs/architecture.md forbids (- not flagged, + flagged)"
fi
say "$(wc -l <want) forbidden lines, each flagged, in ${#rooms[@]} rooms"
