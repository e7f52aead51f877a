package components

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// download puts a component into the cache, under the lock, and with it the
// others of the same file. What has arrived of
// an interrupted download stays as .FILE.partial, and the next one goes on from
// there; what has the wrong checksum is removed.
func download(ctx context.Context, o Options, p project, name, cache string) error {
	r, err := releaseOf(o.Releases, p, name)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) {
		if o.Progress != nil {
			_, _ = fmt.Fprintf(o.Progress, format, args...)
		}
	}
	unlock, err := lock(ctx, cache, say)
	if err != nil {
		return err
	}
	defer unlock()
	folder := filepath.Join(cache, p.folder())
	path := filepath.Join(folder, name)
	if executable(path) == nil {
		return nil // somebody else has brought it while this waited
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	partial := filepath.Join(folder, "."+r.file()+".partial")
	if err := r.fetch(ctx, newFetcher(say), partial); err != nil {
		return err
	}
	if r.folder == "" {
		return install(partial, path)
	}
	for other := range projects {
		if projects[other] != p {
			continue
		}
		unpacked := filepath.Join(folder, "."+other+".unpacked")
		if err := unpack(partial, r.folder+"/"+other, unpacked); err != nil {
			return errors.Join(err, os.RemoveAll(unpacked))
		}
		if err := install(unpacked, filepath.Join(folder, other)); err != nil {
			return err
		}
	}
	return os.Remove(partial)
}

// fetch downloads the release to partial and compares its checksum. A file that
// was resumed may have been another one's beginning: then it is fetched once more
// from the start.
func (r release) fetch(ctx context.Context, f fetcher, partial string) error {
	want, err := r.checksum(ctx, f)
	if err != nil {
		return err
	}
	info, err := os.Stat(partial)
	resumed := err == nil && info.Size() > 0
	for {
		if err := f.resume(ctx, r.url, partial); err != nil {
			return err
		}
		got, err := digest(partial)
		if err != nil || got == want {
			return err
		}
		if err := os.Remove(partial); err != nil {
			return err
		}
		if !resumed {
			return fmt.Errorf("%s has the SHA-256 %s, %s says %s", r.url, got, r.checksums, want)
		}
		resumed = false
	}
}

// digest returns the SHA-256 of a file, in hexadecimal digits.
func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// unpack writes one member of a tar.gz to path.
func unpack(archive, member, path string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	plain, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", archive, err)
	}
	for t := tar.NewReader(plain); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("unpacking %s: there is no %s in it", archive, member)
		}
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", archive, err)
		}
		if filepath.ToSlash(filepath.Clean(header.Name)) != member || header.Typeflag != tar.TypeReg {
			continue
		}
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, t)
		return errors.Join(err, out.Close())
	}
}

// install gives a file that is whole its name.
func install(from, to string) error {
	if err := os.Chmod(from, 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}
