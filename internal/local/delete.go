//go:build linux

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is where a cluster is kept.
func Folder(home, name string) string { return filepath.Join(home, name) }

// Exists tells whether there is anything of a cluster.
func Exists(home, name string) (bool, error) {
	_, err := os.Stat(Folder(home, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Delete ends a cluster and takes everything of it away, also what an interrupted
// Apply left. ErrNone is wrapped when there is nothing.
func Delete(home, name string) error {
	folder := Folder(home, name)
	if there, err := Exists(home, name); err != nil || !there {
		return fmt.Errorf("%s: %w", name, errors.Join(ErrNone, err))
	}
	_, unlock, err := lock(home, name)
	if err != nil {
		return err
	}
	made := home
	if c, err := Open(home, name); err == nil {
		made = c.Made
	}
	err = remove(folder)
	unlock()
	if err != nil {
		return fmt.Errorf("deleting local cluster %s: %w", name, err)
	}
	removeEmpty(home, made)
	return nil
}
