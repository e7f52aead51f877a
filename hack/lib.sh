# Sourced by the scripts in this folder: where things are, and how to get the
# linter. Needs bash, go and git.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bulkhead

# say MESSAGE: one line on stderr.
say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# die MESSAGE: say it and stop.
die() { say "$@"; exit 1; }

# linter prints the path of golangci-lint in the version that hack/tools/go.mod
# pins, building it first if this version, by this Go, is not in the cache.
linter() {
	local key bin
	key=$(cat "$root/hack/tools/go.mod" "$root/hack/tools/go.sum" <(cd "$root/hack/tools" && go env GOVERSION GOOS GOARCH) | git hash-object --stdin | cut -c1-12)
	bin=$cache/tools/golangci-lint-$key
	if [ ! -x "$bin" ]; then
		say "building golangci-lint (once)"
		mkdir -p "$cache/tools"
		(cd "$root/hack/tools" && go build -trimpath -o "$bin.$$" github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
		mv "$bin.$$" "$bin"
	fi
	printf '%s\n' "$bin"
}

# copy_tree DIR copies the working tree, without what git ignores, to DIR.
copy_tree() {
	(cd "$root" && git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
		tar --null -T - -cf -) | tar -xf - -C "$1"
}
