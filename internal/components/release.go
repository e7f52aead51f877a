package components

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Releases are the addresses that downloads come from, each without a slash at
// the end. Empty fields are the official ones.
type Releases struct {
	// Kubernetes has v1.36.3/bin/linux/amd64/kube-apiserver and, beside it, its
	// .sha256: https://dl.k8s.io/release.
	Kubernetes string
	// Etcd has v3.6.8/etcd-v3.6.8-linux-amd64.tar.gz and v3.6.8/SHA256SUMS:
	// https://github.com/etcd-io/etcd/releases/download.
	Etcd string
}

const (
	kubernetesReleases = "https://dl.k8s.io/release"
	etcdReleases       = "https://github.com/etcd-io/etcd/releases/download"
)

// release is a file to download and where its checksum is.
type release struct {
	url, checksums string
	// folder holds the project's programs inside the file, which is a tar.gz;
	// empty when the file is the program.
	folder string
}

// errNoChecksum is why kwok is not downloaded: its releases have no checksums, and
// a digest that was pinned here without having seen the file would prove nothing.
var errNoChecksum = errors.New("kwok publishes no checksums, so that it is built only")

// releaseOf says where a component's release for this machine is.
func releaseOf(r Releases, p project, name string) (release, error) {
	if runtime.GOOS != "linux" {
		return release{}, fmt.Errorf("there is none for %s", runtime.GOOS)
	}
	switch p {
	case kubernetes:
		base := r.Kubernetes
		if base == "" {
			base = kubernetesReleases
		}
		url := fmt.Sprintf("%s/%s/bin/%s/%s/%s", base, p.version, runtime.GOOS, runtime.GOARCH, name)
		return release{url: url, checksums: url + ".sha256"}, nil
	case etcd:
		base := r.Etcd
		if base == "" {
			base = etcdReleases
		}
		base += "/" + p.version
		folder := fmt.Sprintf("etcd-%s-%s-%s", p.version, runtime.GOOS, runtime.GOARCH)
		return release{url: base + "/" + folder + ".tar.gz", checksums: base + "/SHA256SUMS", folder: folder}, nil
	}
	return release{}, errNoChecksum
}

// file is the last part of the release's URL.
func (r release) file() string { return r.url[strings.LastIndex(r.url, "/")+1:] }

// checksum fetches the SHA-256 of the release: the only word of a .sha256 of
// Kubernetes, or the first of the line that names the file.
func (r release) checksum(ctx context.Context, f fetcher) (string, error) {
	text, err := f.text(ctx, r.checksums)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		named := len(words) == 2 && strings.TrimPrefix(words[1], "*") == r.file()
		if (named || len(words) == 1) && len(words[0]) == 64 {
			return strings.ToLower(words[0]), nil
		}
	}
	return "", fmt.Errorf("%s has no SHA-256 of %s", r.checksums, r.file())
}
