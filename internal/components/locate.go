package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FolderVariable names the environment variable that holds a folder with the
// programs; it goes before everything else.
const FolderVariable = "BULKHEAD_COMPONENTS"

// ErrMissing is wrapped by the errors of Locate that say that a component is
// nowhere and could not be downloaded.
var ErrMissing = errors.New("run: make components")

// Options say where to look. The zero value is what a program wants.
type Options struct {
	// Cache is where components are kept; empty means
	// ${XDG_CACHE_HOME:-~/.cache}/bulkhead/components.
	Cache string
	// Offline forbids downloads.
	Offline bool
	// Progress receives lines about downloads; nil means none.
	Progress io.Writer
	// Releases is where downloads come from; empty fields are the official
	// addresses.
	Releases Releases
}

// Locate returns the path of a component. It looks into the folder of
// $BULKHEAD_COMPONENTS, which then must have it, then into the cache, then
// downloads the release into the cache, unless o.Offline. An error that wraps
// ErrMissing says, in one line, how to get the component.
func Locate(ctx context.Context, o Options, name string) (string, error) {
	p, err := projectOf(name)
	if err != nil {
		return "", err
	}
	if folder := os.Getenv(FolderVariable); folder != "" {
		path, err := filepath.Abs(filepath.Join(folder, name))
		if err != nil {
			return "", fmt.Errorf("looking for %s in $%s: %w", name, FolderVariable, err)
		}
		if err := executable(path); err != nil {
			return "", fmt.Errorf("looking for %s in $%s: %w", name, FolderVariable, err)
		}
		return path, nil
	}
	cache, err := cacheFolder(o.Cache)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	path := filepath.Join(cache, p.folder(), name)
	switch err := executable(path); {
	case err == nil:
		return path, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("looking for %s: %w", name, err)
	case o.Offline:
		return "", fmt.Errorf("%s %s is not in %s: %w", name, p.version, cache, ErrMissing)
	}
	if err := download(ctx, o, p, name, cache); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("downloading %s %s: %w", name, p.version, ctx.Err())
		}
		return "", fmt.Errorf("downloading %s %s: %w: %w", name, p.version, err, ErrMissing)
	}
	return path, nil
}

// executable returns an error unless path is a file that may be run.
func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not a program", path)
	}
	return nil
}

// cacheFolder is where `make components` puts what it builds, too.
func cacheFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if base := os.Getenv("XDG_CACHE_HOME"); base != "" {
		return filepath.Abs(filepath.Join(base, "bulkhead", "components"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".cache", "bulkhead", "components"), nil
}
