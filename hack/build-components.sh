#!/usr/bin/env bash
# Builds the programs of a Kubernetes cluster from source, in the versions that
# components/**/go.mod pin, into the cache where internal/components looks for
# them: <cache>/components/<project>-<version>/<program>. Arguments name the
# programs; without any, all of them. Those that are there are not built again.
#
# One build at a time: the lock is held by this process alone and ends with it.
# A program appears under its name only when it is whole.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ $# -eq 0 ] && [ -n "${BULKHEAD_COMPONENTS:-}" ]; then
	say "BULKHEAD_COMPONENTS is set: the programs in $BULKHEAD_COMPONENTS are used, nothing is built"
	exit
fi

# name, folder of the module under components/, module that gives the version,
# package. In order of what takes longest to wait for.
table="
etcd                    etcd  go.etcd.io/etcd/server/v3   go.etcd.io/etcd/server/v3
kube-apiserver          .     k8s.io/kubernetes           k8s.io/kubernetes/cmd/kube-apiserver
kube-controller-manager .     k8s.io/kubernetes           k8s.io/kubernetes/cmd/kube-controller-manager
kube-scheduler          .     k8s.io/kubernetes           k8s.io/kubernetes/cmd/kube-scheduler
kwok                    kwok  sigs.k8s.io/kwok            sigs.k8s.io/kwok/cmd/kwok
kubectl                 .     k8s.io/kubernetes           k8s.io/kubernetes/cmd/kubectl
kubeadm                 .     k8s.io/kubernetes           k8s.io/kubernetes/cmd/kubeadm
etcdctl                 etcd  go.etcd.io/etcd/etcdctl/v3  go.etcd.io/etcd/etcdctl/v3
etcdutl                 etcd  go.etcd.io/etcd/etcdutl/v3  go.etcd.io/etcd/etcdutl/v3
"

cd "$root/components"

# version_of DIR MODULE prints what DIR/go.mod requires of MODULE.
version_of() {
	awk -v m="$2" '$1 == "require" { sub(/^require /, "") } $1 == m && $2 ~ /^v/ && $3 != "=>" { print $2; exit }' "$1/go.mod"
}

names=() ; dirs=() ; versions=() ; packages=() ; paths=() ; missing=()
while read -r name dir module package; do
	[ -n "$name" ] || continue
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
	version=$(version_of "$dir" "$module")
	[ -n "$version" ] || die "components/$dir/go.mod does not require $module"
	case $module in
	go.etcd.io/*) project=etcd ;;
	*) project=${module##*/} ;;
	esac
	names+=("$name") dirs+=("$dir") versions+=("$version") packages+=("$package")
	paths+=("$cache/components/$project-$version/$name")
done <<<"$table"
for wanted in "$@"; do
	[[ " ${names[*]-} " == *" $wanted "* ]] || die "no component is called $wanted"
done

count_missing() {
	missing=()
	for i in "${!names[@]}"; do
		[ -x "${paths[i]}" ] || missing+=("$i")
	done
}

done_if_complete() {
	count_missing
	if [ ${#missing[@]} -eq 0 ]; then
		say "all ${#names[@]} are in $cache/components"
		exit
	fi
}
done_if_complete

command -v flock >/dev/null || die "flock is missing: install util-linux"
mkdir -p "$cache/components"
exec 9>>"$cache/components/.lock"
if ! flock -n 9; then
	say "waiting for another build or download of the components"
	flock 9
	done_if_complete
fi

# sweep removes what runs left that were killed, and their compilers. Nobody else
# writes here now.
sweep() { find "$cache/components" -maxdepth 2 -name '.*.building' -delete; }
sweep

temporary='' builder=''
stop() {
	if [ -n "$builder" ]; then kill -INT "$builder" 2>/dev/null || true; fi
	if [ -n "$temporary" ]; then rm -f "$temporary"; fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ldflags NAME VERSION: what --version says. Kubernetes' own release build
# stamps the same variables (hack/lib/version.sh); a source archive has no
# commit. etcd and kwok hold their version in the source.
ldflags() {
	printf -- '-s -w'
	case $1 in kube*) ;; *) return ;; esac
	local number=${2#v} package
	local major=${number%%.*} rest=${number#*.}
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- ' -X %s=%s' "$package.gitVersion" "$2" "$package.gitMajor" "$major" \
			"$package.gitMinor" "${rest%%.*}" "$package.gitTreeState" archive "$package.gitCommit" ''
	done
}

for i in "${missing[@]}"; do
	name=${names[i]}
	printf '[%d/%d] %s %s … ' $((i + 1)) ${#names[@]} "$name" "${versions[i]}" >&2
	mkdir -p "$(dirname "${paths[i]}")"
	temporary=$(dirname "${paths[i]}")/.$name.$$.building
	start=$SECONDS
	# The tags are those of Kubernetes' release build; other projects have none
	# of the kind. In the background, so that a signal is answered at once;
	# without the lock, so that it ends with this process.
	(cd "${dirs[i]}" && CGO_ENABLED=0 exec go build -trimpath -buildvcs=false -tags selinux,notest,grpcnotrace \
		-ldflags "$(ldflags "$name" "${versions[i]}")" -o "$temporary" "${packages[i]}") 9>&- &
	builder=$!
	wait "$builder" || { builder=''; printf 'not built\n' >&2; die "building $name ended with an error, see above"; }
	builder=''
	mv "$temporary" "${paths[i]}"
	temporary=''
	printf '%d s\n' $((SECONDS - start)) >&2
done
sweep
say "built ${#missing[@]} of ${#names[@]} into $cache/components"
